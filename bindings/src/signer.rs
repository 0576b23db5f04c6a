//! The signer that an app brings.

use std::{fmt, sync::Arc};

use moorline::{Signer, SignerError};

/// Holds keys that nobody can read, and signs with them (ECDSA on P-256 with SHA-256). Implemented in Kotlin or Swift,
/// and called on the SDK's own threads, where it may block. Mirrors [`moorline::Signer`].
#[uniffi::export(rust, foreign)]
pub trait AppSigner: Send + Sync {
    /// Generates a key of this name. Returns its public key, an uncompressed point of 65 bytes.
    fn generate(&self, key_id: String) -> Result<Vec<u8>, AppSignerError>;

    /// Signs a message, not its hash. Returns the signature in DER, or as `r ‖ s`.
    fn sign(&self, key_id: String, message: Vec<u8>) -> Result<Vec<u8>, AppSignerError>;

    /// Deletes a key. A missing key is not an error.
    fn delete(&self, key_id: String) -> Result<(), AppSignerError>;
}

/// Why the app's signer failed. Mirrors [`moorline::SignerError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum AppSignerError {
    /// The device is locked: it will work once the user unlocks it.
    #[error("locked")]
    Locked,
    /// The key is lost for good. It ends the session.
    #[error("gone")]
    Gone,
    /// This machine has no such hardware.
    #[error("unavailable: {reason}")]
    Unavailable {
        /// Why. Must hold no secret.
        reason: String,
    },
    /// The signer did not answer in time: a retry may succeed.
    #[error("timed out")]
    TimedOut,
    /// The signer reported another error: a retry may succeed.
    #[error("failed: {reason}")]
    Failed {
        /// What happened. Must hold no secret.
        reason: String,
    },
}

/// An exception that the trait does not declare. Its text is dropped: nobody knows what it holds.
impl From<uniffi::UnexpectedUniFFICallbackError> for AppSignerError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed { reason: "the app's signer threw an unexpected exception".into() }
    }
}

impl From<AppSignerError> for SignerError {
    fn from(error: AppSignerError) -> Self {
        match error {
            AppSignerError::Locked => Self::Locked,
            AppSignerError::Gone => Self::Gone,
            AppSignerError::Unavailable { reason } => Self::Unavailable(reason),
            AppSignerError::TimedOut => Self::TimedOut,
            AppSignerError::Failed { reason } => Self::Failed(reason),
        }
    }
}

/// Adapts the app's signer to the SDK's trait.
pub(crate) struct ForeignSigner(pub(crate) Arc<dyn AppSigner>);

impl Signer for ForeignSigner {
    fn generate(&self, key_id: &str) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.generate(key_id.into())?)
    }

    fn sign(&self, key_id: &str, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign(key_id.into(), message.to_vec())?)
    }

    fn delete(&self, key_id: &str) -> Result<(), SignerError> {
        Ok(self.0.delete(key_id.into())?)
    }
}

impl fmt::Debug for ForeignSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForeignSigner")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Echoes what it is asked, and deletes nothing.
    struct Echo;

    impl AppSigner for Echo {
        fn generate(&self, key_id: String) -> Result<Vec<u8>, AppSignerError> {
            Ok(key_id.into_bytes())
        }

        fn sign(&self, key_id: String, message: Vec<u8>) -> Result<Vec<u8>, AppSignerError> {
            Ok([key_id.as_bytes(), &message].concat())
        }

        fn delete(&self, _: String) -> Result<(), AppSignerError> {
            Err(uniffi::UnexpectedUniFFICallbackError::new("the message is 0123456789").into())
        }
    }

    #[test]
    fn names_and_messages_cross_as_they_are() {
        let signer = ForeignSigner(Arc::new(Echo));
        assert_eq!(signer.generate("k1").expect("it echoes"), b"k1");
        assert_eq!(signer.sign("k1", &[0, 255]).expect("it echoes"), b"k1\x00\xff");
    }

    #[test]
    fn each_error_of_the_signer_reaches_the_sdk_as_itself() {
        let reason = || "why".to_owned();
        for (thrown, reported) in [
            (AppSignerError::Locked, SignerError::Locked),
            (AppSignerError::Gone, SignerError::Gone),
            (AppSignerError::Unavailable { reason: reason() }, SignerError::Unavailable(reason())),
            (AppSignerError::TimedOut, SignerError::TimedOut),
            (AppSignerError::Failed { reason: reason() }, SignerError::Failed(reason())),
        ] {
            assert_eq!(SignerError::from(thrown), reported);
        }
    }

    #[test]
    fn an_unexpected_exception_is_no_lost_key_and_its_text_is_dropped() {
        let error = ForeignSigner(Arc::new(Echo)).delete("k1").expect_err("it threw");
        assert!(matches!(error, SignerError::Failed(_)), "{error}");
        assert!(!error.to_string().contains("0123456789"), "{error}");
    }
}
