//! The code exchange in every order of every step: a device that asks again for an answer that it did not get, and a
//! thief with the code (ADR 16). What a code is worth is the product's own decision.

mod promises;
mod properties;
mod scenario;
mod server;
pub mod state;
mod steps;
mod world;

pub use promises::{ENDS, FINISH, GETS_NOTHING, SHARED};
pub use scenario::{Loot, Mutant, Scenario, Sight, all, limits, mutants};
pub use steps::{REFRESHES, Step};
pub use world::World;
