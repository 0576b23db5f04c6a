//! A refresh, by the thirteen steps of the rotation's protocol. Each step is a function of its own; what comes next is
//! [`decide`]'s.
//!
//! Durable: the attempt, before the token is first sent (step 3); the successor, before the access token is handed out
//! (step 7). So whatever dies in between, the next refresh sends the same token with the same attempt and gets the same
//! successor.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use super::{
    access_token::{AccessToken, HeldToken, Need},
    decision::{Action, Event, Failure, Verdict, decide},
    engine::{Session, nobody},
    response::{Answer, Tokens},
};
use crate::{
    Error, ReauthReason, TokenType,
    discovery::Metadata,
    dpop::{Credentials, ProofKey, is_about_the_proof},
    net::{NetError, Request},
    runtime,
    vault::{Change, EndReason, Lifetime, Revocation, Secret, Standing, StoredSession, VaultError, WhenLost},
};

/// A refresh token that is to be sent, with its attempt.
#[derive(Debug, Clone)]
pub(super) struct Sending {
    pub(super) token: Secret,
    /// Nothing where the provider doesn't know attempts.
    pub(super) attempt: Option<Secret>,
    /// What the token is bound to. Where there is one, it is never sent without a proof, whatever the provider's metadata
    /// says by now.
    pub(super) proof_key: Option<ProofKey>,
}

/// Tokens that were issued for a refresh token.
#[derive(Debug)]
pub(super) struct Issued {
    sent: Secret,
    proof_key: Option<ProofKey>,
    tokens: Tokens,
    /// Begins when the request was sent.
    began: Lifetime,
    /// Whether the provider says that it knows attempts.
    knows_attempts: bool,
}

/// An answer that couldn't be made durable: the next refresh begins with it. (A provider that knows attempts would give it
/// again; others wouldn't.)
pub(super) type Unsaved = Issued;

/// What became of an answer.
#[derive(Debug)]
pub(super) enum Settled {
    /// The successor is durable.
    Stored(AccessToken),
    /// Another one was faster.
    StartOver,
}

/// Gets an access token that serves `need`.
pub(super) async fn run(session: &Arc<Session>, need: &Need) -> Result<AccessToken, Error> {
    // Another process may have been faster.
    let standing = session.standing().await?;
    match standing.session() {
        Some(stored) => {
            if let Some(token) = session.serving(stored, need) {
                return Ok(token);
            }
        }
        None => return Err(nobody(&standing)),
    }
    let metadata = session.metadata().await?;
    for _ in 0..ROUNDS {
        if let Settled::Stored(token) = session.round(&metadata, need).await?
            && token.expires_in() != Some(Duration::ZERO)
        {
            session.tell_revocations_later();
            return Ok(token);
        }
        // Step 9, or another one was faster: go on at once with what the vault holds now.
    }
    tracing::warn!("every access token that the provider issues has expired already");
    Err(Error::Offline)
}

/// Far more than two processes need to get out of each other's way.
const ROUNDS: usize = 6;

impl Session {
    async fn round(&self, metadata: &Metadata, need: &Need) -> Result<Settled, Error> {
        if let Some(settled) = self.settle_unsaved().await? {
            return Ok(settled);
        }
        let begun = self.begin(metadata.refresh_attempt_supported).await?;
        let Some(stored) = begun.0.session() else { return Err(nobody(&begun.0)) };
        if let Some(token) = self.serving(stored, need) {
            return Ok(Settled::Stored(token));
        }
        match (decide(Event::Begun { held: stored.refresh_token.as_ref() }), begun.1) {
            (Action::Journal, Some(sending)) => self.exchange(metadata, &sending).await,
            _ => Err(self.without_refresh_token().await?),
        }
    }

    /// Steps 2 and 3: what to send, journalled. Nothing where there is no refresh token.
    pub(super) async fn begin(&self, with_attempt: bool) -> Result<(Standing, Option<Sending>), Error> {
        let (vault, id) = (self.vault.clone(), self.id.clone());
        let begun = runtime::blocking(move || vault.begin_refresh(&id, with_attempt)).await;
        let begun = begun.map_err(|error: VaultError| self.storage_failed(error))?;
        self.observe(begun.revision, &begun.standing);
        let sending = begun.standing.session().and_then(|stored| {
            let (token, proof_key) = (stored.refresh_token.clone()?, stored.proof_key.clone());
            Some(Sending { token, attempt: begun.attempt.clone(), proof_key })
        });
        Ok((begun.standing, sending))
    }

    /// Steps 4 to 7: sends until there is an answer that counts, and settles it.
    async fn exchange(&self, metadata: &Metadata, sending: &Sending) -> Result<Settled, Error> {
        let mut pauses = self.patience.pauses.iter();
        loop {
            if let Some(outcome) = self.look_again(sending).await? {
                return Ok(outcome);
            }
            let began = Lifetime::starting_now(&*self.clock);
            let (failure, error, asked) = match self.send(metadata, sending).await {
                Ok(Answer::Issued(tokens)) => {
                    let (sent, proof_key) = (sending.token.clone(), sending.proof_key.clone());
                    let knows_attempts = metadata.refresh_attempt_supported;
                    let issued = Issued { sent, proof_key, tokens: *tokens, began, knows_attempts };
                    return self.settle(issued).await;
                }
                Ok(Answer::Refused(refusal)) if refusal.is_invalid_grant() => {
                    if sending.attempt.is_none()
                        && let Some(outcome) = self.wait_for_another(sending).await?
                    {
                        return Ok(outcome);
                    }
                    return self.settle_refused(sending).await;
                }
                // Nothing was decided about the session: the same attempt again, with a new proof.
                Ok(Answer::Refused(refusal)) if is_about_the_proof(&refusal.code) => {
                    tracing::info!(code = refusal.code, "a refresh's proof is refused");
                    (Failure::Unclear, Error::Offline, None)
                }
                Ok(Answer::Refused(refusal)) => (Failure::Refused, refusal.into(), None),
                Ok(Answer::Unclear { why, retry_after }) => {
                    tracing::info!(why, "a refresh has no clear answer");
                    (Failure::Unclear, Error::Offline, retry_after)
                }
                Err(error) => {
                    tracing::info!(%error, "a refresh has no answer");
                    (failure_of(&error), error.into(), None)
                }
            };
            let pause = pauses.next().map(|pause| asked.unwrap_or_default().max(*pause));
            let pause = pause.filter(|pause| *pause <= self.patience.longest);
            match (decide::<Secret>(Event::Failed { failure, sends_left: pause.is_some() }), pause) {
                (Action::SendAgain, Some(pause)) => tokio::time::sleep(pause).await,
                _ => return Err(error),
            }
        }
    }

    /// Without an attempt, a provider refuses the second of two processes that send the same token, and the successor may be
    /// on its way to the first. Nothing where none has come.
    async fn wait_for_another(&self, sending: &Sending) -> Result<Option<Settled>, Error> {
        let mut waited = Duration::ZERO;
        while waited < self.patience.successor.min(self.configuration.request_timeout()) {
            tokio::time::sleep(self.patience.glance).await;
            waited += self.patience.glance;
            if let Some(outcome) = self.look_again(sending).await? {
                return Ok(Some(outcome));
            }
        }
        Ok(None)
    }

    /// Step 4, before every send: time may have passed, or the device slept. Nothing where the token may be sent.
    pub(super) async fn look_again(&self, sending: &Sending) -> Result<Option<Settled>, Error> {
        let standing = self.standing().await?;
        let event = Event::Journalled { token: &sending.token, held: standing.refresh_token() };
        match decide(event) {
            Action::Send => Ok(None),
            Action::StartOver => Ok(Some(Settled::StartOver)),
            _ => Err(nobody(&standing)),
        }
    }

    /// Step 5.
    pub(super) async fn send(&self, metadata: &Metadata, sending: &Sending) -> Result<Answer, NetError> {
        let mut fields = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", sending.token.expose()),
            ("client_id", self.configuration.client_id()),
        ];
        let mut secrets = vec![&sending.token];
        if let Some(attempt) = &sending.attempt {
            fields.push(("refresh_attempt", attempt.expose()));
            secrets.push(attempt);
        }
        let request = Request::post_form(metadata.token_endpoint.clone(), fields);
        let by = Credentials { key: sending.proof_key.as_ref(), access_token: None };
        Ok(Answer::read(&self.sender.send(&request, by).await?, &secrets))
    }

    /// Steps 7 and 12: tokens came. Under the vault's lock, they replace the token that was sent, or are dropped.
    pub(super) async fn settle(&self, issued: Issued) -> Result<Settled, Error> {
        let Issued { sent, proof_key, tokens, .. } = &issued;
        let (sent, successor) = (sent.clone(), successor_of(&issued, self.configuration.allows_bearer()));
        let revocation =
            Revocation::of_tokens(&tokens.access_token, tokens.refresh_token.as_ref(), proof_key.as_ref());
        let settled = self.update(WhenLost::Fail, move |account| {
            let event = Event::Answered {
                sent: &sent,
                verdict: Verdict::Issued,
                held: account.standing.refresh_token(),
            };
            match (decide(event), &mut account.standing) {
                (Action::Store, Standing::SignedIn(stored)) => {
                    successor(stored);
                    Change::Write(Ok(Some(stored.clone())))
                }
                (Action::DropAndRevoke, standing) => {
                    let told = nobody(standing);
                    account.revocations.push(revocation);
                    Change::Write(Err(told))
                }
                _ => Change::Keep(Ok(None)),
            }
        });
        match settled.await {
            Ok(Ok(Some(stored))) => Ok(Settled::Stored(self.hand_out(&stored))),
            Ok(Ok(None)) => Ok(Settled::StartOver),
            Ok(Err(nobody)) => {
                self.tell_revocations().await;
                Err(nobody)
            }
            Err(error) => {
                if error.is_retryable() {
                    *self.unsaved.lock().unwrap_or_else(PoisonError::into_inner) = Some(issued);
                }
                Err(error)
            }
        }
    }

    /// Takes up an answer that couldn't be made durable before.
    pub(super) async fn settle_unsaved(&self) -> Result<Option<Settled>, Error> {
        let unsaved = self.unsaved.lock().unwrap_or_else(PoisonError::into_inner).take();
        match unsaved {
            Some(issued) => self.settle(issued).await.map(Some),
            None => Ok(None),
        }
    }

    /// Step 10: `invalid_grant`. Under the vault's lock, a tombstone takes the place of the token that was sent, if it is
    /// still there.
    pub(super) async fn settle_refused(&self, sending: &Sending) -> Result<Settled, Error> {
        let sent = sending.token.clone();
        let settled = self.update(WhenLost::Fail, move |account| {
            let held = account.standing.refresh_token();
            match decide(Event::Answered { sent: &sent, verdict: Verdict::InvalidGrant, held }) {
                Action::End => {
                    let ended = std::mem::replace(&mut account.standing, Standing::Ended(EndReason::Revoked));
                    // A thief who has gone on from here would keep what is lost to its owner (`superseded`).
                    account.revocations.extend(ended.session().map(Revocation::of));
                    Change::Write(Err(nobody(&account.standing)))
                }
                Action::StartOver => Change::Keep(Ok(())),
                _ => Change::Keep(Err(nobody(&account.standing))),
            }
        });
        let settled = settled.await?.map(|()| Settled::StartOver);
        if settled.is_err() {
            self.tell_revocations().await;
        }
        settled
    }

    /// A session without a refresh token ends with its access token. While that lives, it is only of no use here.
    async fn without_refresh_token(&self) -> Result<Error, Error> {
        let clock = self.clock.clone();
        let ended = self.update(WhenLost::Fail, move |account| {
            let over = account.standing.session().is_some_and(|session| {
                let left = session.lifetime.as_ref().map(|lifetime| lifetime.remaining(&*clock));
                session.refresh_token.is_none() && left == Some(Duration::ZERO)
            });
            if over {
                account.standing = Standing::Ended(EndReason::NoRefreshToken);
                Change::Write(())
            } else {
                Change::Keep(())
            }
        });
        ended.await?;
        Ok(Error::NeedsReauth(ReauthReason::NoRefreshToken))
    }

    fn serving(&self, stored: &StoredSession, need: &Need) -> Option<AccessToken> {
        let (token, now) = (HeldToken::of(stored, &*self.clock), self.clock.monotonic());
        token.serves(need, now).then(|| token.hand_out(now))
    }

    fn hand_out(&self, stored: &StoredSession) -> AccessToken {
        HeldToken::of(stored, &*self.clock).hand_out(self.clock.monotonic())
    }
}

/// Puts the tokens into the session. A response without a refresh token leaves the old one in force (RFC 6749 §6). Its ID
/// token is not looked at: nothing here depends on it, and no trouble with it may cost the session. A bound session keeps its
/// key whatever the token type. An access token that is now called a bearer token is sent as one only where the app accepts
/// those; elsewhere it goes on with proofs. (An API may refuse it then. A successor that was thrown away would cost the
/// session.)
fn successor_of(
    Issued { tokens, began, knows_attempts, .. }: &Issued,
    bearer_accepted: bool,
) -> impl FnOnce(&mut StoredSession) + Send + 'static {
    let knows_attempts = *knows_attempts;
    let token_type = tokens.token_type;
    let (access_token, refresh_token) = (tokens.access_token.clone(), tokens.refresh_token.clone());
    let lifetime = tokens.expires_in.map(|expires_in| began.clone().lasting(expires_in));
    let scope = tokens.scope.clone();
    move |stored| {
        stored.access_token = access_token;
        stored.bearer_access_token = match token_type {
            Some(token_type) => token_type == TokenType::Bearer && bearer_accepted,
            None => stored.bearer_access_token,
        };
        stored.lifetime = lifetime;
        stored.refreshes += 1;
        if let Some(refresh_token) =
            refresh_token.filter(|token| Some(token) != stored.refresh_token.as_ref())
        {
            stored.refresh_token = Some(refresh_token);
            stored.knows_attempts = Some(knows_attempts);
        }
        if let Some(scope) = scope {
            stored.scope = scope;
        }
    }
}

const fn failure_of(error: &NetError) -> Failure {
    match error {
        NetError::Offline | NetError::Timeout | NetError::TooLarge | NetError::BodyCut => Failure::Unclear,
        NetError::PinMismatch(_) | NetError::Tls(_) | NetError::NotAllowed(_) => Failure::Untrusted,
    }
}
