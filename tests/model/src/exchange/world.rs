//! What a run takes place in.

use super::scenario::Scenario;
use super::state::Proof;

/// The world of a scenario.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// What it is about.
    pub scenario: Scenario,
}

impl World {
    /// The proof of the device's request of this number.
    pub const fn proof(&self, number: u8) -> Proof {
        if self.scenario.bound { Proof::OfRequest(number) } else { Proof::Absent }
    }
}
