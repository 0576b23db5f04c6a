//! The command line of the server.

mod database;
mod log;
mod manage;
mod memory;
mod open_files;
mod panics;
mod recover;
mod signals;
mod terminal;
mod upkeep;

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use moorline_server::api::openapi;
use moorline_server::dev::{DevOptions, DevServer, Style};
use moorline_server::http::{Listener, Tls};
use moorline_server::manage::{ClientSpec, Fixtures, UserSpec};
use moorline_server::start;
use moorline_server_base::clock::Clock;
use moorline_server_base::config::{self, Issuer, LogFormat, Role, settings};

use self::terminal::{Common, Failure, FileArg, print};

/// Moorline's backend: an OpenID provider and a resource API in one binary.
///
/// Start with `moorline-server dev`: it needs no configuration, and prints what to open and whom to sign in as.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve for development: makes certificates, a database, a demo client and two users, and prints them.
    Dev(DevArgs),
    /// Serve in production, from a configuration file and the environment.
    Serve(ServeArgs),
    /// After a database was restored: revoke again what was revoked after the backup, so that the server may start.
    Restore(recover::RestoreArgs),
    /// Show or accept this machine's clock.
    Clock {
        #[command(subcommand)]
        command: recover::ClockCommand,
    },
    /// Give a database the issuer of the settings, after it had another one. Stop every server first: one from before
    /// this version is not noticed on SQLite. Apps have to be given the new issuer, and their users sign in again.
    ChangeIssuer(Common),
    /// Copy a database to another engine, such as from SQLite to Postgres, and compare the two. Stop every server of
    /// either first: it refuses while one runs, or a command that changes something, but does not notice a server on
    /// SQLite, or a command, from before this version. After an interruption, run it again.
    MigrateDatabase(database::MigrateArgs),
    /// Print every setting: what it means, its default and its variable.
    Config {
        /// As a Markdown table, for documentation.
        #[arg(long)]
        markdown: bool,
    },
    /// Check the settings, the files that they name and the shared store, and change nothing.
    CheckConfig(Common),
    /// Copy the database while the server runs, and check the copy.
    Backup(upkeep::BackupArgs),
    /// Print for how long the oldest expired rows are due to be deleted.
    Status(Common),
    /// Print the API's description (OpenAPI).
    Openapi,
    /// Register, list, change and remove the clients (apps) that may ask for sign-ins.
    Client {
        #[command(subcommand)]
        command: manage::ClientCommand,
    },
    /// Add, list, disable and enable users; set their passwords; end their sessions.
    User {
        #[command(subcommand)]
        command: manage::UserCommand,
    },
    /// List, rotate and withdraw the keys that sign tokens.
    Keys {
        #[command(subcommand)]
        command: manage::KeysCommand,
    },
    /// Replace the master key.
    MasterKey {
        #[command(subcommand)]
        command: manage::MasterKeyCommand,
    },
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    file: FileArg,
    /// Serve what needs no writing, from a database that another node writes; the same as store.role = "replica".
    #[arg(long)]
    replica: bool,
}

#[derive(Debug, Args)]
struct DevArgs {
    /// The folder that holds all it makes: database, keys, certificates, moorline-dev.json.
    #[arg(long, default_value = ".moorline-dev")]
    dir: PathBuf,
    /// The port; 0 takes a free one.
    #[arg(long, default_value_t = 8443)]
    port: u16,
    /// The address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// The issuer, where clients reach it by another URL than https://localhost:PORT; the certificate names its host.
    #[arg(long, value_name = "URL")]
    issuer: Option<Issuer>,
    /// Speak plain HTTP, on a loopback address only: for test clients that can't be given a CA.
    #[arg(long)]
    http: bool,
    /// Rate limits; off for load tests and conformance runs.
    #[arg(long, value_enum, default_value_t = Switch::On)]
    limits: Switch,
    /// Register a client too: id=…,secret=…,redirect=…,scope=a b,name=…,origin=…,consent=ask|skip,
    /// dpop=offered|required,access_token_alg=RS256|ES256 (redirect may repeat).
    #[arg(long = "client", value_name = "SPEC")]
    clients: Vec<String>,
    /// Add a person too: username=…,password=…,role=…,name=…,email=… (role may repeat).
    #[arg(long = "user", value_name = "SPEC")]
    users: Vec<String>,
    /// Clients and people from a JSON file: {"clients": […], "users": […]}.
    #[arg(long, value_name = "FILE")]
    fixtures: Option<PathBuf>,
    /// Print moorline-dev.json instead of lines for people.
    #[arg(long)]
    json: bool,
    /// What to log on standard error, such as info, or moorline_server=debug.
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    log: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

fn main() -> ExitCode {
    panics::log_the_place_alone();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    match runtime.block_on(run(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &Failure) -> ExitCode {
    let red = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let (start, end) = if red { ("\u{1b}[31m", "\u{1b}[0m") } else { ("", "") };
    for line in error.to_string().lines() {
        eprintln!("{start}error:{end} {line}");
    }
    ExitCode::FAILURE
}

async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Dev(args) => dev(args).await,
        Command::Serve(args) => serve(&args).await,
        Command::Restore(args) => recover::restore(&args).await,
        Command::Clock { command } => recover::clock(command).await,
        Command::Config { markdown } => {
            print(&if markdown { settings::markdown() } else { settings::describe() })
        }
        Command::ChangeIssuer(common) => recover::change_issuer(&common).await,
        Command::MigrateDatabase(args) => database::migrate(&args).await,
        Command::CheckConfig(common) => upkeep::check_config(&common).await,
        Command::Backup(args) => upkeep::backup(args).await,
        Command::Status(common) => manage::status(&common).await,
        Command::Openapi => print(&openapi::text()),
        Command::Client { command } => manage::client(command).await,
        Command::User { command } => manage::user(command).await,
        Command::Keys { command } => manage::keys(command).await,
        Command::MasterKey { command } => manage::master_key(command).await,
    }
}

async fn dev(args: DevArgs) -> Result<(), Failure> {
    let _log = log::start(&args.log, LogFormat::Text)?;
    let stop = signals::stop()?;
    let mut fixtures = args.fixtures.as_deref().map(read_fixtures).transpose()?.unwrap_or_default();
    // Read here and not by clap, whose messages repeat the argument: there are secrets in it.
    for text in &args.clients {
        fixtures.clients.push(text.parse::<ClientSpec>().map_err(|wrong| format!("--client: {wrong}"))?);
    }
    for text in &args.users {
        fixtures.users.push(text.parse::<UserSpec>().map_err(|wrong| format!("--user: {wrong}"))?);
    }
    let options = DevOptions {
        dir: args.dir,
        listen: args.listen,
        port: args.port,
        issuer: args.issuer,
        http: args.http,
        limits: args.limits == Switch::On,
        fixtures,
    };
    let server = DevServer::prepare(&options, Clock::adjustable()).await?;
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let style = if colour { Style::Colour } else { Style::Plain };
    let mut words = if args.json {
        server.summary().to_json()
    } else {
        server.summary().for_people(&server.summary_file(), style)
    };
    let _ = writeln!(words, "ready {}", server.summary().issuer);
    print(&words)?;
    Ok(server.run(stop).await?)
}

async fn serve(args: &ServeArgs) -> Result<(), Failure> {
    let mut config = config::load(args.file.file.as_deref())?;
    if args.replica {
        config.store.role = Role::Replica;
    }
    let _log = log::start(&config.log.filter, config.log.format)?;
    if !config.ignored_variables.is_empty() {
        tracing::warn!(
            variables = config.ignored_variables.join(", "),
            "these environment variables are no settings, and are ignored; `moorline-server config` lists those that \
             are. Kubernetes sets some for each service, unless the pod says enableServiceLinks: false"
        );
    }
    if let Some(file) = config.exposed_master_key_file() {
        tracing::warn!(file = %file.display(), "the master key can be read by others: chmod 600 its file");
    }
    if config.http.plain && config.http.trusted_proxies.is_empty() {
        tracing::warn!(
            "http.plain is set and http.trusted_proxies is empty: behind a proxy, no limit by address holds. Set \
             http.trusted_proxies to the proxy's address, such as [\"127.0.0.1\"]"
        );
    }
    open_files::make_room(&mut config.http);
    let stop = signals::stop()?;
    let tls = config.tls.as_ref().map(Tls::load).transpose()?;
    signals::reload_on_hangup(tls.clone())?;
    let listener = Listener::bind(config.listen)?;
    let state = start::open(config, Clock::system()).await?;
    tracing::info!(issuer = %state.config.issuer, listen = %listener.address(), "ready");
    print(&format!("ready {}\n", state.config.issuer))?;
    start::run(state, listener, tls, stop).await?;
    tracing::info!("stopped");
    Ok(())
}

fn read_fixtures(path: &Path) -> Result<Fixtures, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()).into())
}
