//! Redis or Valkey. One connection carries the requests of the whole node, and each question is one script: atomic, and
//! answered within half a second, or not at all.
//!
//! A connection speaks to one process of the server. So an epoch is agreed on whenever one is made, and a process that
//! was restarted, or promoted in a failover, begins a new one: whatever it forgot, no nonce of before is accepted.

mod error;
mod server;
mod target;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;

use aws_lc_rs::hmac;
use moorline_server_base::clock::Clock;
use moorline_server_base::config::RedisUrl;
use moorline_server_base::random::Random;
use moorline_server_base::sampled::Sampled;
use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, FromRedisValue, RedisError, Script, ScriptInvocation, ServerErrorKind};

use tokio::task::JoinHandle;
use tokio::time::{Instant, interval_at};

pub use error::SharedError;
use server::Server;
use target::Target;

use crate::{Answer, Claim, Counted, Epoch, Id, Share, Shared, Trace, WINDOW};

/// How long a request waits for an answer.
const ANSWERING: Duration = Duration::from_millis(500);

/// The time between attempts to connect again: it doubles from the first to the last of these.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The time between looks at whether the server was emptied.
const LOOKING: Duration = Duration::from_secs(5);

static CLAIM: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("claim.lua")));
static BEGIN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("begin.lua")));
static COUNT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("count.lua")));

static FAILED: Sampled = Sampled::new();

/// What several nodes share, in Redis or Valkey. Connects again by itself. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Redis(Arc<Inner>);

struct Inner {
    target: Target,
    /// What all its keys begin with.
    prefix: String,
    secret: hmac::Key,
    clock: Clock,
    random: Random,
    link: Mutex<Link>,
    epoch: RwLock<Arc<Epoch>>,
    /// The server's time less the time of `clock`, in microseconds.
    ahead: AtomicI64,
}

#[derive(Default)]
struct Link {
    /// `None` while a task is connecting.
    connection: Option<MultiplexedConnection>,
    /// Counts the connections.
    number: u64,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.target.fmt(f)
    }
}

impl Redis {
    /// Connects. `name` is that of the database: nodes of one database find each other by it, and several databases can
    /// use one server. `secret` is known to all nodes, and not to the server.
    ///
    /// # Errors
    /// [`SharedError`] when the server can't be reached, or is not fit.
    pub async fn connect(
        url: &RedisUrl,
        name: &str,
        secret: &[u8; 32],
        clock: Clock,
        random: Random,
    ) -> Result<Self, SharedError> {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let epoch = RwLock::new(Arc::new(Epoch::new(random.bytes(), &secret)));
        let inner = Arc::new(Inner {
            target: Target::new(url.clone())?,
            // In braces: a cluster keeps what belongs together in one place.
            prefix: format!("moorline:{{{name}}}:"),
            secret,
            clock,
            random,
            link: Mutex::default(),
            epoch,
            ahead: AtomicI64::default(),
        });
        inner.connect().await?;
        Ok(Self(inner))
    }

    /// Whether the server answers and is fit. Writes nothing.
    ///
    /// # Errors
    /// As [`Redis::connect`].
    pub async fn check(url: &RedisUrl) -> Result<(), SharedError> {
        let target = Target::new(url.clone())?;
        let (mut connection, driver) = target.connect().await?;
        let checked = server(&target, &mut connection).await.map(|_| ());
        driver.abort();
        checked
    }

    /// Whether there is a connection just now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.0.link().connection.is_some()
    }
}

impl Inner {
    /// Connects, agrees on the epoch, and takes the connection into use.
    async fn connect(self: &Arc<Self>) -> Result<(), SharedError> {
        let (mut connection, driver) = self.target.connect().await?;
        if let Err(error) = self.begin(&mut connection).await {
            driver.abort();
            return Err(error);
        }
        let number = {
            let mut link = self.link();
            link.number += 1;
            link.connection = Some(connection);
            link.number
        };
        tokio::spawn(watch(Arc::downgrade(self), number, driver));
        Ok(())
    }

    /// Agrees with the other nodes on the epoch of this server.
    async fn begin(&self, connection: &mut MultiplexedConnection) -> Result<(), SharedError> {
        let server = server(&self.target, connection).await?;
        let mut call = BEGIN.key(self.key("epoch", &[]));
        call.arg(&server.identity).arg(&self.random.bytes::<16>()[..]);
        let (id, seconds, micros): (Vec<u8>, i64, i64) = answer(call, connection)
            .await
            .map_err(|error| self.target.error(format!("can't be written: {error}")))?;
        let id = Id::try_from(id).map_err(|_| self.target.error("holds no epoch of ours".to_owned()))?;
        self.set_time(seconds, micros);
        if self.epoch().id() != id {
            *self.epoch.write().unwrap_or_else(PoisonError::into_inner) =
                Arc::new(Epoch::new(id, &self.secret));
        }
        Ok(())
    }

    /// Asks whether the epoch is still the one that was agreed on. A node that no request comes to would not see that
    /// the server was emptied.
    async fn look_after(self: &Arc<Self>, number: u64) {
        let connection = {
            let link = self.link();
            link.connection.clone().filter(|_| link.number == number)
        };
        let Some(mut connection) = connection else { return };
        if let Err(error) = self.begin(&mut connection).await {
            self.lost(number, &error.to_string());
        }
    }

    /// Takes this connection out of use, and begins to connect again.
    fn lost(self: &Arc<Self>, number: u64, why: &str) {
        {
            let mut link = self.link();
            if link.number != number || link.connection.take().is_none() {
                return;
            }
        }
        tracing::error!(
            server = %self.target.url(),
            why,
            "the shared store was lost: until it is back, requests with DPoP proofs are answered 503, and each node \
             counts rate limits for itself"
        );
        tokio::spawn(reconnect(Arc::downgrade(self)));
    }

    /// Asks by a script. `None` if there is no answer.
    async fn ask<T: FromRedisValue>(self: &Arc<Self>, call: ScriptInvocation<'_>) -> Option<T> {
        let (mut connection, number) = {
            let link = self.link();
            (link.connection.clone()?, link.number)
        };
        match answer(call, &mut connection).await {
            Ok(value) => Some(value),
            Err(error) => {
                if is_of_the_command(&error) {
                    if let Some(left_out) = FAILED.due() {
                        tracing::error!(server = %self.target.url(), %error, left_out, "the shared store refused");
                    }
                } else {
                    self.lost(number, &error.to_string());
                }
                None
            }
        }
    }

    async fn claim(self: &Arc<Self>, proof: Trace, share: Option<Share>, mark: bool) -> Claim {
        let holder = share.map(|share| share.holder).unwrap_or_default();
        let mut call = CLAIM.key(self.key("epoch", &[]));
        call.key(self.key("proof:", &proof.id)).key(self.key("holder:", &holder));
        call.arg(&proof.epoch[..]).arg(WINDOW.as_secs()).arg(proof.window).arg(proof.accepted);
        call.arg(proof.remembered).arg(share.map_or(0, |share| share.most)).arg(u8::from(mark));
        let Some((result, seconds, micros)) = self.ask::<(String, i64, i64)>(call).await else {
            return Claim::Unknown;
        };
        self.set_time(seconds, micros);
        match result.as_str() {
            "fresh" => Claim::Fresh,
            "replayed" => Claim::Replayed,
            "over" => Claim::OverShare,
            "stale" => Claim::Stale,
            "lost" => self.begin_again().await,
            _ => Claim::Unknown,
        }
    }

    /// The memory was emptied, or another node found that it is another one. The nonce that goes out with this answer
    /// is of the new epoch.
    async fn begin_again(self: &Arc<Self>) -> Claim {
        let (connection, number) = {
            let link = self.link();
            (link.connection.clone(), link.number)
        };
        let Some(mut connection) = connection else { return Claim::Unknown };
        match self.begin(&mut connection).await {
            Ok(()) => Claim::Stale,
            Err(error) => {
                self.lost(number, &error.to_string());
                Claim::Unknown
            }
        }
    }

    async fn count(self: &Arc<Self>, key: Id, per_minute: NonZeroU32) -> Option<Counted> {
        let mut call = COUNT.key(self.key("limit:", &key));
        call.arg(per_minute.get());
        Some(match self.ask::<u64>(call).await? {
            0 => Counted::Within,
            micros => Counted::Over(Duration::from_micros(micros)),
        })
    }

    fn key(&self, kind: &str, name: &[u8]) -> Vec<u8> {
        [self.prefix.as_bytes(), kind.as_bytes(), name].concat()
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn epoch(&self) -> Arc<Epoch> {
        Arc::clone(&self.epoch.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set_time(&self, seconds: i64, micros: i64) {
        let theirs = seconds.saturating_mul(1_000_000).saturating_add(micros);
        self.ahead.store(theirs.saturating_sub(self.running()), Ordering::Relaxed);
    }

    fn running(&self) -> i64 {
        i64::try_from(self.clock.running().as_micros()).unwrap_or(i64::MAX)
    }
}

impl Shared for Redis {
    fn epoch(&self) -> Arc<Epoch> {
        self.0.epoch()
    }

    /// The server's, as it was with its last answer, and the time since then.
    fn time(&self) -> Duration {
        let micros = self.0.running().saturating_add(self.0.ahead.load(Ordering::Relaxed));
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }

    fn look(&self, proof: &Trace) -> Answer<'_, Claim> {
        Answer::later(self.0.claim(*proof, None, false))
    }

    fn claim(&self, proof: &Trace, share: Option<Share>) -> Answer<'_, Claim> {
        Answer::later(self.0.claim(*proof, share, true))
    }

    fn store(&self) -> Option<Id> {
        self.is_connected().then(|| self.0.epoch().id())
    }

    fn count(&self, limit: &str, key: &[u8], per_minute: NonZeroU32) -> Answer<'_, Option<Counted>> {
        let key = self.0.epoch().tag(&[b"limit", limit.as_bytes(), key]);
        Answer::later(self.0.count(key, per_minute))
    }
}

async fn server(target: &Target, connection: &mut MultiplexedConnection) -> Result<Server, SharedError> {
    let info = async { redis::cmd("INFO").query_async(connection).await };
    let info = within(info).await.map_err(|error| target.error(format!("INFO fails: {error}")))?;
    Server::read(&info).map_err(|why| target.error(why))
}

async fn answer<T: FromRedisValue>(
    call: ScriptInvocation<'_>,
    connection: &mut MultiplexedConnection,
) -> Result<T, RedisError> {
    within(call.invoke_async(connection)).await
}

async fn within<T>(asking: impl Future<Output = Result<T, RedisError>>) -> Result<T, RedisError> {
    tokio::time::timeout(ANSWERING, asking)
        .await
        .unwrap_or_else(|_| Err((ErrorKind::Io, "the server does not answer").into()))
}

/// Whether the server refused this command, and would answer others: its memory may be full. A server that became a
/// replica, or that loads its data, is of no use.
fn is_of_the_command(error: &RedisError) -> bool {
    // Before version 7, an error inside a script has no kind of its own.
    let text = error.to_string();
    if ["-READONLY", "-LOADING", "-MASTERDOWN"].iter().any(|code| text.contains(code)) {
        return false;
    }
    match error.kind() {
        ErrorKind::Server(kind) => !matches!(
            kind,
            ServerErrorKind::ReadOnly | ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown
        ),
        ErrorKind::Extension => true,
        _ => false,
    }
}

/// Looks after a connection for as long as it lives.
async fn watch(this: Weak<Inner>, number: u64, mut driver: JoinHandle<()>) {
    let mut turns = interval_at(Instant::now() + LOOKING, LOOKING);
    loop {
        let has_ended = tokio::select! {
            _ = &mut driver => true,
            _ = turns.tick() => false,
        };
        let Some(this) = this.upgrade() else { return };
        if has_ended {
            this.lost(number, "the server closed the connection");
            return;
        }
        this.look_after(number).await;
    }
}

async fn reconnect(this: Weak<Inner>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let Some(inner) = this.upgrade() else { return };
        match inner.connect().await {
            Ok(()) => {
                tracing::info!(server = %inner.target.url(), "the shared store is back");
                return;
            }
            Err(error) => {
                if let Some(left_out) = FAILED.due() {
                    tracing::error!(%error, left_out, "the shared store is away");
                }
            }
        }
        drop(inner);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
