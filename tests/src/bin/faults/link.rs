//! The way between our server and its Postgres, on which connections are cut and the database is stopped, at one
//! chosen message.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use moorline_tests::{Postgres, Shutdown};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinHandle;

use crate::control::Mode;

/// More than what is sent at once in a refresh.
const MESSAGE: usize = 64 * 1024;

/// See the module. Ends with its cluster.
#[derive(Debug)]
pub(crate) struct Link {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    socket: PathBuf,
    postgres: Mutex<Postgres>,
    armed: Mutex<Armed>,
}

#[derive(Debug, Default)]
struct Armed {
    /// How many messages are left; 0 is never.
    countdown: u64,
    mode: Option<Mode>,
    happened: Option<&'static str>,
}

impl Link {
    /// A cluster of its own behind it.
    pub(crate) async fn start() -> Result<Self> {
        let postgres = tokio::task::block_in_place(Postgres::start)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, socket) = (listener.local_addr()?, postgres.socket());
        let shared = Arc::new(Shared { socket, postgres: Mutex::new(postgres), armed: Mutex::default() });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, task })
    }

    /// The database's URL on this way.
    pub(crate) fn url(&self) -> String {
        format!("postgres://moorline@{}/postgres", self.address)
    }

    /// The same past it, to look into the database.
    pub(crate) fn direct_url(&self) -> String {
        lock(&self.shared.postgres).url()
    }

    /// From now on, `mode` happens at the `message`-th message in either direction.
    pub(crate) fn arm(&self, message: u64, mode: Mode) {
        *lock(&self.shared.armed) = Armed { countdown: message, mode: Some(mode), happened: None };
    }

    /// Nothing happens any more; says at what kind of message something did. A database that was stopped serves again
    /// then.
    pub(crate) fn disarm(&self) -> Option<&'static str> {
        let happened = std::mem::take(&mut *lock(&self.shared.armed)).happened;
        // Who restarts it holds it meanwhile.
        tokio::task::block_in_place(|| drop(lock(&self.shared.postgres)));
        happened
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((server, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        // A connection that fails is the server's to notice.
        tokio::spawn(async move { connection(server, &shared).await.ok() });
    }
}

/// Passes messages on until one side closes, or what happens is the end of the connection.
async fn connection(server: TcpStream, shared: &Shared) -> Result<()> {
    server.set_nodelay(true)?;
    let database = UnixStream::connect(&shared.socket).await.context("the database is away")?;
    let (mut from_server, mut to_server) = server.into_split();
    let (mut from_database, mut to_database) = database.into_split();
    tokio::select! {
        ended = pass("request to the database", &mut from_server, &mut to_database, shared) => ended,
        ended = pass("answer of the database", &mut from_database, &mut to_server, shared) => ended,
    }
}

async fn pass(
    what: &'static str,
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    shared: &Shared,
) -> Result<()> {
    let mut buffer = vec![0; MESSAGE];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        let message = &buffer[..count];
        match shared.meets(what) {
            None => to.write_all(message).await?,
            Some(Mode::CutBefore) => return Ok(()),
            Some(Mode::CutAfter) => return Ok(to.write_all(message).await?),
            Some(Mode::CrashDatabaseBefore) => shared.restart(Shutdown::Immediate)?,
            Some(Mode::CrashDatabaseAfter) => {
                to.write_all(message).await?;
                shared.restart(Shutdown::Immediate)?;
            }
            Some(_) => {
                to.write_all(message).await?;
                shared.restart(Shutdown::Fast)?;
            }
        }
    }
}

impl Shared {
    /// Counts a message; what happens at it, if it is the chosen one.
    fn meets(&self, what: &'static str) -> Option<Mode> {
        let mut armed = lock(&self.armed);
        armed.countdown = armed.countdown.checked_sub(1)?;
        if armed.countdown > 0 {
            return None;
        }
        armed.happened = Some(what);
        armed.mode
    }

    fn restart(&self, how: Shutdown) -> Result<()> {
        tokio::task::block_in_place(|| lock(&self.postgres).restart(how))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
