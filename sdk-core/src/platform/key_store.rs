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

    /// The key in an entry of a key store.
    ///
    /// # Errors
    /// [`KeyStoreError::Damaged`] if the entry does not hold 32 bytes.
    pub fn from_stored(bytes: Vec<u8>) -> Result<Self, KeyStoreError> {
        let bytes = Zeroizing::new(bytes);
        let key = bytes.as_slice().try_into().map(Self);
        key.map_err(|_| KeyStoreError::Damaged(format!("it holds {} bytes instead of 32", bytes.len())))
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

/// Keeps keys. Its functions may block: the SDK calls them on a thread that it keeps for this, one call at a time, and
/// waits ten seconds at most. A call that takes longer goes on; until it is over, the SDK starts no other.
pub trait KeyStore: Send + Sync + Debug {
    /// The key of this name, or `None` if there is none.
    ///
    /// # Errors
    /// [`KeyStoreError::Damaged`] if there is an entry of this name that is not a key any more; the others if it cannot
    /// be said at present whether there is one.
    fn load(&self, key_id: &str) -> Result<Option<SecretKey>, KeyStoreError>;

    /// Whether keys can be used at present. The SDK asks when it finds no vault: on a device whose user has not
    /// unlocked it since it started, files seem to be missing that are there. Does nothing by default.
    ///
    /// # Errors
    /// [`KeyStoreError::Locked`] then, so that the session's state is `Locked` and not `SignedOut`.
    fn ready(&self) -> Result<(), KeyStoreError> {
        Ok(())
    }

    /// Keeps a key, in place of any of the same name. It is durable when this returns.
    ///
    /// # Errors
    /// Any [`KeyStoreError`].
    fn store(&self, key_id: &str, key: &SecretKey) -> Result<(), KeyStoreError>;

    /// Deletes a key; one that is not there is not an error. The SDK calls it once the vault that needed the key has
    /// been replaced for good.
    ///
    /// # Errors
    /// Any [`KeyStoreError`]. The SDK goes on without having deleted the key.
    fn delete(&self, key_id: &str) -> Result<(), KeyStoreError>;
}

/// Why a key store gave no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyStoreError {
    /// The device or the key store is locked. A retry succeeds once the user has unlocked it.
    #[error("the key store is locked")]
    Locked,
    /// There is no key store on this machine, or it is not running. A retry does not help.
    #[error("no key store is available: {0}")]
    Unavailable(String),
    /// It did not answer in time. A retry may succeed.
    #[error("the key store did not answer in time")]
    TimedOut,
    /// It has the entry and cannot read it any more: a backup was restored without the key that protects the entry, or
    /// the entry is malformed. What was sealed with the key is lost; a retry does not help.
    #[error("the entry in the key store cannot be read any more: {0}")]
    Damaged(String),
    /// It answered with another error. A retry may succeed.
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
