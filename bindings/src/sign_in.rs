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

/// How a sign-out went. The session is gone from this device in either case. Mirrors [`moorline::SignOutOutcome`].
#[derive(Debug, Clone, uniffi::Record)]
pub struct SignOutOutcome {
    /// Whether the provider answered in this call that it has revoked the session.
    pub revoked: bool,
    /// What became of the session at the provider.
    pub revocation: RevocationOutcome,
}

/// What became of a session at the provider. Mirrors [`moorline::RevocationOutcome`].
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum RevocationOutcome {
    /// The provider answered in this call that it has revoked the token.
    Revoked,
    /// The provider refuses to revoke the token, and would refuse it again.
    Refused {
        /// The OAuth error code, or `http_` and the status.
        code: String,
    },
    /// The provider gave no clear answer: the revocation is queued.
    Queued,
    /// The provider has no revocation endpoint.
    NotOffered,
    /// There was no token to revoke.
    NothingToRevoke,
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
        Self { revoked: outcome.revoked, revocation: outcome.revocation.into() }
    }
}

impl From<moorline::RevocationOutcome> for RevocationOutcome {
    fn from(outcome: moorline::RevocationOutcome) -> Self {
        match outcome {
            moorline::RevocationOutcome::Revoked => Self::Revoked,
            moorline::RevocationOutcome::Refused(code) => Self::Refused { code },
            moorline::RevocationOutcome::NotOffered => Self::NotOffered,
            moorline::RevocationOutcome::NothingToRevoke => Self::NothingToRevoke,
            // An unknown outcome is no reason to say that the session is over.
            moorline::RevocationOutcome::Queued | _ => Self::Queued,
        }
    }
}

impl fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthorizationRequest([redacted])")
    }
}
