//! The limit of open files: each connection is one.

use moorline_server_base::config;

/// Raises the process's limit as far as the system allows it, and lowers `http.max_connections` to what fits.
pub(super) fn make_room(settings: &mut config::Http) {
    let Some(limit) = raise() else { return };
    let room = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(KEPT).max(1);
    if room < settings.max_connections {
        tracing::warn!(
            limit,
            max_connections = room,
            "the limit of open files (ulimit -n, LimitNOFILE) is too low for http.max_connections, which is lowered"
        );
        settings.max_connections = room;
    }
}

/// For the database, the log, and connections that are about to close.
const KEPT: usize = 128;

#[cfg(unix)]
fn raise() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current }
}

#[cfg(not(unix))]
fn raise() -> Option<u64> {
    None
}
