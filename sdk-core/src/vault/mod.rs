//! The vault: one sealed file for all accounts, its key in the platform's key store.
//!
//! Every change is made under a lock that all processes share, held for the vault's own I/O and never across the
//! network, and is durable when it returns. Reading fails in exactly these ways: absent (no error: there is nothing
//! yet), unavailable for now, key gone, damaged, newer. Nothing that can't be read is ever deleted.
//!
//! All functions block: call them through [`crate::runtime::blocking`].

mod contents;
pub(crate) mod files;
mod format;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod pending;
mod secret;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    fs::File,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub(crate) use self::contents::{
    Account, AccountId, Contents, EndReason, Lifetime, PendingLogin, Revocation, Standing, StoredSession,
    from_unix_seconds, unix_seconds,
};
#[cfg(test)]
pub(crate) use self::format::newer_version_of;
pub(crate) use self::secret::Secret;
use self::{
    files::Folder,
    format::{FormatError, KeyId, Kind},
};
use crate::{
    Error, StorageLostReason,
    platform::{KeyStore, KeyStoreError, SecretKey},
    runtime::Panicked,
    wiped::WipedBytes,
};

/// Why the vault can't be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VaultError {
    /// The device is locked, the disk is full, another process takes too long: try again.
    #[error("the vault is not available just now: {0}")]
    Unavailable(String),
    /// The key store answers, and has no such key.
    #[error("the vault's key is gone")]
    KeyGone,
    /// The file was moved aside.
    #[error("the vault is damaged")]
    Damaged,
    /// A newer version of the SDK wrote it.
    #[error("the vault was written by a newer version")]
    Newer,
}

/// What a change to the vault comes to.
pub(crate) enum Change<T> {
    /// It is to be made durable.
    Write(T),
    /// Nothing has changed.
    Keep(T),
}

/// What to do about a vault that can't be read any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenLost {
    /// Say so.
    Fail,
    /// Start with an empty one: somebody signs in or out, so what was lost is no longer wanted. (A vault of a newer version
    /// isn't lost.)
    StartAnew,
}

/// The vault of one folder.
pub(crate) struct Vault {
    folder: Folder,
    key_store: Arc<dyn KeyStore>,
    /// One thread of this process at a time waits for the lock. Not under `memory`: who only reads needn't wait for it.
    turn: Mutex<()>,
    memory: Mutex<Memory>,
}

impl Vault {
    /// Opens nothing yet.
    pub(crate) fn new(directory: PathBuf, key_store: Arc<dyn KeyStore>) -> Self {
        Self { folder: Folder::new(directory), key_store, turn: Mutex::default(), memory: Mutex::default() }
    }

    /// Fills the disk, or makes room again.
    #[cfg(test)]
    pub(crate) fn fill_disk(&self, full: bool) {
        self.folder.faults.full.store(full, std::sync::atomic::Ordering::SeqCst);
    }

    /// As on a file system without locks.
    #[cfg(test)]
    pub(crate) fn without_locks(&self) {
        self.folder.faults.without_locks.store(true, std::sync::atomic::Ordering::SeqCst);
    }

    /// What the vault holds; nothing in it where there is no file yet.
    pub(crate) fn read(&self) -> Result<Snapshot, VaultError> {
        let first = self.open(&mut self.memory());
        match first {
            // What looks damaged may have been caught in a change by a system without atomic renames: look again, alone.
            Err(VaultError::Damaged) => {
                let _alone = self.keep_others_out()?;
                self.open_or_move_aside(&mut self.memory())
            }
            snapshot => snapshot,
        }
    }

    /// Reads, changes and writes, with every other process kept out. Durable when it returns [`Change::Write`]'s.
    pub(crate) fn update<T>(
        &self,
        when_lost: WhenLost,
        change: impl FnOnce(&mut Contents) -> Change<T>,
    ) -> Result<Updated<T>, VaultError> {
        let alone = self.keep_others_out()?;
        let mut memory = self.memory();
        let mut snapshot = match (self.open_or_move_aside(&mut memory), when_lost) {
            (Err(VaultError::Damaged), WhenLost::StartAnew) => Snapshot::default(),
            (Err(VaultError::KeyGone), WhenLost::StartAnew) => {
                self.folder.move_aside(FILE)?;
                Snapshot::default()
            }
            (snapshot, _) => snapshot?,
        };
        let outcome = match change(&mut snapshot.contents) {
            Change::Keep(outcome) => {
                return Ok(Updated { outcome, revision: snapshot.revision, lost_before: self.was_lost() });
            }
            Change::Write(outcome) => outcome,
        };
        let (id, secret) = match (snapshot.key_id, &memory.key) {
            (Some(id), Some((held, secret))) if id == *held => (id, secret.clone()),
            _ => self.make_key(&mut memory)?,
        };
        // Above all that this process has seen, also where an older vault was put back or a new one is begun.
        let revision = snapshot.revision.max(memory.revision) + 1;
        let mut plain = WipedBytes::with_capacity(ROOM);
        serde_json::to_writer(&mut plain, &snapshot.contents).expect("the contents are JSON");
        self.folder.replace(FILE, &format::seal(Kind::Vault, id, &secret, revision, &plain))?;
        memory.revision = revision;
        self.tidy_journal(alone.locked(), snapshot.contents.refresh_tokens());
        Ok(Updated { outcome, revision, lost_before: self.was_lost() })
    }

    /// Steps 2 and 3 of a refresh: the account, and the journalled attempt key of its refresh token where one is wanted:
    /// where the provider knew attempts when the token came or, in a vault that doesn't tell, knows them now.
    pub(crate) fn begin_refresh(&self, id: &AccountId, knows_attempts: bool) -> Result<Begun, VaultError> {
        let _alone = self.keep_others_out()?;
        let mut memory = self.memory();
        let snapshot = self.open_or_move_aside(&mut memory)?;
        let standing = snapshot.standing(id);
        // What the provider says may change between two sends of one token. With an attempt that the first send hadn't, or
        // without the one that it had, the second would be taken for a theft.
        let with_attempt =
            standing.session().and_then(|session| session.knows_attempts).unwrap_or(knows_attempts);
        let attempt = match (standing.refresh_token(), snapshot.key_id, &memory.key) {
            (Some(token), Some(id), Some((_, secret))) if with_attempt || self.is_journalled(token)? => {
                Some(self.journal(token, id, secret)?)
            }
            _ => None,
        };
        Ok(Begun { standing, attempt, revision: snapshot.revision })
    }

    /// Keeps every other thread and process from changing the vault: first those of this process, by turns, so that the
    /// lock is waited for by one.
    fn keep_others_out(&self) -> Result<Alone<'_>, VaultError> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Alone { lock: self.folder.lock()?, _turn: turn })
    }

    /// Whether a vault of this folder couldn't be read once, and lies aside.
    fn was_lost(&self) -> bool {
        self.folder.was_moved_aside(FILE)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Under the lock.
    fn open_or_move_aside(&self, memory: &mut Memory) -> Result<Snapshot, VaultError> {
        let snapshot = self.open(memory);
        if snapshot.as_ref().is_err_and(|error| *error == VaultError::Damaged)
            && self.folder.read(FILE)?.is_some()
        {
            tracing::error!("the vault is damaged; it was moved aside");
            self.folder.move_aside(FILE)?;
        }
        snapshot
    }

    fn open(&self, memory: &mut Memory) -> Result<Snapshot, VaultError> {
        let Some(file) = self.folder.read(FILE)? else {
            // Once a damaged vault was moved aside, there is none; that isn't the same as never having had one.
            return if self.was_lost() { Err(VaultError::Damaged) } else { Ok(Snapshot::default()) };
        };
        let id = format::key_id(Kind::Vault, &file)?;
        let secret = match &memory.key {
            Some((held, secret)) if *held == id => secret.clone(),
            _ => self.key_store.load(&id.name())?.ok_or(VaultError::KeyGone)?,
        };
        let opened = format::open(Kind::Vault, &file, &secret)?;
        let contents = serde_json::from_slice(&opened.contents).map_err(|_| VaultError::Damaged)?;
        memory.key = Some((id, secret));
        memory.revision = memory.revision.max(opened.revision);
        Ok(Snapshot { contents, revision: opened.revision, key_id: Some(id) })
    }

    fn make_key(&self, memory: &mut Memory) -> Result<(KeyId, SecretKey), VaultError> {
        let (id, secret) = (KeyId::random(), SecretKey::random());
        self.key_store.store(&id.name(), &secret)?;
        // A key store that forgets what it was given must be found out before the vault depends on it.
        match self.key_store.load(&id.name())? {
            Some(kept) if kept.expose() == secret.expose() => {}
            _ => return Err(VaultError::Unavailable("the key store did not keep the key".into())),
        }
        memory.key = Some((id, secret.clone()));
        Ok((id, secret))
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// What a refresh begins with.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) standing: Standing,
    /// Nothing where there is nothing to send, or the provider has no use for it.
    pub(crate) attempt: Option<Secret>,
    pub(crate) revision: u64,
}

/// What the vault held at some moment. The revision grows with each change: of two snapshots, the higher is the later.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) contents: Contents,
    pub(crate) revision: u64,
    key_id: Option<KeyId>,
}

impl Snapshot {
    /// Where the account stands.
    pub(crate) fn standing(&self, id: &AccountId) -> Standing {
        self.contents.account(id).map_or(Standing::NeverSignedIn, |account| account.standing.clone())
    }
}

/// What an update came to, and the revision that the vault has now.
#[derive(Debug)]
pub(crate) struct Updated<T> {
    pub(crate) outcome: T,
    pub(crate) revision: u64,
    /// Whether what the vault once held was lost and it was started anew, by this call or by any before it.
    pub(crate) lost_before: bool,
}

/// Nobody else changes the vault while this lives.
struct Alone<'a> {
    /// Goes first, so that whoever's turn it is next finds the lock free. Nothing on a file system without locks.
    lock: Option<File>,
    _turn: MutexGuard<'a, ()>,
}

impl Alone<'_> {
    const fn locked(&self) -> bool {
        self.lock.is_some()
    }
}

/// What this process remembers of the vault.
#[derive(Default)]
struct Memory {
    key: Option<(KeyId, SecretKey)>,
    /// The highest that was seen.
    revision: u64,
}

impl From<io::Error> for VaultError {
    fn from(error: io::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<FormatError> for VaultError {
    fn from(error: FormatError) -> Self {
        match error {
            FormatError::Damaged => Self::Damaged,
            FormatError::Newer => Self::Newer,
        }
    }
}

impl From<KeyStoreError> for VaultError {
    fn from(error: KeyStoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<Panicked> for VaultError {
    fn from(_: Panicked) -> Self {
        Self::Unavailable("the SDK failed within itself".into())
    }
}

impl From<VaultError> for Error {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Unavailable(why) => {
                tracing::warn!(why, "the vault is not available");
                Self::StorageUnavailable
            }
            VaultError::KeyGone => Self::StorageLost(StorageLostReason::KeyGone),
            VaultError::Damaged => Self::StorageLost(StorageLostReason::Damaged),
            VaultError::Newer => Self::StorageLost(StorageLostReason::NewerVersion),
        }
    }
}

const FILE: &str = "vault.moorline";
/// Room for a vault of some accounts.
const ROOM: usize = 32 * 1024;
