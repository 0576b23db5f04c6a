//! What the OpenID provider needs.

use std::sync::Arc;

use crate::access::Authenticator;
use crate::accounts::BrowserSessions;
use crate::limits::Limits;
use crate::tokens::{AccessTokens, Settings};
use moorline_server_base::clock::Clock;
use moorline_server_base::random::Random;
use moorline_server_dpop::Dpop;
use moorline_server_keys::Keys;
use moorline_server_store::Store;

/// The OpenID provider: the state of its handlers.
#[derive(Debug)]
pub struct Provider {
    /// The database.
    pub store: Store,
    /// Signing and sealing keys.
    pub keys: Keys,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// Rate limits.
    pub limits: Limits,
    /// Issuer, API and lifetimes.
    pub settings: Arc<Settings>,
    /// Checks DPoP proofs.
    pub dpop: Arc<Dpop>,
    /// Checks access tokens that are to be revoked.
    pub tokens: AccessTokens,
    /// The sessions of users' browsers.
    pub browsers: BrowserSessions,
    /// Checks requests for user information.
    pub authenticator: Arc<Authenticator>,
}
