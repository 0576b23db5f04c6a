//! A relay between a store and its Postgres.

#![expect(clippy::unwrap_used, reason = "only tests are built with it")]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use moorline_server_base::config::Database;

use super::PostgresDatabase;

/// Passes every byte on. It counts the round trips, and passes nothing on after [`Relay::fall_silent`].
#[derive(Debug)]
pub struct Relay {
    url: String,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    trips: AtomicUsize,
    connections: AtomicUsize,
    silent: AtomicBool,
}

impl Relay {
    /// A relay on a port of its own.
    pub fn before(database: &PostgresDatabase) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = database.address();
        let url = database.url().replace(&server.to_string(), &listener.local_addr().unwrap().to_string());
        let state = Arc::new(State::default());
        let relayed = Arc::clone(&state);
        std::thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                relayed.connections.fetch_add(1, Ordering::SeqCst);
                relay(client, server, &relayed);
            }
        });
        Self { url, state }
    }

    /// The database by way of the relay.
    pub fn database(&self) -> Database {
        self.url.parse().unwrap()
    }

    /// How often the store has sent something. What it sends together counts once.
    pub fn trips(&self) -> usize {
        self.state.trips.load(Ordering::SeqCst)
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Passes nothing on any more: a server that hangs, on connections that stay open.
    pub fn fall_silent(&self) {
        self.state.silent.store(true, Ordering::SeqCst);
    }
}

fn relay(client: TcpStream, server: SocketAddr, state: &Arc<State>) {
    let server = TcpStream::connect(server).unwrap();
    for socket in [&client, &server] {
        socket.set_nodelay(true).unwrap();
    }
    let (client_again, server_again) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let counted = Arc::clone(state);
    std::thread::spawn(move || {
        pass(client, server, &counted, || {
            counted.trips.fetch_add(1, Ordering::SeqCst);
        });
    });
    let state = Arc::clone(state);
    std::thread::spawn(move || pass(server_again, client_again, &state, || {}));
}

fn pass(mut from: TcpStream, mut to: TcpStream, state: &State, count: impl Fn()) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        count();
        let is_passed = !state.silent.load(Ordering::SeqCst);
        if is_passed && to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
