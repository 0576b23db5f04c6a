//! The edge: listener and TLS, the layers that every request passes, and the bodies of errors.

mod assets;
mod cors;
mod errors;
mod headers;
mod layers;
pub mod pages;
mod problem;
mod serve;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tls;

pub use assets::{ICON_PATH, STYLE_PATH};
pub use errors::Surface;
pub use headers::{ContentSecurity, RequestId};
pub use layers::router;
pub(crate) use layers::router_with;
pub use problem::{ApiJson, ApiQuery, Problem, Violation};
pub use serve::{Listener, ServeError};
pub use tls::{TlsError, load_tls};
