//! A Redis of a test's own: what several servers share. It can have a replica, and fail over to it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::daemon::{Daemon, Output, free_port};

/// How long a start may take on a busy machine.
const START: Duration = Duration::from_secs(60);

/// A running server on a Unix socket. Dropping it ends the server.
#[derive(Debug)]
pub struct Redis {
    server: Daemon,
    /// Where replicas find it.
    port: u16,
    folder: TempDir,
}

impl Redis {
    /// Starts one that keeps nothing on disk.
    ///
    /// Errors: when Redis is missing, or does not start.
    pub fn start() -> Result<Self> {
        Self::start_with(&["--repl-diskless-sync-delay", "0"], "ready to accept connections at")
    }

    /// Starts one that copies this one, and waits until it has everything.
    ///
    /// Errors: when it does not start, or gets no copy.
    pub fn replica(&self) -> Result<Self> {
        let primary = ["--replicaof", "127.0.0.1", &self.port.to_string()];
        Self::start_with(&primary, "MASTER <-> REPLICA sync: Finished with success")
    }

    fn start_with(options: &[&str], ready: &'static str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("moorline-redis-").tempdir()?;
        let port = free_port()?;
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--unixsocket", "redis.sock"]);
        command.args(["--save", "", "--appendonly", "no"]).args(options).current_dir(folder.path());
        let server = Daemon::start(command, ready, START, &Output::default())?;
        Ok(Self { server, port, folder })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Ends it at once, as a power cut would. [`Redis::replaced_by`] has another one take its address.
    ///
    /// Errors: when it has ended already.
    pub fn kill(&mut self) -> Result<()> {
        ensure!(!self.server.has_ended()?, "Redis has ended by itself");
        self.server.end(Signal::KILL)?;
        Ok(())
    }

    /// Has another one take the address of this one, which was killed.
    ///
    /// Errors: when its socket can't be moved.
    pub fn replaced_by(&mut self, other: Self) -> Result<()> {
        std::fs::rename(other.socket(), self.socket())?;
        (self.server, self.port) = (other.server, other.port);
        Ok(())
    }

    /// Waits until its replica has everything that was written here so far.
    ///
    /// Errors: when it has none.
    pub fn is_copied(&self) -> Result<()> {
        let copies = self.ask("WAIT 1 0")?;
        ensure!(copies == ":1", "WAIT: {copies}");
        Ok(())
    }

    /// Takes a replica's link to its primary away. It stays a replica, and gets nothing more.
    ///
    /// Errors: when it does not answer.
    pub fn cut_off(&self) -> Result<()> {
        // Nothing listens there.
        self.succeeds("REPLICAOF 127.0.0.1 1")
    }

    /// Makes a replica a primary.
    ///
    /// Errors: when it does not answer.
    pub fn promote(&self) -> Result<()> {
        self.succeeds("REPLICAOF NO ONE")
    }

    fn succeeds(&self, command: &str) -> Result<()> {
        let answer = self.ask(command)?;
        ensure!(answer.starts_with("+OK"), "{command}: {answer}");
        Ok(())
    }

    /// The first line of what it answers.
    fn ask(&self, command: &str) -> Result<String> {
        let mut stream = UnixStream::connect(self.socket()).context("connecting to Redis")?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }
}
