//! `cargo xtask bench`: builds the server and the benchmark for release, then gives the terminal to the benchmark.

mod bindings;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::demo::hand_over;
use crate::install;
use crate::ui::Ui;
use crate::workspace::Workspace;

/// Measure the server and the SDK: how many requests a second, how long, and for how much CPU.
///
/// Prints requests a second, p50 and p99, and the server's CPU time a request, beside the machine's own time for one
/// RS256-2048 signature, one ES256 signature and one fsync: refreshes at 1, 16 and 64 clients (bearer and DPoP-bound
/// sessions, on kept and on new connections, and with access tokens by ES256), API reads, code exchanges and sign-ins,
/// at a server on the defaults of `serve`, on SQLite and on Postgres, and there with a shared store, too, if there is a
/// `redis-server`. Then the server's memory, its time to start and its idle connections, beside their goals; what the
/// SDK costs, beside the same work without it and beside its goals; its CPU time for a refresh and its memory; what the
/// libraries for Kotlin and Swift cost; and the native library by crate. Everything runs on this machine. Close other
/// programs first: the figures are only as quiet as the machine.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Write the figures to this file as well, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How long each point is measured, in seconds [default: the benchmark's own].
    #[arg(long, value_name = "N")]
    seconds: Option<f64>,
    /// Leave out the libraries for Kotlin and Swift, which Maven and SwiftPM build first.
    #[arg(long)]
    no_bindings: bool,
    /// Measure these parts of the server and the SDK alone, separated by commas: quiet, sqlite, house, sdk, postgres.
    /// Leaves out the libraries.
    #[arg(long, value_name = "PARTS")]
    only: Option<String>,
}

/// Runs the benchmark; its exit code is the command's.
pub(crate) fn run(workspace: &Workspace, ui: Ui, options: &Options) -> Result<ExitCode> {
    install::postgres_programs()?;
    ui.heading("bench", "building the server and the benchmark for release (some minutes the first time)");
    let mut build = workspace.cargo();
    build.args([
        "build",
        "--locked",
        "--release",
        "--package",
        "moorline-server",
        "--package",
        "moorline-tests",
    ]);
    build.args(["--bin", "moorline-server", "--bin", "bench", "--bin", "sdk-shell"]);
    if !build.status().context("can't start cargo")?.success() {
        bail!("the build failed: see the errors above");
    }
    let release = workspace.target().join("release");
    let bindings = match (&options.only, options.no_bindings) {
        (None, false) => Some(bindings::measure(workspace, ui)?),
        _ => None,
    };
    if options.only.is_none() {
        build_library(workspace)?;
    }
    ui.heading("bench", "the server and the SDK");
    let mut bench = workspace.command(release.join("bench"));
    bench.env("MOORLINE_SERVER_BIN", release.join("moorline-server"));
    match &options.only {
        Some(parts) => {
            bench.args(["--only", parts]);
        }
        None if cfg!(target_os = "linux") => {
            bench.arg("--library").arg(release.join("libmoorline_ffi.so"));
        }
        None => {}
    }
    if let Some(file) = bindings {
        bench.arg("--bindings").arg(file);
    }
    if let Some(file) = &options.json {
        // The benchmark runs in the repository's folder; the file name is relative to the caller's folder.
        bench.arg("--json").arg(std::path::absolute(file)?);
    }
    if let Some(seconds) = options.seconds {
        bench.args(["--seconds", &seconds.to_string()]);
    }
    hand_over(bench)
}

/// By itself, so that it has the features that an app's has, and no other package's.
fn build_library(workspace: &Workspace) -> Result<()> {
    let mut library = workspace.cargo();
    library.args(["build", "--locked", "--release", "--package", "moorline-ffi", "--lib"]);
    if !library.status().context("can't start cargo")?.success() {
        bail!("the build failed: see the errors above");
    }
    Ok(())
}
