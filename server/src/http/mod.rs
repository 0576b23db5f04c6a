//! The edge: listener and TLS, the layers that every request passes, and the state that all routes take their parts of.

mod activity;
mod certificate;
mod connection;
mod connections;
mod cors;
mod counts;
#[cfg(test)]
#[cfg(unix)]
mod few_files_tests;
mod framing;
#[cfg(test)]
mod framing_tests;
mod health;
mod host;
mod layers;
mod load;
mod probe;
mod serve;
#[cfg(test)]
mod serve_tests;
mod state;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod time;
mod tls;

pub use certificate::certificate_problems;
pub(crate) use certificate::{is_for, not_after};
pub use layers::{router, router_with};
pub use serve::{Listener, ServeError};
pub use state::{AppState, Parts};
pub use tls::{Tls, TlsError};
