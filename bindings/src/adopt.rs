//! Adoption of another library's session.

/// Options of an adoption. Mirrors [`moorline::AdoptOptions`].
#[derive(Debug, Clone, uniffi::Record)]
pub struct AdoptOptions {
    /// The scopes that the refresh token was granted, if the other library knows them.
    pub scopes: Option<Vec<String>>,
    /// The user whose session it has to be, if the app knows.
    pub subject: Option<String>,
}

impl From<AdoptOptions> for moorline::AdoptOptions {
    fn from(options: AdoptOptions) -> Self {
        let mut own = Self::default();
        own.scopes = options.scopes;
        own.subject = options.subject;
        own
    }
}
