//! What tests need of the store, here and in the crates above it.

#![expect(clippy::unwrap_used, reason = "only tests are built with it")]

mod relay;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, mpsc};

pub use relay::Relay;

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

    /// Runs statements as the server's administrator.
    fn admin(&self, sql: &str) {
        let work = async {
            let (client, connection) = tokio_postgres::connect(&self.server, tokio_postgres::NoTls).await?;
            let done = client.batch_execute(sql);
            tokio::select! {
                done = done => done,
                lost = connection => lost,
            }
        };
        // A test is inside a runtime of its own.
        let done: Result<(), tokio_postgres::Error> = std::thread::scope(|scope| {
            let blocking =
                || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
            scope.spawn(blocking).join().unwrap()
        });
        done.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        self.admin(&self.cutting());
        self.admin(&format!("DROP SCHEMA {} CASCADE", self.name));
    }
}

fn unique() -> String {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    format!("moorline_test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}
