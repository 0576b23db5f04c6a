//! Writes that must be durable outside the database, too, before a response depends on them.

use super::{StoreError, Tx};

/// Copies what was committed to a second place. The writer calls it after the commit of a group in which a request
/// asked for it ([`Tx::must_be_exported`]), and answers that request only if it succeeded.
///
/// The database comes first: it is behind the export only if it was restored from a backup.
pub trait Export: std::fmt::Debug + Send {
    /// Brings the second place up to date, durably. Called again until it succeeds.
    ///
    /// # Errors
    /// [`StoreError`] when either can't be reached. Every write fails until it can.
    fn catch_up(&mut self, tx: &mut dyn Tx) -> Result<(), StoreError>;
}
