//! What an app says about a sign-in, and what it gets.

use std::{fmt, time::Duration};

use crate::step_up::StepUp;

/// Options of a sign-in (OpenID Connect Core §3.1.2.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignInOptions {
    /// The user who is likely to sign in: the page is filled in with it.
    pub login_hint: Option<String>,
    /// `login`, `consent`, `select_account`, …, separated by spaces.
    pub prompt: Option<String>,
    /// How long ago the user may have authenticated at most; the ID token's `auth_time` is checked against it.
    pub max_age: Option<Duration>,
    /// The redirect URI of this sign-in, instead of the configuration's (with a loopback port, for example).
    pub redirect_uri: Option<String>,
    /// What an API asked for ([`Error::StepUpRequired`](crate::Error::StepUpRequired)): the same user signs in once more,
    /// and the session goes on until they have. Scopes that were granted are requested again with it.
    pub step_up: Option<StepUp>,
    /// Further parameters of the authorization request.
    pub extra: Vec<(String, String)>,
}

/// A sign-in that has started.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthorizationRequest {
    /// The URL to open in the browser.
    pub url: String,
    /// The `state` that the callback must carry.
    pub state: String,
}

impl fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthorizationRequest([redacted])")
    }
}
