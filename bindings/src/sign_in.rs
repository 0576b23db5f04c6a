//! Signing in and out.

use std::{fmt, time::Duration};

use crate::{Parameter, StepUp};

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
    /// What an API asked for: the same user signs in once more.
    pub step_up: Option<StepUp>,
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

/// Options of a sign-out. Mirrors [`moorline::SignOutOptions`].
#[derive(Debug, Clone, uniffi::Record)]
pub struct SignOutOptions {
    /// Whether the user is to be signed out in the browser as well: the outcome has the page to open.
    pub end_session: bool,
    /// Where the provider sends the user afterwards.
    pub post_logout_redirect_uri: Option<String>,
}

/// The provider's sign-out page. Its `Debug` shows nothing of it: the URL holds the ID token.
#[derive(Clone, uniffi::Record)]
pub struct EndSessionRequest {
    /// The URL to open in the browser.
    pub url: String,
    /// The `state` that the provider sends back with the user.
    pub state: String,
}

/// How a sign-out went. The session is gone from this device in either case. Mirrors [`moorline::SignOutOutcome`].
#[derive(Debug, Clone, uniffi::Record)]
pub struct SignOutOutcome {
    /// Whether the provider answered in this call that it has revoked the session.
    pub revoked: bool,
    /// What became of the session at the provider.
    pub revocation: RevocationOutcome,
    /// The provider's sign-out page to open, if that was asked for and there is one.
    pub end_session: Option<EndSessionRequest>,
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
        own.step_up = options.step_up.map(Into::into);
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
        Self {
            revoked: outcome.revoked,
            revocation: outcome.revocation.into(),
            end_session: outcome
                .end_session
                .map(|request| EndSessionRequest { url: request.url, state: request.state }),
        }
    }
}

impl From<SignOutOptions> for moorline::SignOutOptions {
    fn from(options: SignOutOptions) -> Self {
        let mut own = Self::default();
        own.end_session = options.end_session;
        own.post_logout_redirect_uri = options.post_logout_redirect_uri;
        own
    }
}

impl fmt::Debug for EndSessionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndSessionRequest([redacted])")
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
