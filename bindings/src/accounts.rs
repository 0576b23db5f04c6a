//! Several accounts in one vault.

use std::sync::Arc;

use moorline::{AccountLists, Error};
use tokio::sync::Mutex;

use crate::{
    Cancellation, Client, ClientConfiguration, ClientError, ClientPlatform, SessionState, SignOutOptions,
    SignOutOutcome, User, Vocabulary, cancellation::cancelled,
};

/// The accounts of one client at one issuer, all in one vault. Mirrors [`moorline::Accounts`].
#[derive(Debug, uniffi::Object)]
pub struct Accounts {
    accounts: moorline::Accounts,
    vocabulary: Vocabulary,
}

/// An account in the vault. Mirrors [`moorline::AccountInfo`].
#[derive(Debug, Clone, uniffi::Record)]
pub struct AccountInfo {
    /// Its name.
    pub account: String,
    /// Who is signed in, or `None` if nobody is.
    pub user: Option<User>,
    /// Its state in the vault.
    pub state: SessionState,
}

/// The list of the accounts, and then each change of it. Mirrors [`moorline::AccountLists`].
#[derive(Debug, uniffi::Object)]
pub struct AccountWatch {
    lists: Mutex<AccountLists>,
    stopped: Arc<Cancellation>,
}

#[uniffi::export]
impl AccountWatch {
    /// Returns the current list at the first call, and then waits for another one. A slow reader gets the latest list
    /// and may miss those between. Waits while the vault cannot be read. Returns `None` once this was stopped.
    pub async fn next(&self) -> Option<Vec<AccountInfo>> {
        tokio::select! {
            biased;
            () = self.stopped.cancelled() => None,
            list = async { self.lists.lock().await.next().await } => {
                Some(list.into_iter().map(Into::into).collect())
            }
        }
    }

    /// Ends the watch; a waiting [`next`](Self::next) returns `None`.
    pub fn stop(&self) {
        self.stopped.cancel();
    }
}

#[uniffi::export]
impl Accounts {
    /// The configuration's account is not used.
    ///
    /// # Errors
    /// [`Misconfigured`](crate::ErrorKind::Misconfigured) if the configuration is wrong;
    /// [`StorageUnavailable`](crate::ErrorKind::StorageUnavailable) on a machine that has no key store.
    #[uniffi::constructor]
    pub fn new(
        configuration: ClientConfiguration,
        platform: ClientPlatform,
    ) -> Result<Arc<Self>, ClientError> {
        let vocabulary = configuration.vocabulary;
        let made =
            platform.build().and_then(|platform| moorline::Accounts::new(configuration.build()?, platform));
        let accounts = made.map_err(|error| ClientError::new(error, vocabulary))?;
        Ok(Arc::new(Self { accounts, vocabulary }))
    }

    /// The accounts that have ever signed in and were not removed, the oldest first.
    ///
    /// # Errors
    /// Those of [`moorline::Accounts::list`], and [`Cancelled`](crate::ErrorKind::Cancelled) if the caller stops
    /// waiting.
    pub async fn list(
        &self,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Vec<AccountInfo>, ClientError> {
        let listed = self.run(cancellation, self.accounts.list()).await?;
        Ok(listed.into_iter().map(Into::into).collect())
    }

    /// The list, and then each change of it.
    pub fn lists(&self) -> Arc<AccountWatch> {
        let lists = Mutex::new(self.accounts.lists());
        Arc::new(AccountWatch { lists, stopped: Cancellation::new() })
    }

    /// Opens an account: the same one twice is one session.
    ///
    /// # Errors
    /// Those of [`moorline::Accounts::open`].
    pub fn open(&self, account: String) -> Result<Arc<Client>, ClientError> {
        let opened = self.accounts.open(&account).map_err(|error| self.error(error))?;
        Ok(Client::of(opened, self.vocabulary))
    }

    /// Signs an account out and deletes it from the vault.
    ///
    /// # Errors
    /// Those of [`moorline::Accounts::remove`], and as for [`list`](Self::list).
    pub async fn remove(
        &self,
        account: String,
        options: SignOutOptions,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<SignOutOutcome, ClientError> {
        Ok(self.run(cancellation, self.accounts.remove(&account, options.into())).await?.into())
    }
}

impl Accounts {
    fn error(&self, error: Error) -> ClientError {
        ClientError::new(error, self.vocabulary)
    }

    async fn run<T>(
        &self,
        cancellation: Option<Arc<Cancellation>>,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, ClientError> {
        let outcome = tokio::select! {
            biased;
            () = cancelled(cancellation.as_deref()) => Err(Error::Cancelled),
            outcome = call => outcome,
        };
        outcome.map_err(|error| self.error(error))
    }
}

impl From<moorline::AccountInfo> for AccountInfo {
    fn from(info: moorline::AccountInfo) -> Self {
        Self { account: info.account, user: info.user.map(Into::into), state: info.state.into() }
    }
}
