//! Refuses requests while the clock is not accepted.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::RETRY_AFTER;

use super::state::AppState;
use crate::restore;
use moorline_server_base::sampled::Sampled;

/// Each request is refused for the same reason.
static JUMPED: Sampled = Sampled::new();

/// Refuses a request while the clock is not accepted: nothing is changed then.
pub(super) async fn know_time(state: &AppState) -> Result<(), Response> {
    match restore::is_time_accepted(&state.store, state.clock_guard(), &state.clock).await {
        Ok(true) => return Ok(()),
        Ok(false) => {
            if let Some(left_out) = JUMPED.due() {
                tracing::error!(
                    clock = state.clock.now().seconds(),
                    last_known = state.clock_guard().seen().seconds(),
                    left_out,
                    "the clock jumped forward: set it right, or run `moorline-server clock accept`"
                );
            }
        }
        Err(error) => tracing::error!(%error, "the last known time could not be read"),
    }
    Err(unavailable())
}

fn unavailable() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "60")]).into_response()
}
