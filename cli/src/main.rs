//! `moorline`: the SDK on a desk. It signs in to any OpenID provider, keeps the session in the sealed vault, and calls
//! APIs with it. Data goes to standard output, everything said to the person to standard error.

mod arguments;
mod check;
mod commands;
mod dev_file;
mod exit;
mod failure;
mod home;
mod output;
mod profile;
mod session;
mod settings;

use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use crate::arguments::{Arguments, Command};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refused(&error),
    };
    let output = Output::new(arguments.json);
    start_log(&output);
    let exit = run(arguments, &output).unwrap_or_else(|failure| output.failure(&failure));
    ExitCode::from(exit.code())
}

/// Help, or what is wrong with the command line: in JSON where that was asked for, as far as can be told.
fn refused(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
        let text = error.to_string();
        let failure = Failure::usage(text.strip_prefix("error: ").unwrap_or(&text).trim_end());
        return ExitCode::from(Output::new(true).failure(&failure).code());
    }
    let _ = error.print();
    ExitCode::from(if error.use_stderr() { Exit::Usage } else { Exit::Success }.code())
}

fn run(arguments: Arguments, output: &Output) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::local("starting", &error))?;
    if let Command::Check(options) = arguments.command {
        // It neither reads nor writes a profile.
        return runtime.block_on(check::run(output, &options));
    }
    let context = commands::Context::new(&arguments, output)?;
    runtime.block_on(async {
        match arguments.command {
            Command::Check(_) => unreachable!("it has run above"),
            Command::Login(login) => commands::login::run(&context, login).await,
            Command::Status => commands::status::run(&context).await,
            Command::User => commands::user::run(&context).await,
            Command::Token(token) => commands::token::run(&context, token).await,
            Command::Get(request) => commands::request::run(&context, "GET", request.into()).await,
            Command::Delete(request) => commands::request::run(&context, "DELETE", request.into()).await,
            Command::Post(request) => commands::request::run(&context, "POST", request).await,
            Command::Put(request) => commands::request::run(&context, "PUT", request).await,
            Command::Refresh => commands::refresh::run(&context).await,
            Command::Logout => commands::logout::run(&context).await,
            Command::Profiles => commands::profiles::run(&context),
        }
    })
}

/// Warnings of the SDK, such as expired pins, are always shown; `MOORLINE_LOG=debug` shows more. Neither shows a secret.
fn start_log(output: &Output) {
    let filter = EnvFilter::try_from_env("MOORLINE_LOG").unwrap_or_else(|_| EnvFilter::new("moorline=warn"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    log.with_ansi(output.is_coloured()).without_time().init();
}
