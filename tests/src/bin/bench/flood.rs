//! What refreshes notice of sign-ins that take every core.

use std::time::Duration;

use anyhow::Result;
use moorline_tests::Server;
use moorline_tests::serve::Serve;

use crate::goal::Goal;
use crate::load::{Connection, Load, Work};
use crate::sign_ins;

const CLIENTS: usize = 8;
/// More sign-ins at once than the server hashes passwords at once.
const SIGN_INS: usize = 16;
/// How many times as long the slowest refreshes may take.
const GOAL: f64 = 3.0;

/// The p99 of refreshes while sign-ins flood the server, over the one without them.
///
/// Errors: when something is refused.
pub(crate) async fn measure(server: &Server, serve: &Serve, load: &mut Load, time: Duration) -> Result<Goal> {
    let quiet = load.point(serve.pid(), CLIENTS, Connection::Warm, Work::Refresh, time).await?;
    let flood = async {
        loop {
            sign_ins::run(server, SIGN_INS, SIGN_INS).await?;
        }
    };
    let flooded = tokio::select! {
        flooded = load.point(serve.pid(), CLIENTS, Connection::Warm, Work::Refresh, time) => flooded?,
        ended = flood => return ended,
    };
    let times = flooded.p99_ms() / quiet.p99_ms();
    Ok(Goal::new("p99 of refreshes while sign-ins flood: times", times, GOAL, ""))
}
