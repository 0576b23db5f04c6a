//! Ends of sessions that outlive the database: what was revoked stays revoked after a restore.
//!
//! Every end is numbered in the database, in the transaction that makes it, and then stands in a file outside the database
//! before the answer of any request that writes tells of it. The database comes first, so at a start it is level with the file, or ahead after a crash,
//! which is mended without a word. If it is behind, it went back in time: the server refuses to start until the ends that it
//! has lost were replayed ([`replay`]).

mod export;
mod file;
mod guard;
mod ledger;
mod line;
mod replay;

use std::path::PathBuf;

pub use guard::guard;
pub(crate) use ledger::{record, record_browser, see, seen_at};
pub use replay::{Lost, Restored, Taken, replay};

use crate::clock::Timestamp;
use crate::config::{Config, NotPrimary};
use crate::store::{Actor, Options, Store, StoreError};

/// Takes an operator's word that this machine's clock is right, whatever was known before.
///
/// # Errors
/// [`RestoreError::NotPrimary`], or [`RestoreError::Store`] when the database fails.
pub async fn accept_clock(config: &Config, now: Timestamp) -> Result<(), RestoreError> {
    config.must_be_primary()?;
    let store = Store::open(&Options::new(&config.database))?;
    store.write(&Actor::System("an operator's command"), move |tx| Ok(ledger::accept_time(tx, now)?)).await
}

/// The database and the exported ends of sessions do not fit together.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The database is older than the export.
    #[error(
        "the database went back in time: sessions that were ended since would live again (the last end that {} has is number {exported}, the database's is {stored}). Run `moorline-server restore` (with --config FILE, or --dir DIR for a development server), which ends them, then start again",
        path.display()
    )]
    WentBack {
        /// The export.
        path: PathBuf,
        /// The number of the export's last end.
        exported: i64,
        /// The number of the database's last end.
        stored: i64,
    },
    /// The export is not there, though the database knows one.
    #[error(
        "the file of ended sessions, {}, is not there. Without it nobody knows whether the database went back in time. Bring the file back, or run `moorline-server restore --lost database-is-current` if this database was never restored, or `moorline-server restore --lost end-all-sessions` if it may have been",
        .0.display()
    )]
    Missing(PathBuf),
    /// There is an export with ends, and a database with sessions that does not know of any.
    #[error(
        "the database does not know its file of ended sessions, {}: it was put back from a backup that is older than the file, and sessions that were ended since would live again. Keep the file, and run `moorline-server restore` (with --config FILE, or --dir DIR for a development server), which ends them, then start again",
        .0.display()
    )]
    Unnamed(PathBuf),
    /// The export is another database's.
    #[error(
        "{} tells of another database's sessions: name this one's file in store.ends_file. If this is a new server, or its file is lost, name a path where there is no file yet; the server asks then what it has to know",
        .0.display()
    )]
    OtherDatabase(PathBuf),
    /// The export's head was sealed by another master key.
    #[error(
        "{}: its head does not open with this master key. If this is the right key, the file was damaged: bring back a good copy; or, without one, name a path where there is no file yet in store.ends_file, and the server asks what it has to know",
        .0.display()
    )]
    WrongKey(PathBuf),
    /// The export can't be believed.
    #[error(
        "{}, line {line}: {what}. Bring back a good copy of the file; or, without one, run `moorline-server restore --lost database-is-current` if this database was never restored, or `--lost end-all-sessions` if it may have been",
        path.display()
    )]
    Damaged {
        /// The export.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// `--lost` was said of an export that has ends which the database has not.
    #[error("{} is not lost: run `moorline-server restore` without --lost", .0.display())]
    NotLost(PathBuf),
    /// Another server has the export open.
    #[error("{} belongs to a server that is running: stop that one first", .0.display())]
    InUse(PathBuf),
    /// The export can't be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The export.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// This node may not write.
    #[error(transparent)]
    NotPrimary(#[from] NotPrimary),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
