//! Locks on a SQLite database, of the operating system on files beside it. The files stay; a lock goes with its
//! process.
//!
//! | file | a server | a command that changes something | a command that needs the database for itself |
//! | --- | --- | --- | --- |
//! | `….lock` | alone | | alone |
//! | `….commands.lock` | | with others | alone |

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use moorline_server_base::sampled::Sampled;
use tokio::time::{Instant, sleep};

use crate::purpose::Purpose;
use crate::{StoreError, connection};

/// A server that was stopped just now gives its lock up within this time.
const AT_A_START: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(100);

/// How often a file is made that is deleted at once.
const ATTEMPTS: u32 = 8;

/// The time between looks at whether the file is still there.
const LOOKING: Duration = Duration::from_secs(1);

static NOT_LOCKED: Sampled = Sampled::new();

/// The locked file.
#[derive(Debug)]
pub(crate) struct LockFile {
    file: Mutex<File>,
    path: PathBuf,
    database: PathBuf,
    /// The first lock of a command that needs the database for itself.
    commands: Option<(File, PathBuf)>,
}

/// Locks the database in the file `database`, which is made if it is absent.
pub(crate) async fn take(database: &Path, purpose: Purpose) -> Result<LockFile, StoreError> {
    let database = made(database)
        .map_err(|error| StoreError::Unusable(format!("it can't be opened or made: {error}")))?;
    let (servers, commands) = (beside(&database, ".lock"), beside(&database, ".commands.lock"));
    let waiting = async |path: &Path, share| {
        let deadline = Instant::now() + AT_A_START;
        loop {
            match lock(path, &database, share)? {
                Some(file) => return Ok(file),
                None if Instant::now() >= deadline => {
                    return Err(StoreError::Unusable(held(path, purpose, path == commands)));
                }
                None => sleep(PAUSE).await,
            }
        }
    };
    let (path, share) = match purpose {
        Purpose::Serve { .. } | Purpose::Maintain => (&servers, Share::Alone),
        Purpose::Command => (&commands, Share::WithOthers),
    };
    // The commands' first: a server never waits for one that is refused for them.
    let held_first = match purpose {
        Purpose::Maintain => Some((waiting(&commands, Share::Alone).await?, commands.clone())),
        Purpose::Serve { .. } | Purpose::Command => None,
    };
    let file = Mutex::new(waiting(path, share).await?);
    Ok(LockFile { file, path: path.clone(), database, commands: held_first })
}

/// How a file is locked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Share {
    Alone,
    WithOthers,
}

/// The file at `path`, made if it is absent, and locked; `None` if another process has the lock.
fn lock(path: &Path, database: &Path, share: Share) -> Result<Option<File>, StoreError> {
    for _ in 0..ATTEMPTS {
        let file = open(path, database).map_err(|error| unusable(path, "opened", &error))?;
        let locked = if share == Share::Alone { file.try_lock() } else { file.try_lock_shared() };
        match locked {
            // Another program may have deleted the file meanwhile: a lock on such a one keeps nobody out.
            Ok(()) if !is_at(&file, path) => {}
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) => break,
            Err(TryLockError::Error(error)) => return Err(unusable(path, "locked", &error)),
        }
    }
    Ok(None)
}

fn open(path: &Path, database: &Path) -> io::Result<File> {
    match connection::open_private_new(path) {
        Ok(file) => {
            leave_to_owner(&file, database);
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => connection::open_private(path),
        Err(error) => Err(error),
    }
}

/// Whether others that lock this path find this file.
fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let (ours, named) = (file.metadata(), fs::metadata(path));
        matches!((ours, named), (Ok(ours), Ok(named)) if ours.dev() == named.dev() && ours.ino() == named.ino())
    }
    // An open file keeps its name there.
    #[cfg(not(unix))]
    {
        let _ = file;
        path.exists()
    }
}

/// The path of the database without links: whichever path leads to it, its lock is one file.
fn made(database: &Path) -> io::Result<PathBuf> {
    match database.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            connection::make_private(database)?;
            database.canonicalize()
        }
        found => found,
    }
}

impl LockFile {
    /// Whether this process keeps others away. A file that somebody has deleted is made and locked again, unless
    /// another process was faster; not for a command that needs the database for itself: others may have written
    /// meanwhile.
    pub(crate) fn is_held(&self) -> bool {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let is_in_place = is_at(&file, &self.path);
        if let Some((commands, path)) = &self.commands {
            return is_in_place && is_at(commands, path);
        }
        if is_in_place {
            return true;
        }
        let path = self.path.display();
        match lock(&self.path, &self.database, Share::Alone) {
            Ok(Some(again)) => {
                tracing::warn!(%path, "the lock file was deleted: it is made again");
                *file = again;
                true
            }
            Ok(None) => false,
            Err(error) => {
                if let Some(left_out) = NOT_LOCKED.due() {
                    tracing::error!(%error, left_out, "nothing keeps another server away from the database");
                }
                true
            }
        }
    }

    /// Waits until another process keeps this one away.
    pub(crate) async fn lost(&self) {
        while self.is_held() {
            sleep(LOOKING).await;
        }
        tracing::error!(path = %self.path.display(), "the lock file was deleted, and another process has locked it");
    }
}

/// A file that root has made must not keep the server's own user out. Only a file that is new is given away: another
/// one may be a link to anything.
#[cfg(unix)]
fn leave_to_owner(file: &File, database: &Path) {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    if let (Ok(ours), Ok(theirs)) = (file.metadata(), fs::metadata(database))
        && ours.uid() != theirs.uid()
    {
        // Where it may not, the file is as the server's user finds any other of this one's.
        let _ = fchown(file, Some(theirs.uid()), Some(theirs.gid()));
    }
}

#[cfg(not(unix))]
fn leave_to_owner(_: &File, _: &Path) {}

fn held(path: &Path, purpose: Purpose, is_of_commands: bool) -> String {
    let (path, commands) = (path.display(), COMMANDS);
    match purpose {
        Purpose::Serve { .. } => format!(
            "another server runs on it, or a command that needs it for itself ({commands}): {path} is locked. Stop \
             that one first. Several nodes need Postgres"
        ),
        Purpose::Command => {
            format!(
                "a command needs it for itself ({commands}): {path} is locked. Wait for its end, and {AGAIN}"
            )
        }
        Purpose::Maintain if is_of_commands => {
            format!(
                "a command is changing it: {path} is locked (`fuser` shows by which). Wait for its end, and {AGAIN}"
            )
        }
        Purpose::Maintain => format!(
            "a server is running on it, or a command that needs it for itself ({commands}): {path} is locked. Stop \
             every server of this database, and {AGAIN}"
        ),
    }
}

const AGAIN: &str = "run this again";

/// The commands that no server may run beside.
pub(crate) const COMMANDS: &str = "`migrate-database`, `change-issuer`";

fn unusable(path: &Path, what: &str, error: &io::Error) -> StoreError {
    StoreError::Unusable(format!(
        "{} can't be {what}: {error}. The server and its commands lock this file beside the database: give the file \
         and its folder to the server's user, and run the server and its commands as that user",
        path.display()
    ))
}

/// Not the database itself: closing any handle of it would take SQLite's own locks away.
fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests;
