//! Access tokens: signed `at+jwt` (RFC 9068) that carry their session, so that ending it ends them on our API.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::keys::{JwsError, TokenType};
use crate::state::AppState;
use crate::store::{Actor, StoreError};

/// The clocks of two nodes may differ by this much.
const CLOCKS_DIFFER: Duration = Duration::from_secs(5 * 60);

/// The claims of an access token (RFC 9068 §2.2).
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claims<'a> {
    pub(super) iss: Cow<'a, str>,
    pub(super) sub: Cow<'a, str>,
    pub(super) aud: Cow<'a, str>,
    pub(super) client_id: Cow<'a, str>,
    pub(super) sid: Cow<'a, str>,
    pub(super) scope: Cow<'a, str>,
    pub(super) roles: Cow<'a, [String]>,
    pub(super) jti: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cnf: Option<Confirmation<'a>>,
    pub(super) auth_time: i64,
    pub(super) iat: i64,
    pub(super) exp: i64,
}

/// The key that a token is bound to (RFC 7800 §3.1, RFC 9449 §6.1).
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Confirmation<'a> {
    jkt: Cow<'a, str>,
}

impl<'a> Confirmation<'a> {
    pub(super) fn of(jkt: &'a str) -> Self {
        Self { jkt: jkt.into() }
    }
}

/// What a good access token says.
#[derive(Clone, Debug)]
pub struct VerifiedAccessToken {
    /// The person.
    pub sub: String,
    /// The session.
    pub sid: String,
    /// The client that it was issued to.
    pub client_id: String,
    /// What it allows (names with spaces between).
    pub scope: String,
    /// The person's roles when it was issued.
    pub roles: Vec<String>,
    /// The thumbprint of the key that it is bound to; `None` for a bearer token.
    pub jkt: Option<String>,
    /// When it expires.
    pub exp: Timestamp,
}

/// An access token is not good.
#[derive(Clone, Debug, thiserror::Error)]
pub enum VerifyError {
    /// Not ours: malformed, another type, another signature.
    #[error(transparent)]
    Token(#[from] JwsError),
    /// By another issuer or for another audience.
    #[error("the token is meant for something else")]
    WrongAudience,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come: a clock that had leapt was put right.
    #[error("the token is from the future")]
    FromTheFuture,
    /// Its session was ended.
    #[error("the token's session was ended")]
    SessionEnded,
    /// The database failed: it is not known whether the token is good.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The claims of a token that is ours, for our API, and not expired; whether its session lives is not asked.
fn claims(state: &AppState, token: &str) -> Result<Claims<'static>, VerifyError> {
    let claims: Claims<'static> = state.keys.verify(TokenType::AccessToken, token)?;
    let settings = state.oauth();
    if claims.iss != settings.issuer || claims.aud != settings.api {
        return Err(VerifyError::WrongAudience);
    }
    if claims.exp <= state.clock.now().seconds() {
        return Err(VerifyError::Expired);
    }
    Ok(claims)
}

/// The session that an access token belongs to, and the key that the token is bound to, if it is good, or will be
/// when the clock is where it was: a sign-out must not be lost for that.
pub(super) fn session_of(state: &AppState, token: &str) -> Option<(String, Option<String>)> {
    let claims = claims(state, token).ok()?;
    Some((claims.sid.into_owned(), claims.cnf.map(|cnf| cnf.jkt.into_owned())))
}

/// Checks an access token: signature, type, issuer, audience, time, and that its session was not ended.
///
/// # Errors
/// [`VerifyError`]; only [`VerifyError::Store`] is not the token's fault.
pub async fn verify(state: &AppState, token: &str) -> Result<VerifiedAccessToken, VerifyError> {
    let claims = claims(state, token)?;
    // It would outlive its lifetime by as much as the clock was ahead.
    if claims.iat > state.clock.now().after(CLOCKS_DIFFER).seconds() {
        return Err(VerifyError::FromTheFuture);
    }
    let sid = claims.sid.clone().into_owned();
    let actor = Actor::Anonymous("the token that says who this is is being checked");
    let live = state
        .store
        .read(&actor, move |tx| {
            tx.first("SELECT id FROM sessions WHERE id = $1 AND revoked_at IS NULL", &[sid.into()])
        })
        .await?;
    if live.is_none() {
        return Err(VerifyError::SessionEnded);
    }
    Ok(VerifiedAccessToken {
        sub: claims.sub.into_owned(),
        sid: claims.sid.into_owned(),
        client_id: claims.client_id.into_owned(),
        scope: claims.scope.into_owned(),
        roles: claims.roles.into_owned(),
        jkt: claims.cnf.map(|cnf| cnf.jkt.into_owned()),
        exp: Timestamp::from_millis(claims.exp.saturating_mul(1000)),
    })
}
