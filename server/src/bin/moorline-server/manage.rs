//! Clients and people of a real server, from its own command line.

use std::io::{BufRead as _, IsTerminal as _};

use clap::{Args, Subcommand};
use moorline_server::accounts::{Password, users};
use moorline_server::manage::{ClientSecret, ClientSpec, Consent};
use moorline_server::oauth::clients;
use moorline_server::{AppState, start};
use moorline_server_base::clock::Clock;
use moorline_server_base::config;
use moorline_server_base::random::Random;
use moorline_server_store::{Actor, StoreError};

use crate::terminal::{Failure, FileArg, print};

const ACTOR: Actor = Actor::System("an operator's command");

#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Register a client. A secret, if it has one, is printed once and stored as a hash.
    Add(ClientArgs),
    /// List the clients.
    List {
        #[command(flatten)]
        file: FileArg,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ClientArgs {
    #[command(flatten)]
    file: FileArg,
    /// The client identifier.
    #[arg(long)]
    id: String,
    /// The name that people see on the consent page; by default the identifier.
    #[arg(long)]
    name: Option<String>,
    /// Where answers may go; may repeat. For http://127.0.0.1 and http://[::1] any port will do.
    #[arg(long = "redirect", value_name = "URI", required = true)]
    redirects: Vec<String>,
    /// What it may ask for, with spaces between; by default everything.
    #[arg(long, default_value = "")]
    scope: String,
    /// A browser origin that may call the server; may repeat.
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<String>,
    /// A client that can keep a secret (a web server's back end); apps can't.
    #[arg(long)]
    confidential: bool,
    /// An app of the house: people are not asked for their consent.
    #[arg(long)]
    skip_consent: bool,
    /// Refuse its token requests without a DPoP proof; others may send one.
    #[arg(long)]
    require_dpop: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add a person; the password is one line on standard input.
    Add(UserArgs),
}

#[derive(Debug, Args)]
pub(crate) struct UserArgs {
    #[command(flatten)]
    file: FileArg,
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

/// The shortest password that `user add` takes (NIST SP 800-63B §3.1.1.2).
const SHORTEST_PASSWORD: usize = 8;

pub(crate) async fn client(command: ClientCommand) -> Result<(), Failure> {
    match command {
        ClientCommand::Add(args) => add_client(args).await,
        ClientCommand::List { file, json } => list_clients(&file, json).await,
    }
}

pub(crate) async fn user(command: UserCommand) -> Result<(), Failure> {
    let UserCommand::Add(args) = command;
    let state = open(&args.file).await?;
    if std::io::stdin().is_terminal() {
        eprintln!("Password (it shows as you type; better pipe it in):");
    }
    let mut line = zeroize::Zeroizing::new(String::new());
    std::io::stdin().lock().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.chars().count() < SHORTEST_PASSWORD {
        return Err(format!("the password must be at least {SHORTEST_PASSWORD} characters").into());
    }
    let new = users::NewUser {
        username: args.username,
        password_hash: Some(state.passwords.hash(Password::new(password)).await?),
        name: args.name,
        email: args.email,
        roles: args.roles,
    };
    let (random, now) = (state.random.clone(), state.clock.now());
    let user = state.store.write(&ACTOR, move |tx| users::add(tx, &random, now, new)).await?;
    print(&format!("added {} (id {})\n", user.username, user.id))
}

async fn add_client(args: ClientArgs) -> Result<(), Failure> {
    let state = open(&args.file).await?;
    let secret = args.confidential.then(|| Random::system().secret());
    let spec = ClientSpec {
        client_id: args.id,
        client_secret: secret.as_ref().map(|secret| ClientSecret::new(secret.as_str())),
        name: args.name,
        redirect_uris: args.redirects,
        scopes: args.scope.split_whitespace().map(str::to_owned).collect(),
        origins: args.origins,
        consent: if args.skip_consent { Consent::Skip } else { Consent::Ask },
        dpop_bound_access_tokens: args.require_dpop,
    };
    let client = spec.client(state.clock.now())?;
    let id = client.id.clone();
    let added: bool = state
        .store
        .write(&ACTOR, move |tx| -> Result<bool, StoreError> {
            if clients::find(tx, &client.id)?.is_some() {
                return Ok(false);
            }
            clients::put(tx, &client).map(|()| true)
        })
        .await?;
    if !added {
        return Err(format!("there is a client {id:?} already").into());
    }
    print(&format!("added client {id}\n"))?;
    match secret {
        Some(secret) => print(&format!("secret, shown this once: {}\n", *secret)),
        None => Ok(()),
    }
}

async fn list_clients(file: &FileArg, json: bool) -> Result<(), Failure> {
    let state = start::open_to_read(config::load(file.file.as_deref())?, Clock::system()).await?;
    let all = state.store.read(&ACTOR, clients::all).await?;
    if json {
        let all: Vec<_> = all
            .iter()
            .map(|client| {
                serde_json::json!({
                    "client_id": client.id,
                    "name": client.name,
                    "confidential": client.secret.is_some(),
                    "redirect_uris": client.redirect_uris,
                    "scopes": client.scopes.names().collect::<Vec<_>>(),
                    "origins": client.origins,
                    "consent": if client.consent == clients::ConsentRule::Skip { "skip" } else { "ask" },
                    "dpop_bound_access_tokens": client.dpop_bound_access_tokens,
                })
            })
            .collect();
        return print(&(serde_json::to_string_pretty(&all)? + "\n"));
    }
    for client in all {
        let kind = if client.secret.is_some() { "confidential" } else { "public" };
        print(&format!("{}  {kind}  {}\n", client.id, client.redirect_uris.join(" ")))?;
    }
    Ok(())
}

async fn open(file: &FileArg) -> Result<AppState, Failure> {
    Ok(start::open_beside(config::load(file.file.as_deref())?, Clock::system()).await?)
}
