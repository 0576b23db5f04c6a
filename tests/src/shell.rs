//! The SDK in a process of its own, which can be stopped, killed and looked at.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::{Server, binaries};

/// No command takes longer, on a busy machine without optimisation.
const LONGEST: Duration = Duration::from_secs(120);

/// A running `sdk-shell`. Dropping it kills the process.
#[derive(Debug)]
pub struct Shell {
    process: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Shell {
    /// The demo app of `server`, with its vault and keys in `folder`, and `username` in front of it.
    ///
    /// Errors: when it can't be started.
    pub fn start(server: &Server, folder: &Path, username: &str) -> Result<Self> {
        let binary = binaries::sdk_shell()?;
        let user = server.dev().user(username)?;
        let mut process = Command::new(&binary)
            .arg("--dev")
            .arg(server.dev_file())
            .arg("--vault")
            .arg(folder.join("vault"))
            .arg("--keys")
            .arg(folder.join("keys"))
            .args(["--user", &user.username, "--password", &user.password])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", binary.display()))?;
        let commands = process.stdin.take().expect("stdin was piped above");
        let answers = BufReader::new(process.stdout.take().expect("stdout was piped above")).lines();
        Ok(Self { process, commands, answers })
    }

    /// Gives it a command, and doesn't wait for the answer.
    ///
    /// Errors: when it has ended.
    pub async fn tell(&mut self, command: &str) -> Result<()> {
        self.commands.write_all(format!("{command}\n").as_bytes()).await?;
        Ok(self.commands.flush().await?)
    }

    /// The answer to the oldest command that has none yet.
    ///
    /// Errors: when none comes.
    pub async fn answer(&mut self) -> Result<Value> {
        self.answer_within(LONGEST).await?.context("no answer")
    }

    /// The same; `None` if none has come after this time.
    ///
    /// Errors: when it has ended.
    pub async fn answer_within(&mut self, time: Duration) -> Result<Option<Value>> {
        let Ok(line) = tokio::time::timeout(time, self.answers.next_line()).await else { return Ok(None) };
        Ok(Some(serde_json::from_str(&line?.context("it has ended")?)?))
    }

    /// Gives it a command that succeeds.
    ///
    /// Errors: when it doesn't.
    pub async fn ask(&mut self, command: &str) -> Result<Value> {
        self.tell(command).await?;
        let answer = self.answer().await?;
        ensure!(answer.get("error").is_none(), "{command}: {answer}");
        Ok(answer)
    }

    /// Its process id.
    ///
    /// Errors: when it has ended.
    pub fn pid(&self) -> Result<i32> {
        Ok(i32::try_from(self.process.id().context("it has ended")?)?)
    }

    /// Stops it at once (SIGSTOP), and returns when every thread has stopped.
    ///
    /// Errors: when it has ended.
    pub async fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)?;
        until_stopped(self.process.id().context("it has ended")?).await
    }

    /// Lets it go on (SIGCONT).
    ///
    /// Errors: when it has ended.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Kills it (SIGKILL), also while it is stopped.
    ///
    /// Errors: when it has ended.
    pub async fn kill(mut self) -> Result<()> {
        Ok(self.process.kill().await?)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(Pid::from_raw(self.pid()?).context("a process id")?, signal)?)
    }
}

/// Returns once every thread of a process is stopped that was sent SIGSTOP, or sent it to itself.
///
/// Errors: when it has ended.
pub async fn until_stopped(pid: u32) -> Result<()> {
    let threads = format!("/proc/{pid}/task");
    // A thread in the middle of an fsync stops when that has returned.
    while !Path::new(&threads).read_dir()?.flatten().all(|thread| is_stopped(&thread.path())) {
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Lets a stopped process go on (SIGCONT).
///
/// Errors: when it has ended.
pub fn go_on(pid: u32) -> Result<()> {
    let pid = Pid::from_raw(i32::try_from(pid)?).context("a process id")?;
    Ok(kill_process(pid, Signal::CONT)?)
}

/// Whether some process holds the lock of the vault in this folder.
///
/// Errors: when there is no vault.
pub fn is_vault_locked(vault: &Path) -> Result<bool> {
    let lock = File::open(vault.join("vault.lock")).context("the vault's lock")?;
    Ok(lock.try_lock().is_err())
}

/// proc(5): the state comes after the name, which is in parentheses and may hold anything.
fn is_stopped(thread: &Path) -> bool {
    let stat = std::fs::read_to_string(thread.join("stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
}
