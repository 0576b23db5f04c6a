//! `moorline-server backup` and `moorline-server check-config`.

use std::path::{Path, PathBuf};

use clap::Args;
use moorline_server::http::{Tls, certificate_problems};
use moorline_server::start::{self, IssuerCheck};
use moorline_server_base::clock::Clock;
use moorline_server_base::config::{self, Config, Database};
use moorline_server_shared::Redis;
use moorline_server_store::back_up;
use serde_json::json;

use crate::log;
use crate::terminal::{Failure, FileArg, print};

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The file to make; it must not be there.
    #[arg(value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    file: FileArg,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    file: FileArg,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Copies the database of a server that may be running.
pub(crate) async fn backup(args: BackupArgs) -> Result<(), Failure> {
    let config = config::load(args.file.file.as_deref())?;
    let Database::Sqlite(from) = config.database else {
        return Err("backup is for SQLite: use pg_basebackup and the archive of Postgres".into());
    };
    let to = args.to.clone();
    let done = tokio::task::spawn_blocking(move || back_up(&from, &to)).await??;
    if args.json {
        return print(&format!(
            "{}\n",
            json!({ "file": args.to, "bytes": done.bytes, "tables": done.version })
        ));
    }
    print(&format!(
        "backed up to {}: {} bytes, checked\nThe master key is not in it: keep a copy of that apart from this one\n",
        args.to.display(),
        done.bytes
    ))
}

/// Reads what a start would read, asks Postgres and the shared store whether they are fit, compares the issuer with
/// that of the database, and changes nothing.
pub(crate) async fn check_config(args: &CheckArgs) -> Result<(), Failure> {
    let config = config::load(args.file.file.as_deref())?;
    check(&config)?;
    moorline_server_store::check(&config.database)
        .await
        .map_err(|error| format!("{}: {error}", config.database))?;
    let issuer = start::check(&config).await?;
    if let Some(url) = &config.shared {
        Redis::check(url).await?;
    }
    let certificate = config.tls.as_ref().map_or_else(Vec::new, |tls| {
        certificate_problems(&tls.certificate_file, &config.issuer, Clock::system().now())
    });
    let master_keys = config.master_keys().all().count();
    if args.json {
        let ignored = &config.ignored_variables;
        let result = json!({
            "valid": true, "ignored_variables": ignored, "master_keys": master_keys,
            "certificate_problems": certificate, "issuer_compared": issuer == IssuerCheck::Same,
        });
        return print(&format!("{result}\n"));
    }
    if master_keys > 1 {
        print("there are several master keys: `moorline-server master-key status` shows which are in use\n")?;
    }
    if let Some(file) = config.exposed_master_key_file() {
        print(&format!("{} can be read by others: chmod 600 it\n", file.display()))?;
    }
    for problem in &certificate {
        print(&format!("clients will refuse {problem}\n"))?;
    }
    if let IssuerCheck::NotCompared(why) = &issuer {
        print(&format!("the issuer was not compared with that of the database: {why}\n"))?;
    }
    for variable in &config.ignored_variables {
        print(&format!("ignored: {variable} is no setting\n"))?;
    }
    print(&format!("the settings are valid: {} on {}\n", config.issuer, config.listen))
}

fn check(config: &Config) -> Result<(), Failure> {
    log::parse(&config.log.filter)?;
    if let Some(tls) = &config.tls {
        Tls::load(tls)?;
    }
    let log = config.revocation_log();
    let files = [(config.database.file(), "database"), (log.as_deref(), "store.revocation_log")];
    files
        .into_iter()
        .try_for_each(|(file, setting)| file.map_or(Ok(()), |file| is_in_a_folder(file, setting)))
}

/// The server makes the file, and not its folder.
fn is_in_a_folder(path: &Path, setting: &str) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if folder.is_dir() {
        return Ok(());
    }
    Err(format!("{setting}: there is no folder {}: make it, for the server's user alone", folder.display())
        .into())
}
