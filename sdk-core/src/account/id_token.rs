//! The ID token of a session, for the app.

use std::fmt;

use crate::secret::Secret;

/// The latest ID token of a session (OpenID Connect Core §2), for a service that asks an app for one. It says who
/// signed in, and opens no API. Its `Debug` never shows it.
#[derive(Clone)]
pub struct IdToken(Secret);

impl IdToken {
    pub(crate) const fn new(token: Secret) -> Self {
        Self(token)
    }

    /// The token itself, a signed JWT; never log it. It is that of the sign-in, or of the latest refresh that returned
    /// one, and may have expired.
    #[must_use]
    pub fn secret(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for IdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdToken([redacted])")
    }
}
