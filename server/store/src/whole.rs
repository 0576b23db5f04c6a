//! Whether a database is whole.

use super::{StoreError, Tx};

/// What a database is called that a copy has not come to the end of: nobody may take it for whole.
pub(super) const UNFINISHED: &str = "unfinished copy";

/// Whether the database is whole: no copy into it was interrupted.
///
/// # Errors
/// [`StoreError::Unusable`] if one was: its text says what to do.
pub fn check_whole(tx: &mut dyn Tx) -> Result<(), StoreError> {
    match tx.first("SELECT id FROM instance WHERE id = $1", &[UNFINISHED.into()])? {
        None => Ok(()),
        Some(_) => Err(StoreError::Unusable(
            "a copy into it was interrupted, and rows are missing: run `moorline-server migrate-database` again"
                .to_owned(),
        )),
    }
}
