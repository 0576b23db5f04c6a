//! An OpenID provider in a process, for tests. It speaks real HTTP on loopback, with DPoP or bearer tokens, and it
//! loses answers, expires, revokes, skews its clock, rotates its keys, challenges, refuses and asks to wait: whatever
//! a test wants.
//!
//! ```no_run
//! # async fn example() {
//! use std::sync::Arc;
//! use moorline_testkit::{Fault, Provider, RealTime};
//!
//! let provider = Provider::start(Arc::new(RealTime)).await;
//! provider.fault(Fault::LoseAnswer);
//! // … the app at `provider.issuer` refreshes, and signs in with `provider.authorize(url)` as its browser …
//! assert_eq!(provider.live_generation(), Some(1));
//! # }
//! ```
//!
//! It is no provider for anything else: it asks nobody for a password.

pub mod control;
mod devices;
mod fault;
mod proofs;
mod provider;
mod request;
pub mod rows;
mod settings;
pub mod signer;
mod state;
mod time;
mod tls;
mod tokens;
mod vault;

pub use devices::Devices;
pub use fault::{Fault, Gate};
pub use proofs::Proofs;
pub use provider::{Decision, Provider};
pub use request::Seen;
pub use state::{Row, State};
pub use time::{RealTime, Time};
pub use tls::Identity;
