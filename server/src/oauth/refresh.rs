//! `grant_type=refresh_token`: the decision of [`super::rotation`] carried out in one transaction.
//!
//! The answer goes out only after the commit is durable; its signature is made after that too. A refresh signs once: an
//! ID token comes with it only when the request names `openid` in its `scope`.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};

use super::client_auth::{Authenticated, Credentials};
use super::error::OAuthError;
use super::issue::{Answer, Issue, WithIdToken};
use super::params::Params;
use super::proof::{Presented as PresentedProof, Unproved};
use super::provider::Provider;
use super::requested_access::RequestedAccess;
use super::rotation::{
    Again, Attempt, Context, Decision, EndedBecause, Late, Presented, PresentedToken, Proof, RefreshToken,
    Refusal, Service, Session, decide,
};
use super::sessions::{self, Stored};
use super::transaction::{self, Transaction};
use crate::audit::{self, Event, Severity};
use moorline_server_base::clock::Timestamp;
use moorline_server_keys::Algorithm;
use moorline_server_store::{Actor, StoreError, Tx};

/// The alias of `refresh_attempt`.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A refresh request, read.
#[derive(Debug)]
pub(super) struct Request {
    token: Option<RefreshToken>,
    attempt: Attempt,
    requested: RequestedAccess,
}

impl Request {
    pub(super) fn read(headers: &HeaderMap, params: &Params) -> Result<Self, OAuthError> {
        let token =
            params.value("refresh_token").ok_or(OAuthError::invalid_request("refresh_token is missing."))?;
        let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
        let header = keys.next();
        let attempt = match keys.next() {
            None => Attempt::read(params.raw("refresh_attempt"), header.map(|value| value.as_bytes())),
            Some(_) => Attempt::Malformed,
        };
        Ok(Self { token: RefreshToken::parse(token).ok(), attempt, requested: RequestedAccess::read(params) })
    }
}

/// The result of the transaction. A refusal is one, too: its audit row, or the end of the session, must be durable
/// before the answer.
enum Outcome {
    Issue(Box<Issue>),
    Refuse(OAuthError),
}

pub(super) async fn refresh(
    provider: &Arc<Provider>,
    credentials: Credentials,
    proof: PresentedProof,
    request: Request,
) -> Result<Answer, OAuthError> {
    let actor = Actor::Anonymous("the refresh token says which session this is");
    let now = provider.clock.now();
    let refresh = Refresh { provider: Arc::clone(provider), credentials, proof, request, now };
    match transaction::write(provider, &actor, refresh).await? {
        Outcome::Issue(issue) => issue.sign(provider, now),
        Outcome::Refuse(error) => Err(error),
    }
}

struct Refresh {
    provider: Arc<Provider>,
    credentials: Credentials,
    proof: PresentedProof,
    request: Request,
    now: Timestamp,
}

impl Transaction for Refresh {
    type Outcome = Outcome;

    fn proof(&self) -> &PresentedProof {
        &self.proof
    }

    fn run(&self, tx: &mut dyn Tx) -> Result<Outcome, StoreError> {
        let (client, stored) = self.look_up(tx)?;
        let proved = self.proved(client, stored.as_ref());
        let presented = self.presented(client, stored.as_ref(), &proved);
        let context = self.context(&proved);
        let decision = decide(stored.as_ref().map(|stored| &stored.session), &presented, &context);
        let unproved = match (decision, &stored) {
            (Decision::Refuse(Refusal::ProofFailed), _) => Some(proved.err().unwrap_or(Unproved::Missing)),
            (Decision::Rotate | Decision::Heal | Decision::Same(_), Some(stored)) => {
                self.key_of_token(client, stored).err()
            }
            _ => None,
        };
        match unproved {
            Some(unproved) => self.unproved(tx, unproved, stored.as_ref()),
            None => self.carry_out(tx, decision, stored, client),
        }
    }
}

impl Refresh {
    /// The client, if it is authenticated, and for such a one the session that its token names.
    fn look_up(&self, tx: &mut dyn Tx) -> Result<(Option<Authenticated<'_>>, Option<Stored>), StoreError> {
        let (keys, client_id) = (&self.provider.keys, self.credentials.client_id());
        let found = match &self.request.token {
            Some(token) => sessions::by_locator_with_client(tx, keys, token.locator(), client_id)?,
            None => None,
        };
        let Some((stored, policy)) = found else { return Ok((self.credentials.authenticate(tx)?, None)) };
        let client = self.credentials.authenticate_by(policy);
        Ok((client, client.map(|_| stored)))
    }

    /// The key that the proof is by. The proof is marked as used only for a live session, and for a client's own token:
    /// nobody else can fill the memory of used proofs. A session that is not bound is decided without it.
    fn proved(
        &self,
        client: Option<Authenticated<'_>>,
        stored: Option<&Stored>,
    ) -> Result<Option<&str>, Unproved> {
        let own = stored.filter(|stored| {
            self.request.token.as_ref().is_some_and(|token| stored.secret.made(token))
                && client.is_some_and(|client| client.id == stored.session.record().client_id)
        });
        let Some(stored) = own else { return Ok(None) };
        let (dpop, jkt) = (&self.provider.dpop, stored.session.record().dpop_jkt.as_deref());
        match (&stored.session, jkt) {
            (Session::Live(_), Some(jkt)) => self.proof.spend(dpop, Some(jkt), jkt.as_bytes()),
            (Session::Live(_), None) | (Session::Ended { .. }, _) => self.proof.look(dpop, jkt),
        }
    }

    /// The key that the access token is to be bound to. A bad proof is never ignored, even in a bearer session: the
    /// client would take the token for a bound one. There the proof counts in the share of the session, since its
    /// holder can make keys without end.
    fn key_of_token(
        &self,
        client: Option<Authenticated<'_>>,
        stored: &Stored,
    ) -> Result<Option<&str>, Unproved> {
        let record = stored.session.record();
        let holder = record.dpop_jkt.as_ref().unwrap_or(&record.id);
        match self.proof.spend(&self.provider.dpop, None, holder.as_bytes())? {
            None if client.is_some_and(|client| client.wants_dpop) => Err(Unproved::Missing),
            key => Ok(key),
        }
    }

    fn unproved(
        &self,
        tx: &mut dyn Tx,
        unproved: Unproved,
        stored: Option<&Stored>,
    ) -> Result<Outcome, StoreError> {
        if unproved.reason().is_some() {
            self.record(tx, Some(proof_failed(unproved)), stored.map(|stored| &stored.session))?;
        }
        Ok(Outcome::Refuse(unproved.into()))
    }

    fn presented<'a>(
        &self,
        client: Option<Authenticated<'a>>,
        stored: Option<&Stored>,
        proved: &Result<Option<&'a str>, Unproved>,
    ) -> Presented<'a> {
        let token = self.request.token.as_ref().map(|token| PresentedToken {
            generation: token.generation(),
            authentic: stored.is_some_and(|stored| stored.secret.made(token)),
        });
        let proof = match proved {
            Ok(None) => Proof::Absent,
            Ok(Some(jkt)) => Proof::By(jkt),
            Err(Unproved::NonceWanted) => Proof::NonceWanted,
            Err(_) => Proof::Bad,
        };
        Presented { client_id: client.map(|client| client.id), token, attempt: self.request.attempt, proof }
    }

    fn context(&self, proved: &Result<Option<&str>, Unproved>) -> Context {
        let settings = &self.provider.settings;
        Context {
            now: self.now,
            service: if *proved == Err(Unproved::Unknown) { Service::Down } else { Service::Ready },
            rotation_grace: settings.rotation_grace,
            rotations_per_minute: settings.rotations_per_minute,
        }
    }

    fn carry_out(
        &self,
        tx: &mut dyn Tx,
        decision: Decision,
        stored: Option<Stored>,
        client: Option<Authenticated<'_>>,
    ) -> Result<Outcome, StoreError> {
        let (Some(stored), Some(client)) = (stored, client) else {
            let Decision::Refuse(refusal) = decision else { return Err(disagree()) };
            self.record(tx, refusal_event(refusal), None)?;
            return Ok(Outcome::Refuse(refusal_error(refusal)));
        };
        match decision {
            Decision::Rotate | Decision::Heal => self.advance(tx, stored, client.access_token_alg),
            Decision::Same(again) => self.same(tx, again, stored, client.access_token_alg),
            Decision::Refuse(refusal) => {
                self.record(tx, refusal_event(refusal), Some(&stored.session))?;
                Ok(Outcome::Refuse(refusal_error(refusal)))
            }
            Decision::Superseded(late) => {
                self.record(tx, Some(late_event(late)), Some(&stored.session))?;
                Ok(Outcome::Refuse(OAuthError::superseded()))
            }
            Decision::End(why) => self.end(tx, why, stored),
            Decision::Revoke => self.end(tx, EndedBecause::Reuse, stored),
        }
    }

    fn advance(&self, tx: &mut dyn Tx, stored: Stored, algorithm: Algorithm) -> Result<Outcome, StoreError> {
        let settings = &self.provider.settings;
        let scope = match self.request.requested.within(&stored.session.record().scope, &settings.api) {
            Ok(scope) => scope,
            Err(error) => return Ok(Outcome::Refuse(error)),
        };
        let from = stored.session.record().generation;
        let presented = self.request.token.as_ref().map_or(from, RefreshToken::generation);
        let attempt = match self.request.attempt {
            Attempt::Key(hash) => Some(hash),
            Attempt::Absent | Attempt::Malformed => None,
        };
        let (idle, healed) = (settings.session_idle_lifetime, presented > from);
        let session = if healed {
            stored.session.heal(presented, attempt, scope.clone(), idle, self.now)
        } else {
            stored.session.rotate(attempt, scope.clone(), idle, self.now)
        };
        let session = session.map_err(|_| disagree())?;
        sessions::advance(tx, session.record(), from, self.now)?;
        let event = if healed {
            Event::new("refresh.rollback_healed")
                .severity(Severity::Page)
                .detail(serde_json::json!({ "lost_from": from, "lost_to": presented }))
        } else {
            Event::new("refresh.rotated").detail(serde_json::json!({ "generation": from + 1 }))
        };
        self.record(tx, Some(event), Some(&session))?;
        self.issue(Stored { session, ..stored }, scope, algorithm)
    }

    /// The same answer again: no fresher, and no wider than it was.
    fn same(
        &self,
        tx: &mut dyn Tx,
        again: Again,
        stored: Stored,
        algorithm: Algorithm,
    ) -> Result<Outcome, StoreError> {
        let scope = match self
            .request
            .requested
            .within(&stored.session.record().answered_scope, &self.provider.settings.api)
        {
            Ok(scope) => scope,
            Err(error) => return Ok(Outcome::Refuse(error)),
        };
        let event = match again {
            Again::Retried => "refresh.retried",
            Again::Proved => "refresh.retried_proof",
            Again::Grace => "refresh.grace",
        };
        self.record(tx, Some(Event::new(event)), Some(&stored.session))?;
        self.issue(stored, scope, algorithm)
    }

    fn issue(
        &self,
        stored: Stored,
        scope: moorline_server_base::policy::Scope,
        algorithm: Algorithm,
    ) -> Result<Outcome, StoreError> {
        let record = stored.session.record();
        let id_token = self.request.requested.names_openid().then_some(WithIdToken { nonce: None });
        // It was good when it was decided to issue.
        let key = self.proof.look(&self.provider.dpop, None).map_err(|_| disagree())?;
        let issue =
            Issue::new(record, &stored.secret, stored.roles, scope, key, algorithm).with_id_token(id_token);
        Ok(Outcome::Issue(Box::new(issue)))
    }

    fn end(&self, tx: &mut dyn Tx, why: EndedBecause, stored: Stored) -> Result<Outcome, StoreError> {
        if !sessions::end(tx, &stored.session.record().id, why, self.now)? {
            return Err(StoreError::raced());
        }
        let event = match why {
            EndedBecause::Reuse => Event::new("refresh.reuse").severity(Severity::Alert),
            EndedBecause::Exhausted => Event::new("session.exhausted"),
            _ => Event::new("session.expired"),
        };
        self.record(tx, Some(event), Some(&stored.session))?;
        Ok(Outcome::Refuse(OAuthError::invalid_refresh_token()))
    }

    fn record(
        &self,
        tx: &mut dyn Tx,
        event: Option<Event>,
        session: Option<&Session>,
    ) -> Result<(), StoreError> {
        let Some(event) = event else { return Ok(()) };
        let event = match session.map(Session::record) {
            Some(record) => event
                .session(&record.id)
                .client(self.credentials.client_id())
                .actor(self.provider.keys.pseudonym(&record.user_id)),
            None => event.client(self.credentials.client_id()),
        };
        audit::append(tx, self.now, event)
    }
}

fn disagree() -> StoreError {
    StoreError::Defect("the decision and the session disagree".to_owned())
}

fn refusal_event(refusal: Refusal) -> Option<Event> {
    match refusal {
        Refusal::InvalidClient => {
            audit::count(audit::Unproved::ClientAuthFailed);
            None
        }
        Refusal::Unknown => {
            audit::count(audit::Unproved::UnknownRefreshToken);
            None
        }
        Refusal::WrongClient => Some(Event::new("refresh.wrong_client")),
        Refusal::ProofFailed => Some(proof_failed(Unproved::Missing)),
        Refusal::WrongKey => Some(Event::new("refresh.wrong_key").severity(Severity::Alert)),
        Refusal::AfterEnd => Some(Event::new("refresh.after_end")),
        Refusal::Forged => {
            // Anybody can make these by the thousand: they are counted, not stored.
            tracing::info!(counter = "refresh.forged", "a forged refresh token was refused");
            None
        }
        Refusal::Unavailable | Refusal::Limited(_) | Refusal::NonceWanted | Refusal::MalformedAttempt => None,
    }
}

fn proof_failed(unproved: Unproved) -> Event {
    Event::new("refresh.proof_failed").detail(serde_json::json!({ "why": unproved.reason() }))
}

fn late_event(late: Late) -> Event {
    match late {
        Late::Duplicate | Late::Proved => Event::new("refresh.late_duplicate"),
        Late::InHole => Event::new("refresh.in_hole").severity(Severity::Alert),
    }
}

fn refusal_error(refusal: Refusal) -> OAuthError {
    match refusal {
        Refusal::Unavailable => OAuthError::unavailable(),
        Refusal::Limited(wait) => OAuthError::too_many_requests(wait),
        Refusal::InvalidClient => OAuthError::invalid_client(),
        Refusal::ProofFailed => Unproved::Missing.into(),
        Refusal::NonceWanted => Unproved::NonceWanted.into(),
        Refusal::MalformedAttempt => OAuthError::invalid_request(
            "The attempt key must be 22 to 128 unreserved characters, new for each refresh token.",
        ),
        Refusal::Unknown | Refusal::Forged | Refusal::WrongClient | Refusal::WrongKey | Refusal::AfterEnd => {
            OAuthError::invalid_refresh_token()
        }
    }
}
