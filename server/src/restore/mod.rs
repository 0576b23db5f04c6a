//! Revocations outlive the database: what was revoked stays revoked after a backup was restored.
//!
//! The transaction that ends a session gives the end a number. After its commit, and before any response that depends
//! on it, the end is written to the revocation log, a file outside the database. So at a start one of three things is
//! true:
//!
//! - Both have the same ends: nothing to do.
//! - The database is ahead, after a crash: the log is completed.
//! - The log is ahead: the database was restored from a backup. The server refuses to start until [`replay()`] has
//!   ended those sessions again.

mod error;
mod export;
mod file;
mod guard;
mod ledger;
mod line;
mod replay;
mod time;

pub use error::RestoreError;
pub use guard::{guard, name};
pub use ledger::{instance, record, record_browser, see, seen_at};
pub use replay::{Lost, Restored, Taken, replay};
pub use time::{accept_clock, is_time_accepted};
