//! What an idle SDK keeps in memory: a process of its own with one signed-in session. Linux only (`/proc`).

use anyhow::{Context as _, Result};
use moorline_tests::Server;
use moorline_tests::shell::Shell;
use serde::Serialize;

/// Resident memory of an idle `sdk-shell`, which is a runtime and the SDK.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Memory {
    /// After it has opened a vault with a session.
    opened: Resident,
    /// After its first refresh: with a connection, TLS roots and the provider's metadata.
    refreshed: Resident,
}

/// What a process keeps in memory.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Resident {
    total_kib: u64,
    /// Of that, what is this process's own (heap and stacks); the rest is the program's file, which the system can
    /// drop.
    anonymous_kib: u64,
}

impl Memory {
    /// Signs in with one process, and looks at another that finds the session in the vault.
    ///
    /// Errors: when something is refused.
    pub(crate) async fn measure(server: &Server) -> Result<Self> {
        let folder = tempfile::tempdir_in(server.folder())?;
        let mut first = Shell::start(server, folder.path(), "ada")?;
        first.ask("sign-in").await?;
        first.kill().await?;
        let mut shell = Shell::start(server, folder.path(), "ada")?;
        shell.ask("state").await?;
        let opened = Resident::of(u32::try_from(shell.pid()?)?)?;
        shell.ask("refresh 1").await?;
        let refreshed = Resident::of(u32::try_from(shell.pid()?)?)?;
        shell.kill().await?;
        Ok(Self { opened, refreshed })
    }

    pub(crate) fn print(&self) {
        println!(
            "\nResident memory of an idle process with the SDK and one session (`sdk-shell`, from /proc/PID/status):\n"
        );
        for (when, resident) in
            [("its vault opened", self.opened), ("after its first refresh", self.refreshed)]
        {
            let (total, own) = (resident.total_kib as f64 / 1024.0, resident.anonymous_kib as f64 / 1024.0);
            println!("  {when:24} {total:6.1} MiB, of which {own:5.1} MiB are heap and stacks");
        }
    }
}

impl Resident {
    /// Of this process.
    ///
    /// Errors: when the system does not say.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("a process's memory")?;
        let kib = |name: &str| -> Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).context("a short status")?;
            Ok(line.trim().trim_end_matches("kB").trim().parse()?)
        };
        Ok(Self { total_kib: kib("VmRSS:")?, anonymous_kib: kib("RssAnon:")? })
    }

    /// All of it, in MiB.
    pub(crate) fn total_mib(self) -> f64 {
        self.total_kib as f64 / 1024.0
    }
}
