//! What every part of the server stands on: time, randomness, digests, settings, who may do what, and which servers are
//! trusted.

pub mod clock;
pub mod config;
pub mod digest;
pub mod policy;
pub mod random;
pub mod sampled;
pub mod trust;
