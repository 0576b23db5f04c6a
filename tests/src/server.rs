//! The real server, as a process of its own.

use std::ffi::OsString;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::daemon::{Daemon, Output};
use crate::database::Database;
use crate::{DevFile, binaries};

/// How long a start may take, in seconds: an RSA key and two password hashes on a busy machine without optimisation.
const START: Duration = Duration::from_secs(90);

/// How to start a server. `ServerOptions::default()` is TLS on a free port, with rate limits off.
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    /// Further arguments of `moorline-server dev`.
    pub arguments: Vec<String>,
    /// Keep the rate limits on.
    pub limits: bool,
    /// Further variables of its environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Make its folder in this one.
    pub below: Option<PathBuf>,
    /// The `postgres://` URL of an empty database. What `dev` makes is moved there, and `serve` takes over.
    pub postgres: Option<String>,
}

impl ServerOptions {
    /// Adds arguments.
    pub fn with<const N: usize>(mut self, arguments: [&str; N]) -> Self {
        self.arguments.extend(arguments.map(str::to_owned));
        self
    }
}

/// A running `moorline-server dev`, or on Postgres `moorline-server serve`, in a folder of its own. Dropping it kills
/// the process; the folder goes with the last server on it.
#[derive(Debug)]
pub struct Server {
    options: ServerOptions,
    folder: Arc<TempDir>,
    dev: DevFile,
    process: Option<Daemon>,
    output: Output,
}

impl Server {
    /// Starts a server with the default options.
    ///
    /// Errors: as [`Server::start_with`].
    pub fn start() -> Result<Self> {
        Self::start_with(ServerOptions::default())
    }

    /// Starts a server and waits until it serves.
    ///
    /// Errors: when the binary is missing, ends, or is not ready in time; with what it said.
    pub fn start_with(options: ServerOptions) -> Result<Self> {
        let mut builder = tempfile::Builder::new();
        let named = builder.prefix("moorline-server-");
        let folder = Arc::new(match &options.below {
            Some(below) => named.tempdir_in(below)?,
            None => named.tempdir()?,
        });
        let output = Output::default();
        let process = dev(&options, folder.path(), 0, &output)?;
        let dev = DevFile::read(&folder.path().join("moorline-dev.json"))?;
        let mut server = Self { options, folder, dev, process: Some(process), output };
        if let Some(url) = server.options.postgres.clone() {
            server.stop()?;
            server.move_to(&url)?;
            server.take_a_port()?;
            server.restart()?;
        }
        Ok(server)
    }

    /// Starts one more server on the same Postgres database and for the same issuer, on a port of its own.
    ///
    /// Errors: as [`Server::start_with`], or when this one is not on Postgres.
    pub fn beside(&self) -> Result<Self> {
        ensure!(self.options.postgres.is_some(), "only Postgres is for more than one server");
        let (options, folder, dev) = (self.options.clone(), Arc::clone(&self.folder), self.dev.clone());
        let mut server = Self { options, folder, dev, process: None, output: Output::default() };
        server.take_a_port()?;
        server.restart()?;
        Ok(server)
    }

    /// Starts it again on the same folder and port, after [`Server::kill`] or [`Server::stop`].
    ///
    /// Errors: as [`Server::start_with`], or when it still runs.
    pub fn restart(&mut self) -> Result<()> {
        if self.process.is_some() {
            bail!("the server still runs");
        }
        self.process = Some(if self.options.postgres.is_some() {
            self.serve()?
        } else {
            let process = dev(&self.options, self.folder.path(), self.port()?, &self.output)?;
            self.dev = DevFile::read(&self.dev_file())?;
            process
        });
        Ok(())
    }

    /// Ends it at once, as a power cut would (SIGKILL).
    ///
    /// Errors: when it does not run.
    pub fn kill(&mut self) -> Result<()> {
        self.end(Signal::KILL).map(drop)
    }

    /// Whether it has ended by itself since it was started; then it can be started again.
    ///
    /// Errors: when that is unknown.
    pub fn has_ended(&mut self) -> Result<bool> {
        let ended = match &mut self.process {
            Some(process) => process.has_ended()?,
            None => true,
        };
        if ended {
            self.process = None;
        }
        Ok(ended)
    }

    /// Asks it to stop (SIGTERM) and waits for its end.
    ///
    /// Errors: when it does not run.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.end(Signal::TERM)
    }

    fn end(&mut self, signal: Signal) -> Result<ExitStatus> {
        self.process.take().context("the server does not run")?.end(signal)
    }

    /// Copies what it has stored to an empty Postgres database. It must have stopped.
    ///
    /// Errors: when `migrate-database` refuses, with what it said.
    pub fn move_to(&self, url: &str) -> Result<()> {
        let file = self.folder().join("moorline.db");
        let moved = Command::new(binaries::server()?)
            .args(["migrate-database", "--from", &format!("sqlite:{}", file.display()), "--to", url])
            .output()?;
        ensure!(moved.status.success(), "migrate-database: {}", String::from_utf8_lossy(&moved.stderr));
        Ok(())
    }

    /// A restart needs the same port again, so `serve` is given one that is free now.
    fn take_a_port(&mut self) -> Result<()> {
        self.dev.listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        Ok(())
    }

    fn serve(&self) -> Result<Daemon> {
        let port = self.port()?;
        let config = self.folder().join(format!("serve-{port}.toml"));
        std::fs::write(&config, self.settings_text(port))?;
        let mut command = Command::new(binaries::server()?);
        command.args(["serve", "--config"]).arg(config);
        command.envs(self.options.environment.iter().map(|(name, value)| (name, value)));
        Daemon::start(command, READY, START, &self.output)
    }

    /// The port that it listens on.
    ///
    /// Errors: when `moorline-dev.json` names none.
    pub fn port(&self) -> Result<u16> {
        self.dev.listen.rsplit(':').next().and_then(|port| port.parse().ok()).context("its port")
    }

    /// Its database, to be read past it.
    pub fn database(&self) -> Database {
        match &self.options.postgres {
            Some(url) => Database::Postgres(url.clone()),
            None => Database::Sqlite(self.folder().join("moorline.db")),
        }
    }

    /// What it wrote in `moorline-dev.json`.
    pub fn dev(&self) -> &DevFile {
        &self.dev
    }

    /// Its folder: database, keys, certificates, `moorline-dev.json`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes the settings for `serve` on `port`, and for the commands beside it, on this server's folder.
    ///
    /// Errors: when the file can't be written.
    pub fn settings(&self, port: u16) -> Result<PathBuf> {
        let config = self.folder().join("moorline.toml");
        std::fs::write(&config, self.settings_text(port))?;
        Ok(config)
    }

    fn settings_text(&self, port: u16) -> String {
        let path = |name: &str| self.folder().join(name).display().to_string();
        let database = self.options.postgres.clone().unwrap_or_else(|| path("moorline.db"));
        format!(
            "issuer = {:?}\nlisten = \"127.0.0.1:{port}\"\ndatabase = {database:?}\nmaster_key_file = {:?}\n\
             [tls]\ncertificate_file = {:?}\nprivate_key_file = {:?}\n[limits]\nenabled = {}\n",
            self.dev().issuer,
            path("master.key"),
            path("leaf.pem"),
            path("leaf-key.pem"),
            self.options.limits,
        )
    }

    /// The path of its `moorline-dev.json`.
    pub fn dev_file(&self) -> PathBuf {
        self.folder.path().join("moorline-dev.json")
    }

    /// An address below the issuer: `/oauth/token` and the like.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.dev.issuer.trim_end_matches('/'))
    }

    /// Its process id.
    ///
    /// Errors: when it does not run.
    pub fn pid(&self) -> Result<u32> {
        Ok(self.process.as_ref().context("the server does not run")?.pid())
    }

    /// Everything it printed so far, on both streams.
    pub fn output(&self) -> String {
        self.output.text()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the server said:\n{}---", self.output());
        }
    }
}

/// How the line begins that both `dev` and `serve` print once they serve.
const READY: &str = "ready http";

fn dev(options: &ServerOptions, folder: &Path, port: u16, output: &Output) -> Result<Daemon> {
    let mut command = Command::new(binaries::server()?);
    command.arg("dev").arg("--dir").arg(folder);
    command.args(["--port", &port.to_string(), "--limits", if options.limits { "on" } else { "off" }]);
    command.args(&options.arguments);
    command.envs(options.environment.iter().map(|(name, value)| (name, value)));
    Daemon::start(command, READY, START, output)
}
