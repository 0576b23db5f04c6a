//! What tests need of the store, here and in the crates above it.

#![expect(clippy::unwrap_used, reason = "only tests are built with it")]

mod relay;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, mpsc};

pub use relay::Relay;
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

use super::{Actor, Store, StoreError};
use moorline_server_base::config::Database;

const TEST: Actor = Actor::System("test");

/// Holds SQLite's writer until the sender is used, so that what is sent meanwhile comes into one group.
pub async fn hold(store: &Store) -> mpsc::Sender<()> {
    let (release, wait) = mpsc::channel();
    let (running, mut runs) = tokio::sync::mpsc::unbounded_channel();
    let (store, wait) = (store.clone(), Arc::new(Mutex::new(wait)));
    tokio::spawn(async move {
        let held = store.write(&TEST, move |_| {
            running.send(()).unwrap();
            let _ = wait.lock().unwrap().recv();
            Ok::<_, StoreError>(())
        });
        // It shares the fate of its group.
        let _ = held.await;
    });
    runs.recv().await.unwrap();
    release
}

/// Starts the writes, gives them the time of a few polls to be queued, and lets the writer go.
pub async fn started_then_released<F: Future>(writes: F, release: mpsc::Sender<()>) -> F::Output {
    let go = async {
        for _ in 0..64 {
            tokio::task::yield_now().await;
        }
        release.send(()).unwrap();
    };
    tokio::join!(writes, go).0
}

/// Does what a newer version does to the tables while others use them. It can serve beside servers of tables `back`
/// versions older than its own.
pub async fn migrate_further(store: &Store, statements: &'static [&'static str], back: i64) {
    let done = store.write(&TEST, move |tx| {
        let newest = tx.first("SELECT MAX(version) AS version FROM migrations", &[])?.unwrap();
        let version = newest.integer("version")? + 1;
        for statement in statements {
            tx.execute(statement, &[])?;
        }
        let row = "INSERT INTO migrations (version, name, serves_from) VALUES ($1, 'a newer version', $2)";
        tx.execute(row, &[version.into(), (version - back).into()])
    });
    let done: Result<u64, StoreError> = done.await;
    done.unwrap();
}

/// A schema of a test's own on the server that `MOORLINE_TEST_POSTGRES` names; dropped with it. To the store it is a
/// database; to Postgres it costs a tenth of one.
#[derive(Debug)]
pub struct PostgresDatabase {
    server: String,
    name: String,
    settings: String,
}

impl PostgresDatabase {
    /// Makes an empty one; `None` where the tests run on SQLite.
    pub fn make() -> Option<Self> {
        let server = std::env::var("MOORLINE_TEST_POSTGRES").ok()?;
        let name = unique();
        let settings = format!("-csearch_path%3D{name}");
        let made = Self { server, name, settings };
        made.admin(&format!("CREATE SCHEMA {}", made.name));
        Some(made)
    }

    /// Where it is.
    pub fn database(&self) -> Database {
        self.url().parse().unwrap()
    }

    fn url(&self) -> String {
        let Self { server, name, settings } = self;
        format!("{server}?application_name={name}&options={settings}")
    }

    /// The server's address: it is on this machine.
    fn address(&self) -> SocketAddr {
        let address = self.server.rsplit('@').next().and_then(|rest| rest.split('/').next());
        address.unwrap().parse().unwrap()
    }

    /// A role that may read its tables, and nothing else.
    pub fn reader(&self) -> Reader<'_> {
        let (name, role) = (&self.name, format!("{}_reader", self.name));
        self.admin(&format!(
            "CREATE ROLE {role}; GRANT USAGE ON SCHEMA {name} TO {role};
             GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO {role}"
        ));
        Reader { database: self, role }
    }

    /// Ends every connection to it, as a restart of the server does.
    pub fn cut(&self) {
        self.admin(&self.cutting());
    }

    fn cutting(&self) -> String {
        format!(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = '{}'",
            self.name
        )
    }

    /// Has the server use this setting for the connections that are made from now on.
    pub fn set(&mut self, setting: &str, value: &str) {
        self.settings.push_str(&format!("%20-c{setting}%3D{value}"));
    }

    /// Runs statements on its tables, beside the store.
    pub fn run(&self, sql: &str) {
        self.admin(&format!("SET search_path = {}; {sql}", self.name));
    }

    /// The rows that a query on its tables returns, each column as text; NULL is empty.
    pub fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let rows = self.answers(&format!("SET search_path = {}; {sql}", self.name));
        let rows = rows.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let text = |row: &SimpleQueryRow, column| row.get(column).unwrap_or_default().to_owned();
        rows.map(|row| (0..row.len()).map(|column| text(row, column)).collect()).collect()
    }

    /// Runs statements as the server's administrator.
    fn admin(&self, sql: &str) {
        self.answers(sql);
    }

    fn answers(&self, sql: &str) -> Vec<SimpleQueryMessage> {
        let work = async {
            let (client, connection) = tokio_postgres::connect(&self.server, tokio_postgres::NoTls).await?;
            let done = client.simple_query(sql);
            tokio::select! {
                done = done => done,
                lost = connection => lost.map(|()| Vec::new()),
            }
        };
        // A test is inside a runtime of its own.
        let done: Result<_, tokio_postgres::Error> = std::thread::scope(|scope| {
            let blocking =
                || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
            scope.spawn(blocking).join().unwrap()
        });
        done.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        self.admin(&self.cutting());
        self.admin(&format!("DROP SCHEMA {} CASCADE", self.name));
    }
}

/// A role of a test's own; dropped with it.
#[derive(Debug)]
pub struct Reader<'a> {
    database: &'a PostgresDatabase,
    role: String,
}

impl Reader<'_> {
    /// The database, for this role.
    pub fn database(&self) -> Database {
        format!("{}%20-crole%3D{}", self.database.url(), self.role).parse().unwrap()
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.database.admin(&format!("DROP OWNED BY {role}; DROP ROLE {role}", role = self.role));
    }
}

fn unique() -> String {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    format!("moorline_test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}
