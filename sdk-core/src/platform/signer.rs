//! Keys that sign where nobody can read them.

use std::fmt::Debug;

use super::bounded::NoAnswer;
use crate::{
    error::{Error, StorageLostReason, StorageUnavailableReason},
    runtime::Panicked,
};

/// Holds the keys that tokens are bound to (DPoP, RFC 9449) where they cannot be copied: in the Android Keystore, or
/// in the Secure Enclave. Each key is an ECDSA key on P-256 and signs SHA-256 hashes (ES256).
///
/// Each sign-in has a key of its own, and each request to the provider or an API is signed with it: a key that asks
/// the user at each use is of no use here. The functions may block. The SDK calls them on a thread that it keeps for
/// this, one call at a time, and waits ten seconds at most. A call that takes longer goes on; until it is over, the
/// SDK starts no other.
pub trait Signer: Send + Sync + Debug {
    /// Generates a key of this name, durably, and returns its public key: an uncompressed point, `04 ‖ x ‖ y`, of
    /// 65 bytes.
    ///
    /// # Errors
    /// Any [`SignerError`]: then no sign-in starts.
    fn generate(&self, key_id: &str) -> Result<Vec<u8>, SignerError>;

    /// Signs `message` (not its hash) with the key of this name. Returns the signature either as `r ‖ s`, of 64
    /// bytes, or in DER, as Android's `SHA256withECDSA` and iOS's `ecdsaSignatureMessageX962SHA256` do.
    ///
    /// # Errors
    /// [`SignerError::Gone`] if the key is lost for good, which ends its session; the others if it cannot sign at
    /// present, which change nothing.
    fn sign(&self, key_id: &str, message: &[u8]) -> Result<Vec<u8>, SignerError>;

    /// Deletes a key; one that is not there is not an error. The SDK calls it once nothing in the vault refers to the
    /// key any more.
    ///
    /// # Errors
    /// Any [`SignerError`]. The SDK calls again at a later change of the vault.
    fn delete(&self, key_id: &str) -> Result<(), SignerError>;
}

/// Why a signer gave no signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// The device is locked. A retry succeeds once the user has unlocked it.
    #[error("the device is locked")]
    Locked,
    /// The signer answers, and the key is lost for good: there is no key of this name, or the system has invalidated
    /// it. Never report this because of an error that may pass: it ends the session.
    #[error("the key is gone")]
    Gone,
    /// This machine has no such hardware, or it is not running. A retry does not help.
    #[error("no signer is available: {0}")]
    Unavailable(String),
    /// It did not answer in time. A retry may succeed.
    #[error("the signer did not answer in time")]
    TimedOut,
    /// It answered with another error, or with something that is no signature. A retry may succeed.
    #[error("the signer failed: {0}")]
    Failed(String),
}

impl From<SignerError> for Error {
    fn from(error: SignerError) -> Self {
        let reason = match &error {
            SignerError::Gone => return Self::StorageLost(StorageLostReason::KeyGone),
            SignerError::Locked => StorageUnavailableReason::Locked,
            SignerError::Unavailable(_) => StorageUnavailableReason::NoKeyStore,
            SignerError::TimedOut => StorageUnavailableReason::Busy,
            SignerError::Failed(_) => StorageUnavailableReason::Failed,
        };
        tracing::warn!(%error, "the key that tokens are bound to cannot sign");
        Self::StorageUnavailable(reason)
    }
}

impl From<NoAnswer> for SignerError {
    fn from(error: NoAnswer) -> Self {
        match error {
            NoAnswer::TimedOut => Self::TimedOut,
            NoAnswer::NoThread(why) => Self::Failed(why),
            NoAnswer::Panicked => Self::Failed("it panicked".into()),
        }
    }
}

impl From<Panicked> for SignerError {
    fn from(_: Panicked) -> Self {
        Self::Failed("internal SDK error; please report this".into())
    }
}
