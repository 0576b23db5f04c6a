//! What was done, before it is known what came of it.

use crate::kind::Kind;
use crate::lane::Place;

/// Faults that were made, and where in the plan they stand.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) place: Place,
    pub(crate) kind: Kind,
    pub(crate) count: usize,
    pub(crate) how: String,
}
