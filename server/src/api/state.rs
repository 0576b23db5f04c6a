//! What the API needs.

use crate::clock::Clock;
use crate::random::Random;
use crate::store::Store;

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
