//! The pages of this server: sign-in, consent, the front page and signing out.

mod addresses;
mod attempt;
mod consent;
mod failures;
mod home;
pub mod scopes;
mod sign_in;
mod state;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};

pub use state::Pages;

/// Their routes.
pub fn routes<S>() -> Router<S>
where
    Arc<Pages>: FromRef<S>,
    S: Clone + Send + Sync + 'static,
{
    Router::new()
        .route("/", get(home::show))
        .route("/sign-in", get(sign_in::show).post(sign_in::submit))
        .route("/sign-out", post(home::sign_out))
        .route("/consent", get(consent::show).post(consent::submit))
}
