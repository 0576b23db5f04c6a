//! What an app may know about a session.

use std::time::{Duration, SystemTime};

use crate::{dpop::TokenType, user::User};

/// What is known about the session, with nothing secret in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Who is signed in.
    pub user: User,
    /// The scopes that were granted.
    pub scope: Vec<String>,
    /// How long the access token is still good for; zero if it has expired, nothing if the provider doesn't say.
    pub access_token_expires_in: Option<Duration>,
    /// Whether its tokens are bound to a key of this session; it stays so for as long as the session lives.
    pub token_type: TokenType,
    /// Whether the session can be refreshed.
    pub has_refresh_token: bool,
    /// The provider.
    pub issuer: String,
    /// The app's name at the provider.
    pub client_id: String,
    /// Which session of the vault this is.
    pub account: String,
    /// When the sign-in was finished, by the device's clock.
    pub signed_in_at: SystemTime,
    /// How often the session was refreshed since.
    pub refreshes: u64,
}
