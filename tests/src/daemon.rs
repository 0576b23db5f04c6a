//! A program that serves: a child process whose output is kept.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// A running process. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Daemon {
    process: Child,
}

/// What a process printed, on both streams.
#[derive(Debug, Clone, Default)]
pub(crate) struct Output(Arc<(Mutex<Kept>, Condvar)>);

#[derive(Debug, Default)]
struct Kept {
    text: String,
    /// How many streams may bring more.
    open: usize,
}

impl Daemon {
    /// Starts a command, and waits for a line that contains `ready`.
    ///
    /// Errors: when it can't be started, ends, or is not ready within `time`; with what it printed.
    pub(crate) fn start(
        command: Command,
        ready: &'static str,
        time: Duration,
        output: &Output,
    ) -> Result<Self> {
        Self::start_with(command, Stdio::piped(), ready, time, output)
    }

    /// The same, with its standard error elsewhere.
    pub(crate) fn start_with(
        mut command: Command,
        stderr: Stdio,
        ready: &'static str,
        time: Duration,
        output: &Output,
    ) -> Result<Self> {
        let name = command.get_program().display().to_string();
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        // With it goes the writing end of a pipe of the caller's.
        drop(command);
        let (sender, is_ready) = mpsc::channel();
        let stdout = process.stdout.take().map(|stream| Box::new(stream) as Box<dyn std::io::Read + Send>);
        let stderr = process.stderr.take().map(|stream| Box::new(stream) as Box<dyn std::io::Read + Send>);
        for stream in stdout.into_iter().chain(stderr) {
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

    /// Sends a signal. A process that has ended takes none.
    pub(crate) fn signal(&mut self, signal: Signal) -> Result<()> {
        if !self.has_ended()? {
            let pid = Pid::from_raw(i32::try_from(self.process.id())?).context("a process id")?;
            kill_process(pid, signal)?;
        }
        Ok(())
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn end(&mut self, signal: Signal) -> Result<ExitStatus> {
        self.signal(signal)?;
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
        self.kept().text.clone()
    }

    /// Waits for a line with `text` in it, behind the first `from` bytes. Returns it and where it ends.
    ///
    /// Errors: when there is none within `time`, or all streams have ended.
    pub(crate) fn line(&self, text: &str, from: usize, time: Duration) -> Result<(String, usize)> {
        let end = Instant::now() + time;
        let mut kept = self.kept();
        loop {
            let mut place = from;
            for line in kept.text[from..].split_inclusive('\n') {
                place += line.len();
                if line.contains(text) {
                    return Ok((line.trim_end().to_owned(), place));
                }
            }
            let left = end.saturating_duration_since(Instant::now());
            ensure!(!left.is_zero() && kept.open > 0, "no line has {text:?}:\n{}", &kept.text[from..]);
            kept = self.0.1.wait_timeout(kept, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Everything, once all streams have ended.
    pub(crate) fn whole(&self) -> String {
        let kept = self.0.1.wait_while(self.kept(), |kept| kept.open > 0);
        kept.unwrap_or_else(PoisonError::into_inner).text.clone()
    }

    /// Keeps reading for the life of the stream: a full pipe would stop the process.
    pub(crate) fn keep(
        self,
        stream: impl std::io::Read + Send + 'static,
        seen: impl Fn(&str) + Send + 'static,
    ) {
        self.kept().open += 1;
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while reader.by_ref().read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let text = String::from_utf8_lossy(&line).into_owned();
                self.kept().text.push_str(&text);
                self.0.1.notify_all();
                seen(&text);
                line.clear();
            }
            self.kept().open -= 1;
            self.0.1.notify_all();
        });
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nobody else takes it in between: the system gives out others first.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
