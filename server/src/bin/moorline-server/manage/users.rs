//! `moorline-server user …`

use std::io::{BufRead as _, IsTerminal as _};

use clap::{Args, Subcommand};
use moorline_server::AppState;
use moorline_server::accounts::users::NewUser;
use moorline_server::accounts::{Password, legacy_names};
use moorline_server::manage::accounts::{self, Ended};
use serde_json::json;

use super::common::{ACTOR, change};
use crate::terminal::{Common, Failure};

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user; the password is one line on standard input.
    Add(UserArgs),
    /// List the users.
    List(ListArgs),
    /// Give a user another name to sign in with; their sessions go on.
    Rename(RenameArgs),
    /// Keep a user out: all their sessions end, and they can't sign in until `user enable`.
    Disable(Named),
    /// Let a user sign in again.
    Enable(Named),
    /// Give a user another password, one line on standard input; all their sessions end.
    SetPassword(Named),
    /// End all sessions of a user, in apps and in browsers.
    RevokeSessions(Named),
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    /// What the user types to sign in.
    username: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    common: Common,
    /// Only users whose names are compared as they are stored, and why: another user has the same name, or the name is
    /// not allowed any more.
    #[arg(long)]
    problems: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RenameArgs {
    #[command(flatten)]
    named: Named,
    /// The new name.
    new: String,
}

#[derive(Debug, Args)]
pub(crate) struct UserArgs {
    #[command(flatten)]
    common: Common,
    /// What they type to sign in.
    #[arg(long)]
    username: String,
    /// Their name.
    #[arg(long)]
    name: Option<String>,
    /// Their mail address.
    #[arg(long)]
    email: Option<String>,
    /// Their roles; may repeat.
    #[arg(long = "role", value_name = "ROLE", default_values_t = ["user".to_owned()])]
    roles: Vec<String>,
}

/// The shortest password that an operator may set (NIST SP 800-63B §3.1.1.2).
const SHORTEST_PASSWORD: usize = 8;

pub(crate) async fn user(command: UserCommand) -> Result<(), Failure> {
    match command {
        UserCommand::Add(args) => add(args).await,
        UserCommand::List(ListArgs { common, problems: false }) => list(&common).await,
        UserCommand::List(ListArgs { common, problems: true }) => list_problems(&common).await,
        UserCommand::Rename(RenameArgs { named: Named { username, common }, new }) => {
            let state = common.open().await?;
            let name = username.clone();
            let user =
                change(&state, move |tx, keys, now| accounts::rename(tx, keys, now, &name, &new)).await?;
            // The name that is free now may be another user's by RFC 8265.
            legacy_names::work_out(&state.store).await?;
            common.answer(&user, &format!("{username} is {} now\n", user.username))
        }
        UserCommand::Disable(Named { username, common }) => {
            let state = common.open().await?;
            let name = username.clone();
            let ended = change(&state, move |tx, keys, now| accounts::disable(tx, keys, now, &name)).await?;
            report(&common, &username, "disabled", ended)
        }
        UserCommand::Enable(Named { username, common }) => {
            let state = common.open().await?;
            let name = username.clone();
            change(&state, move |tx, keys, now| accounts::enable(tx, keys, now, &name)).await?;
            common.answer(&json!({ "username": username }), &format!("enabled {username}\n"))
        }
        UserCommand::SetPassword(Named { username, common }) => {
            let state = common.open().await?;
            let hash = read_password(&state).await?;
            let name = username.clone();
            let set = move |tx: &mut dyn moorline_server_store::Tx, keys: &_, now| {
                accounts::set_password(tx, keys, now, &name, &hash)
            };
            report(&common, &username, "new password for", change(&state, set).await?)
        }
        UserCommand::RevokeSessions(Named { username, common }) => {
            let state = common.open().await?;
            let name = username.clone();
            let ended =
                change(&state, move |tx, keys, now| accounts::revoke_sessions(tx, keys, now, &name)).await?;
            report(&common, &username, "signed out", ended)
        }
    }
}

fn report(common: &Common, username: &str, done: &str, ended: Ended) -> Result<(), Failure> {
    let words = format!(
        "{done} {username}; sessions ended: {}, and in browsers: {}\n",
        ended.sessions, ended.browser_sessions
    );
    let Ended { sessions, browser_sessions } = ended;
    let result = json!({ "username": username, "sessions": sessions, "browser_sessions": browser_sessions });
    common.answer(&result, &words)
}

async fn add(args: UserArgs) -> Result<(), Failure> {
    let state = args.common.open_or_make().await?;
    let new = NewUser {
        username: args.username,
        password_hash: Some(read_password(&state).await?),
        name: args.name,
        email: args.email,
        roles: args.roles,
    };
    let random = state.random.clone();
    let user = change(&state, move |tx, keys, now| accounts::add(tx, keys, &random, now, new)).await?;
    args.common.answer(&user, &format!("added {} (id {})\n", user.username, user.id))
}

async fn list(common: &Common) -> Result<(), Failure> {
    let state = common.open_to_read().await?;
    let users = state.store.read(&ACTOR, accounts::list).await?;
    let words: String = users
        .iter()
        .map(|user| {
            let state = if user.disabled { "  disabled" } else { "" };
            format!("{}  {}  {}{state}\n", user.username, user.id, user.roles.join(" "))
        })
        .collect();
    common.answer(&users, &words)
}

async fn list_problems(common: &Common) -> Result<(), Failure> {
    let state = common.open_to_read().await?;
    let found = state.store.read(&ACTOR, accounts::name_problems).await?;
    let words: String =
        found.iter().map(|user| format!("{}  {}  {}\n", user.username, user.id, user.problem)).collect();
    common.answer(&found, &words)
}

/// Reads a password from standard input. Returns its hash.
async fn read_password(state: &AppState) -> Result<String, Failure> {
    if std::io::stdin().is_terminal() {
        eprintln!("Password (it shows as you type; better pipe it in):");
    }
    // It does not move as it grows: no copy of the password stays behind.
    let mut line = zeroize::Zeroizing::new(String::with_capacity(8 * Password::LONGEST));
    std::io::stdin().lock().read_line(&mut line)?;
    let password = Password::new(typed(&line)).prepared()?;
    if password.expose().chars().count() < SHORTEST_PASSWORD {
        return Err(format!("the password must be at least {SHORTEST_PASSWORD} characters").into());
    }
    Ok(state.passwords.hash(password).await?)
}

/// What was typed on a line: some shells and editors begin a file with a byte order mark.
fn typed(line: &str) -> &str {
    line.strip_prefix('\u{feff}').unwrap_or(line).trim_end_matches(['\r', '\n'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_and_the_end_of_the_line_are_no_part_of_a_password() {
        for line in ["correct horse", "correct horse\n", "\u{feff}correct horse\r\n"] {
            assert_eq!(typed(line), "correct horse");
        }
        assert_eq!(typed("\u{feff}\u{feff} x \n"), "\u{feff} x ");
    }
}
