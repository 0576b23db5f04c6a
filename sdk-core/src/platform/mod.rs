//! What the SDK needs of the machine that it runs on: a key store, a folder and a clock.

mod clock;
mod file_key_store;
mod key_store;
mod native_key_store;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

#[cfg(test)]
pub(crate) use clock::tests::TestClock;
pub use clock::{Clock, SystemClock};
pub use file_key_store::InsecureFileKeyStore;
pub use key_store::{KeyStore, KeyStoreError, MemoryKeyStore, SecretKey};
pub use native_key_store::PlatformKeyStore;

/// The machine, as the SDK sees it.
#[derive(Debug, Clone)]
pub struct Platform {
    /// The folder of the vault. It is made where it is missing, for its owner alone.
    pub vault_directory: PathBuf,
    /// Where the vault's key lives.
    pub key_store: Arc<dyn KeyStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Platform {
    /// With the system's own clock.
    pub fn new(vault_directory: impl AsRef<Path>, key_store: Arc<dyn KeyStore>) -> Self {
        Self { vault_directory: vault_directory.as_ref().to_owned(), key_store, clock: Arc::new(SystemClock) }
    }
}
