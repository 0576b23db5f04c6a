//! What was done, before its result is known.

use crate::history::Killed;
use crate::kind::Kind;
use crate::lane::Place;

/// Faults that were made, and their place in the plan.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) place: Place,
    pub(crate) kind: Kind,
    pub(crate) count: usize,
    pub(crate) how: String,
    /// Whether the fault was the end of the process.
    pub(crate) killed: Option<Killed>,
}

impl Fault {
    /// One fault, of which there is nothing to say yet.
    pub(crate) const fn new(place: Place, kind: Kind) -> Self {
        Self { place, kind, count: 1, how: String::new(), killed: None }
    }
}
