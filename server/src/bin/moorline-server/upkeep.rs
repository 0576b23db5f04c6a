//! `moorline-server backup` and `moorline-server check-config`.

use std::path::{Path, PathBuf};

use clap::Args;
use moorline_server::http::{Tls, certificate_problems};
use moorline_server::start::{self, IssuerCheck};
use moorline_server_base::clock::Clock;
use moorline_server_base::config::{Config, Database};
use moorline_server_shared::Redis;
use moorline_server_store::back_up;
use serde_json::json;

use crate::log;
use crate::terminal::{Common, Failure};

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The file to make; it must not be there.
    #[arg(value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    common: Common,
}

/// Copies the database of a server that may be running.
pub(crate) async fn backup(args: BackupArgs) -> Result<(), Failure> {
    let config = args.common.config()?;
    let Database::Sqlite(from) = config.database else {
        return Err("backup is for SQLite: use pg_basebackup and the archive of Postgres".into());
    };
    let to = args.to.clone();
    let done = tokio::task::spawn_blocking(move || back_up(&from, &to)).await??;
    let words = format!(
        "backed up to {}: {} bytes, checked\nThe master key is not in it: keep a copy of that apart from this one\n",
        args.to.display(),
        done.bytes
    );
    args.common.answer(&json!({ "file": args.to, "bytes": done.bytes, "tables": done.version }), &words)
}

/// Reads what a start would read, asks Postgres and the shared store whether they are fit, compares the issuer with
/// that of the database, and changes nothing.
pub(crate) async fn check_config(common: &Common) -> Result<(), Failure> {
    let config = common.config()?;
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
    let mut words = String::new();
    if master_keys > 1 {
        words +=
            "there are several master keys: `moorline-server master-key status` shows which are in use\n";
    }
    let exposed = config.exposed_master_key_file();
    if let Some(file) = &exposed {
        words += &format!("{} can be read by others: chmod 600 it\n", file.display());
    }
    for problem in &certificate {
        words += &format!("clients will refuse {problem}\n");
    }
    let not_compared = match &issuer {
        IssuerCheck::NotCompared(why) => Some(why.to_string()),
        IssuerCheck::Same => None,
    };
    if let Some(why) = &not_compared {
        words += &format!("the issuer was not compared with that of the database: {why}\n");
    }
    let ignored = &config.ignored_variables;
    for variable in ignored {
        words += &format!("ignored: {variable} is no setting\n");
    }
    words += &format!("the settings are valid: {} on {}\n", config.issuer, config.listen);
    let result = json!({
        "valid": true, "ignored_variables": ignored, "master_keys": master_keys,
        "certificate_problems": certificate, "exposed_master_key_file": exposed,
        "issuer_compared": not_compared.is_none(), "issuer_not_compared": not_compared,
    });
    common.answer(&result, &words)
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
