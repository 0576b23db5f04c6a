//! A program that serves: a child process whose output is kept.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// A running process. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Daemon {
    process: Child,
}

/// What a process printed, on both streams.
#[derive(Debug, Clone, Default)]
pub(crate) struct Output(Arc<Mutex<String>>);

impl Daemon {
    /// Starts a command, and waits for a line that contains `ready`.
    ///
    /// Errors: when it can't be started, ends, or is not ready within `time`; with what it printed.
    pub(crate) fn start(
        mut command: Command,
        ready: &'static str,
        time: Duration,
        output: &Output,
    ) -> Result<Self> {
        let name = command.get_program().display().to_string();
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        let (sender, is_ready) = mpsc::channel();
        let stdout = process.stdout.take().expect("stdout was piped above");
        let stderr = process.stderr.take().expect("stderr was piped above");
        for stream in [Box::new(stdout) as Box<dyn std::io::Read + Send>, Box::new(stderr)] {
            let sender = sender.clone();
            output.clone().keep(stream, move |line| {
                if line.contains(ready) {
                    let _ = sender.send(());
                }
            });
        }
        drop(sender);
        let mut daemon = Self { process };
        let Err(error) = is_ready.recv_timeout(time) else { return Ok(daemon) };
        let why = match error {
            RecvTimeoutError::Timeout => format!("was not ready after {} s", time.as_secs()),
            RecvTimeoutError::Disconnected => "ended before it was ready".to_owned(),
        };
        // It may have ended by itself.
        let _ = daemon.process.kill();
        let _ = daemon.process.wait();
        bail!("{name} {why}; it said:\n{}", output.text())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.process.try_wait()?.is_some())
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn end(mut self, signal: Signal) -> Result<ExitStatus> {
        // A process that has ended takes no signal, and its status is known.
        if self.process.try_wait()?.is_none() {
            let pid = Pid::from_raw(i32::try_from(self.process.id())?).context("a process id")?;
            kill_process(pid, signal)?;
        }
        Ok(self.process.wait()?)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Nothing can be done about a failure here.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Output {
    /// Everything so far.
    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps reading for the life of the stream: a full pipe would stop the process.
    fn keep(self, stream: impl std::io::Read + Send + 'static, seen: impl Fn(&str) + Send + 'static) {
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while reader.by_ref().read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let text = String::from_utf8_lossy(&line).into_owned();
                self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
                seen(&text);
                line.clear();
            }
        });
    }
}
