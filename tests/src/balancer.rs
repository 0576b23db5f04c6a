//! One address in front of several servers: each new connection goes to the next of them. TLS ends at the server.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// See the module. A server that takes no connection is passed over.
#[derive(Debug)]
pub struct Balancer {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    servers: Mutex<Vec<SocketAddr>>,
    /// How many connections went to each.
    used: Mutex<Vec<usize>>,
    next: AtomicUsize,
}

impl Balancer {
    /// Takes a free port, so that the issuer can be named before the servers start.
    ///
    /// Errors: when there is none.
    pub async fn bind() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, shared) = (listener.local_addr()?, Arc::<Shared>::default());
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, task })
    }

    /// The address that apps see.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, new connections go to these in turn.
    pub fn to(&self, servers: Vec<SocketAddr>) {
        *lock(&self.shared.used) = vec![0; servers.len()];
        *lock(&self.shared.servers) = servers;
    }

    /// How many connections each server has got since [`Balancer::to`].
    pub fn used(&self) -> Vec<usize> {
        lock(&self.shared.used).clone()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Connections end with the balancer.
    let mut open = JoinSet::new();
    loop {
        let Ok((client, _)) = listener.accept().await else {
            // Too many files are open for a moment.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        // A connection that fails is the app's to notice.
        open.spawn(async move { pass(client, &shared).await.ok() });
        while open.try_join_next().is_some() {}
    }
}

async fn pass(mut client: TcpStream, shared: &Shared) -> Result<()> {
    let servers = lock(&shared.servers).clone();
    let first = shared.next.fetch_add(1, Ordering::Relaxed);
    for turn in 0..servers.len() {
        let number = (first + turn) % servers.len();
        let Ok(mut server) = TcpStream::connect(servers[number]).await else { continue };
        if let Some(used) = lock(&shared.used).get_mut(number) {
            *used += 1;
        }
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        tokio::io::copy_bidirectional(&mut client, &mut server).await?;
        return Ok(());
    }
    None.context("no server takes connections")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
