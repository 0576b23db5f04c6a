//! A copy of the database while it is in use.

use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::StoreError;

/// How often another process may keep the lock for as long as a connection waits for it.
const TRIES: usize = 12;

/// What a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackedUp {
    /// The size of the copy, in bytes.
    pub bytes: u64,
    /// The newest migration of its tables.
    pub version: i64,
}

/// Copies the database in `from` to the new file `to`, and checks the copy. A server may use `from` meanwhile: the copy
/// is the database of one moment. On return it is on disk.
///
/// # Errors
/// [`StoreError::Unusable`] when `to` is there already, `from` is not one of our databases, or the copy is damaged;
/// nothing is left at `to` then.
pub fn back_up(from: &Path, to: &Path) -> Result<BackedUp, StoreError> {
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    source.busy_timeout(super::connection::BUSY_TIMEOUT)?;
    let cannot = |error: std::io::Error| {
        let why = match error.kind() {
            std::io::ErrorKind::AlreadyExists => "the file is there already: choose another name".to_owned(),
            _ => error.to_string(),
        };
        StoreError::Unusable(format!("the copy can't be made at {}: {why}", to.display()))
    };
    if to.exists() {
        return Err(cannot(std::io::ErrorKind::AlreadyExists.into()));
    }
    // It gets its name when it is whole: nobody takes what an interruption left for a backup.
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let _ = std::fs::remove_file(&part);
    super::connection::open_private_new(&part).map(drop).map_err(cannot)?;
    let done = copy(&source, &part).and_then(|()| {
        let done = check(&part)?;
        sync(&part)?;
        std::fs::rename(&part, to).map_err(cannot)?;
        sync(folder_of(to))?;
        Ok(done)
    });
    if done.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    done
}

fn copy(source: &Connection, to: &Path) -> Result<(), StoreError> {
    let mut target = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let backup = Backup::new(source, &mut target)?;
    // All pages in one step: that is one read transaction, which stops no writer. In several, each commit in between
    // would begin the copy again.
    let mut tries = 0;
    while backup.step(-1)? != StepResult::Done {
        tries += 1;
        if tries == TRIES {
            return Err(StoreError::Unavailable("another process keeps the database locked".to_owned()));
        }
    }
    drop(backup);
    // One file, without the log beside it that a copy would be incomplete without.
    target.pragma_update(None, "journal_mode", "DELETE")?;
    drop(target);
    Ok(())
}

/// It has the file's name.
fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync(path: &Path) -> Result<(), StoreError> {
    std::fs::File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|error| StoreError::Unavailable(format!("the copy could not be written to disk: {error}")))
}

fn check(to: &Path) -> Result<BackedUp, StoreError> {
    let copy = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let found: String = copy.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if found != "ok" {
        return Err(StoreError::Unusable(format!("the copy is damaged: {found}")));
    }
    if copy.prepare("PRAGMA foreign_key_check")?.exists([])? {
        return Err(StoreError::Unusable("the copy has rows without what they refer to".to_owned()));
    }
    let version = copy.query_row("SELECT MAX(version) FROM migrations", [], |row| row.get(0))?;
    let bytes = std::fs::metadata(to).map_err(|error| StoreError::Unavailable(error.to_string()))?.len();
    Ok(BackedUp { bytes, version })
}
