//! A node's place at a database that several nodes can use: a lock that is held for as long as it serves.
//!
//! A node that shares nothing holds the lock alone, as does a command that no server may run beside. Nodes with a shared
//! store hold it together. So a second node is refused unless both have one. The lock is Postgres's own (`pg_try_advisory_lock`), of one connection: a node that is
//! gone holds nothing.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_postgres::Client;

use super::failure::Failure;
use super::stores::{self, OTHER_STORE, Source, Stores};
use super::target::Target;
use crate::membership::IN_USE;
use crate::{Purpose, StoreError};

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
    for itself (`migrate-database`) may be running, too: wait for it";

/// The place of this node; given up when dropped.
pub(crate) struct Membership {
    lost: watch::Receiver<bool>,
    /// What tells which shared store this node uses.
    source: watch::Sender<Source>,
    stores: watch::Receiver<Stores>,
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
    /// Takes a place at the database that is called `name`, together with others if nodes share a store.
    pub(crate) async fn take(url: &str, name: &str, purpose: Purpose) -> Result<Self, StoreError> {
        let target = Target::parse(url)?.watched();
        let shares = matches!(purpose, Purpose::Serve { shares: true });
        let refused = if purpose == Purpose::Maintain { IN_USE } else { REFUSED };
        let place = Place { target, name: format!("moorline node {name}"), shares };
        let deadline = Instant::now() + AT_A_START;
        let link = loop {
            match place.attempt().await.map_err(|failure| failure.error)? {
                Some(link) => break link,
                None if Instant::now() >= deadline => return Err(StoreError::Unusable(refused.to_owned())),
                None => sleep(PAUSE / 10).await,
            }
        };
        let ((report, lost), (source, sources)) = (watch::channel(false), watch::channel(stores::none()));
        let (found, stores) = watch::channel(Stores::Unknown);
        let task = tokio::spawn(async move {
            place.keep(link, sources, found).await;
            let _ = report.send(true);
        });
        Ok(Self { lost, source, stores, task })
    }

    /// Registers which shared store this node uses, from now on, and waits until all nodes use the same one. A store
    /// that was emptied is another one: the nodes that it had need some seconds to see that.
    pub(crate) async fn use_store(&self, source: Source) -> Result<(), StoreError> {
        let _ = self.source.send(source);
        let mut stores = self.stores.clone();
        let agreed = timeout(stores::AGREEING, stores.wait_for(|stores| *stores == Stores::One)).await;
        if agreed.is_ok_and(|agreed| agreed.is_ok()) {
            return Ok(());
        }
        Err(StoreError::Unusable(OTHER_STORE.to_owned()))
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

/// A connection that holds the lock.
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
    name: String,
    shares: bool,
}

impl Place {
    /// A connection that holds the lock; `None` if another one is in the way.
    async fn attempt(&self) -> Result<Option<Link>, Failure> {
        let (client, task) = self.target.connect().await?;
        client.batch_execute(SESSION).await?;
        // The name becomes a number: another one's lock on the same number is as likely as a hash that collides.
        let take = if self.shares {
            "SELECT pg_try_advisory_lock_shared(hashtextextended($1, 0)) AS held"
        } else {
            "SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS held"
        };
        let held = client.query_one(take, &[&self.name]).await?.try_get("held")?;
        Ok(if held { Some(Link { client, task, registered: stores::Registered::default() }) } else { None })
    }

    /// Holds the lock, and takes it again when its connection was lost. Ends when another node has it. Meanwhile it
    /// registers which shared store this node uses, and looks whether all nodes use the same one.
    async fn keep(&self, mut link: Link, mut source: watch::Receiver<Source>, found: watch::Sender<Stores>) {
        let mut turns = interval(PAUSE);
        loop {
            tokio::select! {
                _ = &mut link.task => match self.regain().await {
                    Some(again) => link = again,
                    None => return,
                },
                Ok(()) = source.changed() => {}
                _ = turns.tick() => {}
            }
            let source = Source::clone(&source.borrow());
            // Where it fails the connection has ended, or the next turn does it.
            if let Ok(stores) = link.registered.turn(&link.client, &self.name, source()).await {
                stores::report(&found, stores);
            }
        }
    }

    async fn regain(&self) -> Option<Link> {
        let mut refused_since = None;
        loop {
            match timeout(ANSWER, self.attempt()).await {
                Ok(Ok(Some(link))) => return Some(link),
                Ok(Ok(None)) => {
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
