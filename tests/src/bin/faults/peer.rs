//! Another vendor's provider: `oidc-provider` on Node.js, set up by `tests/peers` with rotation on.

use std::ffi::OsString;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::{Context as _, Result};
use moorline_tests::binaries;
use serde::Deserialize;
use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// See the module. It ends with this.
#[derive(Debug)]
pub(crate) struct Peer {
    issuer: String,
    ready: Ready,
    ca_pem: String,
    ca: NamedTempFile,
    _process: Child,
}

/// The line that the provider's program prints.
#[derive(Debug, Deserialize)]
struct Ready {
    listen: SocketAddr,
    client_id: String,
}

impl Peer {
    /// Starts it behind a proxy on that port, which shows a certificate by this authority.
    ///
    /// Errors: with what to install, when it does not start.
    pub(crate) async fn start(port: u16, ca_pem: &str) -> Result<Self> {
        let issuer = format!("https://localhost:{port}");
        let mut ca = NamedTempFile::new()?;
        ca.write_all(ca_pem.as_bytes())?;
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
        let ready = serde_json::from_str(&line)?;
        Ok(Self { issuer, ready, ca_pem: ca_pem.to_owned(), ca, _process: process })
    }

    pub(crate) fn listen(&self) -> SocketAddr {
        self.ready.listen
    }

    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let ca = self.ca.path().as_os_str();
        let mut arguments =
            ["--issuer", &self.issuer, "--client-id", &self.ready.client_id].map(OsString::from).to_vec();
        arguments.extend(["--ca".into(), ca.to_owned()]);
        arguments
    }

    /// The authority to trust.
    pub(crate) fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    pub(crate) fn api(&self) -> String {
        format!("{}/me", self.issuer)
    }
}
