//! How the database and its revocation log can disagree.

use std::path::PathBuf;

use moorline_server_base::config::NotPrimary;
use moorline_server_store::StoreError;

/// The commands whose effect a backup lacks and no revocation log has.
pub const OF_THE_BACKUP: &str = "`user disable`, `user set-password`, `client remove`, `client rotate-secret` and \
    `keys withdraw` (`user list`, `client list` and `keys list` show what the backup has)";

/// The database and the revocation log do not match, or one of them can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The log has revocations that the database has not.
    #[error(
        "The database is older than its revocation log {} ({entries} revocations are in the log alone): it was \
         restored from a backup. Run `moorline-server restore` (with --config FILE, or --dir DIR for a development \
         server), which revokes those sessions again, then start again",
        path.display()
    )]
    WentBack {
        /// The revocation log.
        path: PathBuf,
        /// How many revocations the database lacks.
        entries: usize,
    },
    /// There is no revocation log, though the database has one.
    #[error(
        "The revocation log {} does not exist. Without it the server can't detect a database that was restored from \
         a backup. Bring the file back. If it is lost, run `moorline-server restore --lost database-is-current` if \
         this database was never restored, or `moorline-server restore --lost end-all-sessions` if it may have been",
        .0.display()
    )]
    Missing(PathBuf),
    /// The log is another database's.
    #[error(
        "{} is the revocation log of another database. Set store.revocation_log to the log of this one. If this is \
         a new server, or its log is lost, set it to a path where there is no file yet",
        .0.display()
    )]
    OtherDatabase(PathBuf),
    /// The log's first line does not open.
    #[error(
        "The revocation log {} does not open with this master key. If this is the right key, the file is damaged: \
         bring back a good copy. Without one, move the file away and run `moorline-server restore --lost …`",
        .0.display()
    )]
    WrongKey(PathBuf),
    /// `--lost` was said of a log that is there.
    #[error("The revocation log {} is not lost: run `moorline-server restore` without --lost", .0.display())]
    NotLost(PathBuf),
    /// Another server has the log open.
    #[error("The revocation log {} is in use by a running server: stop that one first", .0.display())]
    InUse(PathBuf),
    /// The log can't be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The revocation log.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// No log is configured.
    #[error(
        "This server has no revocation log (store.revocation_log): no command knows what was revoked after the backup. \
         Before you start the server, run again each `user revoke-sessions`, {}",
        OF_THE_BACKUP
    )]
    NoLog,
    /// This node may not write.
    #[error(transparent)]
    NotPrimary(#[from] NotPrimary),
    /// The clock of this machine is not accepted.
    #[error(transparent)]
    ClockJumped(#[from] ClockJumped),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Nothing may be stored with the time of this machine's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this machine's clock is far ahead of the last time that the server knows: set it right or, if it is right, run \
     `moorline-server clock accept`"
)]
pub struct ClockJumped;
