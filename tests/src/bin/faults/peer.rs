//! Somebody else's provider: `oidc-provider` on Node.js, set up by `tests/peers` with rotation on.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::{Context as _, Result};
use moorline_tests::binaries;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// See the module. It ends with this.
#[derive(Debug)]
pub(crate) struct Peer {
    issuer: String,
    ready: Ready,
    _process: Child,
}

/// The line that the provider's program prints.
#[derive(Debug, Deserialize)]
struct Ready {
    listen: SocketAddr,
    client_id: String,
}

impl Peer {
    /// Starts it behind a proxy on that port.
    ///
    /// Errors: with what to install, when it does not start.
    pub(crate) async fn start(port: u16) -> Result<Self> {
        let issuer = format!("http://127.0.0.1:{port}");
        let node = std::env::var_os("MOORLINE_NODE").unwrap_or_else(|| "node".into());
        let mut process = Command::new(&node)
            .arg("faults.js")
            .arg(&issuer)
            .current_dir(binaries::repository().join("tests/peers"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // It warns of what is only good for tests.
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", node.display()))?;
        let output = process.stdout.take().context("its output was piped")?;
        let mut lines = BufReader::new(output).lines();
        let line = lines.next_line().await?;
        let line = line.context("no provider: Node.js 22 or newer, and `npm ci` in tests/peers?")?;
        // A pipe that nobody reads would stop it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { issuer, ready: serde_json::from_str(&line)?, _process: process })
    }

    pub(crate) fn listen(&self) -> SocketAddr {
        self.ready.listen
    }

    pub(crate) fn arguments(&self) -> Vec<OsString> {
        ["--issuer", &self.issuer, "--client-id", &self.ready.client_id].map(OsString::from).to_vec()
    }

    pub(crate) fn api(&self) -> String {
        format!("{}/me", self.issuer)
    }
}
