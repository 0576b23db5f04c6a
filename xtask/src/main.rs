//! The commands of this repository: `cargo xtask demo`, `cargo xtask test`, `cargo xtask bench` and
//! `cargo xtask bindings`. `cargo xtask help` lists them.

mod bench;
mod bindings;
mod counts;
mod demo;
mod dev_server;
mod install;
mod process;
mod report;
mod scratch;
mod suites;
mod ui;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::ui::Ui;
use crate::workspace::Workspace;

/// The commands of Moorline's repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Play the main job: a real server, the real SDK, and a line on what each step proved.
    Demo(demo::Options),
    /// Set up what the tests need, then run every check and every test.
    Test(suites::Options),
    /// Measure refreshes: how many a second, how long, and for how much CPU.
    Bench(bench::Options),
    /// Generate the Kotlin or Swift code that the libraries in `bindings/` are written over.
    Bindings(bindings::Options),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ui = Ui::for_this_terminal();
    let result = Workspace::find().and_then(|workspace| match cli.command {
        Command::Demo(options) => demo::run(&workspace, ui, &options),
        Command::Test(options) => suites::run(&workspace, ui.verbose(options.verbose), &options),
        Command::Bench(options) => bench::run(&workspace, ui, &options),
        Command::Bindings(options) => bindings::run(&workspace, ui.verbose(options.verbose), &options),
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            ui.error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
