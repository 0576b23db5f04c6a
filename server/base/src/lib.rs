//! What every part of the server stands on: time, randomness, digests, settings, and who may do what.

pub mod clock;
pub mod config;
pub mod digest;
pub mod policy;
pub mod random;
pub mod sampled;
