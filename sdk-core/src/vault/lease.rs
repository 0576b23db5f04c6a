//! One process at a time sends a refresh token of an account, where the provider knows no attempts.
//!
//! The lease is a lock on a file of its own, held across the exchange and released by the system when its holder dies.
//! Nobody takes it from a living holder, however slow: two processes that send the same token lose the session. Beside
//! it lies the *sent record*: the token that was last sent.
//!
//! ```text
//!  holder takes the lease ─▶ writes the record ─▶ sends ─▶ stores the answer ─▶ releases the lease
//!                                                  │
//!            dies: the system releases the lease ◀─┤
//!            is about to be suspended: marks the record "suspended", releases the lease, goes on when it is resumed
//! ```
//!
//! The next holder, the *heir*, finds its token in the record. It sends the token once, since it may already be spent.
//! If that is refused, the session ends; after a suspension it is not revoked, since the first holder may still have a
//! success on its way, which brings the session back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::{
    attempts::hash,
    contents::{AccountId, Contents},
    error::VaultError,
    folder::{Folder, Lock, LockFile},
};
use crate::{crypto, secret::Secret};

/// Nobody else sends a refresh token of this account while a clone of this lives and holds the lock.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    folder: Folder,
    record: String,
    slot: String,
    /// Whether this lease created the lock's file.
    is_new: bool,
    hold: Arc<Mutex<Hold>>,
}

#[derive(Debug)]
struct Hold {
    lock: LeaseLock,
    /// The hash of the token that was recorded.
    sent: Option<String>,
}

#[derive(Debug)]
enum LeaseLock {
    Held(LockFile),
    /// The file system has no locks: others may send, too.
    Unsupported,
    /// Released before the process is suspended.
    Suspended,
}

/// Whether a token was sent before, and no answer to it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SentBefore {
    No,
    /// By a process that has died, or got no answer.
    Yes,
    /// By a process that may still get its answer.
    Suspended,
}

#[derive(Serialize, Deserialize)]
struct Sent {
    token_hash: String,
    #[serde(default)]
    suspended: bool,
}

impl Lease {
    /// Tries once to take the lease of an account; `None` while another process holds it.
    pub(super) fn try_take(folder: &Folder, account: &AccountId) -> Result<Option<Self>, VaultError> {
        let name = name_of(account);
        let (lock, is_new) = match folder.try_lock(&format!("lease-{name}.lock"))? {
            Lock::Held(file) => {
                let is_new = file.is_new();
                (LeaseLock::Held(file), is_new)
            }
            Lock::Unsupported => (LeaseLock::Unsupported, false),
            Lock::Busy => return Ok(None),
        };
        let hold = Arc::new(Mutex::new(Hold { lock, sent: None }));
        let (record, slot) = (record_of(&name), slot_of(&name));
        Ok(Some(Self { folder: folder.clone(), record, slot, is_new, hold }))
    }

    /// Records durably that this token is about to be sent. Returns whether it was sent before.
    pub(super) fn record_sent(&self, token: &Secret) -> Result<SentBefore, VaultError> {
        let (token_hash, bytes) = (hash(token), self.folder.read(&self.record)?);
        let recorded = bytes.as_deref().map_or(SentBefore::No, |bytes| sent_before(bytes, &token_hash));
        let before = match recorded {
            // Its holder had a lock file, which was deleted: it may be alive.
            SentBefore::Yes if self.is_new => SentBefore::Suspended,
            recorded => recorded,
        };
        // The heir's heir must know it, too.
        if before == SentBefore::No || before != recorded || bytes.is_none_or(|bytes| bytes.len() != RECORD) {
            let record = record(&token_hash, before == SentBefore::Suspended);
            self.folder.replace(&self.record, &record)?;
        }
        self.hold().sent = Some(token_hash);
        Ok(before)
    }

    /// Marks the record as suspended and releases the lock. What cannot be written is logged: the lock is released in
    /// any case, since the system would end the process.
    pub(crate) fn suspend(&self) {
        let mut hold = self.hold();
        if let Some(token_hash) = &hold.sent {
            // In place: it needs no space, and no lock of the vault.
            if let Err(error) = self.folder.overwrite(&self.record, &record(token_hash, true)) {
                tracing::warn!(%error, "a suspended refresh cannot be recorded");
            }
        }
        hold.lock = LeaseLock::Suspended;
    }

    /// Removes the record: an answer to the token was stored, so that this token may be sent as often as any other. (A
    /// provider that does not rotate leaves it in force.)
    pub(crate) fn clear_sent(&self) -> Result<(), VaultError> {
        if self.is_exclusive() { Ok(self.folder.remove(&self.record)?) } else { Ok(()) }
    }

    /// The file for the space of this account's successor.
    pub(super) fn slot(&self) -> &str {
        &self.slot
    }

    /// Whether this lease created the lock's file. The SDK never deletes it: where a token was sent before, another
    /// program did, and its holder may be alive.
    pub(crate) const fn is_new(&self) -> bool {
        self.is_new
    }

    /// Whether another process can take the lease all the same: another program has deleted the lock's file.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(&self.hold().lock, LeaseLock::Held(file) if !file.is_in_place())
    }

    /// Whether it was released before the process was suspended.
    pub(crate) fn is_suspended(&self) -> bool {
        matches!(self.hold().lock, LeaseLock::Suspended)
    }

    /// Whether no other process can be sending.
    pub(crate) fn is_exclusive(&self) -> bool {
        matches!(&self.hold().lock, LeaseLock::Held(file) if file.is_in_place())
    }

    fn hold(&self) -> MutexGuard<'_, Hold> {
        self.hold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which sent records and slots no session needs any more: its account is gone, or its provider knows attempts.
pub(super) fn is_obsolete(name: &str, contents: &Contents) -> bool {
    let mut needed = contents.accounts_that_need_a_lease().map(name_of);
    (name.starts_with(SENT) || name.starts_with(SLOT) || name == SHARED_SLOT)
        && !needed.any(|account| record_of(&account) == name || slot_of(&account) == name)
}

/// The name of the slot of an account.
pub(super) fn slot_of_account(account: &AccountId) -> String {
    slot_of(&name_of(account))
}

fn slot_of(name: &str) -> String {
    format!("{SLOT}{name}.moorline")
}

/// What a record says of the token with this hash.
pub(crate) fn sent_before(record: &[u8], token_hash: &str) -> SentBefore {
    match serde_json::from_slice(record) {
        Ok(Sent { token_hash: other, .. }) if other != token_hash => SentBefore::No,
        Ok(Sent { suspended: false, .. }) => SentBefore::Yes,
        // A record that cannot be read is of a later version, or damaged: the careful answer.
        Ok(Sent { suspended: true, .. }) | Err(_) => SentBefore::Suspended,
    }
}

/// Always of the same length, so that it can be changed in place.
pub(crate) fn record(token_hash: &str, suspended: bool) -> Vec<u8> {
    let sent = Sent { token_hash: token_hash.to_owned(), suspended };
    let mut record = serde_json::to_vec(&sent).expect("a string and a bool are JSON");
    record.resize(RECORD, b' ');
    record
}

fn record_of(name: &str) -> String {
    format!("{SENT}{name}.json")
}

fn name_of(account: &AccountId) -> String {
    let named = serde_json::to_vec(account).expect("three strings are JSON");
    URL_SAFE_NO_PAD.encode(&crypto::sha256(&named)[..16])
}

const SENT: &str = "sent-";
const SLOT: &str = "slot-";
/// What earlier versions left: one slot for all accounts.
const SHARED_SLOT: &str = "vault.moorline.slot";
/// The length of a record in bytes.
const RECORD: usize = 96;
