//! Refreshes a session by the thirteen steps of `docs/protocol.md`. [`decide`] chooses the next step.
//!
//! Durable: the attempt, before the token is first sent (step 3); the successor, before the access token is handed out
//! (step 7). So whatever crashes in between, the next refresh sends the same token with the same attempt and gets the
//! same successor. Where the provider knows no attempts, a [`Lease`] and a *sent record* take their place.

use std::{future::Future, sync::Arc, time::Duration};

use super::{
    access_token::{AccessToken, TokenRequest},
    decision::{Action, Event, Failure, decide},
    documents::{keep_wait, metadata},
    evidence::{answered, end, failure_of, note, reason_of, record_of, verdict_of},
    guard::{BUSY, Guard, Leased, Waiting, is_current, take_lease, wait_for_lost_holder},
    issued::{Issued, issued, narrowed, settle},
    lost_key::{end_of_lost_key, is_gone},
    patience::Patience,
    revocations::Revocations,
    single_flight::{SingleFlight, TokenSource, access_token},
    store::AccountStore,
    unsaved::{Unsaved, to_save},
};
use crate::{
    dpop::is_about_the_proof,
    error::{Error, ReauthReason, StorageLostReason},
    platform::CriticalSection,
    provider::{Metadata, Provider, RefreshRequest, Refusal, TokenResponse},
    runtime::Executor,
    secret::Secret,
    time::Lifetime,
    vault::{Adoption, Begun, Change, Lease, SentBefore, StoredSession, StoredState, WhenLost},
};

/// The one owner of an account's refreshes.
#[derive(Debug)]
pub(crate) struct Refresher {
    store: Arc<AccountStore>,
    provider: Arc<Provider>,
    revocations: Arc<Revocations>,
    executor: Executor,
    patience: Patience,
    flight: SingleFlight,
    /// Responses that could not be put into the vault yet: the next refresh begins with them.
    unsaved: Unsaved,
}

/// How one round of a refresh ended.
#[derive(Debug)]
pub(crate) enum Settled {
    /// The successor is durable.
    Stored(AccessToken),
    /// Another process was faster: begin again with what the vault holds now.
    StartOver,
}

impl TokenSource for Refresher {
    fn flight(&self) -> &SingleFlight {
        &self.flight
    }

    async fn held(&self, request: &TokenRequest) -> Option<AccessToken> {
        self.store.held(request)
    }

    async fn refresh(self: &Arc<Self>, request: &TokenRequest) -> Result<AccessToken, Error> {
        self.run(request).await
    }

    fn detach(&self, work: impl Future<Output = ()> + Send + 'static) -> Result<(), Error> {
        self.executor.spawn(work).map(drop)
    }
}

impl Refresher {
    pub(crate) fn new(
        store: Arc<AccountStore>,
        provider: Arc<Provider>,
        revocations: Arc<Revocations>,
        executor: Executor,
        patience: Patience,
    ) -> Self {
        let (flight, unsaved) = (SingleFlight::default(), Unsaved::new(store.clone()));
        Self { store, provider, revocations, executor, patience, flight, unsaved }
    }

    /// An access token that fits the request: from memory, from the vault, or refreshed.
    ///
    /// # Errors
    /// [`Error::SignedOut`], [`Error::NeedsReauth`], and those of network and storage, which leave the session as it
    /// is.
    pub(crate) async fn access_token(self: &Arc<Self>, request: TokenRequest) -> Result<AccessToken, Error> {
        access_token(self, request).await
    }

    /// An access token that is not the `rejected` one or, if the caller knows of none, not the current one.
    pub(crate) async fn refresh_now(
        self: &Arc<Self>,
        mut rejected: Option<AccessToken>,
    ) -> Result<AccessToken, Error> {
        if rejected.is_none() {
            self.store.stored_state().await?;
            rejected = self.store.latest();
        }
        self.access_token(rejected.map_or_else(TokenRequest::default, AccessToken::replacement)).await
    }

    /// Waits for the account's lease, to send the token of an adoption; `None` if that has gone on meanwhile.
    ///
    /// # Errors
    /// [`StorageUnavailableReason::Busy`](crate::StorageUnavailableReason::Busy) if the holder takes too long, and
    /// those of the storage.
    pub(crate) async fn lease_for(
        &self,
        adoption: &Adoption,
    ) -> Result<Option<(CriticalSection, Lease)>, Error> {
        take_lease(&self.store, self.waiting(), Leased::Adoption(adoption)).await
    }

    /// Waits until no refresh is under way, and stores what could not be stored before.
    pub(crate) async fn finish(&self) -> Result<(), Error> {
        self.flight.landed().await;
        self.settle_unsaved().await.map(drop)
    }

    /// Runs `work` if no refresh is under way, and lets none begin meanwhile; `None` if one is.
    pub(crate) fn between_flights<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        self.flight.between_flights(work)
    }

    async fn run(&self, request: &TokenRequest) -> Result<AccessToken, Error> {
        // Another process may have refreshed already.
        let state = self.store.stored_state().await?;
        let refused_before = state.refreshable().is_some_and(|session| session.refusal.is_some());
        if let (Some(narrowing), Some(session)) = (&request.narrowing, state.kept_session()) {
            narrowing.check(&session.scope, &session.resources)?;
        }
        match state.session() {
            Some(stored) => match self.store.fitting(stored, request) {
                Some(token) => Ok(token),
                None => self.refresh_session(request, refused_before).await,
            },
            // Whatever goes wrong, the session stays suspended.
            None if state.may_retry(self.store.clock()) => {
                self.refresh_session(request, refused_before).await.map_err(|_| state.no_session())
            }
            // A response that was saved is better evidence than the refusal.
            None => match state.refused_token() {
                Some(refused) if self.settle_saved(refused).await?.is_some() => {
                    self.refresh_session(request, refused_before).await
                }
                _ => Err(state.no_session()),
            },
        }
    }

    /// Refreshes until there is a token that fits. `refused_before` says whether the token had been refused when
    /// the call began: of calls that overlap, one refusal counts.
    async fn refresh_session(
        &self,
        request: &TokenRequest,
        refused_before: bool,
    ) -> Result<AccessToken, Error> {
        let metadata = metadata(&self.store, &self.provider).await?;
        let mut expired = 0;
        for _ in 0..ROUNDS {
            let round = self.round(&metadata, request, refused_before).await;
            if matches!(round, Err(Error::RateLimited { .. })) {
                keep_wait(&self.store, &self.provider).await;
            }
            if let Settled::Stored(token) = round?
                // What another call could not store may be for another API.
                && request.is_for(&token)
            {
                if token.expires_in() != Some(Duration::ZERO) {
                    self.revocations.send_later();
                    return Ok(token);
                }
                expired += 1;
            }
            if expired == MOST_EXPIRED {
                break;
            }
            // Step 9, or another process was faster: go on at once with what the vault holds now.
        }
        let description = "every access token that the provider issues has already expired (expires_in: 0)";
        Err(Error::refused("expired_access_token", description))
    }

    async fn round(
        &self,
        metadata: &Metadata,
        request: &TokenRequest,
        refused_before: bool,
    ) -> Result<Settled, Error> {
        if let Some(settled) = self.settle_unsaved().await? {
            return Ok(settled);
        }
        let begun = self.store.begin_refresh(metadata.refresh_attempt_supported).await?;
        let Some(stored) = begun.state.refreshable() else { return Err(begun.state.no_session()) };
        let live = begun.state.session();
        if let Some(token) = live.and_then(|session| self.store.fitting(session, request)) {
            return Ok(Settled::Stored(token));
        }
        let sending = to_send(&begun, request, refused_before);
        match (decide(Event::Begun { held: stored.refresh_token.as_ref() }), sending) {
            (Action::Journal, Some(sending)) if sending.attempt.is_some() => {
                let _critical = self.store.begin_critical();
                self.exchange(metadata, &sending, &mut Guard::Attempt).await
            }
            (Action::Journal, Some(sending)) => self.exchange_under_lease(metadata, &sending).await,
            _ => self.without_refresh_token(stored, request).await,
        }
    }

    /// The exchange with a provider that knows no attempts: two processes that send the same token lose the session,
    /// and so does a successor that finds no space.
    async fn exchange_under_lease(
        &self,
        metadata: &Metadata,
        sending: &RefreshRequest,
    ) -> Result<Settled, Error> {
        let Some((_critical, lease)) =
            take_lease(&self.store, self.waiting(), Leased::Session(&sending.token)).await?
        else {
            return Ok(Settled::StartOver);
        };
        if !is_current(&self.store, &sending.token).await? {
            return Ok(Settled::StartOver);
        }
        // The last holder of the lease may have got the successor, and could only save it beside the vault.
        if let Some(settled) = self.settle_saved(&sending.token).await? {
            return Ok(settled);
        }
        let sent_before = self.store.prepare_exchange(&lease, &sending.token).await?;
        if lease.is_new()
            && sent_before != SentBefore::No
            && !wait_for_lost_holder(&self.store, self.waiting(), &sending.token).await?
        {
            return Ok(Settled::StartOver);
        }
        self.exchange(metadata, sending, &mut Guard::Lease { lease, sent_before }).await
    }

    fn waiting(&self) -> Waiting {
        Waiting { request_timeout: self.provider.request_timeout(), poll: self.patience.poll }
    }

    /// Steps 4 to 7: sends until there is a response that counts, and settles it.
    async fn exchange(
        &self,
        metadata: &Metadata,
        sending: &RefreshRequest,
        guard: &mut Guard,
    ) -> Result<Settled, Error> {
        let _in_use = self.provider.keep_key(sending.proof_key.as_ref());
        let started = self.store.clock().monotonic();
        let mut pauses = self.patience.pauses.iter();
        loop {
            if !is_current(&self.store, &sending.token).await? {
                return Ok(Settled::StartOver);
            }
            if guard.has_lost_its_lease() {
                return Ok(Settled::StartOver);
            }
            if !guard.may_send() {
                return Err(BUSY);
            }
            let began = Lifetime::starting_now(self.store.clock());
            let (failure, error, asked) = match self.provider.refresh(metadata, sending).await {
                Ok(TokenResponse::Issued(tokens)) => {
                    // A success counts even if another process sends meanwhile: it needs no lease.
                    let settled = self.settle(issued(metadata, sending, *tokens, began).into()).await?;
                    if let Guard::Lease { lease, .. } = guard {
                        self.store.clear_sent(lease).await;
                    }
                    return Ok(settled);
                }
                // Nothing was decided about the session: the same token again, with a new proof.
                Ok(TokenResponse::Refused(refusal)) if is_about_the_proof(&refusal.code) => {
                    tracing::info!(code = refusal.code, "the proof of a refresh was refused");
                    let skew = self.provider.clock_skew(metadata).map(Error::ClockSkew);
                    (Failure::Unclear, skew.unwrap_or_else(|| refusal.into()), None)
                }
                Ok(TokenResponse::Refused(refusal)) => {
                    return self.settle_refused_under(guard, sending, &refusal).await;
                }
                Ok(TokenResponse::Unclear { why, retry_after, succeeded }) => {
                    let address = metadata.token_endpoint.host_str();
                    tracing::info!(why, address, "a refresh got no clear response");
                    if succeeded {
                        guard.forbid_sending_again();
                    }
                    (Failure::Unclear, Error::unclear(retry_after), retry_after)
                }
                Err(error) => {
                    tracing::info!(%error, "a refresh got no response");
                    if let Some(key) = sending.proof_key.as_ref().filter(|_| is_gone(&error)) {
                        return Err(end_of_lost_key(&self.store, key).await);
                    }
                    (failure_of(&error), error.into(), None)
                }
            };
            let pause = pauses.next().map(|pause| asked.unwrap_or_default().max(*pause));
            let elapsed = self.store.clock().monotonic().saturating_sub(started);
            let in_time = elapsed < self.provider.request_timeout() / 2 && guard.may_send_again();
            let pause = pause.filter(|pause| *pause <= self.patience.longest && in_time);
            match (decide::<Secret>(Event::Failed { failure, sends_left: pause.is_some() }), pause) {
                (Action::SendAgain, Some(pause)) => tokio::time::sleep(pause).await,
                _ => return Err(error),
            }
        }
    }

    /// Steps 7 and 12: tokens came. Under the vault's lock, they replace the token that was sent, or are dropped.
    async fn settle(&self, issued: Arc<Issued>) -> Result<Settled, Error> {
        let (provider, answer) = (self.provider.clone(), issued.clone());
        let settled =
            self.store.update_reserved(to_save(&issued), move |account| settle(account, &answer, &provider));
        match settled.await {
            Ok(Ok(Some(stored))) => Ok(Settled::Stored(match &issued.narrowing {
                Some(narrowing) => {
                    let narrowed = narrowed(&stored, &issued, self.provider.configuration());
                    self.store.keep_narrowed(&narrowed, narrowing.clone())
                }
                None => self.store.hand_out(&stored),
            })),
            Ok(Ok(None)) => {
                self.revocations.send_later();
                Ok(Settled::StartOver)
            }
            Ok(Err(not_stored)) => {
                self.revocations.send_later();
                Err(not_stored)
            }
            // The session is gone from this device, and there is no queue.
            Err(Error::StorageLost(StorageLostReason::Damaged)) => {
                self.revocations.send_unqueued(issued.revocation());
                Err(Error::StorageLost(StorageLostReason::Damaged))
            }
            Err(error) => {
                // Whatever the storage's problem is: nobody else has these tokens.
                if error.is_passing() || matches!(error, Error::StorageUnavailable(_) | Error::StorageLost(_))
                {
                    self.unsaved.keep(issued).await;
                }
                Err(error)
            }
        }
    }

    /// Stores a response that could not be made durable before.
    pub(super) async fn settle_unsaved(&self) -> Result<Option<Settled>, Error> {
        match self.unsaved.take() {
            Some(issued) => self.settle(issued).await.map(Some),
            None => Ok(None),
        }
    }

    /// Stores a response to `sent`, a token of the vault, that this process or another one could only save beside it.
    pub(super) async fn settle_saved(&self, sent: &Secret) -> Result<Option<Settled>, Error> {
        let Some(issued) = self.unsaved.saved(sent).await? else { return Ok(None) };
        let settled = self.settle(issued).await;
        if !matches!(settled, Err(Error::StorageUnavailable(_))) {
            self.unsaved.settled(sent).await;
        }
        settled.map(Some)
    }

    /// The same for the session in the vault, which is about to be left: its latest token is the one to revoke.
    pub(crate) async fn settle_saved_session(&self) {
        if let Some(token) = self.store.token_to_revoke().await {
            let _ = self.settle_saved(&token).await;
        }
    }

    /// The provider refused the token. If this process was suspended meanwhile, another one may have sent the token,
    /// and got the successor: only the holder of the lease can tell, so it is taken again.
    async fn settle_refused_under(
        &self,
        guard: &Guard,
        sending: &RefreshRequest,
        refusal: &Refusal,
    ) -> Result<Settled, Error> {
        let Guard::Lease { lease, .. } = guard else {
            return self.settle_refused(sending, refusal, true).await;
        };
        if !lease.is_suspended() {
            return self.settle_refused(sending, refusal, guard.is_exclusive()).await;
        }
        let Some((_critical, _lease)) =
            take_lease(&self.store, self.waiting(), Leased::Session(&sending.token)).await?
        else {
            return Ok(Settled::StartOver);
        };
        self.settle_refused(sending, refusal, false).await
    }

    /// Steps 10 and 11: the provider refused the token. Under the vault's lock, the session ends if the refusal says
    /// so and the vault still holds the token that was sent; the tokens are kept beside the reason.
    pub(crate) async fn settle_refused(
        &self,
        sending: &RefreshRequest,
        refusal: &Refusal,
        exclusive: bool,
    ) -> Result<Settled, Error> {
        // About what was asked for, not about the session.
        if sending.narrowing.is_some() && !refusal.is_invalid_grant() {
            return Err(refusal.clone().into());
        }
        let (sent, refused) = (sending.token.clone(), refusal.clone());
        let (record, refused_before) = (record_of(refusal, self.store.clock()), sending.refused_before);
        let settled = self.store.update(WhenLost::Fail, move |account| {
            let earlier = account.state.refreshable().and_then(|session| session.refusal.as_ref());
            let earlier = earlier.filter(|_| refused_before);
            let verdict = verdict_of(&refused, earlier.map(|earlier| earlier.code.as_str()));
            match decide(answered(&sent, verdict, account)) {
                Action::End => {
                    // A thief who rotated this token (`superseded`) must not keep the session that its owner has lost.
                    // But if another process may be about to succeed with the token, a revocation would end its
                    // session.
                    if exclusive {
                        account.queue_revocation_of_session();
                    }
                    end(account, ReauthReason::Revoked, record)
                }
                Action::Suspend => end(account, reason_of(&refused), record),
                Action::Note => note(account, refused, record),
                Action::StartOver => Change::Keep(Ok(())),
                _ => Change::Keep(Err(account.state.no_session())),
            }
        });
        let settled = settled.await?.map(|()| Settled::StartOver);
        if settled.is_err() {
            self.revocations.send_later();
        }
        settled
    }

    /// A session without a refresh token ends with its access token. While that is valid, it is handed out unless the
    /// caller rejects it.
    async fn without_refresh_token(
        &self,
        stored: &StoredSession,
        request: &TokenRequest,
    ) -> Result<Settled, Error> {
        if request.narrowing.is_some() {
            return Err(Error::refused("no_refresh_token", "a narrower token needs a refresh token"));
        }
        let token = self.store.hand_out(stored);
        if token.expires_in() != Some(Duration::ZERO) {
            if request.rejected.is_none() {
                return Ok(Settled::Stored(token));
            }
            return Err(Error::refused("no_refresh_token", still_valid(token.expires_in())));
        }
        let ended = self.store.update(WhenLost::Fail, move |account| {
            if account.state.session().is_some_and(|session| session.refresh_token.is_none()) {
                account.state = StoredState::Ended(ReauthReason::NoRefreshToken);
                Change::Write(())
            } else {
                Change::Keep(())
            }
        });
        ended.await?;
        Err(Error::NeedsReauth(ReauthReason::NoRefreshToken))
    }
}

pub(crate) fn to_send(begun: &Begun, request: &TokenRequest, refused_before: bool) -> Option<RefreshRequest> {
    let stored = begun.state.refreshable()?;
    Some(RefreshRequest {
        token: stored.refresh_token.clone()?,
        attempt: begun.attempt.clone(),
        proof_key: stored.proof_key.clone(),
        login_state: stored.login_state.clone(),
        subject: stored.user.subject.clone(),
        narrowing: request.narrowing.clone(),
        refused_before,
    })
}

fn still_valid(expires_in: Option<Duration>) -> String {
    let valid =
        expires_in.map_or_else(|| "is valid".into(), |left| format!("is valid for {} s", left.as_secs()));
    format!("there is no refresh token (was the scope offline_access requested?); the access token {valid}")
}

/// Far more than two processes need to get out of each other's way.
const ROUNDS: usize = 6;
/// One token may have expired on its way. More are the provider's rule, and each costs a rotation.
const MOST_EXPIRED: u32 = 2;
