//! A node's place at a database that several nodes can use: locks that are held for as long as it serves.
//!
//! A node that shares nothing holds them alone, as does a command that no server may run beside. Nodes with a shared
//! store hold them together. So a second node is refused unless both have one. The locks are Postgres's own
//! (`pg_try_advisory_lock`), of one connection: a node that is gone holds nothing.
//!
//! There are two. The first names the schema, and is taken before the database is opened. The second has the name of
//! the database, which an empty one lacks: nodes of older versions know that one alone.
//!
//! A third is for commands. Those that change something hold it together, and one that no server may run beside holds
//! it alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_postgres::Client;

use super::failure::{Failure, Kind};
use super::link::{CONNECTING, silent};
use super::stores::{self, Found, NOT_COMPARED, OTHER_STORE, Source, Stores};
use super::target::Target;
use crate::purpose::Purpose;
use crate::{StoreError, Tx};

/// The server ends the connection of a machine that has vanished within half a minute.
const SESSION: &str =
    "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
    SET statement_timeout = '5s'; SET idle_session_timeout = 0";

/// The time between attempts to get the place back.
const PAUSE: Duration = Duration::from_secs(1);
const ANSWER: Duration = Duration::from_secs(5);

/// A node that was stopped just now gives its place up within this time.
const AT_A_START: Duration = Duration::from_secs(2);

/// After the connection was lost the server may take the lost one for alive for some time.
const AFTER_A_LOSS: Duration = Duration::from_secs(60);

const REFUSED: &str = "another node serves this database, and not both of them share a store: set `shared` \
    (MOORLINE_SHARED) to the same redis:// URL on every node, or stop the other one. A command that needs the database \
    for itself (`migrate-database`, `change-issuer`) may be running, too: wait for it";

const IN_USE: &str = "a server is running on it, or a command that needs it for itself (`migrate-database`, \
    `change-issuer`): stop every server of this database, and run this again";

const CHANGING: &str = "a command is changing it: wait for its end, and run this again";

const MAINTAINED: &str = "a command needs it for itself (`migrate-database`, `change-issuer`): wait for its end, and \
    run this again";

/// The place before the name of the database is known; given up when dropped.
pub(crate) struct Reservation {
    place: Place,
    link: Link,
}

impl std::fmt::Debug for Reservation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reservation").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Reservation {
    /// Takes a place at the database, together with others if nodes share a store.
    pub(crate) async fn take(url: &str, purpose: Purpose) -> Result<Self, StoreError> {
        let place = Place { target: Target::parse(url)?.watched(), name: None, purpose };
        let link = place.wait().await?;
        Ok(Self { place, link })
    }

    /// Makes it the place at the database that is called `name`.
    pub(crate) async fn join(self, name: &str) -> Result<Membership, StoreError> {
        let Self { mut place, mut link } = self;
        let name = format!("moorline node {name}");
        let deadline = Instant::now() + AT_A_START;
        let held = loop {
            let locked = timeout(ANSWER, place.lock(&link.client, Some(&name))).await;
            match locked.unwrap_or_else(|_| Err(silent())) {
                Ok(None) => break true,
                Ok(Some(why)) if Instant::now() >= deadline => {
                    return Err(StoreError::Unusable(why.to_owned()));
                }
                Ok(Some(_)) => sleep(PAUSE / 10).await,
                Err(failure) if failure.kind == Kind::Lost => break false,
                Err(failure) => return Err(failure.error),
            }
        };
        place.name = Some(name);
        if !held {
            // The connection was lost while the tables were brought up to date.
            link = place.wait().await?;
        }
        Ok(Membership::start(place, link))
    }
}

// A name becomes a number: another one's lock on the same number is as likely as a hash that collides. Several
// databases of servers can be schemas of one database of Postgres, to which its advisory locks belong.
const LOCK: &str = "SELECT pg_try_advisory_lock(
    hashtextextended(COALESCE($1, $2::text || COALESCE(current_schema(), '')), 0)) AS held";
const LOCK_SHARED: &str = "SELECT pg_try_advisory_lock_shared(
    hashtextextended(COALESCE($1, $2::text || COALESCE(current_schema(), '')), 0)) AS held";

const CONFIRM: &str = "SELECT pg_try_advisory_xact_lock_shared(
    hashtextextended($1::text || COALESCE(current_schema(), ''), 0))::integer::bigint AS held";

/// Has the transaction of a command hold its lock, too. The one that the command took may be lost with its connection.
pub(crate) fn confirm(tx: &mut dyn Tx) -> Result<(), StoreError> {
    let row = tx.first(CONFIRM, &[COMMANDS.into()])?;
    let is_held = row.map_or(Ok(false), |row| row.boolean("held"))?;
    if is_held { Ok(()) } else { Err(StoreError::Unusable(MAINTAINED.to_owned())) }
}

/// What the locks of a schema are called.
const NODES: &str = "moorline schema ";
const COMMANDS: &str = "moorline commands ";

/// The place of this node; given up when dropped.
pub(crate) struct Membership {
    lost: watch::Receiver<bool>,
    /// What returns the shared store that this node uses.
    source: watch::Sender<Source>,
    stores: watch::Receiver<Stores>,
    /// Whether its start has ended, as far as the stores are concerned.
    goes_on: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl std::fmt::Debug for Membership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Membership").field("stores", &*self.stores.borrow()).finish_non_exhaustive()
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Membership {
    fn start(place: Place, link: Link) -> Self {
        let ((report, lost), (source, sources)) = (watch::channel(false), watch::channel(stores::none()));
        let goes_on = Arc::new(AtomicBool::new(false));
        let (found, stores) = Found::new(Arc::clone(&goes_on));
        let task = tokio::spawn(async move {
            place.keep(link, sources, found).await;
            let _ = report.send(true);
        });
        Self { lost, source, stores, goes_on, task }
    }

    /// Registers which shared store this node uses, from now on, and waits until all nodes use the same one. A store
    /// that was emptied is another one: the nodes that it had need some seconds to see that. While this node can't
    /// reach its store, or the database, nothing says that others use another one: it starts.
    pub(crate) async fn use_store(&self, source: Source) -> Result<(), StoreError> {
        let _ = self.source.send(source);
        let mut stores = self.stores.clone();
        let _ = timeout(stores::AGREEING, stores.wait_for(|stores| *stores == Stores::One)).await;
        match *self.stores.borrow() {
            Stores::One => Ok(()),
            Stores::Several => Err(StoreError::Unusable(OTHER_STORE.to_owned())),
            Stores::Unknown => {
                self.goes_on.store(true, Ordering::Relaxed);
                tracing::warn!("{}", NOT_COMPARED);
                Ok(())
            }
        }
    }

    /// Whether another node has the place.
    pub(crate) fn is_lost(&self) -> bool {
        *self.lost.borrow()
    }

    /// Waits until another node has the place, and this one must stop.
    pub(crate) async fn lost(&self) {
        let mut lost = self.lost.clone();
        if lost.wait_for(|lost| *lost).await.is_err() {
            std::future::pending().await
        }
    }
}

/// A connection that holds the locks.
struct Link {
    /// The connection ends with its client.
    client: Client,
    /// Ends when the connection is lost.
    task: JoinHandle<()>,
    /// Which shared store it has registered.
    registered: stores::Registered,
}

#[derive(Debug)]
struct Place {
    target: Target,
    /// `None` until it is known.
    name: Option<String>,
    purpose: Purpose,
}

impl Place {
    /// Waits for a place that is being given up.
    async fn wait(&self) -> Result<Link, StoreError> {
        let deadline = Instant::now() + AT_A_START;
        loop {
            let attempt = timeout(CONNECTING, self.attempt()).await.unwrap_or_else(|_| Err(silent()));
            match attempt.map_err(|failure| failure.error)? {
                Ok(link) => return Ok(link),
                Err(why) if Instant::now() >= deadline => return Err(StoreError::Unusable(why.to_owned())),
                Err(_) => sleep(PAUSE / 10).await,
            }
        }
    }

    /// A connection that holds the locks, or why it can't: another one is in the way.
    async fn attempt(&self) -> Result<Result<Link, &'static str>, Failure> {
        let (client, task) = self.target.connect().await?;
        client.batch_execute(SESSION).await?;
        let names = self.name.as_deref().map(Some);
        for name in [None].into_iter().chain(names) {
            if let Some(why) = self.lock(&client, name).await? {
                return Ok(Err(why));
            }
        }
        Ok(Ok(Link { client, task, registered: stores::Registered::default() }))
    }

    /// Takes the lock of this name, or those of the schema. Returns why if one is not to be had.
    async fn lock(&self, client: &Client, name: Option<&str>) -> Result<Option<&'static str>, Failure> {
        let (take, of, why) = match self.purpose {
            Purpose::Serve { shares: true } => (LOCK_SHARED, NODES, REFUSED),
            Purpose::Serve { shares: false } => (LOCK, NODES, REFUSED),
            Purpose::Maintain => (LOCK, NODES, IN_USE),
            Purpose::Command => (LOCK_SHARED, COMMANDS, MAINTAINED),
        };
        let is_held = async |take, of| -> Result<bool, Failure> {
            Ok(client.query_one(take, &[&name, &of]).await?.try_get("held")?)
        };
        if !is_held(take, of).await? {
            return Ok(Some(why));
        }
        let is_whole = name.is_some() || self.purpose != Purpose::Maintain || is_held(LOCK, COMMANDS).await?;
        Ok((!is_whole).then_some(CHANGING))
    }

    /// Holds the locks, and takes them again when their connection was lost. Ends when another node has them, and for a
    /// command at once. Meanwhile it registers which shared store this node uses, and looks whether all nodes use the
    /// same one.
    async fn keep(&self, mut link: Link, mut source: watch::Receiver<Source>, found: Found) {
        let name = self.name.as_deref().unwrap_or_default();
        let mut turns = interval(PAUSE);
        loop {
            tokio::select! {
                _ = &mut link.task => {
                    found.report(Stores::Unknown);
                    match self.regain().await {
                        Some(again) => link = again,
                        None => return,
                    }
                }
                Ok(()) = source.changed() => {}
                _ = turns.tick() => {}
            }
            let source = Source::clone(&source.borrow());
            // Where it fails the connection has ended, or the next turn does it.
            if let Ok(stores) = link.registered.turn(&link.client, name, source()).await {
                found.report(stores);
            }
        }
    }

    async fn regain(&self) -> Option<Link> {
        if self.purpose == Purpose::Maintain {
            // A server may have written in between.
            return None;
        }
        let mut refused_since = None;
        loop {
            match timeout(ANSWER, self.attempt()).await {
                Ok(Ok(Ok(link))) => return Some(link),
                Ok(Ok(Err(_))) => {
                    let since = *refused_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= AFTER_A_LOSS {
                        tracing::error!("this node stops: {REFUSED}");
                        return None;
                    }
                }
                // The database is away: nobody else has the place either.
                Ok(Err(_)) | Err(_) => refused_since = None,
            }
            sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests;
