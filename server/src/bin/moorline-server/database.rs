//! `moorline-server migrate-database`: from one engine to the other.

use std::fmt::Write as _;
use std::path::Path;

use clap::Args;
use moorline_server::restore;
use moorline_server_base::config::Database;
use moorline_server_store::{Actor, Options, Purpose, Reservation, Store, copy, reserve};
use serde_json::json;

use crate::terminal::{Failure, JsonArg};

const ACTOR: Actor = Actor::System("an operator's command");

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// The database to copy, such as sqlite:/var/lib/moorline/moorline.db.
    #[arg(long, value_name = "DATABASE")]
    from: Database,
    /// The empty database to copy into, such as postgres://moorline@db.example.com/moorline. Its password is better
    /// kept in the variable.
    #[arg(long, value_name = "DATABASE", env = "MOORLINE_DATABASE", hide_env_values = true)]
    to: Database,
    #[command(flatten)]
    json: JsonArg,
}

pub(crate) async fn migrate(args: &MigrateArgs) -> Result<(), Failure> {
    if is_same(&args.from, &args.to) {
        return Err("--from and --to name the same database".into());
    }
    // A mistyped path must not make a new database.
    if let Some(file) = args.from.file().filter(|file| !Path::exists(file)) {
        return Err(format!("{}: there is no such file", file.display()).into());
    }
    let open = |database: &Database| {
        Store::open(&Options::new(database.clone()).lanes(1)).map_err(|error| format!("{database}: {error}"))
    };
    // A server of either would write what the other has not.
    let reserved = (alone(&args.from).await?, alone(&args.to).await?);
    let from = open(&args.from)?;
    let name = from.read(&ACTOR, restore::instance).await?.unwrap_or_default();
    let in_use = |database: &Database, error| format!("{database}: {error}");
    let places = (
        reserved.0.join(&name).await.map_err(|error| in_use(&args.from, error))?,
        reserved.1.join(&name).await.map_err(|error| in_use(&args.to, error))?,
    );
    let to = open(&args.to)?;
    let (mut words, mut tables) = (String::new(), Vec::new());
    copy(&from, &to, |table| {
        let hash = table.hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let _ = writeln!(words, "{:<24} {:>10} rows, hash {} in both", table.name, table.rows, &hash[..16]);
        tables.push(json!({ "name": table.name, "rows": table.rows, "hash": hash }));
    })
    .await?;
    if places.0.is_lost() || places.1.is_lost() {
        return Err(
            "the connection that kept servers away was lost during the copy, and one may have written: make \
                    sure that none runs, and run this again"
                .into(),
        );
    }
    words += "The two databases are the same. Set `database` to the new one, and start the server\n";
    args.json.answer(&json!({ "tables": tables }), &words)
}

/// Also where two paths lead to one file.
fn is_same(one: &Database, other: &Database) -> bool {
    let file = |database: &Database| database.file().and_then(|file| file.canonicalize().ok());
    one == other || file(one).is_some_and(|one| file(other) == Some(one))
}

/// Keeps every server from the database for as long as the result lives.
async fn alone(database: &Database) -> Result<Reservation, Failure> {
    let place = reserve(database, Purpose::Maintain).await;
    place.map_err(|error| format!("{database}: {error}").into())
}
