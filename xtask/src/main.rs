//! The commands of this repository: `cargo xtask demo`, `cargo xtask test`, `cargo xtask bench`, `cargo xtask model`,
//! `cargo xtask faults`, `cargo xtask fuzz`, `cargo xtask circles`, `cargo xtask bindings`, `cargo xtask android` and
//! `cargo xtask ios`. `cargo xtask help` lists them.

mod android;
mod bench;
mod bindings;
mod circles;
mod counts;
mod demo;
mod dev_server;
mod faults;
mod fuzz;
mod install;
mod ios;
mod model;
mod phone_tools;
mod postgres;
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
///
/// `demo` shows what Moorline does; `test` proves it. Both set up what they need on a machine that has Rust, a JDK
/// with Maven, and git. `cargo xtask COMMAND --help` tells more of each.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", verbatim_doc_comment)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Options),
    Test(suites::Options),
    Bench(bench::Options),
    Fuzz(fuzz::Options),
    Faults(faults::Options),
    Model(model::Options),
    Circles(circles::Options),
    Bindings(bindings::Options),
    Android(android::Options),
    Ios(ios::Options),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    std::panic::catch_unwind(|| run(cli)).unwrap_or_else(|panic| match is_closed_pipe(&*panic) {
        true => ExitCode::from(CLOSED_PIPE),
        false => std::panic::resume_unwind(panic),
    })
}

/// The exit code after the reader of standard output has gone away: 128 and the number of SIGPIPE.
const CLOSED_PIPE: u8 = 141;

/// Whether `println!` panicked because the reader has seen enough (`cargo xtask circles | head`).
fn is_closed_pipe(panic: &(dyn std::any::Any + Send)) -> bool {
    let text = panic.downcast_ref::<String>();
    text.is_some_and(|text| text.starts_with("failed printing to stdout") && text.contains("Broken pipe"))
}

fn run(cli: Cli) -> ExitCode {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !is_closed_pipe(panic.payload()) {
            usual(panic);
        }
    }));
    let ui = Ui::for_this_terminal();
    let result = Workspace::find().and_then(|workspace| match cli.command {
        Command::Demo(options) => demo::run(&workspace, ui, &options),
        Command::Test(options) => suites::run(&workspace, ui.verbose(options.verbose), &options),
        Command::Bench(options) => bench::run(&workspace, ui, &options),
        Command::Fuzz(options) => fuzz::run(&workspace, ui, &options),
        Command::Faults(options) => faults::run(&workspace, ui, &options),
        Command::Model(options) => model::run(&workspace, ui, &options),
        Command::Circles(options) => circles::run(&workspace, ui, &options),
        Command::Bindings(options) => bindings::run(&workspace, ui.verbose(options.verbose), &options),
        Command::Android(options) => android::run(&workspace, ui.verbose(options.verbose), &options),
        Command::Ios(options) => ios::run(&workspace, ui.verbose(options.verbose), &options),
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            ui.error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
