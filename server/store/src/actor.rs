//! On whose behalf the database is asked.

/// On whose behalf the database is asked. Nobody reaches it without saying so; the audit log takes its ids from here.
#[derive(Clone, Debug)]
pub enum Actor {
    /// Nobody has been authenticated yet. Says why nobody has to be.
    Anonymous(&'static str),
    /// An authenticated user, or a client that acts for one.
    User(UserIds),
    /// The server itself. Says what for.
    System(&'static str),
}

/// An authenticated user by ids alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserIds {
    /// The user's pseudonym: the audit log has no user id.
    pub pseudonym: String,
    /// The session that the access token belongs to; `None` in a browser.
    pub session_id: Option<String>,
    /// The client that acts for the user; `None` in a browser.
    pub client_id: Option<String>,
    /// The SHA-256 of the request's DPoP proof, in base64url; `None` without a proof.
    pub proof: Option<String>,
}
