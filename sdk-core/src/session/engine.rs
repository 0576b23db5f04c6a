//! One account's session: what is in the vault, what of it is in memory, and what an app is told.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock, atomic::AtomicUsize},
    time::Duration,
};

use tokio::sync::watch;

use super::{
    SessionInfo, SessionState, SessionStates,
    access_token::{AccessToken, HeldToken, Need, TokenType},
    flight::Flight,
    machine::{Event, Standpoint, State},
    refresh::Unsaved,
};
use crate::{
    Clock, Configuration, Error, Platform, ReauthReason, SignedOutReason,
    discovery::{Metadata, MetadataCache},
    dpop::Sender,
    login::Exchanged,
    net::Transport,
    runtime::{self, Executor},
    token::jwks::JwksCache,
    vault::{
        Account, AccountId, Change, Standing, StoredSession, Updated, Vault, VaultError, WhenLost,
        from_unix_seconds,
    },
};

/// One account's session.
pub(crate) struct Session {
    pub(crate) configuration: Configuration,
    pub(crate) clock: Arc<dyn Clock>,
    /// For what anybody may read.
    pub(crate) transport: Transport,
    /// For what carries tokens.
    pub(crate) sender: Sender,
    pub(crate) keys: JwksCache,
    /// One callback at a time: a code that is sent twice costs the session that it gave.
    pub(crate) finishing: tokio::sync::Mutex<Option<Exchanged>>,
    pub(super) id: AccountId,
    pub(super) vault: Arc<Vault>,
    pub(crate) executor: Executor,
    pub(super) flight: Flight,
    pub(super) patience: Patience,
    /// An answer that couldn't be made durable yet.
    pub(super) unsaved: Mutex<Option<Unsaved>>,
    /// One telling of queued revocations at a time; and how many of them were told in vain.
    pub(super) telling: tokio::sync::Mutex<()>,
    pub(super) told_in_vain: AtomicUsize,
    metadata: MetadataCache,
    /// The revision that memory and state are of: what is older comes late.
    revision: Mutex<u64>,
    memory: RwLock<Option<Memory>>,
    state: watch::Sender<State>,
}

/// How long to try before a caller is told to come back later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// The pauses between sends, one fewer than there are sends.
    pub(super) pauses: &'static [Duration],
    /// The longest pause that a server may ask for within one call.
    pub(super) longest: Duration,
    /// For how long the vault is looked into for the successor of a refused token, which another process may have on its
    /// way, and how often. (Where there are no attempts; there, a session that has really ended is told that much later.)
    pub(super) successor: Duration,
    pub(super) glance: Duration,
}

const PATIENCE: Patience = Patience {
    pauses: &[Duration::from_millis(250), Duration::from_secs(1)],
    longest: Duration::from_secs(5),
    successor: Duration::from_secs(10),
    glance: Duration::from_millis(250),
};

/// What of the vault is in memory.
struct Memory {
    token: HeldToken,
    session: StoredSession,
}

impl Session {
    /// Reads the vault, not the network.
    pub(crate) fn open(configuration: Configuration, platform: Platform) -> Result<Arc<Self>, Error> {
        let session = Arc::new(Self::new(configuration, platform, PATIENCE)?);
        session.load();
        Ok(session)
    }

    /// Fills the disk, or makes room again.
    #[cfg(test)]
    pub(crate) fn fill_disk(&self, full: bool) {
        self.vault.fill_disk(full);
    }

    /// Without pauses, for tests.
    #[cfg(test)]
    pub(crate) fn open_impatient(configuration: Configuration, platform: Platform) -> Arc<Self> {
        let patience =
            Patience { pauses: &[Duration::ZERO, Duration::ZERO], successor: Duration::ZERO, ..PATIENCE };
        let session = Arc::new(Self::new(configuration, platform, patience).unwrap());
        session.load();
        session
    }

    fn new(configuration: Configuration, platform: Platform, patience: Patience) -> Result<Self, Error> {
        let id = AccountId {
            issuer: configuration.issuer().to_owned(),
            client_id: configuration.client_id().to_owned(),
            account: configuration.account().to_owned(),
        };
        let transport = Transport::new(&configuration)?;
        Ok(Self {
            sender: Sender::new(transport.clone(), platform.clock.clone()),
            transport,
            configuration,
            id,
            vault: Arc::new(Vault::new(platform.vault_directory, platform.key_store)),
            clock: platform.clock,
            keys: JwksCache::default(),
            metadata: MetadataCache::default(),
            executor: Executor::of(platform.runtime)?,
            flight: Flight::default(),
            patience,
            unsaved: Mutex::default(),
            telling: tokio::sync::Mutex::default(),
            told_in_vain: AtomicUsize::default(),
            finishing: tokio::sync::Mutex::default(),
            revision: Mutex::default(),
            memory: RwLock::default(),
            state: watch::Sender::new(State::Unknown),
        })
    }

    /// The first look. On a thread of its own: key stores may block on a runtime, which a thread of a runtime mayn't.
    fn load(&self) {
        std::thread::scope(|scope| {
            let reader = std::thread::Builder::new().spawn_scoped(scope, || self.vault.read());
            let outcome = match reader.map(std::thread::ScopedJoinHandle::join) {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err(VaultError::Unavailable("the key store panicked".into())),
                Err(error) => Err(error.into()),
            };
            match outcome {
                Ok(snapshot) => self.observe(snapshot.revision, &snapshot.standing(&self.id)),
                Err(error) => drop(self.storage_failed(error)),
            }
        });
    }

    /// The state just now.
    pub(crate) fn state(&self) -> SessionState {
        self.state.borrow().shown()
    }

    /// The state, and each change of it.
    pub(crate) fn states(&self) -> SessionStates {
        SessionStates::new(self.state.subscribe())
    }

    /// What is known about the session.
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

    /// The access token in memory, if it serves.
    pub(crate) fn held(&self, need: &Need) -> Option<AccessToken> {
        let now = self.clock.monotonic();
        let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
        let token = &memory.as_ref()?.token;
        token.serves(need, now).then(|| token.hand_out(now))
    }

    /// The access token in memory, whatever is left of it.
    pub(crate) fn latest(&self) -> Option<AccessToken> {
        let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
        Some(memory.as_ref()?.token.hand_out(self.clock.monotonic()))
    }

    /// How long the access token in memory was good for when it was issued.
    pub(crate) fn token_lifetime(&self) -> Option<Duration> {
        self.memory.read().unwrap_or_else(PoisonError::into_inner).as_ref()?.token.whole()
    }

    /// The provider's metadata.
    pub(crate) async fn metadata(&self) -> Result<Arc<Metadata>, Error> {
        let found =
            self.metadata.metadata(&self.transport, &self.configuration, self.clock.monotonic()).await;
        found.map_err(|error| {
            tracing::info!(%error, "the provider's metadata can't be had");
            error.into()
        })
    }

    /// Tells the state machine.
    pub(crate) fn tell(&self, event: Event) {
        self.state.send_if_modified(|state| {
            let next = state.clone().after(event);
            let changed = next != *state;
            *state = next;
            changed
        });
    }

    /// Where the account stands in the vault.
    pub(crate) async fn standing(&self) -> Result<Standing, Error> {
        self.look(|account| account.map_or(Standing::NeverSignedIn, |account| account.standing.clone())).await
    }

    /// Looks at the account in the vault; there is none before the first sign-in.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        at: impl FnOnce(Option<&Account>) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (vault, id) = (self.vault.clone(), self.id.clone());
        let read = runtime::blocking(move || {
            let snapshot = vault.read()?;
            Ok::<_, VaultError>((
                snapshot.revision,
                snapshot.standing(&id),
                at(snapshot.contents.account(&id)),
            ))
        });
        let (revision, standing, seen) = read.await.map_err(|error| self.storage_failed(error))?;
        self.observe(revision, &standing);
        Ok(seen)
    }

    /// Changes the account in the vault, durably.
    pub(crate) async fn update<T: Send + 'static>(
        &self,
        when_lost: WhenLost,
        change: impl FnOnce(&mut Account) -> Change<T> + Send + 'static,
    ) -> Result<T, Error> {
        Ok(self.change(when_lost, change).await?.outcome)
    }

    /// The same, with what the vault says about the change.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        when_lost: WhenLost,
        change: impl FnOnce(&mut Account) -> Change<T> + Send + 'static,
    ) -> Result<Updated<T>, Error> {
        let (vault, id) = (self.vault.clone(), self.id.clone());
        let written = runtime::blocking(move || {
            vault.update(when_lost, |contents| {
                let account = contents.account_mut(&id);
                match change(account) {
                    Change::Write(outcome) => Change::Write((outcome, account.standing.clone())),
                    Change::Keep(outcome) => Change::Keep((outcome, account.standing.clone())),
                }
            })
        });
        let Updated { outcome: (outcome, standing), revision, lost_before } =
            written.await.map_err(|error| self.storage_failed(error))?;
        self.observe(revision, &standing);
        Ok(Updated { outcome, revision, lost_before })
    }

    /// Takes in what the vault says, unless something later was taken in already.
    pub(super) fn observe(&self, revision: u64, standing: &Standing) {
        let mut seen = self.revision.lock().unwrap_or_else(PoisonError::into_inner);
        if revision < *seen {
            return;
        }
        *seen = revision;
        self.remember(standing.session());
        self.tell(Event::Stands(standing.into()));
    }

    /// Takes in that the vault can't be read or written.
    pub(super) fn storage_failed(&self, error: VaultError) -> Error {
        let error = Error::from(error);
        if let Error::StorageLost(reason) = error {
            self.remember(None);
            self.tell(Event::Stands(Standpoint::Ended(ReauthReason::StorageLost(reason))));
        } else {
            self.tell(Event::Unavailable);
        }
        error
    }

    /// A token that is in memory already keeps the end that was set when it came: later on, the wall clock may say that it
    /// can't be told.
    fn remember(&self, session: Option<&StoredSession>) {
        let mut memory = self.memory.write().unwrap_or_else(PoisonError::into_inner);
        *memory = session.map(|session| {
            let held = memory.take().map(|memory| memory.token).filter(|held| held.is_of(session));
            let token = held.unwrap_or_else(|| HeldToken::of(session, &*self.clock));
            Memory { token, session: session.clone() }
        });
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What a caller is told who needs somebody to be signed in.
pub(super) fn nobody(standing: &Standing) -> Error {
    match standing {
        Standing::NeverSignedIn | Standing::SignedIn(_) => Error::SignedOut(SignedOutReason::NeverSignedIn),
        Standing::SignedOut => Error::SignedOut(SignedOutReason::ByUser),
        Standing::Ended(reason) => Error::NeedsReauth((*reason).into()),
    }
}
