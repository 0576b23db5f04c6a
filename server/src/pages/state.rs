//! What the pages need.

use crate::accounts::{BrowserSessions, Passwords};
use crate::limits::Limits;
use moorline_server_base::clock::Clock;
use moorline_server_base::config::Issuer;
use moorline_server_base::random::Random;
use moorline_server_keys::Keys;
use moorline_server_store::Store;

/// The pages: the state of their handlers.
#[derive(Clone, Debug)]
pub struct Pages {
    /// The database.
    pub store: Store,
    /// What makes form tokens and pseudonyms.
    pub keys: Keys,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// Rate limits.
    pub limits: Limits,
    /// Password hashing.
    pub passwords: Passwords,
    /// The sessions of users' browsers, and whose cookies they have.
    pub browsers: BrowserSessions,
}

impl Pages {
    /// This server, as cookies and pages name it.
    pub(super) fn issuer(&self) -> &Issuer {
        &self.browsers.issuer
    }

    /// The host that the footer names, so that users can compare it with the address bar.
    pub(super) fn host(&self) -> &str {
        self.issuer().url().host_str().unwrap_or_default()
    }
}
