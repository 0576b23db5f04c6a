//! An exhaustive model of the refresh rotation: every order of every step, with the product's own decisions.
//!
//! The server's steps are [`moorline_server::oauth::rotation::decide`] with its `Session`, the client's are
//! [`moorline::decision::decide`]: nothing of the rules is written a second time here. What is here is the world
//! around them: a vault that two processes share, a network, a clock, lost commits, crashes, a user, and a thief.

pub mod ahead;
pub mod check;
pub mod client;
pub mod exchange;
pub mod mutant;
pub mod names;
pub mod promises;
pub mod properties;
pub mod request;
pub mod scenario;
pub mod scenarios;
pub mod server;
pub mod sight;
pub mod state;
pub mod steps;
pub mod thief;
pub mod world;
