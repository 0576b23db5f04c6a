//! What the database said to the last readiness check.

use std::time::Instant;

/// An answer, and when it was asked for.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) began: Instant,
    pub(super) is_ready: bool,
}
