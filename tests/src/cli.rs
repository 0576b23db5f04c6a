//! The real command line program, on a home folder of its own.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::{Browser, Consent, Server, User, binaries};

/// No command of a test takes longer, on a busy machine without optimisation.
const LONGEST: Duration = Duration::from_secs(120);

/// What one run of it printed, and its exit code.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// The last line of standard output, as JSON.
    ///
    /// Errors: when it is none.
    pub fn json(&self) -> Result<Value> {
        let line = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(line).with_context(|| format!("no JSON: {self:?}"))
    }

    /// Itself, if the exit code is 0.
    ///
    /// Errors: otherwise, with all that was said.
    pub fn success(self) -> Result<Self> {
        ensure!(self.code == 0, "exit code {}\n{}{}", self.code, self.stdout, self.stderr);
        Ok(self)
    }
}

/// One user's `moorline` command.
#[derive(Debug)]
pub struct Cli {
    home: TempDir,
    environment: Vec<(String, String)>,
}

impl Cli {
    /// With an empty home folder.
    ///
    /// Errors: when no folder can be made.
    pub fn new() -> Result<Self> {
        Ok(Self { home: tempfile::tempdir()?, environment: Vec::new() })
    }

    /// With one more variable in its environment.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where it keeps its profiles.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Runs it to its end.
    ///
    /// Errors: when it can't be started, or takes too long.
    pub async fn run(&self, arguments: &[&str]) -> Result<Outcome> {
        finish(self.start(arguments)?, String::new()).await
    }

    /// Starts it, and leaves it running.
    ///
    /// Errors: when it can't be started.
    pub fn start(&self, arguments: &[&str]) -> Result<Child> {
        let binary = binaries::cli()?;
        Command::new(&binary)
            .args(arguments)
            .env("MOORLINE_HOME", self.home.path())
            .env_remove("MOORLINE_PROFILE")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", binary.display()))
    }

    /// `moorline check ISSUER --json --no-browser …`: goes through each sign-in that it asks for, in a new browser.
    ///
    /// Errors: when a browser does not get through, or it takes too long.
    pub async fn check(&self, server: &Server, user: &User, arguments: &[&str]) -> Result<Outcome> {
        let mut child = self.start(&[&["check", "--json", "--no-browser"], arguments].concat())?;
        let mut errors = child.stderr.take().expect("stderr was piped above");
        let said = tokio::spawn(async move {
            let mut text = String::new();
            errors.read_to_string(&mut text).await.map(|_| text)
        });
        let mut lines = BufReader::new(child.stdout.take().expect("stdout was piped above")).lines();
        let mut stdout = String::new();
        while let Some(line) = tokio::time::timeout(LONGEST, lines.next_line()).await?? {
            if let Some(address) = address_to_open(&line) {
                let browser = Browser::for_server(server)?;
                let callback = browser.walk(&address, user, Consent::Allow).await?.callback()?;
                browser.open(callback.as_str()).await?;
            }
            stdout.push_str(&line);
            stdout.push('\n');
        }
        let mut outcome = finish(child, stdout).await?;
        outcome.stderr = said.await??;
        Ok(outcome)
    }

    /// `moorline login --no-browser …`: takes the address that it prints, and sits in front of `browser` as `user`.
    ///
    /// Errors: when it prints no address, or the browser does not get through.
    pub async fn login(
        &self,
        browser: &Browser,
        user: &User,
        consent: Consent,
        arguments: &[&str],
    ) -> Result<Outcome> {
        let mut child = self.start(&[&["login", "--no-browser"], arguments].concat())?;
        let mut lines = BufReader::new(child.stdout.take().expect("stdout was piped above")).lines();
        let first = tokio::time::timeout(LONGEST, lines.next_line()).await??;
        let Some(line) = first else { return finish(child, String::new()).await };
        let address = match serde_json::from_str::<Value>(&line) {
            Ok(json) => json["open"].as_str().map(str::to_owned),
            Err(_) => Some(line.clone()),
        };
        let Some(address) = address.filter(|address| address.starts_with("http")) else {
            return finish(child, line).await;
        };
        let callback = browser.walk(&address, user, consent).await?.callback()?;
        let shown = browser.open(callback.as_str()).await?;
        ensure!(shown.status == 200, "the page after the sign-in: {} {}", shown.status, shown.body);
        let mut stdout = format!("{line}\n");
        tokio::time::timeout(LONGEST, lines.get_mut().read_to_string(&mut stdout)).await??;
        finish(child, stdout).await
    }
}

/// A JSON line that asks for a browser.
fn address_to_open(line: &str) -> Option<String> {
    serde_json::from_str::<Value>(line).ok()?["open"].as_str().map(str::to_owned)
}

async fn finish(child: Child, before: String) -> Result<Outcome> {
    let output =
        tokio::time::timeout(LONGEST, child.wait_with_output()).await.context("the command hangs")??;
    Ok(Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: before + &String::from_utf8_lossy(&output.stdout),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
