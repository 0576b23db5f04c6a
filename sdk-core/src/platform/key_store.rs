//! Where the vault's key lives.

use std::{
    fmt::{self, Debug},
    path::{Path, PathBuf},
};

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A key of 32 bytes. Its `Debug` never shows it, and it is wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SecretKey([u8; 32]);

impl SecretKey {
    /// A key of these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
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
    /// The key of this name; nothing where there is none.
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

/// The platform's own: Secret Service on Linux, the Keychain on macOS and iOS, the Credential Manager on Windows, the
/// Android Keystore.
#[derive(Debug)]
pub struct PlatformKeyStore {}

impl PlatformKeyStore {
    /// The platform's key store, for the app or service of this name. Errors: [`KeyStoreError::Unavailable`] on a
    /// machine that has none.
    pub fn open(_service: &str) -> Result<Self, KeyStoreError> {
        unimplemented!()
    }
}

impl KeyStore for PlatformKeyStore {
    fn load(&self, _key_id: &str) -> Result<Option<SecretKey>, KeyStoreError> {
        unimplemented!()
    }

    fn store(&self, _key_id: &str, _key: &SecretKey) -> Result<(), KeyStoreError> {
        unimplemented!()
    }

    fn delete(&self, _key_id: &str) -> Result<(), KeyStoreError> {
        unimplemented!()
    }
}

/// Keys in plain files: for machines without a key store, and only where somebody asked for it.
#[derive(Debug, Clone)]
pub struct InsecureFileKeyStore {
    #[expect(dead_code, reason = "used once the store is written")]
    directory: PathBuf,
}

impl InsecureFileKeyStore {
    /// Keys in files of this folder, which is made where it is missing.
    pub fn new(directory: impl AsRef<Path>) -> Self {
        Self { directory: directory.as_ref().to_owned() }
    }
}

impl KeyStore for InsecureFileKeyStore {
    fn load(&self, _key_id: &str) -> Result<Option<SecretKey>, KeyStoreError> {
        unimplemented!()
    }

    fn store(&self, _key_id: &str, _key: &SecretKey) -> Result<(), KeyStoreError> {
        unimplemented!()
    }

    fn delete(&self, _key_id: &str) -> Result<(), KeyStoreError> {
        unimplemented!()
    }
}

/// Keys in memory: for tests.
#[derive(Debug, Default)]
pub struct MemoryKeyStore {}

impl MemoryKeyStore {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }
}

impl KeyStore for MemoryKeyStore {
    fn load(&self, _key_id: &str) -> Result<Option<SecretKey>, KeyStoreError> {
        unimplemented!()
    }

    fn store(&self, _key_id: &str, _key: &SecretKey) -> Result<(), KeyStoreError> {
        unimplemented!()
    }

    fn delete(&self, _key_id: &str) -> Result<(), KeyStoreError> {
        unimplemented!()
    }
}
