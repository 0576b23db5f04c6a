//! The layers that every request passes, from the outside in, in one place.

use std::pin::Pin;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tracing::Instrument;

use super::headers::{RequestId, request_id, security_headers};
use super::{Surface, assets, cors, errors};
use crate::limits::client_address;
use crate::state::AppState;
use crate::{api, identity, oauth};

/// The whole server: the routes of every capability, and the layers over them.
pub fn router(state: AppState) -> Router {
    finish(oauth::routes().merge(identity::routes()).merge(api::routes()), state)
}

/// Adds the edge's own routes and every layer to the routes of the capabilities.
pub(super) fn finish(routes: Router<AppState>, state: AppState) -> Router {
    let largest_body = state.config.http.api_body_limit.max(state.config.http.oauth_body_limit);
    routes
        .merge(assets::routes())
        .route("/healthz", get(healthz))
        // Each `layer` wraps those before it: read from the bottom up for a request's way in.
        .layer(CatchPanicLayer::custom(panicked))
        .layer(RequestBodyLimitLayer::new(largest_body))
        .layer(from_fn_with_state(state.clone(), body_limit))
        .layer(from_fn_with_state(state.clone(), deadline))
        .layer(cors::layer(state.clone()))
        .layer(from_fn_with_state(state.clone(), errors::shape_errors))
        .layer(from_fn_with_state(state.clone(), oauth::dpop::next_nonce))
        .layer(from_fn_with_state(state.clone(), security_headers))
        .layer(from_fn_with_state(state.clone(), client_address))
        .layer(axum::middleware::from_fn(trace))
        .layer(from_fn_with_state(state.clone(), request_id))
        .with_state(state)
}

/// Whether the server can serve: its database answers.
async fn healthz(State(state): State<AppState>, anonymous: crate::access::Anonymous) -> Response {
    let alive = state
        .store
        .read(&anonymous.actor("a health check knows nobody"), |tx| {
            tx.query("SELECT 1 AS alive", &[]).map(|_| ())
        })
        .await;
    match alive {
        Ok(()) => "ok\n".into_response(),
        Err(error) => {
            tracing::error!(%error, "the health check failed");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// The body limit of the surface; the extractors obey it.
async fn body_limit(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let limit = match Surface::of(request.uri().path()) {
        Surface::Api => state.config.http.api_body_limit,
        Surface::OAuth | Surface::Browser => state.config.http.oauth_body_limit,
    };
    let announced = request.headers().get(http::header::CONTENT_LENGTH);
    let announced =
        announced.and_then(|value| value.to_str().ok()).and_then(|value| value.parse::<usize>().ok());
    if announced.is_some_and(|announced| announced > limit) {
        if !request.headers().contains_key(http::header::EXPECT) {
            discard(request.into_body()).await;
        }
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    DefaultBodyLimit::max(limit).apply(&mut request);
    next.run(request).await
}

/// Reads on for a while and keeps nothing: a client that still writes when the connection is closed gets a reset, and
/// never sees why.
async fn discard(mut body: Body) {
    let mut left = DISCARDED;
    while let Some(Ok(frame)) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Some(rest) = frame.data_ref().and_then(|data| left.checked_sub(data.len())) else { return };
        left = rest;
    }
}

/// Somebody who sends more than this by mistake does without the explanation.
const DISCARDED: usize = 4 * 1024 * 1024;

/// The whole request, with its body and the handler's work. What the store has begun it also ends: a rotation
/// whose answer came too late is answered again to the retry.
async fn deadline(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let limit = state.config.http.request_timeout.as_duration();
    tokio::time::timeout(limit, next.run(request))
        .await
        .unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
}

fn panicked(payload: Box<dyn std::any::Any + Send + 'static>) -> Response {
    // The message may hold what the handler worked on: it is not logged. The panic hook has told the place.
    drop(payload);
    tracing::error!("a handler panicked");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// One line a request: never its query, its headers, its body or an id in its path.
async fn trace(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let method = request.method().clone();
    let span = tracing::info_span!("request", %id, %method, %route);
    async {
        let response = next.run(request).await;
        let status = response.status().as_u16();
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::info!(status, micros, "answered");
        response
    }
    .instrument(span)
    .await
}
