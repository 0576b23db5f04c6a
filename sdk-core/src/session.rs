//! One account's session, put together: what is stored, what talks to the provider, what refreshes, what signs in.

#[cfg(test)]
mod tests;

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use crate::{
    account::{
        AccessToken, AccountStore, Patience, Refresher, Revocations, SignOutOptions, SignOutOutcome,
        TokenRequest, sign_out,
    },
    api::ApiClient,
    configuration::Configuration,
    error::Error,
    platform::{BoundedSigner, KEY_STORE_LIMIT, Platform},
    provider::Provider,
    runtime::Executor,
    sign_in::{Polled, SignIn},
    user::User,
    vault::{AccountId, Disk, SystemDisk, Vault, one_name},
};

/// The sessions that callers of this process share, each with the one name of its vault's folder.
static SHARED: Mutex<Vec<(PathBuf, Weak<Session>)>> = Mutex::new(Vec::new());

/// One account's session.
pub(crate) struct Session {
    pub(crate) store: Arc<AccountStore>,
    pub(crate) provider: Arc<Provider>,
    pub(crate) refresher: Arc<Refresher>,
    pub(crate) revocations: Arc<Revocations>,
    pub(crate) sign_in: SignIn,
    pub(crate) api: ApiClient,
    pub(crate) executor: Executor,
    patience: Patience,
}

impl Session {
    /// The session of this vault and account. All callers of one process share it, so that it has one refresh at a
    /// time.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] if it is in use with another configuration.
    pub(crate) fn shared(configuration: Configuration, platform: Platform) -> Result<Arc<Self>, Error> {
        Self::shared_in(configuration, platform, None)
    }

    /// The same, in a vault that was opened already.
    pub(crate) fn shared_in(
        configuration: Configuration,
        platform: Platform,
        vault: Option<Arc<Vault>>,
    ) -> Result<Arc<Self>, Error> {
        let folder = one_name(&platform.vault_directory);
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.retain(|(_, session)| session.strong_count() > 0);
        let ours =
            shared.iter().filter(|(path, _)| *path == folder).filter_map(|(_, session)| session.upgrade());
        let found = ours.into_iter().find(|session| session.configuration().names_account_of(&configuration));
        if let Some(session) = found {
            if *session.configuration() != configuration {
                return Err(Error::Misconfigured(
                    "this account is already in use in this process with another configuration (pins, endpoints or \
                     options); use one configuration, or another account()"
                        .into(),
                ));
            }
            return Ok(session);
        }
        let session = match vault {
            Some(vault) => Self::open_in(configuration, platform, Patience::DEFAULT, vault),
            None => Self::open(configuration, platform, Patience::DEFAULT, Arc::new(SystemDisk)),
        }?;
        shared.push((folder, Arc::downgrade(&session)));
        Ok(session)
    }

    /// A session that is shared with nobody. Reads the vault, not the network; a vault that takes its time is read in
    /// the background, and the state is `Locked` until then.
    pub(crate) fn open(
        configuration: Configuration,
        platform: Platform,
        patience: Patience,
        disk: Arc<dyn Disk>,
    ) -> Result<Arc<Self>, Error> {
        let vault = vault_of(&platform, disk);
        Self::open_in(configuration, platform, patience, vault)
    }

    /// Reads the vault if another process has changed it, and waits for that for a moment.
    pub(crate) fn follow_vault(&self) {
        self.store.follow(self.patience.first_reading);
    }

    fn open_in(
        configuration: Configuration,
        platform: Platform,
        patience: Patience,
        vault: Arc<Vault>,
    ) -> Result<Arc<Self>, Error> {
        let id = AccountId::of(&configuration);
        let parts = platform.network_parts();
        let executor = Executor::of(platform.runtime)?;
        let signer = vault.signer();
        let store =
            Arc::new(AccountStore::new(id, vault, platform.clock.clone(), platform.critical_sections));
        let provider = Arc::new(Provider::new(configuration, platform.clock, signer, parts)?);
        let revocations = Arc::new(Revocations::new(store.clone(), provider.clone(), executor.clone()));
        let refresher = Arc::new(Refresher::new(
            store.clone(),
            provider.clone(),
            revocations.clone(),
            executor.clone(),
            patience,
        ));
        store.load(patience.first_reading);
        Ok(Arc::new(Self {
            sign_in: SignIn::new(store.clone(), provider.clone(), refresher.clone(), revocations.clone()),
            api: ApiClient::new(store.clone(), provider.clone(), refresher.clone()),
            store,
            provider,
            refresher,
            revocations,
            executor,
            patience,
        }))
    }

    pub(crate) fn configuration(&self) -> &Configuration {
        self.provider.configuration()
    }

    /// See [`Refresher::access_token`].
    pub(crate) async fn access_token(&self, request: TokenRequest) -> Result<AccessToken, Error> {
        self.refresher.access_token(request).await
    }

    /// See [`sign_out`].
    pub(crate) async fn sign_out(&self, options: &SignOutOptions) -> Result<SignOutOutcome, Error> {
        let outcome =
            sign_out(&self.store, &self.provider, &self.refresher, &self.revocations, options).await;
        self.sign_in.look_again();
        outcome
    }

    /// Polls until the user has decided on the other device, or the code has expired. The waiting ends when the caller
    /// goes away; a poll that was sent is finished.
    pub(crate) async fn finish_device_sign_in(self: &Arc<Self>, id: &str) -> Result<User, Error> {
        let id: Arc<str> = id.into();
        let (session, of) = (self.clone(), id.clone());
        let first = async move { session.sign_in.before_first_poll(&of).await };
        // Made before each look at the vault: no change is missed between the look and the wait.
        let mut changed = self.sign_in.changed();
        let mut again = self.executor.run(first).await?;
        loop {
            let pause = self.patience.second.mul_f64(again.after.as_secs_f64());
            self.executor.run_here(async { Ok(tokio::time::timeout(pause, changed).await.is_ok()) }).await?;
            changed = self.sign_in.changed();
            let (session, of) = (self.clone(), id.clone());
            let poll = async move { session.sign_in.poll_device(&of, again.failures).await };
            match self.executor.run(poll).await? {
                Polled::SignedIn(user) => return Ok(user),
                Polled::Again(next) => again = next,
            }
        }
    }

    /// Forgets the vault's key, and the session in memory: this one, and every other that has the same object of the
    /// vault, because the answer to a refresh could not be stored without the key. So no refresh is under way in any.
    ///
    /// # Errors
    /// Those of the storage if a token is in memory only; nothing is forgotten then.
    pub(crate) async fn lock(self: &Arc<Self>) -> Result<(), Error> {
        loop {
            let sessions = self.of_one_vault();
            for session in &sessions {
                session.refresher.finish().await?;
            }
            if lock_between_flights(&sessions) {
                return Ok(());
            }
        }
    }

    /// This session, and all others that have the same object of the vault. Always in the same order.
    fn of_one_vault(self: &Arc<Self>) -> Vec<Arc<Self>> {
        let shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = shared.iter().filter_map(|(_, session)| session.upgrade());
        let mut sessions: Vec<_> =
            shared.filter(|session| session.store.shares_vault_with(&self.store)).collect();
        // One that is shared with nobody has its vault for itself.
        if sessions.is_empty() {
            sessions.push(self.clone());
        }
        sessions
    }

    /// Finishes what is under way: a refresh is stored, a sign-in that cannot be finished is revoked. Waits for
    /// `limit` at most, and for revocations no longer than [`REVOCATIONS`]: they are queued.
    ///
    /// # Errors
    /// [`Error::Offline`] if the time did not suffice, and those of the storage.
    pub(crate) async fn shutdown(&self, limit: Duration) -> Result<(), Error> {
        let work = async {
            let refreshed = self.refresher.finish().await;
            self.sign_in.give_up().await;
            let adopted = self.sign_in.keep_adopted().await;
            self.revocations.send_owed(REVOCATIONS).await;
            refreshed.and(adopted)
        };
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(Error::offline()))
    }
}

/// Locks all of them, unless a refresh is under way in one.
fn lock_between_flights(sessions: &[Arc<Session>]) -> bool {
    let Some((first, others)) = sessions.split_first() else { return true };
    let lock = || lock_between_flights(others).then(|| first.store.lock()).is_some();
    first.refresher.between_flights(lock).unwrap_or(false)
}

/// How long the end of the process waits for the provider to revoke what this process has queued.
const REVOCATIONS: Duration = Duration::from_secs(5);

/// The vault of this platform.
pub(crate) fn vault_of(platform: &Platform, disk: Arc<dyn Disk>) -> Arc<Vault> {
    let vault = Vault::new(platform.vault_directory.clone(), platform.key_store.clone(), disk);
    Arc::new(match &platform.signer {
        Some(signer) => vault.with_signer(BoundedSigner::new(signer.clone(), KEY_STORE_LIMIT)),
        None => vault,
    })
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("store", &self.store).finish_non_exhaustive()
    }
}
