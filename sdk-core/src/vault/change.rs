//! What is read from the vault, and how it is changed.

use super::{
    contents::{AccountId, Contents, StoredState},
    format::KeyId,
};
use crate::secret::Secret;

/// The result of a change to the vault.
pub(crate) enum Change<T> {
    /// To be made durable.
    Write(T),
    /// Nothing has changed.
    Keep(T),
}

/// What to do about a vault that cannot be read any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenLost {
    /// Return the error.
    Fail,
    /// Start with an empty one: the user signs in or out, so what was lost is no longer needed. (A vault of a newer
    /// version is not lost.)
    StartAnew,
}

/// What a refresh begins with.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) state: StoredState,
    /// `None` if there is nothing to send, or the provider knows no attempts.
    pub(crate) attempt: Option<Secret>,
    /// See [`Snapshot::reading`].
    pub(crate) reading: u64,
}

/// What the vault held at some moment.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) contents: Contents,
    /// Grows with each change of one vault. A vault that was lost, and that another process has replaced, starts again
    /// at 1.
    pub(crate) revision: u64,
    /// The place of this reading among those of this process: of two, the higher saw the later contents, whatever
    /// their revisions are.
    pub(crate) reading: u64,
    pub(super) key_id: Option<KeyId>,
    /// The contents' length in bytes, without padding.
    pub(super) length: usize,
}

impl Snapshot {
    /// Of a vault that does not exist yet.
    pub(super) fn empty(reading: u64) -> Self {
        Self { reading, ..Self::default() }
    }

    /// The state of an account.
    pub(crate) fn state(&self, id: &AccountId) -> StoredState {
        self.contents.account(id).map_or(StoredState::NeverSignedIn, |account| account.state.clone())
    }
}

/// The result of an update, and the vault's revision after it.
#[derive(Debug)]
pub(crate) struct Updated<T> {
    pub(crate) outcome: T,
    #[cfg_attr(not(test), expect(dead_code, reason = "tests compare revisions"))]
    pub(crate) revision: u64,
    /// See [`Snapshot::reading`].
    pub(crate) reading: u64,
}
