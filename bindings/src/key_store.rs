//! The key store that an app brings.

use std::{fmt, sync::Arc};

use moorline::{KeyStore, KeyStoreError, SecretKey};

/// Stores keys of 32 bytes by name. Implemented in Kotlin or Swift, and called on the SDK's own threads, where it may
/// block.
#[uniffi::export(rust, foreign)]
pub trait AppKeyStore: Send + Sync {
    /// The key of this name, or `None` if there is none. Anything but 32 bytes counts as
    /// [`Damaged`](AppKeyStoreError::Damaged).
    fn load(&self, key_id: String) -> Result<Option<Vec<u8>>, AppKeyStoreError>;

    /// Returns if keys can be used at present. It is called when there is no vault: on a device that was not unlocked
    /// since it started, files seem to be missing that are there.
    fn ready(&self) -> Result<(), AppKeyStoreError>;

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
    /// The key store did not answer in time: a retry may succeed.
    #[error("timed out")]
    TimedOut,
    /// There is an entry of this name, and it cannot be read any more. What was sealed with the key is lost.
    #[error("damaged: {reason}")]
    Damaged {
        /// Why. Must hold no secret.
        reason: String,
    },
    /// The key store reported another error: a retry may succeed.
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
            AppKeyStoreError::TimedOut => Self::TimedOut,
            AppKeyStoreError::Damaged { reason } => Self::Damaged(reason),
            AppKeyStoreError::Failed { reason } => Self::Failed(reason),
        }
    }
}

/// Adapts the app's key store to the SDK's trait.
pub(crate) struct ForeignKeyStore(pub(crate) Arc<dyn AppKeyStore>);

impl KeyStore for ForeignKeyStore {
    fn load(&self, key_id: &str) -> Result<Option<SecretKey>, KeyStoreError> {
        self.0.load(key_id.into())?.map(SecretKey::from_stored).transpose()
    }

    fn ready(&self) -> Result<(), KeyStoreError> {
        Ok(self.0.ready()?)
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

    /// Holds one entry, and refuses changes.
    struct Holds(Vec<u8>);

    impl AppKeyStore for Holds {
        fn load(&self, _: String) -> Result<Option<Vec<u8>>, AppKeyStoreError> {
            Ok(Some(self.0.clone()))
        }

        fn ready(&self) -> Result<(), AppKeyStoreError> {
            Err(AppKeyStoreError::Locked)
        }

        fn store(&self, _: String, _: Vec<u8>) -> Result<(), AppKeyStoreError> {
            Err(AppKeyStoreError::Locked)
        }

        fn delete(&self, _: String) -> Result<(), AppKeyStoreError> {
            Err(uniffi::UnexpectedUniFFICallbackError::new("the key is 0123456789").into())
        }
    }

    fn holds(bytes: usize) -> ForeignKeyStore {
        ForeignKeyStore(Arc::new(Holds(vec![1; bytes])))
    }

    #[test]
    fn a_key_has_32_bytes_and_an_entry_of_any_other_length_is_damaged() {
        for bytes in [0, 1, 31, 33, 64, 1 << 20] {
            let error = holds(bytes).load("vault").expect_err("not 32 bytes");
            assert_eq!(error, KeyStoreError::Damaged(format!("it holds {bytes} bytes instead of 32")));
        }
        let key = holds(32).load("vault").expect("32 bytes are a key").expect("it is there");
        assert_eq!(key.expose(), &[1; 32]);
    }

    #[test]
    fn each_error_of_the_key_store_reaches_the_sdk_as_itself() {
        let reason = || "why".to_owned();
        for (thrown, reported) in [
            (AppKeyStoreError::Locked, KeyStoreError::Locked),
            (AppKeyStoreError::Unavailable { reason: reason() }, KeyStoreError::Unavailable(reason())),
            (AppKeyStoreError::TimedOut, KeyStoreError::TimedOut),
            (AppKeyStoreError::Damaged { reason: reason() }, KeyStoreError::Damaged(reason())),
            (AppKeyStoreError::Failed { reason: reason() }, KeyStoreError::Failed(reason())),
        ] {
            assert_eq!(KeyStoreError::from(thrown), reported);
        }
        let key = SecretKey::from_bytes([7; 32]);
        assert_eq!(holds(32).store("vault", &key), Err(KeyStoreError::Locked));
    }

    #[test]
    fn the_text_of_an_unexpected_exception_is_dropped() {
        let error = holds(32).delete("vault").expect_err("it threw");
        assert!(matches!(error, KeyStoreError::Failed(_)), "{error}");
        assert!(!error.to_string().contains("0123456789"), "{error}");
    }
}
