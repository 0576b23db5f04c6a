//! How long a refresh tries.

use std::time::Duration;

/// How long to try before a caller has to come back later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// The pauses between sends, one fewer than there are sends.
    pub(crate) pauses: &'static [Duration],
    /// The longest pause that a server can ask for within one call.
    pub(crate) longest: Duration,
    /// How often to look whether another process has finished its exchange.
    pub(crate) poll: Duration,
    /// How long the first reading of the vault may delay its caller: so short that a user does not notice.
    pub(crate) first_reading: Duration,
    /// How long one second lasts of the time between two polls of a device grant.
    pub(crate) second: Duration,
}

impl Patience {
    /// For apps.
    pub(crate) const DEFAULT: Self = Self {
        pauses: &[Duration::from_millis(250), Duration::from_secs(1)],
        longest: Duration::from_secs(5),
        poll: Duration::from_millis(50),
        first_reading: Duration::from_millis(100),
        second: Duration::from_secs(1),
    };
}
