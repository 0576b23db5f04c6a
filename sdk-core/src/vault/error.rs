//! Why the vault cannot be read or written.

use std::io;

use super::{folder::NotAFile, format::FormatError};
use crate::{
    error::{Error, StorageLostReason, StorageUnavailableReason},
    platform::KeyStoreError,
    runtime::Panicked,
};

/// Why the vault cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VaultError {
    /// The device is locked, the disk is full, another process takes too long: a retry may succeed.
    #[error("the vault is not available: {details}")]
    Unavailable { reason: StorageUnavailableReason, details: String },
    /// The key store is locked, and so is what the vault holds.
    #[error("the vault is locked")]
    Locked,
    /// A folder, a pipe or the like has the name of a lock file.
    #[error("{0}")]
    InTheWay(String),
    /// The key store answers, and has no such key, or cannot read it any more.
    #[error("the vault's key is gone")]
    KeyGone,
    /// The file is damaged; it was moved aside.
    #[error("the vault is damaged")]
    Damaged,
    /// A newer version of the SDK wrote it.
    #[error("the vault was written by a newer version")]
    Newer,
}

impl VaultError {
    /// The key is not in memory; the key store may have it.
    pub(super) fn locked() -> Self {
        KeyStoreError::Locked.into()
    }

    /// Why the key store gave no key for the vault that is to be read.
    pub(super) fn of_reading(error: KeyStoreError) -> Self {
        match error {
            KeyStoreError::Locked => Self::Locked,
            error => error.into(),
        }
    }

    pub(super) fn failed(details: &str) -> Self {
        Self::Unavailable { reason: StorageUnavailableReason::Failed, details: details.to_owned() }
    }
}

impl From<io::Error> for VaultError {
    fn from(error: io::Error) -> Self {
        if let Some(in_the_way) = error.get_ref().and_then(|error| error.downcast_ref::<NotAFile>()) {
            return Self::InTheWay(in_the_way.to_string());
        }
        let reason = match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::PermissionDenied => StorageUnavailableReason::NoSpace,
            io::ErrorKind::WouldBlock => StorageUnavailableReason::Busy,
            _ => StorageUnavailableReason::Failed,
        };
        Self::Unavailable { reason, details: error.to_string() }
    }
}

impl From<FormatError> for VaultError {
    fn from(error: FormatError) -> Self {
        match error {
            FormatError::Damaged => Self::Damaged,
            FormatError::Newer => Self::Newer,
        }
    }
}

impl From<KeyStoreError> for VaultError {
    fn from(error: KeyStoreError) -> Self {
        let reason = match &error {
            KeyStoreError::Damaged(why) => {
                tracing::error!(why, "the key store cannot read the vault's key any more");
                return Self::KeyGone;
            }
            KeyStoreError::TimedOut => StorageUnavailableReason::Busy,
            KeyStoreError::Locked => StorageUnavailableReason::Locked,
            KeyStoreError::Unavailable(_) => StorageUnavailableReason::NoKeyStore,
            KeyStoreError::Failed(_) => StorageUnavailableReason::Failed,
        };
        Self::Unavailable { reason, details: error.to_string() }
    }
}

impl From<Panicked> for VaultError {
    fn from(_: Panicked) -> Self {
        Self::failed("internal SDK error; please report this")
    }
}

impl From<VaultError> for Error {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Unavailable { reason, details } => {
                tracing::warn!(details, "the vault is not available");
                Self::StorageUnavailable(reason)
            }
            VaultError::Locked => Self::StorageUnavailable(StorageUnavailableReason::Locked),
            VaultError::InTheWay(what) => Self::Misconfigured(what),
            VaultError::KeyGone => Self::StorageLost(StorageLostReason::KeyGone),
            VaultError::Damaged => Self::StorageLost(StorageLostReason::Damaged),
            VaultError::Newer => Self::StorageLost(StorageLostReason::NewerVersion),
        }
    }
}
