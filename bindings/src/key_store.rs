//! The key store that an app brings.

use std::{fmt, sync::Arc};

use moorline::{KeyStore, KeyStoreError, SecretKey};

/// Stores keys of 32 bytes by name. Implemented in Kotlin or Swift, and called on the SDK's own threads, where it may
/// block.
#[uniffi::export(rust, foreign)]
pub trait AppKeyStore: Send + Sync {
    /// The key of this name, or `None` if there is none.
    fn load(&self, key_id: String) -> Result<Option<Vec<u8>>, AppKeyStoreError>;

    /// Stores a key, and replaces any of the same name.
    fn store(&self, key_id: String, key: Vec<u8>) -> Result<(), AppKeyStoreError>;

    /// Deletes a key. A missing key is not an error.
    fn delete(&self, key_id: String) -> Result<(), AppKeyStoreError>;
}

/// Why the app's key store failed. Mirrors [`moorline::KeyStoreError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum AppKeyStoreError {
    /// The device is locked: it will work once the user unlocks it.
    #[error("locked")]
    Locked,
    /// This machine has no key store.
    #[error("unavailable: {reason}")]
    Unavailable {
        /// Why. Must hold no secret.
        reason: String,
    },
    /// The key store reported an error.
    #[error("failed: {reason}")]
    Failed {
        /// What happened. Must hold no secret.
        reason: String,
    },
}

/// An exception that the trait does not declare. Its text is dropped, because it might hold a key.
impl From<uniffi::UnexpectedUniFFICallbackError> for AppKeyStoreError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed { reason: "the app's key store threw an unexpected exception".into() }
    }
}

impl From<AppKeyStoreError> for KeyStoreError {
    fn from(error: AppKeyStoreError) -> Self {
        match error {
            AppKeyStoreError::Locked => Self::Locked,
            AppKeyStoreError::Unavailable { reason } => Self::Unavailable(reason),
            AppKeyStoreError::Failed { reason } => Self::Failed(reason),
        }
    }
}

/// Adapts the app's key store to the SDK's trait.
pub(crate) struct ForeignKeyStore(pub(crate) Arc<dyn AppKeyStore>);

impl KeyStore for ForeignKeyStore {
    fn load(&self, key_id: &str) -> Result<Option<SecretKey>, KeyStoreError> {
        let Some(bytes) = self.0.load(key_id.into())? else { return Ok(None) };
        let key = <[u8; 32]>::try_from(bytes).map_err(|bytes| {
            KeyStoreError::Failed(format!("the key has {} bytes instead of 32", bytes.len()))
        })?;
        Ok(Some(SecretKey::from_bytes(key)))
    }

    fn store(&self, key_id: &str, key: &SecretKey) -> Result<(), KeyStoreError> {
        Ok(self.0.store(key_id.into(), key.expose().to_vec())?)
    }

    fn delete(&self, key_id: &str) -> Result<(), KeyStoreError> {
        Ok(self.0.delete(key_id.into())?)
    }
}

impl fmt::Debug for ForeignKeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForeignKeyStore")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Short;

    impl AppKeyStore for Short {
        fn load(&self, _: String) -> Result<Option<Vec<u8>>, AppKeyStoreError> {
            Ok(Some(vec![1; 31]))
        }

        fn store(&self, _: String, _: Vec<u8>) -> Result<(), AppKeyStoreError> {
            Err(AppKeyStoreError::Locked)
        }

        fn delete(&self, _: String) -> Result<(), AppKeyStoreError> {
            Err(uniffi::UnexpectedUniFFICallbackError::new("the key is 0123456789").into())
        }
    }

    #[test]
    fn a_key_of_another_length_is_a_failure_of_the_key_store() {
        let error = ForeignKeyStore(Arc::new(Short)).load("vault").expect_err("31 bytes are not a key");
        assert_eq!(error, KeyStoreError::Failed("the key has 31 bytes instead of 32".into()));
    }

    #[test]
    fn a_locked_key_store_is_reported_to_the_sdk_as_locked() {
        let key = SecretKey::from_bytes([7; 32]);
        assert_eq!(ForeignKeyStore(Arc::new(Short)).store("vault", &key), Err(KeyStoreError::Locked));
    }

    #[test]
    fn the_text_of_an_unexpected_exception_is_dropped() {
        let error = ForeignKeyStore(Arc::new(Short)).delete("vault").expect_err("it threw");
        assert!(!error.to_string().contains("0123456789"), "{error}");
    }
}
