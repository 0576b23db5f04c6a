//! The versioned resource API. What is under `/v1` keeps its meaning; a change that would break an app is a `/v2`.

mod cursor;
mod etag;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
#[expect(unused_qualifications, reason = "utoipa writes out the path of a handler's parameters")]
mod notes;
pub mod openapi;
mod state;
mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::get;

pub use state::Api;

use crate::access::Authenticator;

/// The routes of the API. Each is described in [`openapi`], and a test walks them all.
pub fn routes<S>() -> Router<S>
where
    Arc<Api>: FromRef<S>,
    Arc<Authenticator>: FromRef<S>,
    S: Clone + Send + Sync + 'static,
{
    Router::new()
        .route("/v1/notes", get(notes::list).post(notes::create))
        .route("/v1/notes/{id}", get(notes::read).put(notes::replace).delete(notes::delete))
        .route("/v1/openapi.json", get(openapi::document))
}
