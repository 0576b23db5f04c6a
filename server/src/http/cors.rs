//! Cross-origin requests: off, except for the origins that a client was registered with, and only at what a
//! browser app calls itself.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use http::header::{
    AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH, LOCATION, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use http::request::Parts;
use http::{HeaderValue, Method};
use tokio::sync::Mutex;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::state::AppState;
use crate::oauth::clients;
use crate::web::{Surface, is_probe};
use moorline_server_base::clock::Timestamp;
use moorline_server_dpop::{DPOP, DPOP_NONCE};
use moorline_server_store::Actor;

/// The layer. Credentials are never allowed, so no cookie of a person crosses an origin.
pub(super) fn layer(state: AppState) -> CorsLayer {
    let origins = Origins::default();
    let allowed = AllowOrigin::async_predicate(move |origin: HeaderValue, parts: &Parts| {
        let open = is_open(parts.uri.path());
        let (state, origins) = (state.clone(), origins.clone());
        async move { open && origins.has(&state, &origin).await }
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
        Surface::OAuth => !is_probe(path),
        Surface::Browser => false,
    }
}

/// The origins that clients are registered with, read again when the copy is older than [`FRESH`]: `client add` writes
/// them from another process. Any page can make a browser ask, so that asking has to cost next to nothing.
#[derive(Clone, Debug, Default)]
struct Origins(Arc<Mutex<Option<Snapshot>>>);

#[derive(Debug)]
struct Snapshot {
    read_at: Timestamp,
    origins: HashSet<String>,
}

impl Origins {
    async fn has(&self, state: &AppState, origin: &HeaderValue) -> bool {
        let Ok(origin) = origin.to_str() else { return false };
        // Held while the origins are read: all who ask meanwhile wait for this one answer.
        let mut copy = self.0.lock().await;
        let now = state.clock.now();
        let is_fresh = |copy: &Snapshot| copy.read_at <= now && now < copy.read_at.after(FRESH);
        if !copy.as_ref().is_some_and(is_fresh) {
            let actor = Actor::Anonymous("a browser asks before it sends anything");
            match state.store.read(&actor, |tx| clients::origins(tx)).await {
                Ok(origins) => *copy = Some(Snapshot { read_at: now, origins }),
                Err(error) => {
                    tracing::error!(%error, "the origins of clients could not be read");
                    // Those who come next do not wait for the database, too.
                    let origins = copy.take().map(|copy| copy.origins).unwrap_or_default();
                    *copy = Some(Snapshot { read_at: now, origins });
                }
            }
        }
        copy.as_ref().is_some_and(|copy| copy.origins.contains(origin))
    }
}

/// How old the copy may be.
const FRESH: Duration = Duration::from_secs(5);
