//! `cargo xtask demo`: builds the server and the demo, then gives the terminal to the demo.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::install;
use crate::process::Log;
use crate::ui::Ui;
use crate::workspace::Workspace;

/// Play the main job: a real server, the real SDK, and a line on what each step proved.
///
/// Starts the development server on a free port and plays with the real SDK, over TLS: sign in, list and add a note,
/// lose the answer of a refresh and recover, offer a stolen refresh token and be refused, sign out. Then it leaves the
/// server running, with its URL and its demo users, until Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Stop the server after the last step; the exit code is not zero if a step failed.
    #[arg(long)]
    once: bool,
    /// The server's port [default: a free one].
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Another user who can sign in, such as `username=zoe,password=…,role=user`; may be repeated.
    #[arg(long, value_name = "SPEC")]
    user: Vec<String>,
}

/// Runs the demo; its exit code is the command's.
pub(crate) fn run(workspace: &Workspace, ui: Ui, options: &Options) -> Result<ExitCode> {
    ui.heading("demo", "building the server and the demo (some minutes the first time)");
    if cfg!(target_os = "linux") {
        let mut log = Log::create(ui, workspace.own_folder().join("logs/demo.log"))?;
        install::packages(workspace, &mut log, install::SERVER)?;
    }
    let mut build = workspace.cargo_build();
    build.arg("--bins");
    if !build.status().context("can't start cargo")?.success() {
        bail!("the build failed: see the errors above");
    }
    let mut demo = workspace.command(workspace.program("demo"));
    demo.env("MOORLINE_SERVER_BIN", workspace.program("moorline-server"));
    if options.once {
        demo.arg("--once");
    }
    if let Some(port) = options.port {
        demo.args(["--port", &port.to_string()]);
    }
    for user in &options.user {
        demo.args(["--user", user]);
    }
    hand_over(demo)
}

/// Becomes the program, so that the terminal, its signals and its exit code are the program's own.
#[cfg(unix)]
pub(crate) fn hand_over(mut program: std::process::Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    Err(program.exec()).with_context(|| format!("can't start {}", program.get_program().display()))
}

/// Runs the program and ends as it ends.
#[cfg(not(unix))]
pub(crate) fn hand_over(mut program: std::process::Command) -> Result<ExitCode> {
    let status =
        program.status().with_context(|| format!("can't start {}", program.get_program().display()))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
