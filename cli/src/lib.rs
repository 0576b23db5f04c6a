//! `moorline`: the SDK on a desk. It signs in to any OpenID provider, keeps the session in the sealed vault, and calls
//! APIs with it. Data goes to standard output, everything else to standard error.

mod arguments;
mod check;
mod commands;
mod dev_file;
mod exit;
mod failure;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod home;
mod output;
mod paste;
mod profile;
mod reasons;
mod session;
mod settings;
mod signal;
mod signals;

use std::process::ExitCode;

use tracing_subscriber::filter::{EnvFilter, FilterExt as _, LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::arguments::{Arguments, Command};
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, without_passwords};
use crate::reasons::{HoldBack, Reasons};

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = match Arguments::read(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => return ExitCode::from(no_command(&error)),
    };
    let output = Output::new(arguments.json);
    start_log(&output);
    let outcome = run(arguments, &output);
    let said = outcome.as_ref().err().map(ToString::to_string).unwrap_or_default();
    for warning in reasons::warnings_beside(&said) {
        output.warn(warning);
    }
    ExitCode::from(outcome.unwrap_or_else(|failure| output.failure(&failure)))
}

/// Prints help, or what is wrong with the command line: in JSON if that was asked for, as far as can be said.
fn no_command(error: &clap::Error) -> u8 {
    let output = Output::new(std::env::args_os().any(|argument| argument == "--json"));
    if !error.use_stderr() {
        let help = Output::new(false).bytes(error.render().to_string().as_bytes());
        return help.map_or_else(|failure| output.failure(&failure), |()| Exit::Success.code());
    }
    let text = error.to_string();
    if output.is_json() {
        let failure = Failure::usage(text.strip_prefix("error: ").unwrap_or(&text).trim_end());
        return output.failure(&failure);
    }
    let text = if output.is_coloured() { error.render().ansi().to_string() } else { text };
    eprint!("{}", without_passwords(&text));
    Exit::Usage.code()
}

/// Returns the exit code.
fn run(arguments: Arguments, output: &Output) -> Result<u8, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::local("starting", error))?;
    signals::survive_file_size_limit(&runtime)?;
    if let Command::Check(options) = arguments.command {
        // It neither reads nor writes a profile.
        return runtime.block_on(check::run(output, &options));
    }
    let context = Context::new(&arguments, output)?;
    runtime.block_on(async {
        let outcome = tokio::select! {
            biased;
            signal = context.signals.first() => Err(Failure::Interrupted(signal)),
            outcome = command(&context, arguments.command) => outcome,
        };
        commands::wind_down(&context, outcome).await.map(Exit::code)
    })
}

async fn command(context: &Context<'_>, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Login(login) => commands::login::run(context, login).await,
        Command::Status => commands::status::run(context).await,
        Command::User => commands::user::run(context).await,
        Command::Token(token) => commands::token::run(context, token).await,
        Command::Get(request) => commands::request::run(context, "GET", request.into()).await,
        Command::Delete(request) => commands::request::run(context, "DELETE", request.into()).await,
        Command::Post(request) => commands::request::run(context, "POST", request).await,
        Command::Put(request) => commands::request::run(context, "PUT", request).await,
        Command::Refresh => commands::refresh::run(context).await,
        Command::Logout => commands::logout::run(context).await,
        Command::Profiles => commands::profiles::run(context),
        Command::Check(_) => unreachable!("it runs without a profile, and has run"),
    }
}

/// Warnings of the SDK, such as expired pins, are always shown, once; `MOORLINE_LOG=debug` shows more, as it comes.
/// Neither shows a secret.
fn start_log(output: &Output) {
    let chosen = EnvFilter::try_from_env("MOORLINE_LOG").ok();
    let hold_back = HoldBack(chosen.is_none());
    let filter = chosen.unwrap_or_else(|| EnvFilter::new("moorline=warn")).and(hold_back);
    let log = fmt::layer().with_writer(std::io::stderr).with_ansi(output.is_coloured()).without_time();
    let reasons = Reasons.with_filter(Targets::new().with_target("moorline", LevelFilter::DEBUG));
    tracing_subscriber::registry().with(log.with_filter(filter)).with(reasons).init();
}
