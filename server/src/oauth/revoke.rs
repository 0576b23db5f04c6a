//! `POST /oauth/revoke` (RFC 7009): ends the session that a token belongs to.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;

use super::back_channel::BackChannel;
use super::client_auth::Credentials;
use super::error::{Code, OAuthError};
use super::proof::{Presented, Unproved};
use super::provider::Provider;
use super::rotation::{EndedBecause, RefreshToken, Session, SessionRecord};
use super::sessions::{self, Stored};
use super::transaction::{self, Transaction};
use crate::audit::{self, Event, Severity};
use moorline_server_base::clock::Timestamp;
use moorline_server_dpop::Dpop;
use moorline_server_store::{Actor, StoreError, Tx};

pub(super) async fn revoke(
    State(provider): State<Arc<Provider>>,
    BackChannel { params, credentials, proof, .. }: BackChannel,
) -> Result<Response, OAuthError> {
    let token = params.value("token").ok_or(OAuthError::invalid_request("token is missing."))?;
    let token = Token::read(&provider, token);
    let now = provider.clock.now();
    let actor = Actor::Anonymous("the token says which session this is");
    let revocation = Revocation { provider: Arc::clone(&provider), credentials, proof, token, now };
    // An app that signs out may close the connection at once: the session ends all the same.
    let ended = tokio::spawn(async move { transaction::write(&provider, &actor, revocation).await });
    ended.await.map_err(|_| StoreError::Panicked)???;
    Ok([(CACHE_CONTROL, "no-store")].into_response())
}

/// Ends a session, by its id. Returns whether it was live until now.
///
/// # Errors
/// [`StoreError`] if the database fails.
pub fn revoke_session(tx: &mut dyn Tx, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    sessions::end(tx, id, EndedBecause::Revoked, now)
}

/// The token that was sent; the type hint is not needed.
enum Token {
    Refresh(RefreshToken),
    /// A good access token.
    Access {
        sid: String,
        /// The key that it is bound to.
        jkt: Option<String>,
    },
    /// Anything else, which is answered as if it had been revoked (RFC 7009 §2.2).
    Unknown,
}

impl Token {
    fn read(provider: &Provider, text: &str) -> Self {
        if let Ok(token) = RefreshToken::parse(text) {
            return Self::Refresh(token);
        }
        provider.tokens.session_of(text).map_or(Self::Unknown, |(sid, jkt)| Self::Access { sid, jkt })
    }

    fn jkt(&self) -> Option<&str> {
        match self {
            Self::Access { jkt, .. } => jkt.as_deref(),
            Self::Refresh(_) | Self::Unknown => None,
        }
    }

    /// The session that made the token.
    fn session(&self, tx: &mut dyn Tx, provider: &Provider) -> Result<Option<Stored>, StoreError> {
        match self {
            Self::Refresh(token) => {
                let stored = sessions::by_locator(tx, &provider.keys, token.locator())?;
                Ok(stored.filter(|stored| stored.secret.made(token)))
            }
            Self::Access { sid, .. } => sessions::by_id(tx, &provider.keys, sid),
            Self::Unknown => Ok(None),
        }
    }
}

struct Revocation {
    provider: Arc<Provider>,
    credentials: Credentials,
    proof: Presented,
    token: Token,
    now: Timestamp,
}

impl Transaction for Revocation {
    /// The answer; the transaction is committed with either.
    type Outcome = Result<(), OAuthError>;

    fn proof(&self) -> &Presented {
        &self.proof
    }

    fn run(&self, tx: &mut dyn Tx) -> Result<Self::Outcome, StoreError> {
        let (provider, now) = (&self.provider, self.now);
        let Some(client) = self.credentials.authenticate(tx)? else {
            audit::count(audit::Unproved::ClientAuthFailed);
            return Ok(Err(OAuthError::invalid_client()));
        };
        let Some(stored) = self.token.session(tx, provider)? else { return Ok(Ok(())) };
        let record = stored.session.record();
        if record.client_id != client.id {
            // RFC 7009 §2.1: it was issued to another client.
            return Ok(Err(OAuthError::new(Code::InvalidGrant, "The token was issued to another client.")));
        }
        // There is nothing left to end, and so nothing to prove.
        let Session::Live(record) = &stored.session else { return Ok(Ok(())) };
        let event = |event: Event| {
            event.session(&record.id).client(client.id).actor(provider.keys.pseudonym(&record.user_id))
        };
        if let Err(unproved) = proved(&provider.dpop, &self.proof, &self.token, record) {
            if let Some(refused) = refused(unproved) {
                audit::append(tx, now, event(refused))?;
            }
            return Ok(Err(unproved.into()));
        }
        if sessions::end(tx, &record.id, EndedBecause::Revoked, now)? {
            audit::append(tx, now, event(Event::new("session.revoked")))?;
        }
        Ok(Ok(()))
    }
}

/// A bound token is accepted with its key only: a stolen refresh token must not end a bound session here, and neither
/// must a bound access token end a bearer session.
fn proved(dpop: &Dpop, proof: &Presented, token: &Token, record: &SessionRecord) -> Result<(), Unproved> {
    for jkt in [token.jkt(), record.dpop_jkt.as_deref()].into_iter().flatten() {
        proof.is_by(dpop, jkt)?;
        proof.spend(dpop, Some(jkt), jkt.as_bytes())?;
    }
    Ok(())
}

fn refused(unproved: Unproved) -> Option<Event> {
    let why = unproved.reason()?;
    Some(match unproved {
        Unproved::OtherKey => Event::new("revoke.wrong_key").severity(Severity::Alert),
        _ => Event::new("revoke.proof_failed").detail(serde_json::json!({ "why": why })),
    })
}
