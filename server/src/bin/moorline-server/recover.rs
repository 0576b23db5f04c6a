//! The commands for a restored database, for a wrong clock and for another issuer.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use moorline_server::dev;
use moorline_server::restore::{self, Lost, OF_THE_BACKUP, Restored, Taken};
use moorline_server_base::clock::{Clock, Timestamp};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::terminal::{Common, Failure, exists};

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    common: Common,
    /// The folder of a development server instead.
    #[arg(long, value_name = "DIR", conflicts_with = "file")]
    dir: Option<PathBuf>,
    /// Say which sessions would be revoked, and change nothing.
    #[arg(long, conflicts_with = "lost")]
    dry_run: bool,
    /// The revocation log is lost: what to do without it.
    #[arg(long, value_enum)]
    lost: Option<LostArg>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LostArg {
    /// This database was never restored: the next start writes the log again from it.
    DatabaseIsCurrent,
    /// It may have been restored: all users have to sign in again.
    EndAllSessions,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClockCommand {
    /// Confirm that this machine's clock is right, though it is far ahead of the last time that the server knows.
    Accept(Common),
}

pub(crate) async fn restore(args: &RestoreArgs) -> Result<(), Failure> {
    let config = match &args.dir {
        Some(dir) => dev::settings(dir)?,
        None => args.common.config()?,
    };
    exists(&config)?;
    let now = Clock::system().now();
    let done = match args.lost {
        None => restore::replay(&config, args.dry_run, now).await?,
        Some(LostArg::DatabaseIsCurrent) => {
            restore::without_log(&config, Lost::DatabaseIsCurrent, now).await?
        }
        Some(LostArg::EndAllSessions) => restore::without_log(&config, Lost::EndAllSessions, now).await?,
    };
    let result = json!({
        "dry_run": args.dry_run, "revoked": done.revoked, "unknown": done.unknown,
        "clock_accepted": done.time.map(|time| matches!(time, Taken::Clock(_))),
    });
    args.common.answer(&result, &(in_words(&done, args)? + &time_in_words(done.time)?))
}

fn in_words(done: &Restored, args: &RestoreArgs) -> Result<String, Failure> {
    let (mut words, dry_run) = (String::new(), args.dry_run);
    for session in &done.revoked {
        let at = written(Timestamp::from_millis(session.at * 1000))?;
        words += &format!(
            "{}  {}  {}  revoked {at}: {}\n",
            session.session_id, session.username, session.client_id, session.why
        );
    }
    let would = if dry_run { "to be revoked again" } else { "revoked again" };
    words += &format!("sessions {would}: {}\n", done.revoked.len());
    words += &format!("revocations of sessions that the database does not have: {}\n", done.unknown);
    if !args.lost.is_some_and(|lost| matches!(lost, LostArg::DatabaseIsCurrent)) {
        words += &format!(
            "users, passwords, clients and signing keys are those of the backup: no log has what was done to them \
             since. Before you start the server, run again each {OF_THE_BACKUP}\n"
        );
    }
    words += if dry_run { "nothing was changed\n" } else { "the server may start\n" };
    Ok(words)
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

/// Gives the database the issuer of the settings.
pub(crate) async fn change_issuer(common: &Common) -> Result<(), Failure> {
    let config = common.config()?;
    exists(&config)?;
    let before = restore::change_issuer(&config, Clock::system().now()).await;
    let before = before.map_err(|error| format!("{}: {error}", config.database))?;
    if before.as_deref() == Some(config.issuer.as_str()) {
        let words = format!("the issuer is {} already: nothing was changed\n", config.issuer);
        return common.answer(&json!({ "from": before, "to": before }), &words);
    }
    let words = format!(
        "the issuer is {}, and was {}\nThe server may start. Apps that know the old issuer have to be given the new \
         one, and their users sign in again\n",
        config.issuer,
        before.as_deref().unwrap_or("not recorded")
    );
    common.answer(&json!({ "from": before, "to": config.issuer.as_str() }), &words)
}

fn written(time: Timestamp) -> Result<String, Failure> {
    Ok(OffsetDateTime::from_unix_timestamp(time.seconds())?.format(&Rfc3339)?)
}

pub(crate) async fn clock(command: ClockCommand) -> Result<(), Failure> {
    let ClockCommand::Accept(common) = command;
    let config = common.config()?;
    exists(&config)?;
    let now = Clock::system().now();
    restore::accept_clock(&config, now).await?;
    let words =
        format!("accepted: the time is {}. A running server accepts it at its next request\n", written(now)?);
    common.answer(&json!({ "accepted": now.seconds() }), &words)
}
