//! Several accounts of one app in one vault.

use std::{fmt, sync::Arc};

use tokio::sync::watch;

use crate::{
    account::{SignOutOptions, SignOutOutcome},
    client::Moorline,
    configuration::Configuration,
    error::Error,
    platform::Platform,
    runtime::{self, Executor},
    session::{Session, vault_of},
    state::SessionState,
    user::User,
    vault::{Account, AccountId, Change, Seen, StoredState, SystemDisk, Vault, VaultError, WhenLost},
};

/// The accounts of one client at one issuer, all in one vault. Each is a [`Moorline`] of its own, with its own session
/// and its own [`states`](Moorline::states); to switch, use another one. Cheap to clone.
///
/// The name of an account is the app's: an id of its own making, not text of the provider's. Names of other issuers
/// and clients in the same vault are neither seen nor reached.
#[derive(Clone)]
pub struct Accounts {
    inner: Arc<Inner>,
}

/// An account in the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountInfo {
    /// Its name, for [`Accounts::open`].
    pub account: String,
    /// Who is signed in, or `None` if nobody is.
    pub user: Option<User>,
    /// Its state in the vault: never [`SigningIn`](SessionState::SigningIn) or [`Locked`](SessionState::Locked).
    pub state: SessionState,
}

/// The list of the accounts, and then each change of it.
#[derive(Debug)]
pub struct AccountLists {
    inner: Arc<Inner>,
    changes: watch::Receiver<Seen>,
    shown: Option<Vec<AccountInfo>>,
}

impl AccountLists {
    /// Returns the current list at the first call, and then waits for another one. A slow reader gets the latest list
    /// and may miss those between. While the vault cannot be read, this waits. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Vec<AccountInfo> {
        loop {
            // Before the vault is read: a change that comes meanwhile is then seen below.
            self.changes.borrow_and_update();
            let inner = self.inner.clone();
            match self.inner.executor.run(async move { inner.listed().await }).await {
                Ok(list) if self.shown.as_ref() != Some(&list) => {
                    self.shown = Some(list.clone());
                    return list;
                }
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, "the accounts cannot be listed at present"),
            }
            // The vault has the sender, and this has the vault, so it does not fail.
            let _ = self.changes.changed().await;
        }
    }
}

struct Inner {
    configuration: Configuration,
    platform: Platform,
    vault: Arc<Vault>,
    executor: Executor,
    /// Owed revocations are sent by one at a time.
    sending: tokio::sync::Mutex<()>,
}

impl Accounts {
    /// The accounts in the vault of `platform`, all with this configuration but for its account. Reads and sends
    /// nothing before the first call.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] if the platform's runtime cannot be used.
    pub fn new(configuration: Configuration, platform: Platform) -> Result<Self, Error> {
        let executor = Executor::of(platform.runtime.clone())?;
        let vault = vault_of(&platform, Arc::new(SystemDisk));
        Ok(Self {
            inner: Arc::new(Inner {
                configuration,
                platform,
                vault,
                executor,
                sending: tokio::sync::Mutex::default(),
            }),
        })
    }

    /// The accounts that have ever signed in and were not removed, the oldest first. Sends, in the background, the
    /// revocations that accounts without a session have queued.
    ///
    /// # Errors
    /// Those of the storage: the names are in the vault, so a locked key store is
    /// [`StorageUnavailable`](Error::StorageUnavailable). Once it is unlocked, also by one of the accounts, they are
    /// listed.
    pub async fn list(&self) -> Result<Vec<AccountInfo>, Error> {
        let inner = self.inner.clone();
        self.inner.executor.run(async move { inner.list().await }).await
    }

    /// The list as [`list`](Self::list) returns it, and then each change of it: a user signs in or out, or an account
    /// is removed or needs a new sign-in. It sees what any object of this process changes. Changes made by other
    /// processes appear the next time this process reads the vault. Sends nothing.
    pub fn lists(&self) -> AccountLists {
        AccountLists { inner: self.inner.clone(), changes: self.inner.vault.changes(), shown: None }
    }

    /// Opens an account, as [`Moorline::new`] does: the same one twice is one session. A name that is not in the vault
    /// yet is a new account: sign in with it.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] if the name is empty, longer than 128 bytes or has control characters, and as for
    /// [`Moorline::new`].
    pub fn open(&self, account: &str) -> Result<Moorline, Error> {
        Ok(Moorline::of(self.inner.session(account)?))
    }

    /// Signs an account out, as [`Moorline::sign_out`] does, and deletes it from the vault. What the provider could
    /// not revoke now stays queued; a later call of this type sends it. The name can be used again.
    ///
    /// At a provider that may end all sessions of a user together, the revocation waits while another account of the
    /// same user is signed in.
    ///
    /// # Errors
    /// As for [`open`](Self::open) and [`Moorline::sign_out`].
    pub async fn remove(&self, account: &str, options: SignOutOptions) -> Result<SignOutOutcome, Error> {
        let (inner, account) = (self.inner.clone(), account.to_owned());
        self.inner.executor.run(async move { inner.remove(&account, &options).await }).await
    }
}

impl Inner {
    fn session(&self, account: &str) -> Result<Arc<Session>, Error> {
        let configuration = self.configuration.with_account(account)?;
        Session::shared_in(configuration, self.platform.clone(), Some(self.vault.clone()))
    }

    async fn list(self: Arc<Self>) -> Result<Vec<AccountInfo>, Error> {
        let found = self.read(|account| (info(account), is_owed(account))).await?;
        if found.iter().any(|(_, owed)| *owed) {
            self.send_owed_later();
        }
        Ok(found.into_iter().filter_map(|(info, _)| info).collect())
    }

    async fn listed(&self) -> Result<Vec<AccountInfo>, Error> {
        Ok(self.read(info).await?.into_iter().flatten().collect())
    }

    async fn remove(
        self: Arc<Self>,
        account: &str,
        options: &SignOutOptions,
    ) -> Result<SignOutOutcome, Error> {
        let session = self.session(account)?;
        let outcome = session.sign_out(options).await?;
        let deleted = session.store.update(WhenLost::Fail, |account| {
            // Somebody may have signed in again meanwhile.
            if account.state.session().is_some() {
                return Change::Keep(());
            }
            account.state = StoredState::NeverSignedIn;
            account.provider = None;
            Change::Write(())
        });
        deleted.await?;
        self.sweep().await?;
        // Another account may have waited for this one.
        self.send_owed_later();
        Ok(outcome)
    }

    /// Sends what accounts without a session have queued: nobody may ever open them again.
    fn send_owed_later(self: &Arc<Self>) {
        let inner = self.clone();
        // Without threads, the next chance comes later.
        let _ = self.executor.spawn(async move {
            if let Err(error) = inner.send_owed().await {
                tracing::info!(%error, "revocations of removed accounts stay queued");
            }
        });
    }

    async fn send_owed(&self) -> Result<(), Error> {
        let _one_at_a_time = self.sending.lock().await;
        let owed = self.read(|account| is_owed(account).then(|| account.id().account.clone())).await?;
        for account in owed.into_iter().flatten() {
            // Its own session sends them if it is open with another configuration.
            let Ok(session) = self.session(&account) else { continue };
            session.revocations.send_all().await;
        }
        self.sweep().await
    }

    /// Deletes accounts of which nothing is left.
    async fn sweep(&self) -> Result<(), Error> {
        if !self.read(is_empty).await?.contains(&true) {
            return Ok(());
        }
        let (vault, of) = (self.vault.clone(), self.id());
        let swept = runtime::blocking::<_, VaultError>(move || {
            vault.update(WhenLost::Fail, |contents| {
                contents.accounts.retain(|account| !(account.id().is_beside(&of) && is_empty(account)));
                Change::Write(())
            })
        });
        swept.await.map(drop).map_err(Error::from)
    }

    /// What there is to say of each account of this issuer and client.
    async fn read<T: Send + 'static>(
        &self,
        look: impl Fn(&Account) -> T + Send + 'static,
    ) -> Result<Vec<T>, Error> {
        let (vault, of) = (self.vault.clone(), self.id());
        let read = runtime::blocking::<_, VaultError>(move || {
            Ok(vault.read()?.contents.beside(&of).map(look).collect())
        });
        read.await.map_err(Error::from)
    }

    fn id(&self) -> AccountId {
        AccountId::of(&self.configuration)
    }
}

/// `None` for an account that nobody has ever signed in to, or that was removed.
fn info(account: &Account) -> Option<AccountInfo> {
    (!matches!(account.state, StoredState::NeverSignedIn)).then(|| AccountInfo {
        account: account.id().account.clone(),
        user: account.state.session().map(|session| session.user.clone()),
        state: account.state.shown(),
    })
}

/// Whether it has revocations that no sign-out of its own will send any more.
fn is_owed(account: &Account) -> bool {
    account.state.kept_session().is_none() && !account.revocations.is_empty()
}

fn is_empty(account: &Account) -> bool {
    matches!(account.state, StoredState::NeverSignedIn)
        && account.revocations.is_empty()
        && account.logins.is_empty()
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("vault", &self.vault).finish_non_exhaustive()
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").field("vault", &self.inner.vault).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
