//! Faults on request, so that an app's developer sees what the SDK makes of them: `POST /dev/faults/NAME`, with an
//! access token. Only the development server has them, and only where nobody but this machine reaches it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Extension, Path, Query, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, DATE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use crate::access::{AuthContext, Authenticator};
use crate::audit::{self, Event};
use crate::http::{AppState, router_with};
use crate::oauth::revoke_session;
use crate::web::Problem;
use moorline_server_base::clock::Clock;
use moorline_server_store::{StoreError, Tx};

/// What goes wrong next.
#[derive(Debug)]
struct Faults {
    /// The answer of the token endpoint to the next request is lost: the server has done what it was asked.
    lose_next_answer: AtomicBool,
    /// The API rejects the access token of the next request.
    reject_next_token: AtomicBool,
    clock: Clock,
}

/// The server's own routes, with the faults over them.
pub(super) fn router(state: AppState) -> Router {
    let faults = Arc::new(Faults {
        lose_next_answer: AtomicBool::new(false),
        reject_next_token: AtomicBool::new(false),
        clock: state.clock.clone(),
    });
    let orders = Router::new().route("/dev/faults/{name}", post(order)).layer(Extension(faults.clone()));
    router_with(state, orders).layer(from_fn_with_state(faults, play))
}

/// How far a fault goes.
#[derive(Debug, serde::Deserialize)]
struct Extent {
    /// For `skew-clock`: by how many seconds the server's clock goes on.
    seconds: Option<u64>,
}

/// Takes an order. Whoever gives it has an access token; a page in a browser has none.
async fn order(
    State(state): State<AppState>,
    State(authenticator): State<Arc<Authenticator>>,
    Extension(faults): Extension<Arc<Faults>>,
    Path(name): Path<String>,
    Query(extent): Query<Extent>,
    parts: Parts,
) -> Response {
    let person = match authenticator.authenticate(&parts).await {
        Ok(authenticated) => authenticated.person,
        Err(refusal) => return refusal.into_response(),
    };
    match name.as_str() {
        "lose-next-answer" => faults.lose_next_answer.store(true, Ordering::SeqCst),
        "reject-next-token" => faults.reject_next_token.store(true, Ordering::SeqCst),
        "revoke-session" => {
            if let Err(error) = revoke(&state, person).await {
                return Problem::from(error).into_response();
            }
        }
        "skew-clock" => {
            faults.clock.advance(Duration::from_secs(extent.seconds.unwrap_or(3600).min(LONGEST_SKEW)))
        }
        _ => {
            let known = "lose-next-answer, reject-next-token, revoke-session, skew-clock?seconds=N";
            return Problem::new(StatusCode::NOT_FOUND, "unknown-fault", "There is no such fault")
                .detail(format!("The faults are: {known}."))
                .into_response();
        }
    }
    tracing::info!(fault = name, "as ordered");
    StatusCode::NO_CONTENT.into_response()
}

async fn revoke(state: &AppState, person: AuthContext) -> Result<(), StoreError> {
    let (now, caller) = (state.clock.now(), person.clone());
    let ended = move |tx: &mut dyn Tx| {
        let Some(session) = caller.session_id() else { return Ok(()) };
        if revoke_session(tx, session, now)? {
            audit::append(tx, now, Event::new("session.revoked"))?;
        }
        Ok(())
    };
    state.store.write(&person.actor(), ended).await
}

/// Plays what was ordered.
async fn play(State(faults): State<Arc<Faults>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let authorization = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some(scheme) = authorization.and_then(|value| value.split(' ').next())
        && path.starts_with("/v1/")
        && faults.reject_next_token.swap(false, Ordering::SeqCst)
    {
        return rejected(scheme);
    }
    let mut response = next.run(request).await;
    if path == "/oauth/token" && faults.lose_next_answer.swap(false, Ordering::SeqCst) {
        response = lost(response);
    }
    if let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(time_of(&faults.clock))) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

fn time_of(clock: &Clock) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(clock.now().millis()).unwrap_or(0))
}

fn rejected(scheme: &str) -> Response {
    let scheme = if scheme.eq_ignore_ascii_case("dpop") { "DPoP" } else { "Bearer" };
    let challenge = format!("{scheme} error=\"invalid_token\", error_description=\"The token has expired\"");
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, challenge)]).into_response()
}

/// The same head, and a body that breaks off before its first byte.
fn lost(response: Response) -> Response {
    let (mut head, _) = response.into_parts();
    head.headers.remove(CONTENT_LENGTH);
    Response::from_parts(head, Body::new(Broken))
}

struct Broken;

impl HttpBody for Broken {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, io::Error>>> {
        std::task::Poll::Ready(Some(Err(io::Error::other("this answer is lost, as ordered"))))
    }
}

/// A day: more would end every session.
const LONGEST_SKEW: u64 = 86_400;
