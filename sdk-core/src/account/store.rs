//! What is stored of one account: in the vault, in memory, and as the state that an app sees.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock, mpsc},
    time::Duration,
};

use tokio::sync::watch;

use super::{
    access_token::{AccessToken, HeldToken, TokenRequest},
    id_token::IdToken,
    info::SessionInfo,
};
use crate::{
    dpop::TokenType,
    error::{Error, ReauthReason},
    platform::{CriticalSection, CriticalSections},
    runtime,
    secret::Secret,
    state::{SessionState, SessionStates, StateEvent, StateMachine},
    time::{Clock, from_unix_seconds},
    token_options::Narrowing,
    vault::{
        Account, AccountId, Begun, Change, Lease, Opened, SentBefore, StoredSession, StoredState, Updated,
        Vault, VaultError, WhenLost,
    },
    wiped::WipedBytes,
};

/// The one owner of an account's data.
pub(crate) struct AccountStore {
    id: AccountId,
    vault: Arc<Vault>,
    clock: Arc<dyn Clock>,
    critical_sections: Option<Arc<dyn CriticalSections>>,
    /// The reading of the vault that memory and state show: what an earlier one saw and arrives late is ignored.
    reading: Mutex<u64>,
    memory: RwLock<Option<Memory>>,
    state: watch::Sender<StateMachine>,
    /// The tokens whose revocation this process has queued, until they are taken.
    queued: Mutex<Vec<Secret>>,
    /// Whether the vault was read for the first time, or could not be.
    loaded: watch::Sender<bool>,
}

/// What is kept of the session in memory.
struct Memory {
    token: HeldToken,
    /// Narrower tokens of the session.
    narrowed: HashMap<Arc<Narrowing>, HeldToken>,
    session: StoredSession,
}

impl AccountStore {
    /// Reads nothing yet.
    pub(crate) fn new(
        id: AccountId,
        vault: Arc<Vault>,
        clock: Arc<dyn Clock>,
        critical_sections: Option<Arc<dyn CriticalSections>>,
    ) -> Self {
        Self {
            id,
            vault,
            clock,
            critical_sections,
            reading: Mutex::default(),
            memory: RwLock::default(),
            state: watch::Sender::new(StateMachine::new()),
            queued: Mutex::default(),
            loaded: watch::Sender::new(false),
        }
    }

    /// Reads the vault for the first time, on a thread of its own, and waits for that no longer than `patience`: a key
    /// store may ask the user, or need the thread that waits here. The state is `Locked` until the vault was read.
    pub(crate) fn load(self: &Arc<Self>, patience: Duration) {
        let (done, loaded) = mpsc::sync_channel(1);
        let store = self.clone();
        let reader = std::thread::Builder::new().name("moorline-vault".into()).spawn(move || {
            match store.vault.read() {
                Ok(snapshot) => store.observe(snapshot.reading, &snapshot.state(&store.id)),
                Err(error) => drop(store.storage_failed(error, store.vault.readings())),
            }
            store.loaded.send_replace(true);
            let _ = done.send(());
        });
        match reader {
            Ok(_) => drop(loaded.recv_timeout(patience)),
            Err(error) => {
                self.loaded.send_replace(true);
                drop(self.storage_failed(error.into(), 0));
            }
        }
    }

    /// Reads the vault if it is another one than before, as [`load`](Self::load) does.
    pub(crate) fn follow(self: &Arc<Self>, patience: Duration) {
        if *self.loaded.borrow() && !self.vault.is_as_tried() {
            self.load(patience);
        }
    }

    /// Waits until the vault was read for the first time, or could not be.
    pub(crate) async fn loaded(&self) {
        let _ = self.loaded.subscribe().wait_for(|loaded| *loaded).await;
    }

    /// Whether both have the same object of a vault, and so the same key in memory.
    pub(crate) fn shares_vault_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.vault, &other.vault)
    }

    /// The state as this process knows it.
    pub(crate) fn state(&self) -> SessionState {
        self.state.borrow().shown()
    }

    /// The state, and each change of it.
    pub(crate) fn states(&self) -> SessionStates {
        SessionStates::new(self.state.subscribe())
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// What an app may know about the session.
    pub(crate) fn info(&self) -> Option<SessionInfo> {
        let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
        let Memory { token, session, .. } = memory.as_ref()?;
        Some(SessionInfo {
            user: session.user.clone(),
            authentication: session.authentication.clone(),
            scope: session.scope.clone(),
            access_token_expires_in: token.remaining(self.clock.monotonic()),
            token_type: TokenType::of(session.access_token_key()),
            has_refresh_token: session.refresh_token.is_some(),
            issuer: self.id.issuer.clone(),
            client_id: self.id.client_id.clone(),
            account: self.id.account.clone(),
            signed_in_at: from_unix_seconds(session.signed_in_at),
            refreshes: session.refreshes,
            last_refusal: session.refusal.as_ref().map(|refusal| refusal.code.clone()),
        })
    }

    /// The session in memory, as the vault had it at the last reading or writing.
    pub(crate) fn session(&self) -> Option<StoredSession> {
        let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
        Some(memory.as_ref()?.session.clone())
    }

    /// The ID token in memory.
    pub(crate) fn id_token(&self) -> Option<IdToken> {
        let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
        memory.as_ref()?.session.id_token.clone().map(IdToken::new)
    }

    /// The access token in memory, if it fits the request and the vault is still the one that it was read from: another
    /// process may have signed in another user.
    pub(crate) fn held(&self, request: &TokenRequest) -> Option<AccessToken> {
        if !self.vault.is_as_read() {
            return None;
        }
        let now = self.clock.monotonic();
        let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
        let memory = memory.as_ref()?;
        let token = match &request.narrowing {
            Some(narrowing) => memory.narrowed.get(narrowing)?,
            None => &memory.token,
        };
        token.fits(request, now).then(|| token.hand_out(now))
    }

    /// Keeps a narrower token in memory, for as long as the session lives. `session` has it as its own.
    pub(super) fn keep_narrowed(&self, session: &StoredSession, narrowing: Narrowing) -> AccessToken {
        let narrowing = Arc::new(narrowing);
        let token = HeldToken::narrowed(session, narrowing.clone(), &*self.clock);
        let mut memory = self.memory.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(memory) =
            memory.as_mut().filter(|memory| memory.session.login_state == session.login_state)
        {
            let now = self.clock.monotonic();
            memory.narrowed.retain(|_, token| token.remaining(now) != Some(Duration::ZERO));
            memory.narrowed.insert(narrowing, token.clone());
        }
        token.hand_out(self.clock.monotonic())
    }

    /// The access token in memory, whatever its remaining lifetime.
    pub(crate) fn latest(&self) -> Option<AccessToken> {
        let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
        Some(memory.as_ref()?.token.hand_out(self.clock.monotonic()))
    }

    /// The access token of a stored session, if it fits the request.
    pub(super) fn fitting(&self, stored: &StoredSession, request: &TokenRequest) -> Option<AccessToken> {
        if request.narrowing.is_some() {
            return self.held(request);
        }
        let (token, now) = (HeldToken::of(stored, &*self.clock), self.clock.monotonic());
        token.fits(request, now).then(|| token.hand_out(now))
    }

    /// The access token of a stored session.
    pub(super) fn hand_out(&self, stored: &StoredSession) -> AccessToken {
        AccessToken::of(stored, &*self.clock)
    }

    /// Passes an event to the state machine.
    pub(crate) fn signal(&self, event: StateEvent) {
        self.state.send_if_modified(|state| {
            let next = state.clone().after(event);
            let changed = next != *state;
            *state = next;
            changed
        });
    }

    /// The account's state in the vault.
    pub(crate) async fn stored_state(&self) -> Result<StoredState, Error> {
        self.read(|account| account.map_or(StoredState::NeverSignedIn, |account| account.state.clone())).await
    }

    /// The refresh token in the vault, before a sign-out or a new sign-in. No state comes of this reading: a vault that
    /// is lost is about to be replaced.
    pub(super) async fn token_to_revoke(&self) -> Option<Secret> {
        let (vault, id) = (self.vault.clone(), self.id.clone());
        let read = runtime::blocking::<_, VaultError>(move || {
            let state = vault.read()?.state(&id);
            Ok(state.kept_session().and_then(|session| session.refresh_token.clone()))
        });
        read.await.ok().flatten()
    }

    /// Reads the account in the vault; there is none before the first sign-in.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(Option<&Account>) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let id = self.id.clone();
        let read = self.on_vault(move |vault| {
            let snapshot = vault.read()?;
            Ok((snapshot.reading, snapshot.state(&id), look(snapshot.contents.account(&id))))
        });
        let (reading, state, seen) = read.await?;
        self.observe(reading, &state);
        Ok(seen)
    }

    /// The same, with all accounts of the same client at the same issuer.
    pub(super) async fn read_beside<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Account, &[&Account]) -> T + Send + 'static,
    ) -> Result<Option<T>, Error> {
        let id = self.id.clone();
        let read = self.on_vault(move |vault| {
            let snapshot = vault.read()?;
            let beside: Vec<&Account> = snapshot.contents.beside(&id).collect();
            let seen = snapshot.contents.account(&id).map(|account| look(account, &beside));
            Ok((snapshot.reading, snapshot.state(&id), seen))
        });
        let (reading, state, seen) = read.await?;
        self.observe(reading, &state);
        Ok(seen)
    }

    /// Changes the account in the vault, durably.
    pub(crate) async fn update<T: Send + 'static>(
        &self,
        when_lost: WhenLost,
        change: impl FnOnce(&mut Account) -> Change<T> + Send + 'static,
    ) -> Result<T, Error> {
        let id = self.id.clone();
        let written = self.change_vault(move |vault| {
            vault.update(when_lost, |contents| observed(contents.account_mut(&id), change))
        });
        Ok(self.observe_update(written.await?))
    }

    /// Changes the account durably, in the space that [`prepare_exchange`](Self::prepare_exchange) has secured, if it
    /// has. If others change the vault, the answer to a token, the one that this change stores, is first saved beside
    /// it: this process may be killed while it waits.
    pub(crate) async fn update_reserved<T: Send + 'static>(
        &self,
        answer: Option<(Secret, WipedBytes)>,
        change: impl FnOnce(&mut Account) -> Change<T> + Send + 'static,
    ) -> Result<T, Error> {
        let id = self.id.clone();
        let written = self.change_vault(move |vault| {
            let save = |vault: &Vault| {
                let Some((sent, mut answer)) = answer else { return };
                if let Err(error) = vault.save_answer(&id, &sent, &mut answer) {
                    tracing::warn!(%error, "a new token came and could not be saved beside the vault; waiting for it");
                }
            };
            vault.update_reserved(&id, save, |contents| observed(contents.account_mut(&id), change))
        });
        Ok(self.observe_update(written.await?))
    }

    /// Steps 2 and 3 of a refresh: what to send, with its journalled attempt.
    pub(crate) async fn begin_refresh(&self, knows_attempts: bool) -> Result<Begun, Error> {
        let id = self.id.clone();
        let begun = self.change_vault(move |vault| vault.begin_refresh(&id, knows_attempts)).await?;
        self.observe(begun.reading, &begun.state);
        Ok(begun)
    }

    /// Tries once to take the account's lease; `None` while another process holds it.
    pub(super) async fn try_lease(&self) -> Result<Option<Lease>, Error> {
        let id = self.id.clone();
        self.on_vault(move |vault| vault.try_lease(&id)).await
    }

    /// Secures space for the successor of the current refresh token, and records that it is about to be sent. Returns
    /// whether the token was sent before without a stored answer.
    pub(crate) async fn prepare_exchange(&self, lease: &Lease, token: &Secret) -> Result<SentBefore, Error> {
        let (lease, token) = (lease.clone(), token.clone());
        self.change_vault(move |vault| vault.prepare_exchange(&lease, &token)).await
    }

    /// Records that an answer to the token was stored.
    pub(crate) async fn clear_sent(&self, lease: &Lease) {
        let lease = lease.clone();
        if let Err(error) = self.on_vault(move |_| lease.clear_sent()).await {
            tracing::info!(%error, "the record of a token that was sent stays");
        }
    }

    /// Saves an answer beside the vault, durably, in the space that was secured for it.
    pub(super) async fn save_answer(&self, sent: &Secret, mut answer: WipedBytes) -> Result<(), Error> {
        let (id, sent) = (self.id.clone(), sent.clone());
        self.change_vault(move |vault| vault.save_answer(&id, &sent, &mut answer)).await
    }

    /// The answer to a token of the vault that could only be saved beside it.
    pub(super) async fn saved_answer(&self, sent: &Secret) -> Result<Option<Opened>, Error> {
        let sent = sent.clone();
        self.on_vault(move |vault| vault.saved_answer(&sent)).await
    }

    /// Removes an answer that is settled.
    pub(super) async fn remove_answer(&self, sent: &Secret) -> Result<(), Error> {
        let sent = sent.clone();
        self.on_vault(move |vault| vault.remove_answer(&sent)).await
    }

    /// Begins work that must not be interrupted.
    pub(crate) fn begin_critical(&self) -> CriticalSection {
        CriticalSection::begin(self.critical_sections.as_ref())
    }

    /// Work that takes the vault's lock.
    async fn change_vault<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Vault) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, Error> {
        let critical = self.begin_critical();
        // It goes on when the caller goes away, and so does the section.
        self.on_vault(move |vault| {
            let _critical = critical;
            work(vault)
        })
        .await
    }

    async fn on_vault<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Vault) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, Error> {
        let vault = self.vault.clone();
        let outcome = runtime::blocking::<_, VaultError>(move || {
            Ok(work(&vault).map_err(|error| (error, vault.readings())))
        });
        match outcome.await {
            Ok(outcome) => outcome.map_err(|(error, reading)| self.storage_failed(error, reading)),
            Err(panicked) => Err(panicked.into()),
        }
    }

    /// Takes the tokens whose revocation this process has queued since the last call.
    pub(super) fn take_queued(&self) -> Vec<Secret> {
        std::mem::take(&mut *self.queued.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn observe_update<T>(&self, written: Updated<Changed<T>>) -> T {
        let Updated { outcome: Changed { outcome, state, queued }, reading, .. } = written;
        self.observe(reading, &state);
        self.queued.lock().unwrap_or_else(PoisonError::into_inner).extend(queued);
        outcome
    }

    /// Takes in what the vault holds, unless a later reading was taken in already. (Revisions cannot show
    /// that: a vault that was lost, and that another process has replaced, begins with low ones.)
    fn observe(&self, reading: u64, state: &StoredState) {
        let mut seen = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if reading < *seen {
            return;
        }
        *seen = reading;
        self.remember(state.session());
        self.signal(StateEvent::VaultRead(state.shown()));
    }

    /// Forgets the vault's key and what is in memory. What earlier readings saw and arrives late is ignored.
    pub(crate) fn lock(&self) {
        let reading = self.vault.lock();
        let mut seen = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if reading > *seen {
            *seen = reading;
            self.remember(None);
            self.signal(StateEvent::VaultRead(SessionState::Locked));
        }
    }

    /// Takes in that the vault cannot be read or written, as it was at `reading` or before. A locked vault is not the
    /// one that was read last, whose key is in memory: another process has replaced that one, or it was lost. What
    /// else cannot be used for now changes nothing.
    fn storage_failed(&self, error: VaultError, reading: u64) -> Error {
        let is_locked = error == VaultError::Locked;
        let error = Error::from(error);
        let state = match error {
            Error::StorageLost(reason) => SessionState::NeedsReauth(ReauthReason::StorageLost(reason)),
            _ if is_locked => SessionState::Locked,
            _ => return error,
        };
        let mut seen = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if reading > *seen {
            *seen = reading;
            self.remember(None);
            self.signal(StateEvent::VaultRead(state));
        }
        error
    }

    /// A token that is already in memory keeps the end that was computed when it came: later on, a wall clock that was
    /// set may leave the end unknown.
    fn remember(&self, session: Option<&StoredSession>) {
        let mut memory = self.memory.write().unwrap_or_else(PoisonError::into_inner);
        *memory = session.map(|session| {
            let before = memory.take().filter(|memory| memory.session.login_state == session.login_state);
            let (held, narrowed) = before.map(|memory| (memory.token, memory.narrowed)).unzip();
            let held = held.filter(|held| held.is_of(session));
            let token = held.unwrap_or_else(|| HeldToken::of(session, &*self.clock));
            Memory { token, narrowed: narrowed.unwrap_or_default(), session: session.clone() }
        });
    }
}

/// What a change leaves.
struct Changed<T> {
    outcome: T,
    state: StoredState,
    /// The tokens whose revocation it has queued.
    queued: Vec<Secret>,
}

fn observed<T>(account: &mut Account, change: impl FnOnce(&mut Account) -> Change<T>) -> Change<Changed<T>> {
    let tokens = |account: &Account| -> Vec<Secret> {
        account.revocations.iter().map(|revocation| revocation.token.clone()).collect()
    };
    let before = tokens(account);
    match change(account) {
        Change::Write(outcome) => {
            let mut queued = tokens(account);
            queued.retain(|token| !before.contains(token));
            Change::Write(Changed { outcome, state: account.state.clone(), queued })
        }
        Change::Keep(outcome) => {
            Change::Keep(Changed { outcome, state: account.state.clone(), queued: Vec::new() })
        }
    }
}

impl fmt::Debug for AccountStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountStore").field("id", &self.id).finish_non_exhaustive()
    }
}
