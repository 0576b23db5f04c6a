//! Writes the revocation log after each commit that ended sessions.

use super::file::RevocationLog;
use super::ledger;
use moorline_server_store::{Export, StoreError, Tx};

/// How many lines are written at once.
const LINES: i64 = 1000;

/// The writer of the revocation log.
#[derive(Debug)]
pub(super) struct ToFile {
    pub(super) log: RevocationLog,
    /// The number of the last end that the file has.
    pub(super) last: i64,
}

impl Export for ToFile {
    fn catch_up(&mut self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        let failed = |error| StoreError::Unavailable(format!("the revocation log can't be written: {error}"));
        if !self.log.is_in_place() {
            let last = ledger::last_seq(tx)?;
            self.log.make_again(&ledger::all(tx)?).map_err(failed)?;
            self.last = last;
            tracing::warn!("the revocation log was moved, replaced or cut: it was written again");
        }
        loop {
            let ends = ledger::after(tx, self.last, LINES)?;
            let Some(last) = ends.last() else { return Ok(()) };
            self.log.append(&ends).map_err(failed)?;
            self.last = last.seq;
        }
    }
}
