//! What the API needs.

use moorline_server_base::clock::Clock;
use moorline_server_base::random::Random;
use moorline_server_store::Store;

/// The notes API: the state of its handlers.
#[derive(Clone, Debug)]
pub struct Api {
    /// The database.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
}
