//! What is stored of one account: in the vault, in memory, and as the state that an app sees.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use tokio::sync::watch;

use super::{
    access_token::{AccessToken, HeldToken, TokenRequest},
    info::SessionInfo,
};
use crate::{
    dpop::TokenType,
    error::{Error, ReauthReason},
    runtime,
    state::{SessionState, SessionStates, StateEvent, StateMachine},
    time::{Clock, from_unix_seconds},
    vault::{
        Account, AccountId, Begun, Change, Lease, StoredSession, StoredState, Updated, Vault, VaultError,
        WhenLost,
    },
};

/// The one owner of an account's data.
pub(crate) struct AccountStore {
    id: AccountId,
    vault: Arc<Vault>,
    clock: Arc<dyn Clock>,
    /// The revision of the vault that memory and state show: an older one that arrives late is ignored.
    revision: Mutex<u64>,
    memory: RwLock<Option<Memory>>,
    state: watch::Sender<StateMachine>,
}

/// What is kept of the session in memory.
struct Memory {
    token: HeldToken,
    session: StoredSession,
}

impl AccountStore {
    /// Reads nothing yet.
    pub(crate) fn new(id: AccountId, vault: Arc<Vault>, clock: Arc<dyn Clock>) -> Self {
        Self {
            id,
            vault,
            clock,
            revision: Mutex::default(),
            memory: RwLock::default(),
            state: watch::Sender::new(StateMachine::new()),
        }
    }

    /// Reads the vault for the first time, on a thread of its own: some key stores block on a runtime, which a thread of a
    /// runtime must not do.
    pub(crate) fn load(&self) {
        std::thread::scope(|scope| {
            let reader = std::thread::Builder::new().spawn_scoped(scope, || self.vault.read());
            let outcome = match reader.map(std::thread::ScopedJoinHandle::join) {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err(runtime::Panicked.into()),
                Err(error) => Err(error.into()),
            };
            match outcome {
                Ok(snapshot) => self.observe(snapshot.revision, &snapshot.state(&self.id)),
                Err(error) => drop(self.storage_failed(error)),
            }
        });
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
        let Memory { token, session } = memory.as_ref()?;
        Some(SessionInfo {
            user: session.user.clone(),
            scope: session.scope.clone(),
            access_token_expires_in: token.remaining(self.clock.monotonic()),
            token_type: TokenType::of(session.access_token_key()),
            has_refresh_token: session.refresh_token.is_some(),
            issuer: self.id.issuer.clone(),
            client_id: self.id.client_id.clone(),
            account: self.id.account.clone(),
            signed_in_at: from_unix_seconds(session.signed_in_at),
            refreshes: session.refreshes,
        })
    }

    /// The access token in memory, if it fits the request.
    pub(crate) fn held(&self, request: &TokenRequest) -> Option<AccessToken> {
        let now = self.clock.monotonic();
        let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
        let token = &memory.as_ref()?.token;
        token.fits(request, now).then(|| token.hand_out(now))
    }

    /// The access token in memory, whatever its remaining lifetime.
    pub(crate) fn latest(&self) -> Option<AccessToken> {
        let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
        Some(memory.as_ref()?.token.hand_out(self.clock.monotonic()))
    }

    /// The access token of a stored session, if it fits the request.
    pub(super) fn fitting(&self, stored: &StoredSession, request: &TokenRequest) -> Option<AccessToken> {
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

    /// Reads the account in the vault; there is none before the first sign-in.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(Option<&Account>) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let id = self.id.clone();
        let read = self.on_vault(move |vault| {
            let snapshot = vault.read()?;
            Ok((snapshot.revision, snapshot.state(&id), look(snapshot.contents.account(&id))))
        });
        let (revision, state, seen) = read.await?;
        self.observe(revision, &state);
        Ok(seen)
    }

    /// Changes the account in the vault, durably.
    pub(crate) async fn update<T: Send + 'static>(
        &self,
        when_lost: WhenLost,
        change: impl FnOnce(&mut Account) -> Change<T> + Send + 'static,
    ) -> Result<T, Error> {
        let id = self.id.clone();
        let written = self.on_vault(move |vault| {
            vault.update(when_lost, |contents| with_state(contents.account_mut(&id), change))
        });
        Ok(self.observe_update(written.await?))
    }

    /// Changes the account durably, in the space that [`prepare_exchange`](Self::prepare_exchange) has secured, if it has.
    pub(super) async fn update_reserved<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Account) -> Change<T> + Send + 'static,
    ) -> Result<T, Error> {
        let id = self.id.clone();
        let written = self.on_vault(move |vault| {
            vault.update_reserved(|contents| with_state(contents.account_mut(&id), change))
        });
        Ok(self.observe_update(written.await?))
    }

    /// Steps 2 and 3 of a refresh: what to send, with its journalled attempt.
    pub(super) async fn begin_refresh(&self, knows_attempts: bool) -> Result<Begun, Error> {
        let id = self.id.clone();
        let begun = self.on_vault(move |vault| vault.begin_refresh(&id, knows_attempts)).await?;
        self.observe(begun.revision, &begun.state);
        Ok(begun)
    }

    /// Tries once to take the account's lease; `None` while another process holds it.
    pub(super) async fn try_lease(&self) -> Result<Option<Lease>, Error> {
        let id = self.id.clone();
        self.on_vault(move |vault| vault.try_lease(&id)).await
    }

    /// Secures space for the successor of the current refresh token, and records that it is about to be sent. Returns the
    /// lease, and whether the token was sent before without a stored answer.
    pub(super) async fn prepare_exchange(
        &self,
        lease: Lease,
        token: crate::secret::Secret,
    ) -> Result<(Lease, bool), Error> {
        self.on_vault(move |vault| {
            let was_sent = vault.prepare_exchange(&lease, &token)?;
            Ok((lease, was_sent))
        })
        .await
    }

    async fn on_vault<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Vault) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, Error> {
        let vault = self.vault.clone();
        runtime::blocking(move || work(&vault)).await.map_err(|error| self.storage_failed(error))
    }

    fn observe_update<T>(&self, written: Updated<(T, StoredState)>) -> T {
        let Updated { outcome: (outcome, state), revision } = written;
        self.observe(revision, &state);
        outcome
    }

    /// Takes in what the vault holds, unless something newer was taken in already.
    fn observe(&self, revision: u64, state: &StoredState) {
        let mut seen = self.revision.lock().unwrap_or_else(PoisonError::into_inner);
        if revision < *seen {
            return;
        }
        *seen = revision;
        self.remember(state.session());
        self.signal(StateEvent::VaultRead(state.shown()));
    }

    /// Takes in that the vault cannot be read or written. What cannot be used for now changes nothing.
    fn storage_failed(&self, error: VaultError) -> Error {
        let error = Error::from(error);
        if let Error::StorageLost(reason) = error {
            self.remember(None);
            let ended = SessionState::NeedsReauth(ReauthReason::StorageLost(reason));
            self.signal(StateEvent::VaultRead(ended));
        }
        error
    }

    /// A token that is already in memory keeps the end that was computed when it came: later on, a wall clock that was set
    /// may leave the end unknown.
    fn remember(&self, session: Option<&StoredSession>) {
        let mut memory = self.memory.write().unwrap_or_else(PoisonError::into_inner);
        *memory = session.map(|session| {
            let held = memory.take().map(|memory| memory.token).filter(|held| held.is_of(session));
            let token = held.unwrap_or_else(|| HeldToken::of(session, &*self.clock));
            Memory { token, session: session.clone() }
        });
    }
}

/// The outcome of `change`, with the state that it leaves.
fn with_state<T>(
    account: &mut Account,
    change: impl FnOnce(&mut Account) -> Change<T>,
) -> Change<(T, StoredState)> {
    match change(account) {
        Change::Write(outcome) => Change::Write((outcome, account.state.clone())),
        Change::Keep(outcome) => Change::Keep((outcome, account.state.clone())),
    }
}

impl fmt::Debug for AccountStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountStore").field("id", &self.id).finish_non_exhaustive()
    }
}
