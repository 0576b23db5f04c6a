//! Authorization codes: issued once, used once, for a minute.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::client_auth::{Authenticated, Credentials};
use super::error::{Code, OAuthError};
use super::exchange::{self, Decision};
use super::issue::{Answer, Issue, WithIdToken};
use super::params::Params;
use super::pkce;
use super::proof::{Presented, Unproved};
use super::provider::Provider;
use super::requested_access::RequestedAccess;
use super::requests::AuthorizationRequest;
use super::rotation::{
    EndedBecause, History, Holes, Locator, RotationWindow, Session, SessionRecord, SessionSecret,
};
use super::sessions::{self, Stored};
use super::transaction::{self, Transaction};
use crate::accounts::users::{self, User};
use crate::audit::{self, Event, Severity};
use moorline_server_base::clock::Timestamp;
use moorline_server_base::digest::sha256;
use moorline_server_base::policy::Scope;
use moorline_server_base::random::Random;
use moorline_server_keys::Algorithm;
use moorline_server_store::{Actor, Row, StoreError, Tx, Value};

/// Issues a code for `request` and this user. Only its hash is stored.
pub(super) fn issue(
    tx: &mut dyn Tx,
    random: &Random,
    request: &AuthorizationRequest,
    user_id: &str,
    auth_time: Timestamp,
    expires_at: Timestamp,
) -> Result<Zeroizing<String>, StoreError> {
    let code = random.secret();
    tx.execute(
        "INSERT INTO codes (code_hash, client_id, user_id, redirect_uri, scope, nonce, code_challenge, auth_time_at,
         expires_at, dpop_jkt) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &[
            Value::from(sha256(code.as_bytes())),
            (&request.client_id).into(),
            user_id.into(),
            (&request.redirect_uri).into(),
            request.scope.to_string().into(),
            request.nonce.clone().into(),
            (&request.code_challenge).into(),
            auth_time.into(),
            expires_at.into(),
            request.dpop_jkt.clone().into(),
        ],
    )?;
    Ok(code)
}

/// A `grant_type=authorization_code` request, read.
pub(super) struct Request {
    code_hash: [u8; 32],
    redirect_uri: String,
    verifier: Zeroizing<String>,
    requested: RequestedAccess,
}

impl Request {
    pub(super) fn read(params: &Params) -> Result<Self, OAuthError> {
        let code = params.value("code").ok_or(OAuthError::invalid_request("code is missing."))?;
        let redirect_uri =
            params.value("redirect_uri").ok_or(OAuthError::invalid_request("redirect_uri is missing."))?;
        // Each code was issued for a challenge: what comes without a verifier is no proof of the grant (RFC 7636 §4.6).
        let verifier = params
            .value("code_verifier")
            .ok_or(OAuthError::new(Code::InvalidGrant, "code_verifier is missing."))?;
        if !pkce::is_verifier(verifier) {
            return Err(OAuthError::invalid_request(
                "code_verifier must be 43 to 128 unreserved characters.",
            ));
        }
        Ok(Self {
            code_hash: sha256(code.as_bytes()),
            redirect_uri: redirect_uri.to_owned(),
            verifier: Zeroizing::new(verifier.to_owned()),
            requested: RequestedAccess::read(params),
        })
    }
}

/// One text for every cause.
const REFUSED: OAuthError =
    OAuthError::new(Code::InvalidGrant, "The code is invalid, expired, used, or meant for another request.");

enum Outcome {
    Issue(Box<Issue>),
    Refuse(OAuthError),
}

pub(super) async fn exchange(
    provider: &Arc<Provider>,
    credentials: Credentials,
    proof: Presented,
    request: Request,
) -> Result<Answer, OAuthError> {
    let actor = Actor::Anonymous("the code says who it is");
    let now = provider.clock.now();
    let exchange = Exchange { provider: Arc::clone(provider), credentials, proof, request, now };
    match transaction::write(provider, &actor, exchange).await? {
        Outcome::Issue(issue) => issue.sign(provider, now),
        Outcome::Refuse(error) => Err(error),
    }
}

struct Exchange {
    provider: Arc<Provider>,
    credentials: Credentials,
    proof: Presented,
    request: Request,
    now: Timestamp,
}

impl Transaction for Exchange {
    type Outcome = Outcome;

    fn proof(&self) -> &Presented {
        &self.proof
    }

    fn run(&self, tx: &mut dyn Tx) -> Result<Outcome, StoreError> {
        let Some(client) = self.credentials.authenticate(tx)? else {
            audit::count(audit::Unproved::ClientAuthFailed);
            return Ok(Outcome::Refuse(OAuthError::invalid_client()));
        };
        let Some(row) = self.find(tx)? else { return Ok(Outcome::Refuse(REFUSED)) };
        self.judge(tx, &row, client)
    }
}

impl Exchange {
    /// Does what [`exchange::decide`] says of the code in this row.
    fn judge(&self, tx: &mut dyn Tx, row: &Row, client: Authenticated<'_>) -> Result<Outcome, StoreError> {
        let was_used = row.optional_timestamp("used_at")?.is_some();
        if was_used {
            // Now that the code is used: a copy of the request that used it must not pass for another one.
            self.proof.look_anew();
        }
        let stored = if was_used { self.first_session(tx, row)? } else { None };
        let code = exchange::Code {
            dpop_jkt: row.optional_text("dpop_jkt")?,
            is_alive: row.timestamp("expires_at")? > self.now,
            first_use: was_used.then(|| exchange::FirstUse {
                session: stored.as_ref().map(|stored| &stored.session),
                same_access: stored.as_ref().is_some_and(|stored| self.asks_for_the_same(&stored.session)),
            }),
        };
        let presented = exchange::Presented {
            is_its_client: row.text("client_id")? == client.id,
            is_public: client.is_public,
            wants_dpop: client.wants_dpop,
            is_its_owners: row.text("redirect_uri")? == self.request.redirect_uri
                && pkce::matches(&self.request.verifier, row.text("code_challenge")?),
            proof: &|bound_to| self.proof.look(&self.provider.dpop, bound_to),
        };
        match exchange::decide(&code, &presented, self.now) {
            Decision::Refuse | Decision::Late => Ok(Outcome::Refuse(REFUSED)),
            Decision::Unproved(unproved) => self.unproved(tx, row, unproved),
            Decision::Begin => self.first_use(tx, row, client),
            Decision::AnswerAgain => self.answer_again(tx, row, client, &stored.ok_or_else(malformed)?),
            Decision::EndSession => self.used_twice(tx, row),
        }
    }

    fn first_session(&self, tx: &mut dyn Tx, row: &Row) -> Result<Option<Stored>, StoreError> {
        let Some(sid) = row.optional_text("session_id")? else { return Ok(None) };
        sessions::by_id(tx, &self.provider.keys, sid)
    }

    fn asks_for_the_same(&self, session: &Session) -> bool {
        let record = session.record();
        let asked = self.request.requested.within(&record.scope, &self.provider.settings.api);
        asked.is_ok_and(|scope| scope == record.answered_scope)
    }

    fn first_use(
        &self,
        tx: &mut dyn Tx,
        row: &Row,
        client: Authenticated<'_>,
    ) -> Result<Outcome, StoreError> {
        let granted = Scope::parse(row.text("scope")?).map_err(|_| malformed())?;
        let scope = match self.request.requested.within(&granted, &self.provider.settings.api) {
            Ok(scope) => scope,
            Err(error) => return Ok(Outcome::Refuse(error)),
        };
        // Used up here and not before: a code makes one session, and so its proofs can't fill the memory.
        match self.proof.spend(&self.provider.dpop, None, &self.request.code_hash) {
            Ok(None) if client.wants_dpop => self.unproved(tx, row, Unproved::Missing),
            Ok(key) => self.begin(tx, row, client, key, granted, scope),
            Err(unproved) => self.unproved(tx, row, unproved),
        }
    }

    /// The answer of the first use: its access token with the same claims, and the same refresh token.
    fn answer_again(
        &self,
        tx: &mut dyn Tx,
        row: &Row,
        client: Authenticated<'_>,
        stored: &Stored,
    ) -> Result<Outcome, StoreError> {
        let record = stored.session.record();
        let bound_to = record.dpop_jkt.as_deref();
        let key = match self.proof.spend(&self.provider.dpop, bound_to, &self.request.code_hash) {
            Ok(key) => key,
            Err(unproved) => return self.unproved(tx, row, unproved),
        };
        let user = users::find_by_id(tx, &record.user_id)?.ok_or_else(malformed)?;
        let event = Event::new("code.answered_again")
            .session(&record.id)
            .client(&record.client_id)
            .actor(self.provider.keys.pseudonym(&record.user_id));
        audit::append(tx, self.now, event)?;
        Self::issue(row, record, &stored.secret, user, key, client.access_token_alg)
    }

    /// Refuses the request. The code stays valid for the holder of the key.
    fn unproved(&self, tx: &mut dyn Tx, row: &Row, unproved: Unproved) -> Result<Outcome, StoreError> {
        if let Some(why) = unproved.reason() {
            let event = Event::new("code.proof_failed")
                .client(self.credentials.client_id())
                .actor(self.provider.keys.pseudonym(row.text("user_id")?))
                .detail(serde_json::json!({ "why": why }));
            audit::append(tx, self.now, event)?;
        }
        Ok(Outcome::Refuse(match unproved {
            // RFC 9449 §10: the key is not the one in the authorization request.
            Unproved::OtherKey => REFUSED,
            other => other.into(),
        }))
    }

    fn find(&self, tx: &mut dyn Tx) -> Result<Option<Row>, StoreError> {
        tx.first_locked(
            "SELECT client_id, user_id, redirect_uri, scope, nonce, code_challenge, auth_time_at, expires_at, used_at,
             session_id, dpop_jkt FROM codes WHERE code_hash = $1",
            "codes",
            &[self.request.code_hash.into()],
        )
    }

    /// A second use means that the code was stolen, by either sender: the session of the first use ends (RFC 9700
    /// §2.1.1).
    fn used_twice(&self, tx: &mut dyn Tx, row: &Row) -> Result<Outcome, StoreError> {
        let sid = row.optional_text("session_id")?.unwrap_or_default();
        sessions::end(tx, sid, EndedBecause::CodeReuse, self.now)?;
        let event = Event::new("code.reuse")
            .severity(Severity::Alert)
            .session(sid)
            .client(self.credentials.client_id())
            .actor(self.provider.keys.pseudonym(row.text("user_id")?));
        audit::append(tx, self.now, event)?;
        Ok(Outcome::Refuse(REFUSED))
    }

    fn begin(
        &self,
        tx: &mut dyn Tx,
        row: &Row,
        client: Authenticated<'_>,
        key: Option<&str>,
        granted: Scope,
        scope: Scope,
    ) -> Result<Outcome, StoreError> {
        let mut record = self.record(row, granted, scope)?;
        // RFC 9449 §5: a confidential client's refresh token is bound to its secret; only its access tokens are to the
        // key.
        record.dpop_jkt = key.filter(|_| client.is_public).map(str::to_owned);
        // Whoever ends all sessions of the user waits for this one, or is waited for.
        let user = users::lock(tx, &record.user_id)?.ok_or_else(malformed)?;
        if user.is_disabled() {
            // It is worth nothing any more, and a second request with it is no reuse.
            tx.execute("DELETE FROM codes WHERE code_hash = $1", &[self.request.code_hash.into()])?;
            return Ok(Outcome::Refuse(REFUSED));
        }
        let used = tx.execute(
            "UPDATE codes SET used_at = $2, session_id = $3 WHERE code_hash = $1 AND used_at IS NULL",
            &[self.request.code_hash.into(), self.now.into(), (&record.id).into()],
        )?;
        if used != 1 {
            // On a shared database another request may have been faster.
            let row = self.find(tx)?.ok_or_else(malformed)?;
            return self.judge(tx, &row, client);
        }
        let secret = SessionSecret::from_bytes(self.provider.random.bytes());
        sessions::insert(tx, &self.provider.keys, &self.provider.random, &record, &secret)?;
        let event = Event::new("session.started")
            .session(&record.id)
            .client(&record.client_id)
            .actor(self.provider.keys.pseudonym(&record.user_id))
            .detail(serde_json::json!({
                "scope": record.scope.to_string(),
                "bound": record.dpop_jkt.is_some(),
            }));
        audit::append(tx, self.now, event)?;
        Self::issue(row, &record, &secret, user, key, client.access_token_alg)
    }

    fn issue(
        row: &Row,
        record: &SessionRecord,
        secret: &SessionSecret,
        user: User,
        key: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Outcome, StoreError> {
        let nonce = row.optional_text("nonce")?.map(str::to_owned);
        let id_token = record.scope.contains("openid").then_some(WithIdToken { nonce });
        let scope = record.answered_scope.clone();
        let issue = Issue::new(record, secret, user.roles, scope, key, algorithm).with_id_token(id_token);
        Ok(Outcome::Issue(Box::new(issue)))
    }

    fn record(&self, row: &Row, granted: Scope, scope: Scope) -> Result<SessionRecord, StoreError> {
        let (settings, now) = (&self.provider.settings, self.now);
        // Without a refresh token the session lasts as long as its access token.
        let (idle, absolute) = if granted.contains("offline_access") {
            (settings.session_idle_lifetime, settings.session_absolute_lifetime)
        } else {
            (settings.access_token_lifetime, settings.access_token_lifetime)
        };
        let absolute_end_at = now.after(absolute);
        Ok(SessionRecord {
            id: self.provider.random.id(),
            locator: Locator::from_bytes(self.provider.random.bytes()),
            client_id: row.text("client_id")?.to_owned(),
            user_id: row.text("user_id")?.to_owned(),
            scope: granted,
            answered_scope: scope,
            generation: 0,
            attempt: None,
            history: History::default(),
            holes: Holes::default(),
            dpop_jkt: None,
            rotated_at: now,
            window: RotationWindow { minute_at: now, rotations: 0 },
            idle_end_at: now.after(idle).min(absolute_end_at),
            absolute_end_at,
            auth_time: row.timestamp("auth_time_at")?,
            created_at: now,
        })
    }
}

fn malformed() -> StoreError {
    StoreError::Defect("a code's row is malformed".to_owned())
}
