//! `moorline-server status`

use moorline_server::oauth;
use serde_json::json;

use crate::terminal::{Common, Failure};

/// For how long the oldest row that the retention has to delete is due.
pub(crate) async fn status(common: &Common) -> Result<(), Failure> {
    let state = common.open_to_read().await?;
    let overdue = oauth::overdue(&state.store, &state.config, state.clock.now()).await?;
    let mut words = String::from("oldest row that is due to be deleted (the server does so each hour):\n");
    for kind in &overdue {
        words += &format!("{:<24}  {} s\n", kind.what, kind.seconds);
    }
    common.answer(&json!({ "overdue": overdue }), &words)
}
