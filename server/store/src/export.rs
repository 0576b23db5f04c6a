//! Writes that are made durable outside the database, too.

use super::{StoreError, Tx};

/// Copies what was committed to a second place. The writer calls it after the commit of a group in which a request
/// asked for it ([`Tx::must_be_exported`]), before it answers. A failure is logged, and holds up no request: the
/// database has it all, and the next call exports what is missing.
///
/// The database comes first: it is behind the export only if it was restored from a backup.
pub trait Export: std::fmt::Debug + Send {
    /// Brings the second place up to date, durably.
    ///
    /// # Errors
    /// [`StoreError`] when either can't be reached.
    fn catch_up(&mut self, tx: &mut dyn Tx) -> Result<(), StoreError>;
}
