//! The vault: one sealed file for all accounts, its key in the platform's key store.
//!
//! Every change is made under a lock that all processes share, held for the vault's own I/O and never across the
//! network, and is durable when it returns. Reading fails in exactly these ways: unavailable for now, locked, key gone,
//! damaged, written by a newer version. (A missing file is an empty vault.) What cannot be read is never deleted.
//!
//! A key is deleted from the key store when the vault that it sealed has been lost, and a new vault under another key
//! has taken its place durably. The vault that was moved aside cannot be opened from then on.
//!
//! Who holds which lock, and for how long:
//!
//! | lock | whose | held across |
//! | --- | --- | --- |
//! | `vault.lock` | all processes | a change: reading, one or two writes with their syncs |
//! | `lease-….lock` | all processes | a refresh without attempts: from before it is sent until its answer is stored |
//! | `turn` | this process | the wait for `vault.lock`, and the change |
//! | `memory` | this process | a reading or a change |
//!
//! The key store is called under `memory` at the first reading, and under all but the lease when a vault is begun. No
//! lock but the lease is ever held across the network. A reading takes no lock that other processes share. Those are
//! only held within a [critical section](crate::CriticalSections): the lease is released when that expires, and
//! `vault.lock`, which is held for milliseconds, when its change is done.
//!
//! The keys of sessions may be in the platform's signer: [`retired`] has when they are deleted there.
//!
//! All functions block: call them through [`crate::runtime::blocking`].

mod adoption;
mod adoptions;
mod answers;
pub(crate) mod attempts;
mod change;
mod changes;
mod contents;
mod disk;
mod error;
mod folder;
pub(crate) mod format;
mod known_file;
pub(crate) mod lease;
mod retired;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
};

use tokio::sync::watch;

pub(crate) use self::{
    adoption::{Adoption, AdoptionAnswer},
    attempts::hash as token_hash,
    change::{Begun, Change, Snapshot, Updated, WhenLost},
    changes::{Seen, one_name},
    contents::{
        Account, AccountId, Contents, PendingLogin, RefusedSession, Revocation, StoredSession, StoredState,
        TokenRefusal,
    },
    disk::{Disk, SystemDisk},
    error::VaultError,
    format::{Opened, VERSION as FORMAT},
    lease::{Lease, SentBefore},
};
use self::{
    folder::{Folder, Lock, LockFile},
    format::{KeyId, Kind},
    known_file::KnownFile,
    retired::{RetiredKeys, of_signer},
};
use crate::{
    platform::{BoundedKeyStore, BoundedSigner, KEY_STORE_LIMIT, KeyStore, KeyStoreError, SecretKey},
    secret::Secret,
    wiped::WipedBytes,
};

/// The vault of one folder.
pub(crate) struct Vault {
    folder: Folder,
    key_store: BoundedKeyStore,
    retired_keys: RetiredKeys,
    /// One thread of this process at a time waits for the lock. Not under `memory`: who only reads needn't wait for
    /// it.
    turn: Mutex<()>,
    memory: Mutex<Memory>,
    /// Not in `memory`, which is held while the key store is asked.
    known_file: KnownFile,
    /// What this process has seen of the vault last, through any object.
    seen: Arc<watch::Sender<Seen>>,
}

impl Vault {
    /// The vault in this folder of this disk. Opens nothing yet.
    pub(crate) fn new(directory: PathBuf, key_store: Arc<dyn KeyStore>, disk: Arc<dyn Disk>) -> Self {
        Self {
            seen: changes::of(&directory),
            folder: Folder::new(directory, disk),
            key_store: BoundedKeyStore::new(key_store, KEY_STORE_LIMIT),
            retired_keys: RetiredKeys::default(),
            turn: Mutex::default(),
            memory: Mutex::default(),
            known_file: KnownFile::default(),
        }
    }

    /// The platform's signer, if it has one.
    pub(crate) fn signer(&self) -> Option<BoundedSigner> {
        self.retired_keys.signer()
    }

    /// The same, with keys of sessions in this signer.
    pub(crate) fn with_signer(self, signer: BoundedSigner) -> Self {
        Self { retired_keys: RetiredKeys::of(signer), ..self }
    }

    /// Reports each change of the vault that this process makes or notices, through any object.
    pub(crate) fn changes(&self) -> watch::Receiver<Seen> {
        self.seen.subscribe()
    }

    /// Reads the vault; it is empty if there is no file yet.
    pub(crate) fn read(&self) -> Result<Snapshot, VaultError> {
        let first = self.open(&mut self.memory());
        match first {
            // What looks damaged may have been caught in a change by a system without atomic renames: look again,
            // alone.
            Err(VaultError::Damaged) => {
                let _alone = self.keep_others_out()?;
                self.open_or_move_aside(&mut self.memory())
            }
            snapshot => snapshot,
        }
    }

    /// Reads, changes and writes, with every other process kept out. A [`Change::Write`] is durable when this returns.
    pub(crate) fn update<T>(
        &self,
        when_lost: WhenLost,
        change: impl FnOnce(&mut Contents) -> Change<T>,
    ) -> Result<Updated<T>, VaultError> {
        self.update_alone(self.keep_others_out()?, None, when_lost, change)
    }

    /// The same, written into the space that [`prepare_exchange`](Self::prepare_exchange) has secured. `before_waiting`
    /// is called first if others have to be waited for.
    pub(crate) fn update_reserved<T>(
        &self,
        account: &AccountId,
        before_waiting: impl FnOnce(&Self),
        change: impl FnOnce(&mut Contents) -> Change<T>,
    ) -> Result<Updated<T>, VaultError> {
        let alone = match self.try_keep_others_out()? {
            Some(alone) => alone,
            None => {
                before_waiting(self);
                self.keep_others_out()?
            }
        };
        self.update_alone(alone, Some(&lease::slot_of_account(account)), WhenLost::Fail, change)
    }

    fn update_alone<T>(
        &self,
        alone: Alone<'_>,
        slot: Option<&str>,
        when_lost: WhenLost,
        change: impl FnOnce(&mut Contents) -> Change<T>,
    ) -> Result<Updated<T>, VaultError> {
        let mut memory = self.memory();
        let mut snapshot = match (self.open_or_move_aside(&mut memory), when_lost) {
            (Err(VaultError::Damaged), WhenLost::StartAnew) => Snapshot::empty(memory.readings),
            (Err(VaultError::KeyGone), WhenLost::StartAnew) => {
                self.folder.move_aside(FILE)?;
                Snapshot::empty(memory.readings)
            }
            (snapshot, _) => snapshot?,
        };
        let (revision, reading) = (snapshot.revision, snapshot.reading);
        let keys = of_signer(&snapshot.contents);
        let outcome = match change(&mut snapshot.contents) {
            Change::Keep(outcome) => {
                return Ok(Updated { outcome, revision, reading });
            }
            Change::Write(outcome) => outcome,
        };
        self.retired_keys.note(keys, &mut snapshot.contents);
        let (id, secret) = match (snapshot.key_id, &memory.key) {
            (Some(id), Some((held, secret))) if id == *held => (id, secret.clone()),
            _ => self.make_key(&mut memory)?,
        };
        // Above all that this process has seen, also where an older vault was put back or a new one is begun.
        let revision = revision.max(memory.revision) + 1;
        alone.check()?;
        self.write(slot, &snapshot.contents, |plain| {
            format::seal(Kind::Vault, id, &secret, revision, plain)
        })?;
        self.known_file.note(self.folder.stamp(FILE).ok(), true);
        memory.revision = revision;
        memory.key = Some((id, secret));
        memory.unused_key = None;
        self.note(Some(revision));
        self.tidy(&alone, &snapshot.contents);
        let retired = if snapshot.key_id.is_none() { self.retired_keys(id) } else { Vec::new() };
        // The key store may be slow, and nobody has to wait for this.
        drop((memory, alone));
        self.delete_keys(&retired);
        self.retired_keys.delete(snapshot.contents.retired_keys);
        Ok(Updated { outcome, revision, reading })
    }

    /// Writes the contents in the place of the vault: into the slot if one is secured and large enough.
    fn write(
        &self,
        slot: Option<&str>,
        contents: &Contents,
        seal: impl FnOnce(&[u8]) -> Vec<u8>,
    ) -> Result<(), VaultError> {
        let mut plain = WipedBytes::with_capacity(ROOM);
        serde_json::to_writer(&mut plain, contents).expect("the contents are JSON");
        match slot.and_then(|slot| Some((slot, self.folder.reserved(slot)?))) {
            Some((slot, length)) if plain.len() + format::OVERHEAD <= length => {
                // JSON ignores white space behind it.
                plain.extend(&vec![b' '; length - format::OVERHEAD - plain.len()]);
                self.folder.replace_from(slot, FILE, &seal(&plain))?;
            }
            _ => self.folder.replace(FILE, &seal(&plain))?,
        }
        Ok(())
    }

    /// Removes what no session needs any more: journalled attempts, sent records, the slot.
    fn tidy(&self, alone: &Alone<'_>, contents: &Contents) {
        self.folder.tidy(alone.locked(), |name| {
            attempts::is_obsolete(name, contents)
                || answers::is_obsolete(name, contents)
                || lease::is_obsolete(name, contents)
        });
    }

    /// The keys of vaults that were lost, now that another one is durable.
    fn retired_keys(&self, current: KeyId) -> Vec<KeyId> {
        let aside = self.folder.moved_aside(FILE).filter_map(|name| self.folder.read(&name).ok()?);
        aside.filter_map(|file| format::key_id(Kind::Vault, &file).ok()).filter(|id| *id != current).collect()
    }

    fn delete_keys(&self, ids: &[KeyId]) {
        for id in ids {
            if let Err(error) = self.key_store.delete(&id.name()) {
                tracing::info!(%error, "the key of a vault that was lost stays in the key store");
            }
        }
    }

    /// Steps 2 and 3 of a refresh: the account's state, and the journalled attempt key of its refresh token if one is
    /// used: if the provider knew attempts when the token was issued or, in an old vault that does not say, knows them
    /// now.
    pub(crate) fn begin_refresh(&self, id: &AccountId, knows_attempts: bool) -> Result<Begun, VaultError> {
        let _alone = self.keep_others_out()?;
        let mut memory = self.memory();
        let snapshot = self.open_or_move_aside(&mut memory)?;
        let state = snapshot.state(id);
        // The provider's metadata may change between two sends of one token. With an attempt that the first send did
        // not have, or without the one that it had, the second would be taken for a theft.
        let with_attempt =
            state.refreshable().and_then(|session| session.knows_attempts).unwrap_or(knows_attempts);
        let attempt = match (state.refreshable_token(), snapshot.key_id, &memory.key) {
            (Some(token), Some(id), Some((_, secret)))
                if with_attempt || attempts::is_journalled(&self.folder, token)? =>
            {
                Some(attempts::journal(&self.folder, token, id, secret)?)
            }
            _ => None,
        };
        Ok(Begun { state, attempt, reading: snapshot.reading })
    }

    /// Tries once to take the lease of an account; `None` while another process holds it.
    pub(crate) fn try_lease(&self, id: &AccountId) -> Result<Option<Lease>, VaultError> {
        Lease::try_take(&self.folder, id)
    }

    /// Prepares to send `token` without an attempt: secures space for its successor, and records that it is about to
    /// be sent. Returns whether it was sent before without a stored answer.
    pub(crate) fn prepare_exchange(&self, lease: &Lease, token: &Secret) -> Result<SentBefore, VaultError> {
        let _alone = self.keep_others_out()?;
        let length = self.open_or_move_aside(&mut self.memory())?.length;
        self.folder.reserve(lease.slot(), 2 * length + SPARE)?;
        lease.record_sent(token)
    }

    /// Saves the answer to `sent` beside the vault, durably, in the space that was secured for it. The vault's lock is
    /// not needed: only the holder of the account's lease saves one.
    pub(crate) fn save_answer(
        &self,
        account: &AccountId,
        sent: &Secret,
        answer: &mut WipedBytes,
    ) -> Result<(), VaultError> {
        let Some((id, secret)) = self.memory().key.clone() else {
            return Err(VaultError::locked());
        };
        answers::save(&self.folder, &lease::slot_of_account(account), sent, (id, &secret), answer)
    }

    /// The answer to `sent`, a token of the vault, that could only be saved beside it.
    pub(crate) fn saved_answer(&self, sent: &Secret) -> Result<Option<Opened>, VaultError> {
        match self.memory().key.clone() {
            Some((_, secret)) => answers::saved(&self.folder, sent, &secret),
            None => Err(VaultError::locked()),
        }
    }

    /// Removes the answer to `sent`: it is settled.
    pub(crate) fn remove_answer(&self, sent: &Secret) -> Result<(), VaultError> {
        Ok(self.folder.remove(&answers::file_name(sent))?)
    }

    /// Forgets the key: the next reading asks the key store again. Returns a reading's place, above all before it.
    pub(crate) fn lock(&self) -> u64 {
        let mut memory = self.memory();
        (memory.key, memory.unused_key) = (None, None);
        memory.readings += 1;
        memory.readings
    }

    /// Whether the vault is still the one that this process has read or written last: nobody else has changed,
    /// replaced or deleted it. A folder that cannot be looked at for now changes nothing.
    pub(crate) fn is_as_read(&self) -> bool {
        self.folder.stamp(FILE).map_or(true, |file| self.known_file.was_read(file))
    }

    /// The same, where a vault that could not be read counts, too: it is not worth another try.
    pub(crate) fn is_as_tried(&self) -> bool {
        self.folder.stamp(FILE).map_or(true, |file| self.known_file.was_tried(file))
    }

    /// How often this process has read the vault. Every reading before this call has a lower place, or this one.
    pub(crate) fn readings(&self) -> u64 {
        self.memory().readings
    }

    /// Keeps every other thread and process from changing the vault: first those of this process, by turns, so that
    /// the lock is waited for by one.
    fn keep_others_out(&self) -> Result<Alone<'_>, VaultError> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Alone { lock: self.folder.lock()?, _turn: turn })
    }

    /// The same without waiting; `None` if another thread or process is changing the vault.
    fn try_keep_others_out(&self) -> Result<Option<Alone<'_>>, VaultError> {
        let turn = match self.turn.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(None),
        };
        Ok(match self.folder.try_lock(folder::LOCK)? {
            Lock::Held(file) => Some(Alone { lock: Some(file), _turn: turn }),
            Lock::Unsupported => Some(Alone { lock: None, _turn: turn }),
            Lock::Busy => None,
        })
    }

    /// Whether a vault of this folder could not be read once, and lies aside.
    fn was_lost(&self) -> bool {
        self.folder.moved_aside(FILE).next().is_some()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Under the lock.
    fn open_or_move_aside(&self, memory: &mut Memory) -> Result<Snapshot, VaultError> {
        let snapshot = self.open(memory);
        if snapshot.as_ref().is_err_and(|error| *error == VaultError::Damaged) {
            if self.folder.read(FILE)?.is_some() {
                tracing::error!("the vault is damaged, or its key is another one; it was moved aside");
                self.folder.move_aside(FILE)?;
            } else if let Some(aside) = self.aside_that_opens() {
                tracing::info!("a vault that was moved aside can be opened again; it was put back");
                self.folder.put_back(&aside, FILE)?;
                return self.open(memory);
            }
        }
        snapshot
    }

    /// The latest vault that was moved aside and opens: its right key was put back into the key store.
    fn aside_that_opens(&self) -> Option<String> {
        let opened = self.folder.moved_aside(FILE).filter_map(|name| {
            let file = self.folder.read(&name).ok()??;
            let id = format::key_id(Kind::Vault, &file).ok()?;
            let opened = format::open(Kind::Vault, &file, &self.key_store.load(&id.name()).ok()??).ok()?;
            serde_json::from_slice::<Contents>(&opened.contents).ok()?;
            Some((opened.revision, name))
        });
        opened.max().map(|(_, name)| name)
    }

    fn open(&self, memory: &mut Memory) -> Result<Snapshot, VaultError> {
        // Before the reading: what changes meanwhile is another file.
        let stamp = self.folder.stamp(FILE).ok();
        let opened = self.open_file(memory);
        self.known_file.note(stamp, opened.is_ok());
        self.note(opened.as_ref().ok().map(|snapshot| snapshot.revision));
        opened
    }

    /// Reports the revision that was read or written, or `None` for a vault that could not be read.
    fn note(&self, revision: Option<u64>) {
        self.seen.send_if_modified(|seen| seen.note(revision));
    }

    fn open_file(&self, memory: &mut Memory) -> Result<Snapshot, VaultError> {
        memory.readings += 1;
        let Some(file) = self.folder.read(FILE)? else {
            self.key_store.ready().map_err(VaultError::of_reading)?;
            // Once a damaged vault was moved aside, there is none; that is not the same as never having had one.
            return if self.was_lost() {
                Err(VaultError::Damaged)
            } else {
                Ok(Snapshot::empty(memory.readings))
            };
        };
        let id = format::key_id(Kind::Vault, &file)?;
        let secret = match &memory.key {
            Some((held, secret)) if *held == id => secret.clone(),
            _ => {
                let stored = self.key_store.load(&id.name()).map_err(VaultError::of_reading)?;
                stored.ok_or(VaultError::KeyGone)?
            }
        };
        let opened = format::open(Kind::Vault, &file, &secret)?;
        let contents = serde_json::from_slice(&opened.contents).map_err(|_| VaultError::Damaged)?;
        memory.key = Some((id, secret));
        memory.revision = memory.revision.max(opened.revision);
        if memory.unused_key.as_ref().is_some_and(|(unused, _)| *unused == id) {
            memory.unused_key = None;
        }
        Ok(Snapshot {
            contents,
            revision: opened.revision,
            reading: memory.readings,
            key_id: Some(id),
            length: opened.contents.trim_ascii_end().len(),
        })
    }

    /// A key for a new vault: the one that was made before, if that vault could not be written.
    fn make_key(&self, memory: &mut Memory) -> Result<(KeyId, SecretKey), VaultError> {
        let unused = memory.unused_key.clone();
        let (id, secret) = unused.unwrap_or_else(|| (KeyId::random(), SecretKey::random()));
        self.key_store.store(&id.name(), &secret)?;
        // A key store that does not keep its keys must be detected before the vault depends on it.
        let kept = match self.key_store.load(&id.name()) {
            Ok(kept) => kept.is_some_and(|kept| kept.expose() == secret.expose()),
            Err(KeyStoreError::Damaged(_)) => false,
            Err(error) => return Err(error.into()),
        };
        if !kept {
            self.delete_keys(&[id]);
            return Err(VaultError::failed("the key store did not keep the key"));
        }
        memory.unused_key = Some((id, secret.clone()));
        Ok((id, secret))
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// Nobody else changes the vault while this lives.
struct Alone<'a> {
    /// Dropped first, so that the next in turn finds the lock free. `None` on a file system without locks.
    lock: Option<LockFile>,
    _turn: MutexGuard<'a, ()>,
}

impl Alone<'_> {
    const fn locked(&self) -> bool {
        self.lock.is_some()
    }

    /// Before the vault is written: another program may have deleted the lock's file, and let others in.
    fn check(&self) -> Result<(), VaultError> {
        match &self.lock {
            Some(lock) if !lock.is_in_place() => {
                Err(std::io::Error::from(std::io::ErrorKind::WouldBlock).into())
            }
            _ => Ok(()),
        }
    }
}

/// What this process remembers of the vault.
#[derive(Default)]
struct Memory {
    key: Option<(KeyId, SecretKey)>,
    /// A key in the key store that no vault has been sealed with yet.
    unused_key: Option<(KeyId, SecretKey)>,
    /// The highest that was seen.
    revision: u64,
    readings: u64,
}

const FILE: &str = "vault.moorline";
/// How much the contents may grow by more than their double: 64 KiB, for tokens of unusual length.
const SPARE: usize = 64 * 1024;
/// Room for a vault of some accounts.
const ROOM: usize = 32 * 1024;
