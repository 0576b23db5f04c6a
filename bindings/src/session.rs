//! The session, as an app sees it.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use moorline::SessionStates;
use tokio::sync::Mutex;

use crate::{Cancellation, ReauthReason, SignedOutReason};

/// The state of a session. Mirrors [`moorline::SessionState`].
#[derive(Debug, Clone, uniffi::Enum)]
pub enum SessionState {
    /// Nobody is signed in.
    SignedOut {
        /// Why.
        reason: SignedOutReason,
    },
    /// A sign-in has started and the browser is open.
    SigningIn,
    /// A user is signed in.
    SignedIn {
        /// Who.
        user: User,
    },
    /// There may be a session, and the storage cannot be read at present.
    Locked,
    /// There was a session, and it needs a new sign-in.
    NeedsReauth {
        /// Why.
        reason: ReauthReason,
    },
}

/// The state, and then each change of it.
#[derive(Debug, uniffi::Object)]
pub struct StateWatch {
    states: Mutex<SessionStates>,
    stopped: Arc<Cancellation>,
}

impl StateWatch {
    pub(crate) fn new(states: SessionStates) -> Arc<Self> {
        Arc::new(Self { states: Mutex::new(states), stopped: Cancellation::new() })
    }
}

#[uniffi::export]
impl StateWatch {
    /// Returns the current state at the first call, and then waits for the next one. A slow reader gets the latest
    /// state and may miss those between. Returns `None` once this was stopped or the client was released.
    pub async fn next(&self) -> Option<SessionState> {
        tokio::select! {
            biased;
            () = self.stopped.cancelled() => None,
            state = async { self.states.lock().await.next().await } => state.map(Into::into),
        }
    }

    /// Ends the watch; a waiting [`next`](Self::next) returns `None`.
    pub fn stop(&self) {
        self.stopped.cancel();
    }
}

/// The user who is signed in. Mirrors [`moorline::User`]; its `Debug` shows only the subject.
#[derive(Clone, uniffi::Record)]
pub struct User {
    /// The provider's stable identifier of the user.
    pub subject: String,
    /// The full name.
    pub name: Option<String>,
    /// The name that the user goes by at the provider.
    pub preferred_username: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// Whether the provider has verified the e-mail address.
    pub email_verified: Option<bool>,
    /// The URL of a picture.
    pub picture: Option<String>,
    /// All claims about the user, as a JSON object.
    pub claims: String,
}

/// An access token. Its `Debug` never shows it.
#[derive(Clone, uniffi::Record)]
pub struct AccessToken {
    /// The token itself.
    pub secret: String,
    /// How it is to be sent.
    pub token_type: TokenType,
    /// Remaining lifetime when returned, or `None` if the provider sent no `expires_in`.
    pub expires_in: Option<Duration>,
    /// The API that it is for, if that was asked for.
    pub resource: Option<String>,
    /// The scopes that it was narrowed to; empty if it has all that were granted.
    pub scope: Vec<String>,
}

/// What an app asks of an access token. Mirrors [`moorline::AccessTokenOptions`].
#[derive(Debug, Clone, uniffi::Record)]
pub struct AccessTokenOptions {
    /// How long it must be valid.
    pub min_validity: Duration,
    /// The API that it is for (RFC 8707), or `None` for the provider's default.
    pub resource: Option<String>,
    /// The scopes that it has, or none for all that were granted.
    pub scope: Vec<String>,
}

/// How an access token is to be sent. Mirrors [`moorline::TokenType`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum TokenType {
    /// Bound to a key of the session (RFC 9449): useless without a proof.
    Dpop,
    /// Whoever holds it can use it (RFC 6750).
    Bearer,
}

/// Headers for one request of another HTTP client. Its `Debug` never shows them.
#[derive(Clone, uniffi::Record)]
pub struct RequestHeaders {
    /// The value of `Authorization`.
    pub authorization: String,
    /// The value of `DPoP`, or `None` for a bearer token.
    pub dpop: Option<String>,
}

/// How and when the user authenticated. Mirrors [`moorline::Authentication`].
#[derive(Debug, Clone, uniffi::Record)]
pub struct Authentication {
    /// The authentication context class that was reached (`acr`).
    pub acr: Option<String>,
    /// The methods that were used (`amr`).
    pub amr: Vec<String>,
    /// When the user last proved who they are, by the provider's clock.
    pub auth_time: Option<SystemTime>,
}

/// What is known about the session, with nothing secret in it. Mirrors [`moorline::SessionInfo`].
#[derive(Debug, Clone, uniffi::Record)]
pub struct SessionInfo {
    /// Who is signed in.
    pub user: User,
    /// How and when the user authenticated.
    pub authentication: Authentication,
    /// The scopes that were granted.
    pub scope: Vec<String>,
    /// Remaining lifetime of the access token: zero if it has expired, `None` if the provider sent no `expires_in`.
    pub access_token_expires_in: Option<Duration>,
    /// Whether its tokens are bound to a key of the session.
    pub token_type: TokenType,
    /// Whether the session can be refreshed.
    pub has_refresh_token: bool,
    /// The provider's issuer identifier.
    pub issuer: String,
    /// The app's client id.
    pub client_id: String,
    /// Which session of the vault this is.
    pub account: String,
    /// When the sign-in was finished, by the device's clock.
    pub signed_in_at: SystemTime,
    /// How often the session was refreshed since.
    pub refreshes: u64,
    /// The error code of the last refresh, if the provider refused it and the session goes on: `invalid_client`, for
    /// example, is about the app's registration.
    pub last_refusal: Option<String>,
}

impl From<moorline::SessionState> for SessionState {
    fn from(state: moorline::SessionState) -> Self {
        match state {
            moorline::SessionState::SignedOut(reason) => Self::SignedOut { reason: reason.into() },
            moorline::SessionState::SigningIn => Self::SigningIn,
            moorline::SessionState::SignedIn(user) => Self::SignedIn { user: user.into() },
            moorline::SessionState::Locked => Self::Locked,
            moorline::SessionState::NeedsReauth(reason) => Self::NeedsReauth { reason: reason.into() },
            // A state that this version does not know: it promises nothing about the session.
            _ => Self::Locked,
        }
    }
}

impl From<moorline::User> for User {
    fn from(user: moorline::User) -> Self {
        Self {
            subject: user.subject,
            name: user.name,
            preferred_username: user.preferred_username,
            email: user.email,
            email_verified: user.email_verified,
            picture: user.picture,
            claims: serde_json::Value::Object(user.claims).to_string(),
        }
    }
}

impl From<moorline::AccessToken> for AccessToken {
    fn from(token: moorline::AccessToken) -> Self {
        Self {
            secret: token.secret().to_owned(),
            token_type: token.token_type().into(),
            expires_in: token.expires_in(),
            resource: token.resource().map(str::to_owned),
            scope: token.narrowed_scope().to_vec(),
        }
    }
}

impl From<AccessTokenOptions> for moorline::AccessTokenOptions {
    fn from(options: AccessTokenOptions) -> Self {
        let mut own = Self::from(options.min_validity);
        own.resource = options.resource;
        own.scope = options.scope;
        own
    }
}

impl From<moorline::TokenType> for TokenType {
    fn from(token_type: moorline::TokenType) -> Self {
        match token_type {
            moorline::TokenType::Bearer => Self::Bearer,
            // A type that this version does not know needs more than the token: see `request_headers`.
            moorline::TokenType::DPoP | _ => Self::Dpop,
        }
    }
}

impl From<moorline::RequestHeaders> for RequestHeaders {
    fn from(headers: moorline::RequestHeaders) -> Self {
        Self { authorization: headers.authorization().to_owned(), dpop: headers.dpop().map(str::to_owned) }
    }
}

impl From<moorline::Authentication> for Authentication {
    fn from(authentication: moorline::Authentication) -> Self {
        let auth_time = authentication.auth_time();
        Self { acr: authentication.acr, amr: authentication.amr, auth_time }
    }
}

impl From<moorline::SessionInfo> for SessionInfo {
    fn from(info: moorline::SessionInfo) -> Self {
        Self {
            user: info.user.into(),
            authentication: info.authentication.into(),
            scope: info.scope,
            access_token_expires_in: info.access_token_expires_in,
            token_type: info.token_type.into(),
            has_refresh_token: info.has_refresh_token,
            issuer: info.issuer,
            client_id: info.client_id,
            account: info.account,
            signed_in_at: info.signed_in_at,
            refreshes: info.refreshes,
            last_refusal: info.last_refusal,
        }
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken([redacted])")
    }
}

impl fmt::Debug for RequestHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestHeaders([redacted])")
    }
}
