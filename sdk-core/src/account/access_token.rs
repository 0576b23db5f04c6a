//! Access tokens: as an app gets them, and as this process holds them.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    dpop::{Credentials, ProofKey, TokenType},
    secret::Secret,
    time::{Clock, Lifetime},
    token_options::{AccessTokenOptions, Narrowing},
    vault::StoredSession,
};

/// An access token. Its `Debug` never shows it.
#[derive(Clone)]
pub struct AccessToken {
    token: Arc<Secret>,
    proof_key: Option<ProofKey>,
    expires_in: Option<Duration>,
    lifetime: Option<Duration>,
    subject: Arc<str>,
    /// `None` if it has all that was granted.
    narrowing: Option<Arc<Narrowing>>,
    serial: u64,
}

impl AccessToken {
    /// The access token of a stored session, with its lifetime by this clock.
    pub(crate) fn of(session: &StoredSession, clock: &dyn Clock) -> Self {
        HeldToken::of(session, clock).hand_out(clock.monotonic())
    }

    /// The token itself; never log it. A bound token needs a proof with each request: see
    /// [`request_headers`](crate::Moorline::request_headers).
    pub fn secret(&self) -> &str {
        self.token.expose()
    }

    /// Whether it is bound to a key of this session.
    pub const fn token_type(&self) -> TokenType {
        TokenType::of(self.proof_key.as_ref())
    }

    /// Remaining lifetime when returned, or `None` if the provider sent no `expires_in`.
    pub const fn expires_in(&self) -> Option<Duration> {
        self.expires_in
    }

    /// The API that it is for, if it was asked for by [`AccessTokenOptions::resource`].
    pub fn resource(&self) -> Option<&str> {
        self.narrowing.as_ref()?.resource.as_deref()
    }

    /// The scopes that it was narrowed to by [`AccessTokenOptions::scope`]; empty if it has all that were granted.
    pub fn narrowed_scope(&self) -> &[String] {
        self.narrowing.as_ref().map_or(&[], |narrowing| &narrowing.scope)
    }

    /// A number that no other token of this process has, for callers that keep what they made of a token. The same
    /// token may get another one when the vault is read again.
    pub const fn serial(&self) -> u64 {
        self.serial
    }

    /// Another token of its kind.
    pub(crate) fn replacement(self) -> TokenRequest {
        TokenRequest { min_validity: Duration::ZERO, narrowing: self.narrowing.clone(), rejected: Some(self) }
    }

    /// Whether `other` belongs to the same user.
    pub(crate) fn has_subject_of(&self, other: &Self) -> bool {
        self.subject == other.subject
    }

    /// The token, to redact it from a text.
    pub(crate) fn as_secret(&self) -> &Secret {
        &self.token
    }

    /// What a request with this token carries.
    pub(crate) fn credentials(&self) -> Credentials<'_> {
        Credentials { key: self.proof_key.as_ref(), access_token: Some(&self.token) }
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("token_type", &self.token_type())
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

/// An access token in this process's memory. Its end is a reading of the monotonic clock.
#[derive(Debug, Clone)]
pub(super) struct HeldToken {
    token: Arc<Secret>,
    proof_key: Option<ProofKey>,
    subject: Arc<str>,
    ends: Option<Duration>,
    lifetime: Option<Duration>,
    narrowing: Option<Arc<Narrowing>>,
    serial: u64,
}

impl HeldToken {
    pub(super) fn of(session: &StoredSession, clock: &dyn Clock) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let now = clock.monotonic();
        Self {
            token: Arc::new(session.access_token.clone()),
            proof_key: session.access_token_key().cloned(),
            subject: session.user.subject.as_str().into(),
            ends: session.lifetime.as_ref().map(|lifetime| now.saturating_add(lifetime.remaining(clock))),
            lifetime: session.lifetime.as_ref().map(Lifetime::whole),
            narrowing: None,
            serial: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// The same for a narrower token of the session: as if it were the session's own.
    pub(super) fn narrowed(session: &StoredSession, narrowing: Arc<Narrowing>, clock: &dyn Clock) -> Self {
        Self { narrowing: Some(narrowing), ..Self::of(session, clock) }
    }

    /// The remaining lifetime, or `None` if the provider sent no `expires_in`.
    pub(super) fn remaining(&self, now: Duration) -> Option<Duration> {
        self.ends.map(|ends| ends.saturating_sub(now))
    }

    /// Whether it is this session's.
    pub(super) fn is_of(&self, session: &StoredSession) -> bool {
        *self.token == session.access_token && self.proof_key.as_ref() == session.access_token_key()
    }

    /// Whether it is this one.
    pub(super) fn is(&self, token: &AccessToken) -> bool {
        Arc::ptr_eq(&self.token, &token.token) || self.token == token.token
    }

    /// Whether it is what a caller needs.
    pub(super) fn fits(&self, request: &TokenRequest, now: Duration) -> bool {
        let lasts = match self.remaining(now) {
            Some(left) => !left.is_zero() && left >= attainable(request.min_validity, self.lifetime),
            None => true,
        };
        lasts && !request.rejected.as_ref().is_some_and(|rejected| self.is(rejected))
    }

    pub(super) fn hand_out(&self, now: Duration) -> AccessToken {
        AccessToken {
            token: self.token.clone(),
            proof_key: self.proof_key.clone(),
            expires_in: self.remaining(now),
            lifetime: self.lifetime,
            subject: self.subject.clone(),
            narrowing: self.narrowing.clone(),
            serial: self.serial,
        }
    }
}

/// What a caller needs of an access token.
#[derive(Debug, Clone, Default)]
pub(crate) struct TokenRequest {
    /// How long it must be valid.
    pub(crate) min_validity: Duration,
    /// Not this one: the API rejected it, or the caller wants a new one.
    pub(crate) rejected: Option<AccessToken>,
    /// `None` for one with all that was granted.
    pub(crate) narrowing: Option<Arc<Narrowing>>,
}

impl TokenRequest {
    pub(crate) fn of(options: &AccessTokenOptions) -> Self {
        let narrowing = Narrowing::of(options).map(Arc::new);
        Self { min_validity: options.min_validity, rejected: None, narrowing }
    }

    /// Whether both ask for the same kind of token.
    pub(super) fn asks_for_the_same(&self, other: &Self) -> bool {
        self.narrowing == other.narrowing
    }

    /// Whether a token has just what is asked for, whatever its lifetime.
    pub(super) fn is_for(&self, token: &AccessToken) -> bool {
        self.narrowing == token.narrowing
    }

    /// Whether a token that a refresh has just brought is good enough.
    pub(super) fn accepts(&self, token: &AccessToken) -> bool {
        let is_rejected = self.rejected.as_ref().is_some_and(|rejected| rejected.token == token.token);
        let lasts = token.expires_in.is_none_or(|left| left >= attainable(self.min_validity, token.lifetime));
        lasts && !is_rejected && self.is_for(token)
    }
}

/// The validity that can be had of tokens with this whole lifetime. If all tokens of the provider are shorter than the
/// caller wants, a token is refreshed at half its lifetime, and not at each call. (A token that lives just as long as
/// it has to is too short: it has aged when it comes.)
fn attainable(min_validity: Duration, lifetime: Option<Duration>) -> Duration {
    match lifetime {
        Some(lifetime) if min_validity >= lifetime => lifetime / 2,
        _ => min_validity,
    }
}
