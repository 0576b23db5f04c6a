//! A key store that fails as a row says.

use std::sync::{Mutex, PoisonError};

use moorline::{KeyStore, KeyStoreError, MemoryKeyStore, SecretKey};

#[derive(Debug, Default)]
pub(crate) struct Keys {
    keys: Mutex<MemoryKeyStore>,
    failure: Mutex<Option<KeyStoreError>>,
}

impl Keys {
    /// Fails like this from now on, or not at all.
    pub(crate) fn fail(&self, how: Option<&str>) {
        let failure = how.map(|how| match how {
            "locked" => KeyStoreError::Locked,
            "unavailable" => KeyStoreError::Unavailable("a row says so".into()),
            "timed_out" => KeyStoreError::TimedOut,
            "failed" => KeyStoreError::Failed("a row says so".into()),
            "damaged" => KeyStoreError::Damaged("a row says so".into()),
            unknown => panic!("{unknown} is no failure of a key store"),
        });
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    /// Every key is gone.
    pub(crate) fn lose(&self) {
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = MemoryKeyStore::new();
    }

    fn working(&self) -> Result<std::sync::MutexGuard<'_, MemoryKeyStore>, KeyStoreError> {
        match &*self.failure.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(failure) => Err(failure.clone()),
            None => Ok(self.keys.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

impl KeyStore for Keys {
    fn load(&self, key_id: &str) -> Result<Option<SecretKey>, KeyStoreError> {
        self.working()?.load(key_id)
    }

    fn store(&self, key_id: &str, key: &SecretKey) -> Result<(), KeyStoreError> {
        self.working()?.store(key_id, key)
    }

    fn delete(&self, key_id: &str) -> Result<(), KeyStoreError> {
        self.working()?.delete(key_id)
    }
}
