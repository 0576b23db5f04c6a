//! What crosses a crate: the real server as a process, a browser without a screen, a network that loses answers.
//!
//! Used by the tests in `tests/`, by the binaries `demo`, `bench` and `moorline-browse`, and, through the last, by the
//! Kotlin, Swift and shell tests. Nothing in here replaces a part of the product: [`Server`] is the real binary,
//! [`Browser`] fills in its real pages over TLS.

pub mod audit;
pub mod balancer;
pub mod binaries;
pub mod browser;
pub mod cli;
mod daemon;
pub mod database;
pub mod dev_file;
pub mod dpop;
mod html;
pub mod http1;
pub mod library;
pub mod load;
pub mod nodes;
pub mod oauth;
pub mod postgres;
pub mod proxy;
pub mod redis;
pub mod sdk;
pub mod serve;
pub mod server;
pub mod server_clock;
pub mod sessions;
pub mod shell;
pub mod tls;
pub mod world;

use std::path::Path;

use anyhow::{Context as _, Result};

pub use balancer::Balancer;
pub use browser::{Browser, Consent, Landing, Page};
pub use database::Database;
pub use dev_file::{DevFile, User};
pub use library::Library;
pub use load::Load;
pub use nodes::Nodes;
pub use postgres::{Postgres, Shutdown};
pub use proxy::{Canned, Delivery, Exchange, Fault, Heard, LossyProxy, Weather};
pub use redis::Redis;
pub use server::{Server, ServerOptions};
pub use server_clock::ServerClock;
pub use world::World;

/// Finds out before long work whether its figures can be kept. Leaves what is in the file.
///
/// Errors: when it can't be written.
pub fn can_be_written(file: &Path) -> Result<()> {
    let opened = std::fs::OpenOptions::new().create(true).append(true).open(file);
    opened.map(drop).with_context(|| format!("the figures can't go to {}", file.display()))
}
