//! Compares the database with its revocation log before a server starts.

use std::path::Path;

use super::export::ToFile;
use super::file::{Contents, RevocationLog};
use super::line::Seal;
use super::{RestoreError, ledger};
use moorline_server_base::clock::Timestamp;
use moorline_server_base::config::MasterKeys;
use moorline_server_base::random::Random;
use moorline_server_store::{Export, Tx};

/// Compares the database with the revocation log in `path`, and returns the log's writer. Creates the log at a
/// database's first start.
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
    let stored = ledger::last_seq(tx)?;
    let opened = RevocationLog::open(path, Seal::new(masters), stored)?;
    let mut export = match (ledger::instance(tx)?, opened) {
        // An old backup whose log is missing, or a database that never had one: only an operator knows.
        (None, None) if ledger::has_sessions(tx)? => return Err(RestoreError::Missing(path.to_owned())),
        (None, None) => begin(tx, path, masters, random, now)?,
        // The previous start was interrupted after it created the file.
        (None, Some((file, contents))) if contents.last.is_none() && !contents.torn => {
            ledger::name_instance(tx, &contents.instance, now)?;
            ToFile { file, last: 0 }
        }
        (None, Some(_)) if ledger::has_sessions(tx)? => {
            return Err(RestoreError::Unnamed(path.to_owned()));
        }
        (Some(_), None) => return Err(RestoreError::Missing(path.to_owned())),
        (Some(instance), Some((file, contents))) if instance == contents.instance => {
            fit(tx, path, stored, &contents)?;
            if contents.current {
                ToFile { file, last: contents.last_seq() }
            } else {
                // Written anew, so that the master key before this one may go.
                let ends = ledger::after(tx, 0, i64::MAX)?;
                let file = RevocationLog::make(path, Seal::new(masters), &instance, &ends)?;
                ToFile { file, last: stored }
            }
        }
        (_, Some(_)) => return Err(RestoreError::OtherDatabase(path.to_owned())),
    };
    export.catch_up(tx)?;
    Ok(Box::new(export))
}

/// Names a database that has no revocation log, at its first start: it keeps the last known time under its name.
///
/// # Errors
/// [`RestoreError::Store`] when the database fails.
pub fn name(tx: &mut dyn Tx, random: &Random, now: Timestamp) -> Result<(), RestoreError> {
    if ledger::instance(tx)?.is_none() {
        ledger::name_instance(tx, &ledger::new_instance(random), now)?;
    }
    Ok(())
}

/// Creates the file first: a file without a database is adopted, but a database that knows of a log requires it.
fn begin(
    tx: &mut dyn Tx,
    path: &Path,
    masters: &MasterKeys,
    random: &Random,
    now: Timestamp,
) -> Result<ToFile, RestoreError> {
    let instance = ledger::new_instance(random);
    let file = RevocationLog::make(path, Seal::new(masters), &instance, &[])?;
    ledger::name_instance(tx, &instance, now)?;
    Ok(ToFile { file, last: 0 })
}

fn fit(tx: &mut dyn Tx, path: &Path, stored: i64, contents: &Contents) -> Result<(), RestoreError> {
    let exported = contents.last_seq();
    // The database has an end before its line is begun.
    if exported > stored || (contents.torn && exported == stored) {
        return Err(RestoreError::WentBack { path: path.to_owned(), exported, stored });
    }
    // A database that was restored and then used without its log has other ends under the same numbers.
    if contents.last.is_some() && ledger::numbered(tx, exported)? != contents.last {
        let what = "its last end is not the one that the database has under that number";
        let line = usize::try_from(exported).unwrap_or(usize::MAX).saturating_add(1);
        return Err(RestoreError::Damaged { path: path.to_owned(), line, what });
    }
    Ok(())
}
