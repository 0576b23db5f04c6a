//! People: their accounts, their passwords, and their browsers' sessions with this server.

mod consent;
mod cookies;
mod csrf;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod home;
mod passwords;
pub mod scopes;
mod sessions;
mod sign_in;
#[cfg(test)]
mod tests;
pub mod users;

use axum::Router;
use axum::routing::{get, post};

pub use passwords::{HashError, Password, Passwords};
pub use sessions::{BrowserSession, browser_session};

use crate::state::AppState;

/// The pages.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/", get(home::show))
        .route("/sign-in", get(sign_in::show).post(sign_in::submit))
        .route("/sign-out", post(home::sign_out))
        .route("/consent", get(consent::show).post(consent::submit))
}
