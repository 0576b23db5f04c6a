//! Why an operator's change is refused.

use moorline_server_keys::KeysError;
use moorline_server_store::StoreError;

/// A change that can't be made.
#[derive(Debug, thiserror::Error)]
pub enum ManageError {
    /// No user has this name.
    #[error("there is no user {0:?}: `moorline-server user list` shows them")]
    NoUser(String),
    /// No client has this identifier.
    #[error("there is no client {0:?}: `moorline-server client list` shows them")]
    NoClient(String),
    /// A client has this identifier already.
    #[error("there is a client {0:?} already: `moorline-server client update` changes it")]
    ClientExists(String),
    /// A public client has no secret.
    #[error("client {0:?} is public: it has no secret to replace")]
    Public(String),
    /// No signing key has this id.
    #[error("there is no signing key {0:?}: `moorline-server keys list` shows them")]
    NoKey(String),
    /// Some sealed values do not open.
    #[error(
        "{0} sealed values open with none of the master keys. Put the key that sealed them into master_key_file as a \
         further line. All others are sealed by the first key now"
    )]
    Unreadable(u64),
    /// What is to be stored is not valid.
    #[error("{0}")]
    Invalid(String),
    /// The signing keys can't be changed like this.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
