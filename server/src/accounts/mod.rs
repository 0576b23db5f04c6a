//! Accounts: users, their passwords, and their browsers' sessions with this server. Without pages: those are in
//! `pages`.

pub mod cookies;
pub mod csrf;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
pub mod legacy_names;
pub mod names;
mod passwords;
mod sessions;
pub mod users;

pub use passwords::{HashError, Password, Passwords, Verdict, costs, delete_unused_costs};
pub use sessions::{BrowserSession, BrowserSessions, delete_expired, end_all as end_browser_sessions};
