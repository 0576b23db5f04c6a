//! How the keys fail.

use moorline_server_store::StoreError;

/// The keys can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A sealed key does not open: the master key is not the one that sealed it, or the row was changed.
    #[error("a signing key in the database does not open with this master key")]
    WrongMasterKey,
    /// The library could not make or read a key.
    #[error("a signing key could not be made or read")]
    Unusable,
}
