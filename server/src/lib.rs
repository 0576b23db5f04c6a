//! Moorline's companion backend: an OpenID provider and a versioned resource API in one binary.
//!
//! Each module is one capability and owns its routes, pages and queries. A request passes the layers of [`http`],
//! [`limits`] and [`access`] before a handler parses it, calls a service inside one transaction of the [`store`]
//! (the [`audit`] entry in the same transaction) and renders the answer.

pub mod access;
pub mod api;
pub mod audit;
pub mod clock;
pub mod clock_guard;
pub mod config;
pub mod dev;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod http;
pub mod identity;
pub mod keys;
pub mod limits;
pub mod oauth;
pub mod random;
pub mod restore;
pub mod start;
pub mod state;
pub mod store;

pub use state::AppState;
