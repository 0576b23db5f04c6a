//! A PostgreSQL cluster of a test's own, which the test can stop hard and start again, and fail over to a standby.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::daemon::{Daemon, Output, free_port};

/// How long a start may take, recovery included, on a busy machine.
const START: Duration = Duration::from_secs(60);
/// The account that Debian's package makes. `initdb` refuses root.
const ACCOUNT: &str = "postgres";

/// How the server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// It ends its sessions, and writes everything to its tables (SIGINT).
    Fast,
    /// It ends at once, as in a crash: the next start replays its log (SIGQUIT).
    Immediate,
}

/// A running cluster on a Unix socket. Dropping it ends the server and removes its data.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    account: Option<Account>,
    output: Output,
    /// The port on which it speaks TLS.
    tls: Option<u16>,
    /// Whether a standby has to have a commit before it is confirmed.
    is_synchronous: bool,
    standby: Option<Box<Self>>,
    // Ends before its folder goes.
    server: Option<Daemon>,
    folder: TempDir,
}

#[derive(Debug, Clone, Copy)]
struct Account {
    uid: u32,
    gid: u32,
}

impl Postgres {
    /// Makes a cluster that keeps what it confirms, as a real one (`fsync` is on), and waits until it accepts
    /// connections.
    ///
    /// Errors: when PostgreSQL is missing, or does not start.
    pub fn start() -> Result<Self> {
        let mut postgres = Self::empty()?;
        let mut initdb = postgres.command("initdb");
        initdb.arg("--pgdata").arg(postgres.data());
        initdb.args([
            "--username=moorline",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]);
        succeeds(initdb)?;
        postgres.serve()?;
        Ok(postgres)
    }

    /// The same, with a standby. If it is synchronous, a commit is confirmed once both have it on their disks.
    ///
    /// Errors: as [`Postgres::start`].
    pub fn start_with_standby(is_synchronous: bool) -> Result<Self> {
        let (mut primary, mut standby) = (Self::start()?, Self::empty()?);
        let mut copy = standby.command("pg_basebackup");
        copy.arg("--host").arg(primary.folder.path()).arg("--pgdata").arg(standby.data());
        copy.args(["--username=moorline", "--write-recovery-conf", "--checkpoint=fast", "--no-sync"]);
        succeeds(copy)?;
        primary.stop(Shutdown::Fast)?;
        primary.is_synchronous = is_synchronous;
        primary.serve()?;
        standby.serve_until("started streaming WAL from primary")?;
        primary.standby = Some(Box::new(standby));
        Ok(primary)
    }

    /// Crashes the primary, and makes the standby the primary: what an operator does, or a tool for them.
    ///
    /// Errors: when there is no standby.
    pub fn fail_over(&mut self) -> Result<()> {
        self.stop(Shutdown::Immediate)?;
        let promoted = query(&self.standby()?.url(), "SELECT pg_promote()")?;
        ensure!(promoted == [["t"]], "pg_promote: {promoted:?}");
        Ok(())
    }

    /// Waits until the standby has what was committed so far, and has it get nothing more.
    ///
    /// Errors: when there is no standby, or it does not keep up.
    pub fn cut_standby_off(&self) -> Result<()> {
        let standby = self.standby()?.url();
        let copied = "SELECT pg_current_wal_lsn() <= flush_lsn FROM pg_stat_replication";
        until(&self.url(), copied, "t")?;
        query(&standby, "ALTER SYSTEM SET primary_conninfo = ''")?;
        query(&standby, "SELECT pg_reload_conf()")?;
        until(&standby, "SELECT count(*) FROM pg_stat_wal_receiver", "0")
    }

    fn standby(&self) -> Result<&Self> {
        self.standby.as_deref().context("a standby")
    }

    /// A folder that the server's account can write.
    fn empty() -> Result<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("moorline-pg-").tempdir()?;
        let account = if folder.path().metadata()?.uid() == 0 { Some(Account::find()?) } else { None };
        if let Some(Account { uid, gid }) = account {
            chown(folder.path(), Some(uid), Some(gid))?;
        }
        let output = Output::default();
        Ok(Self {
            programs,
            account,
            output,
            tls: None,
            is_synchronous: false,
            standby: None,
            server: None,
            folder,
        })
    }

    /// Stops the server. It can be started again with [`Postgres::serve`].
    ///
    /// Errors: when it does not run.
    pub fn stop(&mut self, how: Shutdown) -> Result<()> {
        let mut server = self.server.take().context("PostgreSQL does not run")?;
        let signal = match how {
            Shutdown::Fast => Signal::INT,
            Shutdown::Immediate => Signal::QUIT,
        };
        server.end(signal)?;
        Ok(())
    }

    /// Starts the server after [`Postgres::stop`].
    ///
    /// Errors: when it is not ready in time.
    pub fn serve(&mut self) -> Result<()> {
        self.serve_until("ready to accept connections")
    }

    fn serve_until(&mut self, ready: &'static str) -> Result<()> {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).arg("-k").arg(self.folder.path());
        command.args(["-c", "log_min_messages=log"]);
        match self.tls {
            None => command.args(["-c", "listen_addresses="]),
            // Certificate and key are where Postgres looks for them by itself.
            Some(port) => {
                command.args(["-c", "listen_addresses=127.0.0.1", "-c", "ssl=on", "-p", &port.to_string()])
            }
        };
        if self.is_synchronous {
            command.args(["-c", "synchronous_standby_names=*"]);
        }
        self.server = Some(Daemon::start(command, ready, START, &self.output)?);
        Ok(())
    }

    /// Starts the server anew with this certificate and key (PEM), on a port of 127.0.0.1 where it takes TLS alone.
    /// Returns the port.
    ///
    /// Errors: when it does not start.
    pub fn serve_over_tls(&mut self, certificate: &str, key: &str) -> Result<u16> {
        self.stop(Shutdown::Fast)?;
        let data = self.data();
        let hba = "hostssl all all 127.0.0.1/32 trust\n";
        for (name, text) in [("server.crt", certificate), ("server.key", key), ("pg_hba.conf", hba)] {
            let file = data.join(name);
            std::fs::write(&file, text)?;
            std::fs::set_permissions(&file, Permissions::from_mode(0o600))?;
            if let Some(Account { uid, gid }) = self.account {
                chown(&file, Some(uid), Some(gid))?;
            }
        }
        let port = free_port()?;
        self.tls = Some(port);
        self.serve()?;
        Ok(port)
    }

    /// Stops the server and starts it again.
    ///
    /// Errors: as both.
    pub fn restart(&mut self, how: Shutdown) -> Result<()> {
        self.stop(how)?;
        self.serve()
    }

    /// The URL of its first database; with a standby, that of whichever is the primary.
    pub fn url(&self) -> String {
        let host = |of: &Self| of.folder.path().display().to_string().replace('/', "%2F");
        match &self.standby {
            None => format!("postgres://moorline@{}/postgres", host(self)),
            Some(standby) => format!(
                "postgres://moorline@{},{}/postgres?target_session_attrs=read-write",
                host(self),
                host(standby)
            ),
        }
    }

    /// The socket that it listens on.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join(".s.PGSQL.5432")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(self.folder.path());
        if let Some(Account { uid, gid }) = self.account {
            command.uid(uid).gid(gid);
        }
        command
    }
}

/// A fast shutdown lets its other processes end too, before the folder goes.
impl Drop for Postgres {
    fn drop(&mut self) {
        if self.server.is_some() {
            // Nothing can be done about a failure here.
            let _ = self.stop(Shutdown::Immediate);
        }
    }
}

impl Account {
    fn find() -> Result<Self> {
        let number = |option| -> Result<u32> {
            let id = Command::new("id").args([option, ACCOUNT]).output()?;
            let text = String::from_utf8(id.stdout)?;
            text.trim().parse().with_context(|| format!("no account {ACCOUNT}: install postgresql"))
        };
        Ok(Self { uid: number("-u")?, gid: number("-g")? })
    }
}

/// Runs a program that ends by itself.
fn succeeds(mut command: Command) -> Result<()> {
    let name = command.get_program().display().to_string();
    let done = command.output().with_context(|| format!("starting {name}"))?;
    ensure!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

/// Runs a query by `psql`, and returns its rows with their columns.
///
/// Errors: when the database can't be reached, or refuses the query.
pub(crate) fn query(url: &str, sql: &str) -> Result<Vec<Vec<String>>> {
    const BETWEEN: &str = "\u{1f}";
    let psql = Command::new(programs()?.join("psql"))
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"])
        .args(["--field-separator", BETWEEN, "--command", sql, url])
        .output()
        .context("starting psql")?;
    ensure!(psql.status.success(), "{sql}: {}", String::from_utf8_lossy(&psql.stderr));
    let rows = String::from_utf8(psql.stdout)?;
    Ok(rows.lines().map(|line| line.split(BETWEEN).map(str::to_owned).collect()).collect())
}

/// Waits until a query returns this.
fn until(url: &str, sql: &str, wanted: &str) -> Result<()> {
    let begun = Instant::now();
    while query(url, sql)? != [[wanted]] {
        ensure!(begun.elapsed() < START, "{sql} does not return {wanted}");
    }
    Ok(())
}

/// Debian keeps the programs of each version in a folder of its own: those of the newest.
fn programs() -> Result<PathBuf> {
    let versions = Path::new("/usr/lib/postgresql").read_dir().into_iter().flatten().flatten();
    versions
        .map(|version| version.path().join("bin"))
        .filter(|folder| folder.join("initdb").is_file())
        .max_by_key(|folder| version_of(folder))
        .context("PostgreSQL is missing: `apt-get install postgresql`")
}

fn version_of(folder: &Path) -> u32 {
    let name = folder.parent().and_then(Path::file_name).and_then(|name| name.to_str());
    name.and_then(|name| name.parse().ok()).unwrap_or_default()
}
