//! Revocations outlive the database: what was revoked stays revoked after a backup was restored.
//!
//! The transaction that ends a session gives the end a number. After its commit, and before the response, the end is
//! written to the revocation log, a file on other storage (`store.revocation_log`; there is none without it). So at a
//! start one of two things is true:
//!
//! - The database has every end that the log has. The log is written anew from it, which mends whatever is wrong there.
//! - The log has more: the database was restored from a backup. The server refuses to start until [`replay()`] has
//!   revoked those sessions again.

mod error;
mod export;
mod file;
mod guard;
mod issuer;
mod ledger;
mod line;
mod replay;
mod time;

pub use error::{ClockJumped, OF_THE_BACKUP, RestoreError};
pub use guard::{guard, name};
pub use issuer::{OtherIssuer, change_issuer, issuer, record_issuer, set_issuer};
pub use ledger::{instance, record, record_browser, see, seen_at};
pub use replay::{Lost, Restored, Revoked, Taken, replay, without_log};
pub use time::{accept_clock, is_time_accepted};
