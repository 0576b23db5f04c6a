//! A PostgreSQL cluster of the tests' own: made for one run, on a free port of loopback, and gone after it.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::install;
use crate::process::{Log, lines_of, stop_with_descendants};
use crate::scratch::Scratch;
use crate::workspace::Workspace;

const STARTING: Duration = Duration::from_secs(60);
const QUICK: Duration = Duration::from_secs(120);

/// A running cluster; stopped and removed when dropped.
#[derive(Debug)]
pub(crate) struct Cluster {
    server: Child,
    port: u16,
    #[expect(dead_code, reason = "it is removed with the cluster")]
    folder: Scratch,
}

impl Cluster {
    /// Makes a cluster with the settings of a real one (`fsync` is on) and waits until it accepts connections.
    pub(crate) fn start(workspace: &Workspace, log: &mut Log) -> Result<Self> {
        let programs = install::postgres_programs()?;
        let folder = Scratch::new("pg")?;
        // `initdb` refuses root: the account that Debian's package has made owns the cluster then.
        let owner = is_root(workspace, log)?.then_some("postgres");
        if let Some(owner) = owner {
            let mut chown = workspace.command("chown");
            chown.arg(owner).arg(folder.path());
            log.must(chown, QUICK)?;
        }
        let data = folder.path().join("data");
        let mut initdb = run_as(workspace, owner, &programs.join("initdb"));
        initdb.arg("--pgdata").arg(&data).args(["--username=moorline", "--auth=trust", "--encoding=UTF8"]);
        initdb.args(["--locale=C.UTF-8", "--no-sync"]).current_dir(folder.path());
        log.must(initdb, QUICK)?;
        // Nobody else takes it in between: the system gives out others first.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let server = serve(run_as(workspace, owner, &programs.join("postgres")), &data, folder.path(), port)?;
        Ok(Self { server, port, folder })
    }

    /// The URL of its first database.
    pub(crate) fn url(&self) -> String {
        format!("postgres://moorline@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        stop_with_descendants(&mut self.server);
    }
}

fn is_root(workspace: &Workspace, log: &mut Log) -> Result<bool> {
    let mut id = workspace.command("id");
    id.arg("-u");
    Ok(log.must(id, QUICK)?.trim() == "0")
}

fn run_as(workspace: &Workspace, owner: Option<&str>, program: &Path) -> Command {
    let Some(owner) = owner else { return workspace.command(program) };
    let mut command = workspace.command("runuser");
    command.args(["-u", owner, "--"]).arg(program);
    command
}

fn serve(mut command: Command, data: &Path, socket: &Path, port: u16) -> Result<Child> {
    let (reader, writer) = std::io::pipe()?;
    command.arg("-D").arg(data).arg("-k").arg(socket);
    command.args(["-c", "listen_addresses=127.0.0.1", "-p", &port.to_string()]);
    // Many tests run at once, each with a few connections.
    command.args(["-c", "max_connections=200", "-c", "log_min_messages=log"]);
    command.current_dir(socket).stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().context("can't start postgres")?;
    drop(command);
    let lines = lines_of(reader);
    let deadline = Instant::now() + STARTING;
    let mut said = String::new();
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) if line.contains("database system is ready to accept connections") => break,
            Ok(line) => {
                said.push_str(&line);
                said.push('\n');
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                stop_with_descendants(&mut child);
                bail!("PostgreSQL was not ready within a minute:\n{said}");
            }
        }
    }
    // Nobody reads on, but a full pipe would stop the server.
    std::thread::spawn(move || lines.iter().for_each(drop));
    Ok(child)
}
