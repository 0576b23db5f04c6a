//! The command line program as an app: each command is a process of its own.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use moorline_tests::{Browser, binaries};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::shell::Step;

/// No command takes as long, on the slowest machine.
const LIMIT: Duration = Duration::from_secs(120);

/// See the module.
#[derive(Debug)]
pub(crate) struct Commands {
    home: PathBuf,
    environment: Vec<(OsString, OsString)>,
}

/// A command that has printed an address, and waits for the browser.
#[derive(Debug)]
pub(crate) struct Waiting {
    process: Child,
    pub(crate) address: String,
}

impl Commands {
    /// With its profiles in this folder, and these variables in the environment of a refresh.
    pub(crate) const fn new(home: PathBuf, environment: Vec<(OsString, OsString)>) -> Self {
        Self { home, environment }
    }

    /// Where it has its vault.
    pub(crate) fn vault(home: &std::path::Path) -> PathBuf {
        home.join("profiles/default/vault")
    }

    /// `moorline login`, up to the address that the browser opens.
    pub(crate) async fn login(&self, provider: &[OsString]) -> Result<Waiting> {
        let mut process = self.start(&["login", "--no-browser"], provider, &[])?;
        let mut lines = BufReader::new(process.stdout.take().context("its output was piped")?);
        let mut line = String::new();
        tokio::time::timeout(LIMIT, lines.read_line(&mut line)).await.context("login hangs")??;
        let said: Value = serde_json::from_str(&line).with_context(|| format!("login says {line:?}"))?;
        let address = said["open"].as_str().with_context(|| format!("no address: {said}"))?.to_owned();
        process.stdout = Some(lines.into_inner());
        Ok(Waiting { process, address })
    }

    /// Asks for a refresh, once.
    pub(crate) async fn refresh(&self) -> Result<Step> {
        let child = self.start(&["refresh"], &[], &self.environment)?;
        let Some(said) = outcome(child, "refresh").await? else { return Ok(Step::Died) };
        Ok(Step::of(&said["error"]["message"], &said["error"]["retryable"]))
    }

    /// Whether the API answers; if not, what it says.
    pub(crate) async fn visit(&self, url: &str) -> Result<Option<String>> {
        let process = self.start(&["get", url], &[], &[])?.wait_with_output();
        let output = tokio::time::timeout(LIMIT, process).await.context("get hangs")??;
        Ok((!output.status.success()).then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    fn start(
        &self,
        command: &[&str],
        arguments: &[OsString],
        environment: &[(OsString, OsString)],
    ) -> Result<Child> {
        Command::new(binaries::cli()?)
            .args(["--json", "--insecure-file-key"])
            .args(command)
            .args(arguments)
            .env("MOORLINE_HOME", &self.home)
            .env_remove("MOORLINE_PROFILE")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("starting the command line program")
    }
}

impl Waiting {
    /// The browser comes back with this callback, and the command ends.
    pub(crate) async fn finish(mut self, callback: &str) -> Result<()> {
        let shown = Browser::new(None)?.open(callback).await?;
        ensure!(shown.status == 200, "the page after the sign-in: {} {}", shown.status, shown.body);
        let mut said = String::new();
        if let Some(output) = &mut self.process.stdout {
            tokio::time::timeout(LIMIT, output.read_to_string(&mut said)).await.context("login hangs")??;
        }
        let status = self.process.wait().await?;
        ensure!(status.success(), "login ended with {status}: {said}");
        Ok(())
    }
}

/// What a command printed last; `None` when a signal ended it, before it could print anything.
async fn outcome(process: Child, what: &str) -> Result<Option<Value>> {
    let output = tokio::time::timeout(LIMIT, process.wait_with_output()).await;
    let output = output.with_context(|| format!("{what} hangs"))??;
    let said = String::from_utf8_lossy(&output.stdout);
    match said.lines().last().map(serde_json::from_str) {
        Some(Ok(said)) => Ok(Some(said)),
        // A program that handles a signal may end with an exit code and without a word.
        _ if !output.status.success() => Ok(None),
        _ => anyhow::bail!("{what} printed {said:?}"),
    }
}
