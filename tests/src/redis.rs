//! A Redis of a test's own: what several servers share.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;

use crate::daemon::{Daemon, Output};

/// How long a start may take on a busy machine.
const START: Duration = Duration::from_secs(60);

/// A running server on a Unix socket. Dropping it ends the server.
#[derive(Debug)]
pub struct Redis {
    _server: Daemon,
    folder: TempDir,
}

impl Redis {
    /// Starts one that keeps nothing on disk.
    ///
    /// Errors: when Redis is missing, or does not start.
    pub fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("moorline-redis-").tempdir()?;
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket", "redis.sock"]);
        command.current_dir(folder.path());
        let server = Daemon::start(command, "ready to accept connections at", START, &Output::default())?;
        Ok(Self { _server: server, folder })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis+unix://{}/redis.sock", self.folder.path().display())
    }
}
