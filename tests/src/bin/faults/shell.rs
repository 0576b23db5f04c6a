//! One process with the SDK: `sdk-shell`, obeying commands.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use moorline_tests::binaries;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use url::Url;

/// How long the SDK waits for an answer here; what is later is lost.
pub(crate) const TIMEOUT_MS: u64 = 2_500;

/// Nothing that an app does takes as long, on the slowest machine.
const LIMIT: Duration = Duration::from_secs(120);

/// What came of asking the SDK for a refresh.
#[derive(Debug)]
pub(crate) enum Step {
    Done,
    /// The SDK says to try again later.
    Later(String),
    /// The SDK says that the session is over.
    Ended(String),
    /// The process died.
    Died,
}

impl Step {
    /// What an error in JSON means, if it is one, and whether to try again.
    pub(crate) fn of(error: &Value, retryable: &Value) -> Self {
        match error.as_str() {
            None => Self::Done,
            Some(error) if *retryable == true => Self::Later(error.to_owned()),
            Some(error) => Self::Ended(error.to_owned()),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Shell {
    process: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Shell {
    pub(crate) fn start(arguments: &[OsString], environment: &[(OsString, OsString)]) -> Result<Self> {
        let mut process = Command::new(binaries::sdk_shell()?)
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting sdk-shell")?;
        let commands = process.stdin.take().context("its input was piped")?;
        let answers = BufReader::new(process.stdout.take().context("its output was piped")?).lines();
        Ok(Self { process, commands, answers })
    }

    /// Obeys a command; `None` when the process has died instead of answering.
    ///
    /// Errors: when there is neither answer nor death.
    pub(crate) async fn obey(&mut self, command: &str) -> Result<Option<Value>> {
        let line = format!("{command}\n");
        let asked = async {
            // To write to a process that has died is an error too.
            if self.commands.write_all(line.as_bytes()).await.is_err() {
                return Ok(None);
            }
            anyhow::Ok(self.answers.next_line().await?)
        };
        let answer = tokio::time::timeout(LIMIT, asked).await;
        match answer.with_context(|| format!("the SDK hangs at {command}"))?? {
            Some(line) => Ok(Some(serde_json::from_str(&line)?)),
            None => {
                let status = self.process.wait().await?;
                if status.code().is_some() {
                    bail!("the SDK's process ended by itself at {command}: {status}");
                }
                Ok(None)
            }
        }
    }

    /// Asks for a refresh, once.
    pub(crate) async fn refresh(&mut self) -> Result<Step> {
        let Some(answer) = self.obey("refresh 1").await? else { return Ok(Step::Died) };
        Ok(Step::of(&answer["error"], &answer["retryable"]))
    }

    /// Finishes a sign-in, unless an earlier process has stored its session.
    pub(crate) async fn finish_sign_in(&mut self, callback: &Url) -> Result<Step> {
        let Some(state) = self.obey("state").await? else { return Ok(Step::Died) };
        if state["state"].as_str().is_some_and(|state| state.starts_with("SignedIn")) {
            return Ok(Step::Done);
        }
        let Some(answer) = self.obey(&format!("finish-sign-in {callback}")).await? else {
            return Ok(Step::Died);
        };
        Ok(Step::of(&answer["error"], &answer["retryable"]))
    }

    /// Its process id, as long as it runs.
    pub(crate) fn pid(&self) -> Result<u32> {
        self.process.id().context("the SDK's process has ended")
    }
}
