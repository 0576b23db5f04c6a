//! The real server, as a process of its own.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

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
}

impl ServerOptions {
    /// Adds arguments.
    pub fn with<const N: usize>(mut self, arguments: [&str; N]) -> Self {
        self.arguments.extend(arguments.map(str::to_owned));
        self
    }
}

/// A running `moorline-server dev` in a folder of its own. Dropping it kills the process and removes the folder.
#[derive(Debug)]
pub struct Server {
    options: ServerOptions,
    folder: TempDir,
    dev: DevFile,
    process: Option<Child>,
    output: Arc<Mutex<String>>,
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
        let folder = match &options.below {
            Some(below) => named.tempdir_in(below)?,
            None => named.tempdir()?,
        };
        let output = Arc::new(Mutex::new(String::new()));
        let (process, dev) = launch(&options, folder.path(), 0, &output)?;
        Ok(Self { options, folder, dev, process: Some(process), output })
    }

    /// Starts it again on the same folder and port, after [`Server::kill`] or [`Server::stop`].
    ///
    /// Errors: as [`Server::start_with`], or when it still runs.
    pub fn restart(&mut self) -> Result<()> {
        if self.process.is_some() {
            bail!("the server still runs");
        }
        let port =
            self.dev.listen.rsplit(':').next().and_then(|port| port.parse().ok()).context("its port")?;
        let (process, dev) = launch(&self.options, self.folder.path(), port, &self.output)?;
        (self.process, self.dev) = (Some(process), dev);
        Ok(())
    }

    /// Ends it at once, as a power cut would (SIGKILL).
    ///
    /// Errors: when it does not run.
    pub fn kill(&mut self) -> Result<()> {
        let mut process = self.process.take().context("the server does not run")?;
        process.kill()?;
        process.wait()?;
        Ok(())
    }

    /// Whether it has ended by itself since it was started; then it can be started again.
    ///
    /// Errors: when that is unknown.
    pub fn has_ended(&mut self) -> Result<bool> {
        let ended = match &mut self.process {
            Some(process) => process.try_wait()?.is_some(),
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
        let mut process = self.process.take().context("the server does not run")?;
        let signalled = Command::new("kill").args(["-TERM", &process.id().to_string()]).status();
        if !signalled.is_ok_and(|status| status.success()) {
            process.kill()?;
        }
        Ok(process.wait()?)
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
        let folder = self.folder();
        let config = folder.join("moorline.toml");
        let path = |name: &str| folder.join(name).display().to_string();
        std::fs::write(
            &config,
            format!(
                "issuer = {:?}\nlisten = \"127.0.0.1:{port}\"\ndatabase = {:?}\nmaster_key_file = {:?}\n\
                 [tls]\ncertificate_file = {:?}\nprivate_key_file = {:?}\n",
                self.dev().issuer,
                path("moorline.db"),
                path("master.key"),
                path("leaf.pem"),
                path("leaf-key.pem"),
            ),
        )?;
        Ok(config)
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
        Ok(self.process.as_ref().context("the server does not run")?.id())
    }

    /// Everything it printed so far, on both streams.
    pub fn output(&self) -> String {
        self.output.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Nothing can be done about a failure here, and the folder goes away anyway.
            let _ = process.kill();
            let _ = process.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- the server said:\n{}---", self.output());
        }
    }
}

fn launch(
    options: &ServerOptions,
    folder: &Path,
    port: u16,
    output: &Arc<Mutex<String>>,
) -> Result<(Child, DevFile)> {
    let binary = binaries::server()?;
    let mut process = Command::new(&binary)
        .arg("dev")
        .arg("--dir")
        .arg(folder)
        .args(["--port", &port.to_string(), "--limits", if options.limits { "on" } else { "off" }])
        .args(&options.arguments)
        .envs(options.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}", binary.display()))?;
    let (sender, ready) = mpsc::channel();
    let stdout = process.stdout.take().expect("stdout was piped above");
    let stderr = process.stderr.take().expect("stderr was piped above");
    read_lines(stderr, Arc::clone(output), |_| {});
    read_lines(stdout, Arc::clone(output), move |line| {
        if line.starts_with("ready ") {
            let _ = sender.send(());
        }
    });
    match ready.recv_timeout(START) {
        Ok(()) => Ok((process, DevFile::read(&folder.join("moorline-dev.json"))?)),
        Err(error) => {
            let why = match error {
                RecvTimeoutError::Timeout => format!("was not ready after {} s", START.as_secs()),
                RecvTimeoutError::Disconnected => "ended before it was ready".to_owned(),
            };
            let _ = process.kill();
            let _ = process.wait();
            let said = output.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
            bail!("{} {why}; it said:\n{said}", binary.display())
        }
    }
}

/// Keeps reading for the life of the stream: a full pipe would stop the server.
fn read_lines(
    stream: impl std::io::Read + Send + 'static,
    output: Arc<Mutex<String>>,
    seen: impl Fn(&str) + Send + 'static,
) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader.by_ref().read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).into_owned();
            output.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push_str(&text);
            seen(&text);
            line.clear();
        }
    });
}
