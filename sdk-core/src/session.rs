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
    sign_in::SignIn,
    vault::{AccountId, Disk, SystemDisk, Vault},
};

/// One account's session.
pub(crate) struct Session {
    pub(crate) store: Arc<AccountStore>,
    pub(crate) provider: Arc<Provider>,
    pub(crate) refresher: Arc<Refresher>,
    pub(crate) revocations: Arc<Revocations>,
    pub(crate) sign_in: SignIn,
    pub(crate) api: ApiClient,
    pub(crate) executor: Executor,
}

impl Session {
    /// The session of this vault and account. All callers of one process share it, so that it has one refresh at a
    /// time.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] if it is in use with another configuration.
    pub(crate) fn shared(configuration: Configuration, platform: Platform) -> Result<Arc<Self>, Error> {
        static SHARED: Mutex<Vec<(PathBuf, Weak<Session>)>> = Mutex::new(Vec::new());
        let folder = absolute(&platform.vault_directory);
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
        let session = Self::open(configuration, platform, Patience::DEFAULT, Arc::new(SystemDisk))?;
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
        let id = AccountId {
            issuer: configuration.issuer().to_owned(),
            client_id: configuration.client_id().to_owned(),
            account: configuration.account().to_owned(),
        };
        let executor = Executor::of(platform.runtime)?;
        let signer = platform.signer.map(|signer| BoundedSigner::new(signer, KEY_STORE_LIMIT));
        let vault = Vault::new(platform.vault_directory, platform.key_store, disk);
        let vault = Arc::new(match &signer {
            Some(signer) => vault.with_signer(signer.clone()),
            None => vault,
        });
        let store =
            Arc::new(AccountStore::new(id, vault, platform.clock.clone(), platform.critical_sections));
        let provider = Arc::new(Provider::new(configuration, platform.clock, signer, platform.trust)?);
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
        sign_out(&self.store, &self.provider, &self.refresher, &self.revocations, options).await
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
            self.revocations.send_owed(REVOCATIONS).await;
            refreshed
        };
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(Error::offline()))
    }
}

/// The folder's one name, as far as it exists.
fn absolute(folder: &std::path::Path) -> PathBuf {
    let named = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    named.canonicalize().unwrap_or(named)
}

/// How long the end of the process waits for the provider to revoke what this process has queued.
const REVOCATIONS: Duration = Duration::from_secs(5);

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("store", &self.store).finish_non_exhaustive()
    }
}
