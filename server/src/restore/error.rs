//! How the database and its revocation log can disagree.

use std::path::PathBuf;

use moorline_server_base::config::NotPrimary;
use moorline_server_store::StoreError;

/// The database and the revocation log do not match, or one of them can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The database is older than the revocation log.
    #[error(
        "The database is older than its revocation log (database at entry {stored}, {} at {exported}): it was \
         restored from a backup. Run `moorline-server restore` (with --config FILE, or --dir DIR for a development \
         server), which ends the sessions that were revoked since, then start again",
        path.display()
    )]
    WentBack {
        /// The revocation log.
        path: PathBuf,
        /// The number of the log's last entry.
        exported: i64,
        /// The number of the database's last entry.
        stored: i64,
    },
    /// There is no revocation log, though the database has one.
    #[error(
        "The revocation log {} does not exist. Without it the server can't detect a database that was restored from \
         a backup. Bring the file back. If it is lost, run `moorline-server restore --lost database-is-current` if \
         this database was never restored, or `moorline-server restore --lost end-all-sessions` if it may have been",
        .0.display()
    )]
    Missing(PathBuf),
    /// There is a revocation log with entries, and a database with sessions that knows of no log.
    #[error(
        "The database is older than its revocation log {}, which it does not know yet: it was restored from a \
         backup. Keep the file. Run `moorline-server restore` (with --config FILE, or --dir DIR for a development \
         server), which ends the sessions that were revoked since, then start again",
        .0.display()
    )]
    Unnamed(PathBuf),
    /// The export is another database's.
    #[error(
        "{} is the revocation log of another database. Set store.revocation_log to the log of this one. If this is \
         a new server, or its log is lost, set it to a path where there is no file yet",
        .0.display()
    )]
    OtherDatabase(PathBuf),
    /// The export's head was sealed by another master key.
    #[error(
        "The revocation log {} does not open with this master key. If this is the right key, the file is damaged: \
         bring back a good copy. Without one, set store.revocation_log to a path where there is no file yet",
        .0.display()
    )]
    WrongKey(PathBuf),
    /// The revocation log is damaged.
    #[error(
        "{}, line {line}: {what}. Bring back a good copy of the file; or, without one, run `moorline-server restore \
         --lost database-is-current` if this database was never restored, or `--lost end-all-sessions` if it may \
         have been",
        path.display()
    )]
    Damaged {
        /// The revocation log.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// `--lost` was said of an export that has ends which the database has not.
    #[error("The revocation log {} is not lost: run `moorline-server restore` without --lost", .0.display())]
    NotLost(PathBuf),
    /// Another server has the export open.
    #[error("The revocation log {} is in use by a running server: stop that one first", .0.display())]
    InUse(PathBuf),
    /// The export can't be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The revocation log.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The database is Postgres.
    #[error(
        "A Postgres database has no revocation log. Restore it to the latest point of its archive; if some of it is \
         lost, revoke the sessions that may have ended since"
    )]
    NoLog,
    /// This node may not write.
    #[error(transparent)]
    NotPrimary(#[from] NotPrimary),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
