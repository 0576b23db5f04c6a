//! Compares the database with its revocation log before a server starts.

use std::collections::HashMap;
use std::path::Path;

use super::export::ToFile;
use super::file::{self, Found, RevocationLog};
use super::line::{End, Seal};
use super::{RestoreError, ledger};
use moorline_server_base::clock::Timestamp;
use moorline_server_base::config::MasterKeys;
use moorline_server_base::random::Random;
use moorline_server_store::{Export, StoreError, Tx};

/// Compares the database with the revocation log in `path`, writes the log anew from the database, and returns the
/// log's writer.
///
/// # Errors
/// [`RestoreError`] says what to do when the two do not match.
pub fn guard(
    tx: &mut dyn Tx,
    path: &Path,
    masters: &MasterKeys,
    random: &Random,
    now: Timestamp,
) -> Result<Box<dyn Export>, RestoreError> {
    let seal = Seal::new(masters);
    let found = file::read(path, &seal)?;
    let instance = match (ledger::instance(tx)?, &found) {
        (Some(_), None) if ledger::has_log(tx)? => return Err(RestoreError::Missing(path.to_owned())),
        (Some(instance), None) => instance,
        (Some(instance), Some(found)) if instance == found.instance => instance,
        (None, None) => ledger::new_instance(random),
        // A backup from before it had a name; or a start that was interrupted after it had made the file.
        (None, Some(found)) if ledger::has_sessions(tx)? || found.ends.is_empty() => found.instance.clone(),
        (_, Some(_)) => return Err(RestoreError::OtherDatabase(path.to_owned())),
    };
    let entries = found.as_ref().map_or(Ok(0), |found| missing(tx, found).map(|ends| ends.len()))?;
    if entries > 0 {
        return Err(RestoreError::WentBack { path: path.to_owned(), entries });
    }
    // Written anew, it is whole, has nothing that the database has deleted, and is sealed by the current master key.
    // The file comes before the name: a database that knows of a log requires it.
    let last = ledger::last_seq(tx)?;
    let log = RevocationLog::make(path, seal, &instance, &ledger::all(tx)?)?;
    ledger::name_instance(tx, &instance, now)?;
    ledger::set_log(tx, true)?;
    Ok(Box::new(ToFile { log, last }))
}

/// Lets a database start that has no revocation log: it keeps the last known time under its name.
///
/// # Errors
/// [`RestoreError::Store`] when the database fails.
pub fn name(tx: &mut dyn Tx, random: &Random, now: Timestamp) -> Result<(), RestoreError> {
    if ledger::instance(tx)?.is_none() {
        ledger::name_instance(tx, &ledger::new_instance(random), now)?;
    }
    if ledger::set_log(tx, false)? {
        tracing::warn!(
            "store.revocation_log is not set any more: nothing detects that this database was restored from a backup"
        );
    }
    Ok(())
}

/// The ends that the file has and the database has not, or has another under their number.
pub(super) fn missing(tx: &mut dyn Tx, found: &Found) -> Result<Vec<End>, StoreError> {
    // A backup from before it had a name has numbered its ends by itself: all of the file is news to it.
    if ledger::instance(tx)?.is_none() {
        return Ok(found.ends.clone());
    }
    let (last, own) = (ledger::last_seq(tx)?, ledger::all(tx)?);
    let own: HashMap<i64, &str> = own.iter().map(|end| (end.seq, end.session_id.as_str())).collect();
    let is_missing = |end: &&End| {
        end.seq > last || own.get(&end.seq).is_some_and(|session_id| *session_id != end.session_id)
    };
    Ok(found.ends.iter().filter(is_missing).cloned().collect())
}
