//! Keys in the platform's signer that the vault has no use for any more.
//!
//! A key is deleted once no session, sign-in or revocation refers to it, and only when the vault that says so is
//! durable. Until it is deleted, its name stays in the vault: a process that ends in between leaves it to the next
//! one that changes the vault. A vault that was lost has its keys with it: nobody knows their names, and they stay in
//! the signer.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::contents::Contents;
use crate::platform::BoundedSigner;

/// What this process deletes, and has deleted.
#[derive(Debug, Default)]
pub(super) struct RetiredKeys {
    signer: Option<BoundedSigner>,
    /// Not yet taken off the list in the vault.
    deleted: Mutex<BTreeSet<String>>,
}

/// The names of the keys in the signer that something in the vault refers to.
pub(super) fn of_signer(contents: &Contents) -> BTreeSet<String> {
    contents.proof_keys().filter_map(|key| Some(key.of_signer()?.id.clone())).collect()
}

impl RetiredKeys {
    pub(super) fn signer(&self) -> Option<BoundedSigner> {
        self.signer.clone()
    }

    pub(super) fn of(signer: BoundedSigner) -> Self {
        Self { signer: Some(signer), deleted: Mutex::default() }
    }

    /// Brings the list in the contents up to date; `before` are the keys that were referred to before the change.
    pub(super) fn note(&self, before: BTreeSet<String>, contents: &mut Contents) {
        let used = of_signer(contents);
        let retired: BTreeSet<_> =
            std::mem::take(&mut contents.retired_keys).into_iter().chain(before).collect();
        let mut deleted = self.deleted();
        // A late answer may have brought a token that only this key can revoke.
        contents.retired_keys =
            retired.into_iter().filter(|id| !used.contains(id) && !deleted.contains(id)).collect();
        // An app that has no signer any more must not collect names for ever.
        contents.retired_keys.truncate(MOST);
        deleted.clear();
    }

    /// Deletes these keys, of a vault that is durable. What fails is left to the next change of the vault. Under no
    /// lock: a signer may be slow.
    pub(super) fn delete(&self, retired: Vec<String>) {
        let Some(signer) = &self.signer else { return };
        for id in retired.into_iter().filter(|id| !signer.is_in_use(id)) {
            if let Err(error) = signer.delete(&id) {
                tracing::info!(%error, "the key of a session that has ended stays in the signer");
                return;
            }
            self.deleted().insert(id);
        }
    }

    fn deleted(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.deleted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many names the vault keeps.
const MOST: usize = 64;
