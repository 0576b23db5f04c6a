//! Cross-origin requests: off, except for the origins that a client was registered with, and only at what a
//! browser app calls itself.

use std::time::Duration;

use http::header::{
    AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH, LOCATION, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use http::request::Parts;
use http::{HeaderValue, Method};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::state::AppState;
use crate::oauth::clients;
use crate::web::Surface;
use moorline_server_dpop::{DPOP, DPOP_NONCE};
use moorline_server_store::{Actor, StoreError};

/// The layer. Credentials are never allowed, so no cookie of a person crosses an origin.
pub(super) fn layer(state: AppState) -> CorsLayer {
    let allowed = AllowOrigin::async_predicate(move |origin: HeaderValue, parts: &Parts| {
        let open = is_open(parts.uri.path());
        let state = state.clone();
        async move { open && is_registered(&state, &origin).await }
    });
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([
            AUTHORIZATION,
            CONTENT_TYPE,
            IF_MATCH,
            IF_NONE_MATCH,
            HeaderName::from_static("idempotency-key"),
            DPOP,
        ])
        .expose_headers([ETAG, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE, DPOP_NONCE])
        .max_age(Duration::from_secs(600))
}

/// What a browser app calls itself: the API and OAuth's back channel, never the pages.
fn is_open(path: &str) -> bool {
    match Surface::of(path) {
        Surface::Api => true,
        Surface::OAuth => path != "/healthz",
        Surface::Browser => false,
    }
}

async fn is_registered(state: &AppState, origin: &HeaderValue) -> bool {
    let Ok(origin) = origin.to_str().map(str::to_owned) else { return false };
    let actor = Actor::Anonymous("a browser asks before it sends anything");
    let found: Result<bool, StoreError> = state
        .store
        .read(&actor, move |tx| Ok(clients::all(tx)?.iter().any(|client| client.origins.contains(&origin))))
        .await;
    found.unwrap_or_else(|error| {
        tracing::error!(%error, "an origin could not be looked up");
        false
    })
}
