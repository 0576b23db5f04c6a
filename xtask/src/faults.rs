//! `cargo xtask faults`: builds the programs for release, then gives the terminal to the fault harness.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::demo::hand_over;
use crate::install;
use crate::process::Log;
use crate::ui::Ui;
use crate::workspace::Workspace;

const INSTALLING: Duration = Duration::from_secs(10 * 60);

/// Inject faults, thousands of them, and count what is lost.
///
/// Starts the real server and real SDK processes, and does to them what networks, captive portals, crashes, full
/// disks, power cuts, signals and thieves do. After each fault the session has to go on, with one live leaf. Prints a
/// table of sessions lost, sessions forked and thefts accepted, and the reason for each loss. The exit code is not
/// zero when a session was lost or forked, or a theft was accepted. With --peer, losses that no SDK can prevent are
/// permitted: the provider committed and its answer never reached the device, or the network delivered a request
/// twice. `docs/faults.md` says how it works and what is permitted.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// How many faults, at least [default: 10000].
    #[arg(long, value_name = "N")]
    count: Option<usize>,
    /// Make the faults of the run that printed this seed again, with its --count and --only: each lane of it has dice
    /// of its own for each of its faults. How the threads of the processes take turns is not the seed's.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Make one fault of that run again, alone, such as bound-sdk-3:17: what failed is reported by this name.
    #[arg(long, value_name = "LANE:N", requires = "seed", value_parser = place)]
    replay: Option<String>,
    /// Only these kinds, separated by commas: the rows of the table.
    #[arg(long, value_name = "KIND")]
    only: Option<String>,
    /// Write the figures to this file as well, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Do the same to oidc-provider, an OpenID provider of others with strict rotation: a fifth as many faults.
    #[arg(long)]
    peer: bool,
    /// What the server's database is: sqlite, postgres (the faults of the server and of the database alone) or both
    /// (a quarter as many on Postgres) [default: sqlite].
    #[arg(long, value_name = "ENGINE", value_parser = ["sqlite", "postgres", "both"])]
    engine: Option<String>,
    /// Fill only these columns of the table, separated by commas: bound, bearer, sign-in, peer (with --peer),
    /// bound-postgres, bearer-postgres (with --engine).
    #[arg(long, value_name = "COLUMN")]
    column: Option<String>,
}

/// Runs the harness; its exit code is the command's.
pub(crate) fn run(workspace: &Workspace, ui: Ui, options: &Options) -> Result<ExitCode> {
    ui.heading("faults", "building the server and the harness for release (some minutes the first time)");
    let mut build = workspace.cargo();
    build.args(["build", "--locked", "--release"]);
    for package in ["moorline-server", "moorline-cli", "moorline-tests", "moorline-fault-shim"] {
        build.args(["--package", package]);
    }
    // The shim is a library; the other programs of the tests would take minutes more.
    build.args([
        "--lib",
        "--bin",
        "moorline-server",
        "--bin",
        "moorline",
        "--bin",
        "faults",
        "--bin",
        "sdk-shell",
    ]);
    if !build.status().context("can't start cargo")?.success() {
        bail!("the build failed: see the errors above");
    }
    let release = workspace.target().join("release");
    let mut faults = workspace.command(release.join("faults"));
    faults.env("MOORLINE_SERVER_BIN", release.join("moorline-server"));
    faults.env("MOORLINE_BIN", release.join("moorline"));
    if let Some(count) = options.count {
        faults.args(["--count", &count.to_string()]);
    }
    if let Some(seed) = options.seed {
        faults.args(["--seed", &seed.to_string()]);
    }
    if let Some(place) = &options.replay {
        faults.args(["--replay", place]);
    }
    if let Some(kinds) = &options.only {
        faults.args(["--only", kinds]);
    }
    if let Some(columns) = &options.column {
        faults.args(["--column", columns]);
    }
    if let Some(engine) = &options.engine {
        faults.args(["--engine", engine]);
        if engine != "sqlite" {
            let mut log = Log::create(ui, workspace.own_folder().join("logs/faults-postgres.log"))?;
            install::packages(workspace, &mut log, install::POSTGRES)?;
        }
    }
    if let Some(file) = &options.json {
        // The harness runs in the repository's folder; the file name is relative to the caller's folder.
        faults.arg("--json").arg(std::path::absolute(file)?);
    }
    if options.peer {
        let mut log = Log::create(ui, workspace.own_folder().join("logs/faults-peer.log"))?;
        let node = install::node(workspace, &mut log)?;
        let mut npm = node.npm(workspace, &workspace.root().join("tests/peers"))?;
        npm.args(["ci", "--no-audit", "--no-fund"]);
        log.must(npm, INSTALLING)?;
        faults.arg("--peer").env("MOORLINE_NODE", node.program());
    }
    hand_over(faults)
}

/// The name of one fault, checked as far as possible before the harness is built, which knows the lanes.
fn place(text: &str) -> Result<String, String> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let named = text.split_once(':').is_some_and(|(lane, n)| {
        // The name of a column may have two words.
        let words: Vec<_> = lane.rsplitn(3, '-').collect();
        matches!(words[..], [number, part, column] if !column.is_empty() && !part.is_empty() && is_number(number))
            && is_number(n)
    });
    if named {
        Ok(text.to_owned())
    } else {
        Err("a fault is named COLUMN-PART-NUMBER:N, as the report does, such as bound-sdk-3:17".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_to_do_again_is_named_as_the_report_does() {
        for good in
            ["bound-sdk-3:17", "bearer-network-15:0", "peer-together-1:3", "bound-postgres-server-2:9"]
        {
            assert_eq!(place(good).unwrap(), good);
        }
        for bad in ["", "17", "bound-sdk-3", "bound-sdk:17", "bound-sdk-3:", "bound-sdk-x:1", "--peer:1"] {
            assert!(place(bad).unwrap_err().contains("bound-sdk-3:17"), "{bad}");
        }
    }
}
