//! The OpenID provider: authorization, tokens, revocation, user information and discovery.

pub mod access_token;
pub mod clients;
pub mod consent;
pub mod requests;
pub mod scope;
mod settings;

use axum::Router;

pub use settings::Settings;

use crate::state::AppState;

/// Every OAuth and OpenID Connect address.
pub fn routes() -> Router<AppState> {
    Router::new()
}
