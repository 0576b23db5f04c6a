//! An access token, as an app gets it.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    Clock,
    dpop::{Credentials, ProofKey},
    vault::{Lifetime, Secret, StoredSession},
};

/// An access token. Its `Debug` never shows it.
#[derive(Clone)]
pub struct AccessToken {
    token: Arc<Secret>,
    proof_key: Option<ProofKey>,
    expires_in: Option<Duration>,
    subject: Arc<str>,
}

/// How an access token is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenType {
    /// Bound to a key of this session (RFC 9449): of no use without a proof that is made for the one request.
    DPoP,
    /// Whoever holds it can use it (RFC 6750).
    Bearer,
}

impl TokenType {
    /// That of a token that is bound to this key.
    pub(super) const fn of(proof_key: Option<&ProofKey>) -> Self {
        if proof_key.is_some() { Self::DPoP } else { Self::Bearer }
    }

    /// The scheme of the `Authorization` header: `DPoP` or `Bearer`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DPoP => "DPoP",
            Self::Bearer => "Bearer",
        }
    }
}

impl fmt::Display for TokenType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl AccessToken {
    /// The token itself, never for a log. Where it is bound, it is of no use by itself: see
    /// [`request_headers`](crate::Moorline::request_headers).
    pub fn secret(&self) -> &str {
        self.token.expose()
    }

    /// Whether it is bound to a key of this session.
    pub const fn token_type(&self) -> TokenType {
        TokenType::of(self.proof_key.as_ref())
    }

    /// How long it was good for when it was handed out; nothing where the provider doesn't say.
    pub const fn expires_in(&self) -> Option<Duration> {
        self.expires_in
    }

    #[cfg(test)]
    pub(super) fn of_text(text: &str) -> Self {
        Self {
            token: Arc::new(Secret::new(text.into())),
            expires_in: None,
            subject: "ada".into(),
            proof_key: None,
        }
    }

    /// Whether `other` is the same person's.
    pub(crate) fn is_of_the_person_of(&self, other: &Self) -> bool {
        self.subject == other.subject
    }

    /// The token, for whoever has to keep it out of a text.
    pub(crate) fn as_secret(&self) -> &Secret {
        &self.token
    }

    /// What a request by this token is sent with.
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
    whole: Option<Duration>,
}

impl HeldToken {
    pub(super) fn of(session: &StoredSession, clock: &dyn Clock) -> Self {
        let now = clock.monotonic();
        Self {
            token: Arc::new(session.access_token.clone()),
            proof_key: session.access_token_key().cloned(),
            subject: session.user.subject.as_str().into(),
            ends: session.lifetime.as_ref().map(|lifetime| now.saturating_add(lifetime.remaining(clock))),
            whole: session.lifetime.as_ref().map(Lifetime::whole),
        }
    }

    /// What is left of it; nothing where the provider doesn't say.
    pub(super) fn remaining(&self, now: Duration) -> Option<Duration> {
        self.ends.map(|ends| ends.saturating_sub(now))
    }

    /// How long it was good for when it was issued; nothing where the provider doesn't say.
    pub(super) const fn whole(&self) -> Option<Duration> {
        self.whole
    }

    /// Whether it is this session's.
    pub(super) fn is_of(&self, session: &StoredSession) -> bool {
        *self.token == session.access_token && self.proof_key.as_ref() == session.access_token_key()
    }

    /// Whether it is this one.
    pub(super) fn is(&self, token: &AccessToken) -> bool {
        Arc::ptr_eq(&self.token, &token.token) || self.token == token.token
    }

    /// Whether it serves a caller with this need.
    pub(super) fn serves(&self, need: &Need, now: Duration) -> bool {
        let lasts = match self.remaining(now) {
            Some(left) => !left.is_zero() && left >= need.min_validity,
            None => true,
        };
        lasts && !need.rejected.as_ref().is_some_and(|rejected| self.is(rejected))
    }

    pub(super) fn hand_out(&self, now: Duration) -> AccessToken {
        AccessToken {
            token: self.token.clone(),
            proof_key: self.proof_key.clone(),
            expires_in: self.remaining(now),
            subject: self.subject.clone(),
        }
    }
}

/// What a caller wants of an access token.
#[derive(Debug, Clone, Default)]
pub(crate) struct Need {
    /// How long it must be good for.
    pub(crate) min_validity: Duration,
    /// Not this one: the API has refused it, or the caller wants a new one.
    pub(crate) rejected: Option<AccessToken>,
}
