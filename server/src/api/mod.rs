//! The versioned resource API.

use axum::Router;

use crate::state::AppState;

/// The routes of the API.
pub fn routes() -> Router<AppState> {
    Router::new()
}
