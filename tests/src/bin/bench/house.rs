//! What the server needs of its machine: memory, time to start, and what ten thousand quiet phones cost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use h2::client::SendRequest;
use moorline_tests::serve::Serve;
use moorline_tests::{Server, tls};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio_rustls::rustls::ClientConfig;

use crate::goal::Goal;
use crate::load::{Connection, Load, Work};
use crate::memory::Resident;
use crate::point::median_ms;
use crate::{serve, sign_ins};

const STARTS: usize = 9;
const SIGN_INS: usize = 1_000;
const CONNECTIONS: usize = 10_000;
const CLIENTS: usize = 16;

/// Measures all of it on a SQLite database that has been used.
///
/// Errors: when something is refused.
pub(crate) async fn measure(
    server: &Server,
    database: &str,
    load: &mut Load,
    time: Duration,
) -> Result<Vec<Goal>> {
    let mut goals = vec![starts(server, database).await?];
    let mut serve = serve::start(server, database)?;
    eprintln!("{SIGN_INS} sign-ins …");
    sign_ins::run(server, SIGN_INS, 4).await?;
    let resident = Resident::of(serve.pid())?.total_mib();
    goals.push(Goal::new("resident memory after 1,000 sign-ins", resident, 60.0, "MB"));
    goals.extend(idle(server, &serve, load, time).await?);
    serve.stop()?;
    Ok(goals)
}

/// From the start of the process to the first answer to a discovery request.
async fn starts(server: &Server, database: &str) -> Result<Goal> {
    let config = client(server, b"http/1.1")?;
    let listen = &server.dev().listen;
    let mut times = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let start = Instant::now();
        let mut serve = serve::start(server, database)?;
        let mut stream = tls::connect(&config, "localhost", listen).await?;
        let mut buffer = Vec::new();
        let request = "GET /.well-known/openid-configuration HTTP/1.1\r\nhost: localhost\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await?;
        let answer = moorline_tests::http1::Message::read(&mut stream, &mut buffer).await?;
        ensure!(answer.is_some_and(|answer| answer.status() == 200), "no discovery document");
        times.push(start.elapsed());
        serve.stop()?;
    }
    Ok(Goal::new("start to the first discovery answer", median_ms(times), 150.0, "ms"))
}

/// Refreshes beside quiet HTTP/2 connections, and what the server keeps for those.
async fn idle(server: &Server, serve: &Serve, load: &mut Load, time: Duration) -> Result<[Goal; 2]> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    let without = load.point(serve.pid(), CLIENTS, Connection::Warm, Work::Refresh, time).await?;
    eprintln!("{CONNECTIONS} idle HTTP/2 connections …");
    let connections = connect(server).await?;
    let beside = load.point(serve.pid(), CLIENTS, Connection::Warm, Work::Refresh, time).await?;
    let resident = Resident::of(serve.pid())?.total_mib();
    // They are all still there.
    for connection in connections {
        connection.ready().await.context("an idle connection was closed")?;
    }
    let slower = (beside.p50_ms() / without.p50_ms() - 1.0) * 100.0;
    Ok([
        Goal::new("resident memory with 10,000 idle connections", resident, 200.0, "MB"),
        Goal::new("a refresh beside them, over one without", slower, 10.0, "%"),
    ])
}

/// Opens all connections, some at a time. Each answers the server's pings.
async fn connect(server: &Server) -> Result<Vec<SendRequest<&'static [u8]>>> {
    const AT_ONCE: usize = 50;
    let (config, listen) = (client(server, b"h2")?, server.dev().listen.as_str());
    let one = async || {
        let stream = tls::connect(&config, "localhost", listen).await?;
        let (sender, connection) = h2::client::Builder::new().handshake::<_, &'static [u8]>(stream).await?;
        tokio::spawn(connection);
        anyhow::Ok(sender)
    };
    let mut senders = Vec::with_capacity(CONNECTIONS);
    while senders.len() < CONNECTIONS {
        senders.extend(futures_util::future::try_join_all((0..AT_ONCE).map(|_| one())).await?);
    }
    Ok(senders)
}

fn client(server: &Server, protocol: &[u8]) -> Result<Arc<ClientConfig>> {
    let mut config = tls::client_config(server.dev().ca_pem.as_deref().context("the server speaks TLS")?)?;
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(Arc::new(config))
}
