//! `moorline-server serve`, as a process beside the folder of a stopped development server, or of one that it only
//! reads.

use std::fs::File;
use std::io::PipeReader;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;

use crate::daemon::{Daemon, Output, free_port};
use crate::{Server, binaries};

/// How long a start, or a line in the log, may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// What it prints once it serves.
const READY: &str = "ready http";

/// A running `moorline-server serve`. Dropping it kills the process.
#[derive(Debug)]
pub struct Serve {
    process: Daemon,
    port: u16,
    output: Output,
    /// How much of the output was waited for.
    seen: AtomicUsize,
    /// The log, while nobody reads it.
    unread: Option<PipeReader>,
}

impl Serve {
    /// Starts it on the folder of `server` and a free port, with `more` settings (TOML) and arguments, and waits until
    /// it serves.
    ///
    /// Errors: when it ends before.
    pub fn start(server: &Server, more: &str, arguments: &[&str]) -> Result<Self> {
        let (port, output) = (free_port()?, Output::default());
        let mut command = command(&settings(server, port, more)?)?;
        command.args(arguments);
        let process = Daemon::start(command, READY, PATIENCE, &output)?;
        Ok(Self { process, port, output, seen: AtomicUsize::default(), unread: None })
    }

    /// The same, but its log fills the pipe until [`Serve::read_log`].
    ///
    /// Errors: as [`Serve::start`].
    pub fn start_unread(server: &Server, more: &str) -> Result<Self> {
        let (port, output) = (free_port()?, Output::default());
        let command = command(&settings(server, port, more)?)?;
        let (log, writer) = std::io::pipe()?;
        let process = Daemon::start_with(command, writer.into(), READY, PATIENCE, &output)?;
        Ok(Self { process, port, output, seen: AtomicUsize::default(), unread: Some(log) })
    }

    /// Starts it on settings that name the port of `server`, with its log in a file beside them, as an operator runs
    /// it: nobody here spends time on reading.
    ///
    /// Errors: when it ends before it serves, with its log.
    pub fn start_on(server: &Server, settings: &Path) -> Result<Self> {
        let (port, output, log) = (server.port()?, Output::default(), settings.with_extension("log"));
        let stderr = File::create(&log)?.into();
        let process = Daemon::start_with(command(settings)?, stderr, READY, PATIENCE, &output);
        let process = process.with_context(|| std::fs::read_to_string(&log).unwrap_or_default())?;
        Ok(Self { process, port, output, seen: AtomicUsize::default(), unread: None })
    }

    /// Begins to read its log.
    pub fn read_log(&mut self) {
        if let Some(log) = self.unread.take() {
            self.output.clone().keep(log, |_| ());
        }
    }

    /// An address on its port.
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Waits for a line in its log with `text` in it, behind the one before, and returns the line.
    ///
    /// Errors: when there is none for long, or the process has ended.
    pub fn logged(&self, text: &str) -> Result<String> {
        let (line, end) = self.output.line(text, self.seen.load(Ordering::Relaxed), PATIENCE)?;
        self.seen.store(end, Ordering::Relaxed);
        Ok(line)
    }

    /// What it printed behind the line that was waited for last, once it has ended.
    pub fn rest_of_log(&self) -> String {
        self.output.whole().split_off(self.seen.load(Ordering::Relaxed))
    }

    /// Has it load its certificates again (SIGHUP).
    ///
    /// Errors: when it does not run.
    pub fn reload(&mut self) -> Result<()> {
        self.process.signal(Signal::HUP)
    }

    /// Asks it to stop (SIGTERM), and waits for its end.
    ///
    /// Errors: when it does not end well.
    pub fn stop(&mut self) -> Result<()> {
        let status: ExitStatus = self.process.end(Signal::TERM)?;
        ensure!(status.success(), "moorline-server serve ended with {status}");
        Ok(())
    }
}

fn settings(server: &Server, port: u16, more: &str) -> Result<std::path::PathBuf> {
    let settings = server.settings(port)?;
    std::fs::write(&settings, std::fs::read_to_string(&settings)? + more)?;
    Ok(settings)
}

fn command(settings: &Path) -> Result<Command> {
    let mut command = Command::new(binaries::server()?);
    // Every variable of that name is a setting, or an error.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MOORLINE_")) {
        command.env_remove(name);
    }
    command.arg("serve").arg("--config").arg(settings);
    Ok(command)
}
