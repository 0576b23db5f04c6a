//! Where the vault's key lives.

use std::{
    collections::HashMap,
    fmt::{self, Debug},
    sync::Mutex,
};

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A key of 32 bytes. Its `Debug` never shows it, and it is wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SecretKey([u8; 32]);

impl SecretKey {
    /// A key of these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A new, random key.
    pub(crate) fn random() -> Self {
        Self(crate::crypto::random())
    }

    /// The key in a key store's answer; nothing where the answer is no key.
    pub(crate) fn from_stored(bytes: Vec<u8>) -> Option<Self> {
        let bytes = Zeroizing::new(bytes);
        bytes.as_slice().try_into().ok().map(Self)
    }

    /// The bytes: for a key store to keep, and for nothing else.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey([redacted])")
    }
}

/// Keeps keys. Its functions may block: they are called on threads that may.
pub trait KeyStore: Send + Sync + Debug {
    /// The key of this name; nothing where there is none (never where it can't be told just now).
    fn load(&self, key_id: &str) -> Result<Option<SecretKey>, KeyStoreError>;

    /// Keeps a key, in place of any of the same name.
    fn store(&self, key_id: &str, key: &SecretKey) -> Result<(), KeyStoreError>;

    /// Forgets a key; one that isn't there is no error.
    fn delete(&self, key_id: &str) -> Result<(), KeyStoreError>;
}

/// Why a key store didn't answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyStoreError {
    /// The device or the key store is locked: it will work once somebody unlocks it.
    #[error("the key store is locked")]
    Locked,
    /// There is no key store here, or it isn't running.
    #[error("no key store is available: {0}")]
    Unavailable(String),
    /// It answered with an error.
    #[error("the key store failed: {0}")]
    Failed(String),
}

/// Keys in memory: for tests, and for sessions that shall end with the process.
#[derive(Debug, Default)]
pub struct MemoryKeyStore {
    keys: Mutex<HashMap<String, SecretKey>>,
}

impl MemoryKeyStore {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, HashMap<String, SecretKey>> {
        self.keys.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl KeyStore for MemoryKeyStore {
    fn load(&self, key_id: &str) -> Result<Option<SecretKey>, KeyStoreError> {
        Ok(self.keys().get(key_id).cloned())
    }

    fn store(&self, key_id: &str, key: &SecretKey) -> Result<(), KeyStoreError> {
        self.keys().insert(key_id.to_owned(), key.clone());
        Ok(())
    }

    fn delete(&self, key_id: &str) -> Result<(), KeyStoreError> {
        self.keys().remove(key_id);
        Ok(())
    }
}
