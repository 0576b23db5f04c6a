//! The commands for a restored database and for a wrong clock.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use moorline_server::dev;
use moorline_server::restore::{self, Lost, Taken};
use moorline_server_base::clock::{Clock, Timestamp};
use moorline_server_base::config;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::terminal::{Failure, FileArg, exists, print};

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    file: FileArg,
    /// The folder of a development server instead.
    #[arg(long, value_name = "DIR", conflicts_with = "file")]
    dir: Option<PathBuf>,
    /// The revocation log is lost or damaged: what to do without it.
    #[arg(long, value_enum)]
    lost: Option<LostArg>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LostArg {
    /// This database was never restored: write the file again from it.
    DatabaseIsCurrent,
    /// It may have been restored: all users have to sign in again.
    EndAllSessions,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClockCommand {
    /// Confirm that this machine's clock is right, though it is far ahead of the last time that the server knows.
    Accept(FileArg),
}

pub(crate) async fn restore(args: &RestoreArgs) -> Result<(), Failure> {
    let config = match &args.dir {
        Some(dir) => dev::settings(dir)?,
        None => config::load(args.file.file.as_deref())?,
    };
    exists(&config)?;
    let lost = args.lost.map(|lost| match lost {
        LostArg::DatabaseIsCurrent => Lost::DatabaseIsCurrent,
        LostArg::EndAllSessions => Lost::EndAllSessions,
    });
    let done = restore::replay(&config, lost, Clock::system().now()).await?;
    if let Some(aside) = done.moved_to {
        print(&format!("the old revocation log is now {}\n", aside.display()))?;
    }
    print(&format!(
        "sessions ended now: {}\nrevocations of sessions that the backup does not have: {}\n\
{}the server may start\n",
        done.ended,
        done.unknown,
        time_in_words(done.time)?
    ))
}

fn time_in_words(taken: Option<Taken>) -> Result<String, Failure> {
    Ok(match taken {
        None => String::new(),
        Some(Taken::Clock(time)) => {
            format!("the time is {}\n", written(time)?)
        }
        Some(Taken::LastKnown(time)) => format!(
            "the time is {}, the last known time: this machine's clock is too far ahead of it (store.clock_jump).\n\
             Set the clock right. If it is right, run `moorline-server clock accept`. Until then the server answers \
             503\n",
            written(time)?
        ),
    })
}

fn written(time: Timestamp) -> Result<String, Failure> {
    Ok(OffsetDateTime::from_unix_timestamp(time.seconds())?.format(&Rfc3339)?)
}

pub(crate) async fn clock(command: ClockCommand) -> Result<(), Failure> {
    let ClockCommand::Accept(file) = command;
    let config = config::load(file.file.as_deref())?;
    exists(&config)?;
    let now = Clock::system().now();
    restore::accept_clock(&config, now).await?;
    print(&format!(
        "accepted: the time is {}. A running server accepts it at its next request\n",
        written(now)?
    ))
}
