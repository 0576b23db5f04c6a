//! What must stand outside the database too before it is told to anybody.

use super::{StoreError, Tx};

/// Takes what was committed to a second place. The writer calls it after the commit of a group in which a request asked for
/// it ([`Tx::must_be_exported`]), and answers that request only when it came out well.
///
/// The database comes first, so that it is never behind the export unless it went back in time.
pub trait Export: std::fmt::Debug + Send {
    /// Brings the second place up to what the database has, durably. Called again until it comes out well.
    ///
    /// # Errors
    /// [`StoreError`] when either can't be reached. Nothing more is written until it can.
    fn catch_up(&mut self, tx: &mut dyn Tx) -> Result<(), StoreError>;
}
