//! Signing in and out.

use std::{fmt, time::Duration};

use crate::Parameter;

/// Options of a sign-in. Mirrors [`moorline::SignInOptions`].
#[derive(Debug, Clone, uniffi::Record)]
pub struct SignInOptions {
    /// The user who is likely to sign in.
    pub login_hint: Option<String>,
    /// `login`, `consent`, `select_account`, …, separated by spaces.
    pub prompt: Option<String>,
    /// How long ago the user may have authenticated at most.
    pub max_age: Option<Duration>,
    /// The redirect URI of this sign-in, instead of the configuration's.
    pub redirect_uri: Option<String>,
    /// Further parameters of the authorization request.
    pub extra: Vec<Parameter>,
}

/// A sign-in that has started. Its `Debug` shows nothing of it.
#[derive(Clone, uniffi::Record)]
pub struct AuthorizationRequest {
    /// The URL to open in the browser.
    pub url: String,
    /// The `state` that the callback must carry.
    pub state: String,
}

/// How a sign-out went. The session is gone from this device in either case.
#[derive(Debug, Clone, Copy, uniffi::Record)]
pub struct SignOutOutcome {
    /// Whether the provider answered in this call that it has revoked the session.
    pub revoked: bool,
}

impl From<SignInOptions> for moorline::SignInOptions {
    fn from(options: SignInOptions) -> Self {
        let mut own = Self::default();
        own.login_hint = options.login_hint;
        own.prompt = options.prompt;
        own.max_age = options.max_age;
        own.redirect_uri = options.redirect_uri;
        own.extra = options.extra.into_iter().map(|parameter| (parameter.name, parameter.value)).collect();
        own
    }
}

impl From<moorline::AuthorizationRequest> for AuthorizationRequest {
    fn from(request: moorline::AuthorizationRequest) -> Self {
        Self { url: request.url, state: request.state }
    }
}

impl From<moorline::SignOutOutcome> for SignOutOutcome {
    fn from(outcome: moorline::SignOutOutcome) -> Self {
        Self { revoked: outcome.revoked }
    }
}

impl fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthorizationRequest([redacted])")
    }
}
