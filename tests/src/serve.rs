//! `moorline-server serve`, as a process beside the folder of a stopped development server, or of one that it only
//! reads.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{Server, binaries};

/// How long a start, or a line in the log, may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running `moorline-server serve`. Dropping it kills the process.
#[derive(Debug)]
pub struct Serve {
    process: Child,
    port: u16,
    log: Receiver<String>,
    /// While it is there, nobody reads the log.
    unread: Option<Sender<()>>,
}

impl Serve {
    /// Starts it on the folder of `server` and a free port, with `more` settings (TOML) and arguments, and waits until
    /// it serves.
    ///
    /// Errors: when it ends before.
    pub fn start(server: &Server, more: &str, arguments: &[&str]) -> Result<Self> {
        let mut serve = Self::start_unread(server, more, arguments)?;
        serve.read_log();
        Ok(serve)
    }

    /// The same, but its log fills the pipe until [`Serve::read_log`].
    ///
    /// Errors: as [`Serve::start`].
    pub fn start_unread(server: &Server, more: &str, arguments: &[&str]) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let settings = server.settings(port)?;
        std::fs::write(&settings, std::fs::read_to_string(&settings)? + more)?;
        let mut process = Command::new(binaries::server()?)
            .arg("serve")
            .args(arguments)
            .arg("--config")
            .arg(settings)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let stdout = process.stdout.take().context("stdout was piped")?;
        let stderr = process.stderr.take().context("stderr was piped")?;
        let (lines, log) = mpsc::channel();
        let (unread, read) = mpsc::channel();
        // Read for as long as it runs: whoever asks for no line must not fill the pipe.
        std::thread::spawn(move || {
            // Until the sender is dropped.
            let _: Result<(), _> = read.recv();
            BufReader::new(stderr).lines().map_while(Result::ok).all(|line| lines.send(line).is_ok())
        });
        let mut serve = Self { process, port, log, unread: Some(unread) };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        if !line.starts_with("ready ") {
            serve.read_log();
            serve.process.wait()?;
            bail!("serve did not start: {}", serve.log.iter().collect::<Vec<_>>().join("\n"));
        }
        Ok(serve)
    }

    /// Begins to read its log.
    pub fn read_log(&mut self) {
        self.unread = None;
    }

    /// An address on its port.
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits for a line in its log with `text` in it, and returns the line.
    ///
    /// Errors: when there is none for long, or the process has ended.
    pub fn logged(&self, text: &str) -> Result<String> {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.log.recv_timeout(left).with_context(|| format!("waiting for {text:?}"))?;
            if line.contains(text) {
                return Ok(line);
            }
        }
    }

    /// The lines that were not waited for, once it has ended.
    pub fn rest_of_log(&self) -> Vec<String> {
        self.log.iter().collect()
    }

    /// Sends it a signal, such as `HUP`.
    ///
    /// Errors: when it does not run.
    pub fn signal(&self, name: &str) -> Result<()> {
        let pid = self.process.id().to_string();
        let done = Command::new("kill").args([&format!("-{name}"), &pid]).status()?;
        ensure!(done.success(), "kill -{name} {pid}: {done}");
        Ok(())
    }

    /// Waits for its end.
    ///
    /// Errors: the system's.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        Ok(self.process.wait()?)
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // Nothing can be done about a failure here.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
