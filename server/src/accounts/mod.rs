//! Accounts: users, their passwords, and their browsers' sessions with this server. Without pages: those are in
//! `pages`.

pub mod cookies;
mod costs;
pub mod csrf;
pub mod devices;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
pub mod legacy_names;
pub mod names;
mod passwords;
mod sessions;
pub mod tries;
pub mod users;

pub use costs::{costs, delete_unused_costs};
pub use passwords::{HashError, Password, Passwords, Verdict};
pub use sessions::{BrowserSession, BrowserSessions, end_all as end_browser_sessions};
