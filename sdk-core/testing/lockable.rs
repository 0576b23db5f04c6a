//! A key store that the user unlocks.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::{KeyStore, KeyStoreError, MemoryKeyStore, SecretKey};

/// Returns keys while it is unlocked, and takes new ones always. Each process has its own lock over the device's keys.
#[derive(Debug)]
pub(crate) struct Lockable {
    keys: Arc<MemoryKeyStore>,
    locked: AtomicBool,
}

impl Lockable {
    /// An unlocked one.
    pub(crate) fn over(keys: Arc<MemoryKeyStore>) -> Arc<Self> {
        Arc::new(Self { keys, locked: AtomicBool::new(false) })
    }

    pub(crate) fn lock(&self, locked: bool) {
        self.locked.store(locked, Ordering::SeqCst);
    }

    fn check(&self) -> Result<(), KeyStoreError> {
        if self.locked.load(Ordering::SeqCst) { Err(KeyStoreError::Locked) } else { Ok(()) }
    }
}

impl KeyStore for Lockable {
    fn load(&self, key_id: &str) -> Result<Option<SecretKey>, KeyStoreError> {
        self.check()?;
        self.keys.load(key_id)
    }

    fn ready(&self) -> Result<(), KeyStoreError> {
        self.check()
    }

    fn store(&self, key_id: &str, key: &SecretKey) -> Result<(), KeyStoreError> {
        self.keys.store(key_id, key)
    }

    fn delete(&self, key_id: &str) -> Result<(), KeyStoreError> {
        self.keys.delete(key_id)
    }
}
