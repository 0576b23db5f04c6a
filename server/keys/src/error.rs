//! How the keys fail.

use moorline_server_store::StoreError;

/// The keys can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A sealed key does not open: the master key is not the one that sealed it, or the row was changed.
    #[error(
        "a key in the database does not open with the master key of the settings. If another one was put in its place, \
         put the one before back into master_key_file as a further line, and run `moorline-server master-key rotate`"
    )]
    WrongMasterKey,
    /// A master key that sealed rows is not among the keys of the settings.
    #[error(
        "The database may hold secrets that are sealed by the master key {0}, which is not in master_key_file. Put \
         that key back as a further line, and run `moorline-server master-key rotate`"
    )]
    MissingMasterKey(String),
    /// A server seals by another master key.
    #[error(
        "A server sealed by the master key {0} within the last three minutes. Put the new key first in the \
         master_key_file of every server and restart it; then, after three minutes, run this again"
    )]
    StillServing(String),
    /// The library could not make or read a key.
    #[error("a signing key could not be made or read")]
    Unusable,
}
