//! The layers that every request passes, from the outside in, in one place.

use std::pin::Pin;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::CONNECTION;
use http::{HeaderName, HeaderValue, StatusCode};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tracing::Instrument;

use super::cors;
use super::framing;
use super::health::{healthz, readyz};
use super::host::has_one_host;
use super::load::{Load, shed};
use super::state::AppState;
use super::time::know_time;
use crate::limits::client_address;
use crate::web::{ErrorForm, HEALTHZ, READYZ, RequestId, Surface, security_headers};
use crate::{api, oauth, pages, web};

/// The whole server: the routes of every capability, and the layers over them.
pub fn router(state: AppState) -> Router {
    router_with(state, Router::new())
}

/// The same, with further routes under the same layers.
pub fn router_with(state: AppState, further: Router<AppState>) -> Router {
    finish(oauth::routes().merge(pages::routes()).merge(api::routes()).merge(further), state)
}

/// Adds the edge's own routes and every layer to the routes of the capabilities.
pub(super) fn finish(routes: Router<AppState>, state: AppState) -> Router {
    let load = Load::new(state.config.http.max_requests);
    let largest_body = state.config.http.api_body_limit.max(state.config.http.oauth_body_limit);
    // Past no layer that may refuse: a server that is busy, or whose clock is wrong, is alive.
    let alive = Router::new().route(HEALTHZ, get(healthz)).layer(from_fn_with_state(state.clone(), edge));
    routes
        .merge(web::routes())
        .route(READYZ, get(readyz))
        // One stack, from the outside in: a router boxes and clones the service inside each `layer` at every request.
        .layer(
            ServiceBuilder::new()
                .layer(from_fn_with_state(state.clone(), edge))
                // A preflight is answered here: it asks for the registered origins, and has no use for a bound or the
                // time.
                .layer(cors::layer(state.clone()))
                .layer(from_fn_with_state(load, shed))
                .layer(from_fn_with_state(state.clone(), bounds))
                .layer(RequestBodyLimitLayer::new(largest_body))
                .layer(CatchPanicLayer::custom(panicked)),
        )
        .merge(alive)
        .with_state(state)
}

/// What every request gets and every answer carries, also those of the layers further in: an id, a line in the log, the
/// sender's address, an error's right form, the security headers.
async fn edge(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let id = state.random.id();
    request.extensions_mut().insert(RequestId(id.clone()));
    let address = client_address(&request, &state.config.http);
    request.extensions_mut().insert(address);
    let form = ErrorForm::of(&request);
    let is_proved = moorline_server_dpop::is_proved(&request);
    let is_clear = has_one_host(&request) && framing::is_plain(&request);
    // Where the next request begins is not sure.
    let is_the_last = !is_clear || framing::is_the_last(&request);
    let answer =
        if is_clear { traced(&id, request, next).await } else { StatusCode::BAD_REQUEST.into_response() };
    let mut response = form.shape(answer);
    if is_the_last {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if is_proved {
        moorline_server_dpop::next_nonce(state.dpop(), &mut response);
    }
    security_headers(&state.config.issuer, &mut response);
    let id = HeaderValue::try_from(id).expect("an id is base64url");
    response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
    response
}

/// The time and the size that a request may have, if the clock is accepted.
async fn bounds(State(state): State<AppState>, request: Request, next: Next) -> Response {
    if let Err(refusal) = know_time(&state).await {
        return refusal;
    }
    // What the store has begun it also ends: a rotation whose answer came too late is answered again to the retry.
    let limit = state.config.http.request_timeout.as_duration();
    tokio::time::timeout(limit, bounded_body(&state, request, next))
        .await
        .unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
}

/// The body limit of the surface; the extractors obey it.
async fn bounded_body(state: &AppState, mut request: Request, next: Next) -> Response {
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

fn panicked(payload: Box<dyn std::any::Any + Send + 'static>) -> Response {
    // The message may hold what the handler worked on: it is not logged. The panic hook of the program logs the place.
    drop(payload);
    tracing::error!("a handler panicked");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// One line a request: never its query, its headers, its body or an id in its path.
async fn traced(id: &str, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str);
    let span = tracing::info_span!("request", %id, method = %request.method(), %route);
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
