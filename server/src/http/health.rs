//! What an orchestrator and a load balancer ask: whether to restart this process, and whether to send it requests.

use std::time::Instant;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;

use super::probe::Probe;
use super::state::AppState;
use crate::access::Anonymous;
use moorline_server_store::{StoreError, Tx, check_tables};

/// Liveness: whether this process can go on. Only what a restart mends makes it fail, so it asks no database: a
/// database that is away is no reason to restart every node.
pub(super) async fn healthz(State(state): State<AppState>) -> Response {
    if state.store.is_alive() {
        return "ok\n".into_response();
    }
    tracing::error!("a thread of the database has ended: this process must be restarted");
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

/// Readiness: whether requests can be answered. The database answers, its tables are still fit for this version, and
/// the writer answers too unless this node has none. The layers before it refuse while the clock is not accepted.
pub(super) async fn readyz(State(state): State<AppState>, anonymous: Anonymous) -> Response {
    if state.is_draining() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let arrived = Instant::now();
    let mut last = state.probing().lock().await;
    // Whoever had to wait for others takes the answer that one of them got meanwhile: strangers can ask, too.
    if let Some(probe) = last.as_ref().filter(|probe| probe.began >= arrived) {
        return answer(probe.is_ready);
    }
    let began = Instant::now();
    let is_ready = ask_database(&state, anonymous).await;
    *last = Some(Probe { began, is_ready });
    answer(is_ready)
}

fn answer(is_ready: bool) -> Response {
    if is_ready { "ok\n".into_response() } else { StatusCode::SERVICE_UNAVAILABLE.into_response() }
}

async fn ask_database(state: &AppState, anonymous: Anonymous) -> bool {
    let actor = anonymous.actor("a readiness check knows nobody");
    let ask = |tx: &mut dyn Tx| tx.query("SELECT 1 AS ready", &[]).map(drop);
    let mut ready: Result<(), StoreError> = state.store.read(&actor, check_tables).await;
    if ready.is_ok() && !state.store.only_reads() {
        ready = state.store.write(&actor, ask).await;
    }
    if let Err(error) = &ready {
        tracing::error!(%error, "the readiness check failed");
    }
    ready.is_ok()
}
