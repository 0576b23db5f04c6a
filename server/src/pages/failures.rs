//! The pages for what can go wrong on the way.

use axum::response::Response;
use http::StatusCode;

use crate::web::{Surface, error_page};
use moorline_server_store::StoreError;

/// The request that the page was for is over.
pub(super) fn expired() -> Response {
    error_page(
        StatusCode::BAD_REQUEST,
        "This sign-in has expired",
        "It was open for too long, or it is finished already. Go back to the app and start again.",
    )
}

/// The database failed.
pub(super) fn unavailable(error: &StoreError) -> Response {
    match error {
        StoreError::Unavailable(_) => {
            tracing::warn!(%error, "the database is not available");
            Surface::Browser.error(StatusCode::SERVICE_UNAVAILABLE)
        }
        StoreError::InvalidText => Surface::Browser.error(StatusCode::BAD_REQUEST),
        _ => {
            tracing::error!(%error, "the database refused a page");
            Surface::Browser.error(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}
