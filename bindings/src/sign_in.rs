//! Signing in and out.

use std::{fmt, time::Duration};

use crate::Parameter;

/// What may be asked of the provider at a sign-in. Mirrors [`moorline::SignInOptions`].
#[derive(Debug, Clone, uniffi::Record)]
pub struct SignInOptions {
    /// Who is likely to sign in.
    pub login_hint: Option<String>,
    /// `login`, `consent`, `select_account`, …, separated by spaces.
    pub prompt: Option<String>,
    /// How long ago the person may have typed a password at most.
    pub max_age: Option<Duration>,
    /// Where to come back to, instead of the configuration's redirect URI.
    pub redirect_uri: Option<String>,
    /// Further parameters of the authorization request.
    pub extra: Vec<Parameter>,
}

/// A sign-in that has started. Its `Debug` shows nothing.
#[derive(Clone, uniffi::Record)]
pub struct AuthorizationRequest {
    /// The address to open in the browser.
    pub url: String,
    /// The `state` that the callback must carry.
    pub state: String,
}

/// How a sign-out went. The session is gone from this device in either case.
#[derive(Debug, Clone, Copy, uniffi::Record)]
pub struct SignOut {
    /// Whether the provider has revoked the session. If not, that is queued.
    pub revoked: bool,
}

impl From<SignInOptions> for moorline::SignInOptions {
    fn from(options: SignInOptions) -> Self {
        Self {
            login_hint: options.login_hint,
            prompt: options.prompt,
            max_age: options.max_age,
            redirect_uri: options.redirect_uri,
            extra: options.extra.into_iter().map(|parameter| (parameter.name, parameter.value)).collect(),
        }
    }
}

impl From<moorline::AuthorizationRequest> for AuthorizationRequest {
    fn from(request: moorline::AuthorizationRequest) -> Self {
        Self { url: request.url, state: request.state }
    }
}

impl From<moorline::SignOut> for SignOut {
    fn from(outcome: moorline::SignOut) -> Self {
        Self { revoked: outcome.revoked }
    }
}

impl fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthorizationRequest([redacted])")
    }
}
