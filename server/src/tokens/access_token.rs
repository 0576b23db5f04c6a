//! Access tokens: signed `at+jwt` (RFC 9068) that carry their session, so that ending it ends them on our API.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Settings;
use moorline_server_base::clock::{Clock, Timestamp};
use moorline_server_keys::{JwsError, Keys, TokenType};
use moorline_server_store::{Actor, Store, StoreError, Tx};

/// The clocks of two nodes may differ by this much.
const CLOCKS_DIFFER: Duration = Duration::from_secs(5 * 60);

/// The claims of an access token (RFC 9068 §2.2).
#[derive(Debug, Serialize, Deserialize)]
pub struct Claims<'a> {
    /// The issuer.
    pub iss: Cow<'a, str>,
    /// The user.
    pub sub: Cow<'a, str>,
    /// The API.
    pub aud: Cow<'a, str>,
    /// The client.
    pub client_id: Cow<'a, str>,
    /// The session.
    pub sid: Cow<'a, str>,
    /// The scope.
    pub scope: Cow<'a, str>,
    /// The user's roles when it was issued, for other resource servers (RFC 9068 §2.2.3.1). Our API reads them anew.
    pub roles: Cow<'a, [String]>,
    /// The id of the token.
    pub jti: Cow<'a, str>,
    /// The key that the token is bound to; `None` for a bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation<'a>>,
    /// When the user signed in, in seconds since the Unix epoch.
    pub auth_time: i64,
    /// When it was issued, likewise.
    pub iat: i64,
    /// When it expires, likewise.
    pub exp: i64,
}

/// The key that a token is bound to (RFC 7800 §3.1, RFC 9449 §6.1).
#[derive(Debug, Serialize, Deserialize)]
pub struct Confirmation<'a> {
    jkt: Cow<'a, str>,
}

impl<'a> Confirmation<'a> {
    /// Binds to the key of this thumbprint (RFC 7638).
    #[must_use]
    pub fn of(jkt: &'a str) -> Self {
        Self { jkt: jkt.into() }
    }
}

/// The content of a valid access token.
#[derive(Clone, Debug)]
pub struct VerifiedAccessToken {
    /// The user.
    pub sub: String,
    /// The session.
    pub sid: String,
    /// The client that it was issued to.
    pub client_id: String,
    /// What it allows (names with spaces between).
    pub scope: String,
    /// The user's roles as they are now, not as they were when it was issued.
    pub roles: Vec<String>,
    /// The thumbprint of the key that it is bound to; `None` for a bearer token.
    pub jkt: Option<String>,
    /// When it expires.
    pub exp: Timestamp,
}

/// The roles of a session's user; `None` if the session was ended. A role that was taken away counts no more at once,
/// and not only when the token has expired.
fn roles_of_live_session(tx: &mut dyn Tx, sid: &str) -> Result<Option<Vec<String>>, StoreError> {
    let row = tx.first(
        "SELECT users.roles FROM sessions JOIN users ON users.id = sessions.user_id
         WHERE sessions.id = $1 AND sessions.revoked_at IS NULL",
        &[sid.into()],
    )?;
    let malformed = |_| StoreError::Defect("users.roles is not a JSON array of names".to_owned());
    row.map(|row| serde_json::from_str(row.text("roles")?).map_err(malformed)).transpose()
}

/// An access token is not valid.
#[derive(Clone, Debug, thiserror::Error)]
pub enum VerifyError {
    /// Not ours: malformed, another type, another signature.
    #[error(transparent)]
    Token(#[from] JwsError),
    /// By another issuer or for another audience.
    #[error("the token is meant for something else")]
    WrongAudience,
    /// It has expired.
    #[error("the token has expired")]
    Expired,
    /// It was issued in the future: by a clock that had jumped forward and was set right since.
    #[error("the token is from the future")]
    FromTheFuture,
    /// Its session was ended.
    #[error("the token's session was ended")]
    SessionEnded,
    /// The database failed: whether the token is valid is unknown.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Checks access tokens. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AccessTokens {
    /// The keys that signed them.
    pub keys: Keys,
    /// Where their sessions are.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Who has to have issued them, and for which API.
    pub settings: Arc<Settings>,
}

impl AccessTokens {
    /// The claims of an unexpired token that this server issued for its API. Does not check that its session is live.
    fn claims(&self, token: &str) -> Result<Claims<'static>, VerifyError> {
        let claims: Claims<'static> = self.keys.verify(TokenType::AccessToken, token)?;
        if claims.iss != self.settings.issuer || claims.aud != self.settings.api {
            return Err(VerifyError::WrongAudience);
        }
        if claims.exp <= self.clock.now().seconds() {
            return Err(VerifyError::Expired);
        }
        Ok(claims)
    }

    /// The session that an access token belongs to, and the thumbprint of the key that the token is bound to. Also for
    /// a token from the future, so that a clock that was set back does not stop a sign-out. `None` for any other bad
    /// token.
    #[must_use]
    pub fn session_of(&self, token: &str) -> Option<(String, Option<String>)> {
        let claims = self.claims(token).ok()?;
        Some((claims.sid.into_owned(), claims.cnf.map(|cnf| cnf.jkt.into_owned())))
    }

    /// Checks an access token: signature, type, issuer, audience, time, and that its session was not ended.
    ///
    /// # Errors
    /// [`VerifyError`]; only [`VerifyError::Store`] is not the token's fault.
    pub async fn verify(&self, token: &str) -> Result<VerifiedAccessToken, VerifyError> {
        let claims = self.claims(token)?;
        // It would outlive its lifetime by as much as the clock was ahead.
        if claims.iat > self.clock.now().after(CLOCKS_DIFFER).seconds() {
            return Err(VerifyError::FromTheFuture);
        }
        let sid = claims.sid.clone().into_owned();
        let actor = Actor::Anonymous("an access token is being checked");
        let roles = self.store.read(&actor, move |tx| roles_of_live_session(tx, &sid)).await?;
        let roles = roles.ok_or(VerifyError::SessionEnded)?;
        Ok(VerifiedAccessToken {
            sub: claims.sub.into_owned(),
            sid: claims.sid.into_owned(),
            client_id: claims.client_id.into_owned(),
            scope: claims.scope.into_owned(),
            roles,
            jkt: claims.cnf.map(|cnf| cnf.jkt.into_owned()),
            exp: Timestamp::from_millis(claims.exp.saturating_mul(1000)),
        })
    }
}
