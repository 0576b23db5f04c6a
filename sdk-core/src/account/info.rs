//! What an app may know about a session.

use std::time::{Duration, SystemTime};

use crate::{authentication::Authentication, dpop::TokenType, user::User};

/// What is known about the session; nothing of it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Who is signed in.
    pub user: User,
    /// How and when the user authenticated.
    pub authentication: Authentication,
    /// The scopes that were granted.
    pub scope: Vec<String>,
    /// Remaining lifetime of the access token: zero if it has expired, `None` if the provider sent no `expires_in`.
    pub access_token_expires_in: Option<Duration>,
    /// Whether its tokens are bound to a key of this session; it stays so for as long as the session lives.
    pub token_type: TokenType,
    /// Whether the session can be refreshed.
    pub has_refresh_token: bool,
    /// The issuer.
    pub issuer: String,
    /// The client id.
    pub client_id: String,
    /// The name of the account in the vault.
    pub account: String,
    /// When the sign-in was finished, by the device's clock.
    pub signed_in_at: SystemTime,
    /// The number of refreshes since.
    pub refreshes: u64,
    /// The error code of the last refresh, if the provider refused it and the session goes on: `invalid_client`, for
    /// example, is about the app's registration. `None` again after a refresh that succeeds.
    pub last_refusal: Option<String>,
}
