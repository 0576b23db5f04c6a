//! A `moorline-server dev` for the tests of another language: started, waited for, stopped whatever happens.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process::{lines_of, stop_with_descendants};
use crate::scratch::Scratch;
use crate::workspace::Workspace;

/// How long the server may take to make its keys and listen.
const STARTING: Duration = Duration::from_secs(60);

/// A running development server; stopped when dropped.
#[derive(Debug)]
pub(crate) struct DevServer {
    child: Child,
    folder: Scratch,
    issuer: String,
}

impl DevServer {
    /// Starts a server on a free port, with a new folder of its own, and waits until it serves.
    pub(crate) fn start(workspace: &Workspace) -> Result<Self> {
        Self::of_program(workspace, &workspace.program("moorline-server"))
    }

    /// The same, of another build of the server.
    pub(crate) fn of_program(workspace: &Workspace, program: &Path) -> Result<Self> {
        let folder = Scratch::new("dev")?;
        let (reader, writer) = std::io::pipe()?;
        let mut command = workspace.command(program);
        // A suite signs in more often than a person may.
        command.args(["dev", "--limits", "off", "--port", "0", "--dir"]).arg(folder.folder("server")?);
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        let child = command.spawn().context("can't start moorline-server")?;
        drop(command);
        let mut server = Self { child, folder, issuer: String::new() };

        let lines = lines_of(reader);
        let deadline = Instant::now() + STARTING;
        let mut said = String::new();
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if let Some(issuer) = line.strip_prefix("ready ") {
                        issuer.trim().clone_into(&mut server.issuer);
                        break;
                    }
                    said.push_str(&line);
                    said.push('\n');
                }
                Err(RecvTimeoutError::Timeout) => {
                    bail!("moorline-server was not ready within a minute:\n{said}")
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("moorline-server ended before it was ready:\n{said}")
                }
            }
        }
        // Nobody reads on, but a full pipe would stop the server.
        std::thread::spawn(move || lines.iter().for_each(drop));
        Ok(server)
    }

    /// The file that tells clients where the server is, whom it trusts and who can sign in.
    pub(crate) fn description(&self) -> PathBuf {
        self.folder.path().join("server").join("moorline-dev.json")
    }

    /// The folder that the description and the certificate authority are in.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().join("server")
    }

    /// Its address, as OpenID Connect names it.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }
}

impl Drop for DevServer {
    fn drop(&mut self) {
        stop_with_descendants(&mut self.child);
    }
}
