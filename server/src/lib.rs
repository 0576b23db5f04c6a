//! Moorline's companion backend: an OpenID provider and a versioned resource API in one binary.
//!
//! Each module is one capability and owns its routes, pages and queries. The modules form levels: each imports lower
//! levels only (`xtask/src/circles/levels.rs`, checked by `cargo xtask circles`; `docs/architecture.md`).
//!
//! A request passes the layers of [`http`], [`limits`] and [`access`] before a handler parses it, calls a service
//! inside one transaction of the [store](moorline_server_store) (the [`audit`] entry in the same transaction) and renders
//! the answer.

pub mod access;
pub mod accounts;
pub mod api;
pub mod audit;
pub mod dev;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod http;
pub mod limits;
pub mod manage;
pub mod oauth;
pub mod pages;
pub mod restore;
pub mod start;
pub mod tokens;
pub mod web;

pub use http::AppState;
