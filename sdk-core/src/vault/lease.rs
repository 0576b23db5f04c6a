//! One process at a time sends a refresh token of an account, where the provider knows no attempts.
//!
//! The lease is a lock on a file of its own, held across the exchange and released by the system when its holder dies.
//! Nobody takes it from a living holder, however slow: two processes that send the same token lose the session. Beside it
//! lies the *sent record*: the token that was last sent, so that the heir of a holder that died knows that its token may
//! already be spent.

use std::fs::File;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::{
    attempts::hash,
    contents::AccountId,
    error::VaultError,
    folder::{Folder, Lock},
};
use crate::{crypto, secret::Secret};

/// Nobody else sends a refresh token of this account while this lives.
#[derive(Debug)]
pub(crate) struct Lease {
    /// `None` on a file system without locks.
    lock: Option<File>,
    record: String,
}

#[derive(Serialize, Deserialize)]
struct Sent {
    token_hash: String,
}

impl Lease {
    /// Tries once to take the lease of an account; `None` while another process holds it.
    pub(super) fn try_take(folder: &Folder, account: &AccountId) -> Result<Option<Self>, VaultError> {
        let name = name_of(account);
        let lock = match folder.try_lock(&format!("lease-{name}.lock"))? {
            Lock::Held(file) => Some(file),
            Lock::Unsupported => None,
            Lock::Busy => return Ok(None),
        };
        Ok(Some(Self { lock, record: format!("sent-{name}.json") }))
    }

    /// Whether the lease really keeps other processes out: some file systems have no locks.
    pub(crate) const fn is_exclusive(&self) -> bool {
        self.lock.is_some()
    }

    /// Whether this token was sent before, and no answer to it was stored.
    pub(super) fn was_sent(&self, folder: &Folder, token: &Secret) -> Result<bool, VaultError> {
        let Some(bytes) = folder.read(&self.record)? else { return Ok(false) };
        Ok(serde_json::from_slice(&bytes).is_ok_and(|sent: Sent| sent.token_hash == hash(token)))
    }

    /// Records durably that this token is about to be sent.
    pub(super) fn record_sent(&self, folder: &Folder, token: &Secret) -> Result<(), VaultError> {
        let record = serde_json::to_vec(&Sent { token_hash: hash(token) }).expect("a string is JSON");
        Ok(folder.replace(&self.record, &record)?)
    }
}

fn name_of(account: &AccountId) -> String {
    let named = serde_json::to_vec(account).expect("three strings are JSON");
    URL_SAFE_NO_PAD.encode(&crypto::sha256(&named)[..16])
}
