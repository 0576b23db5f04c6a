//! The clients: a session and a TLS connection each, kept or new each time, and as little work of their own as that
//! allows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use moorline_tests::http1::Message;
use moorline_tests::oauth::{Tokens, attempt};
use moorline_tests::sdk::CLIENT;
use moorline_tests::{Server, tls};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::client::Resumption;

use crate::sessions::Session;

/// No point takes more refreshes than this, however fast the machine.
const MOST: usize = 500_000;
/// Refreshes of each client before the clock starts.
const WARM_UP: usize = 20;

/// Which connection a refresh goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    /// One that is kept alive: an app in use.
    Warm,
    /// A new one each time, with a whole TLS handshake: an app that comes back after a while.
    Cold,
}

/// How to reach the server.
struct Network {
    config: Arc<ClientConfig>,
    listen: String,
}

impl Network {
    async fn connect(&self) -> Result<TlsStream<TcpStream>> {
        tls::connect(&self.config, "localhost", &self.listen).await
    }
}

struct Client {
    network: Arc<Network>,
    /// The connection that is kept.
    stream: Option<TlsStream<TcpStream>>,
    buffer: Vec<u8>,
    connection: Connection,
    session: Session,
}

/// All sessions of one kind, and how to reach the server.
pub(crate) struct Load {
    network: Arc<Network>,
    sessions: Vec<Session>,
}

/// Clients that are connected and warm.
pub(crate) struct Clients(Vec<Client>);

/// What the clients of one point saw.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) elapsed: Duration,
    /// Sorted.
    pub(crate) latencies: Vec<Duration>,
}

impl Load {
    pub(crate) fn new(server: &Server, sessions: Vec<Session>) -> Result<Self> {
        let ca = server.dev().ca_pem.as_deref().context("the server speaks TLS")?;
        let mut config = tls::client_config(ca)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::disabled();
        let network = Network { config: Arc::new(config), listen: server.dev().listen.clone() };
        Ok(Self { network: Arc::new(network), sessions })
    }

    /// Connects `count` clients and warms them up. Each point has connections of its own: the server closes those that
    /// idle through another point.
    pub(crate) async fn connect(&mut self, count: usize, connection: Connection) -> Result<Clients> {
        let mut clients = Vec::with_capacity(count);
        for session in self.sessions.drain(..count) {
            let network = Arc::clone(&self.network);
            let mut client = Client { network, stream: None, buffer: Vec::new(), connection, session };
            for _ in 0..WARM_UP {
                client.refresh().await?;
            }
            clients.push(client);
        }
        Ok(Clients(clients))
    }

    /// Keeps the sessions of `clients` for the next point.
    pub(crate) fn disconnect(&mut self, clients: Clients) {
        self.sessions.extend(clients.0.into_iter().map(|client| client.session));
    }
}

impl Clients {
    /// Each refreshes, one request after the other, for `time`.
    pub(crate) async fn run(&mut self, time: Duration) -> Result<Outcome> {
        let (start, count) = (Instant::now(), self.0.len());
        let mut running = JoinSet::new();
        for mut client in self.0.drain(..) {
            running.spawn(async move {
                let mut latencies = Vec::new();
                while start.elapsed() < time && latencies.len() < MOST / count {
                    let sent = Instant::now();
                    client.refresh().await?;
                    latencies.push(sent.elapsed());
                }
                anyhow::Ok((client, latencies))
            });
        }
        let mut latencies = Vec::new();
        while let Some(ended) = running.join_next().await {
            let (client, own) = ended??;
            latencies.extend(own);
            self.0.push(client);
        }
        latencies.sort_unstable();
        Ok(Outcome { elapsed: start.elapsed(), latencies })
    }
}

impl Client {
    async fn refresh(&mut self) -> Result<()> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.network.connect().await?,
        };
        stream.write_all(self.request()?.as_bytes()).await?;
        stream.flush().await?;
        let answer = Message::read(&mut stream, &mut self.buffer).await?.context("the server closed")?;
        ensure!(answer.status() == 200, "{}: {}", answer.start, String::from_utf8_lossy(&answer.body));
        let tokens: Tokens = serde_json::from_slice(&answer.body)?;
        ensure!(tokens.refresh_token != self.session.refresh_token, "the refresh token was not rotated");
        self.session.refresh_token = tokens.refresh_token;
        if let Some(prover) = &mut self.session.prover {
            prover.learn(answer.header("dpop-nonce"))?;
        }
        match self.connection {
            Connection::Warm => self.stream = Some(stream),
            // A port that waits a minute for late packets is missing soon.
            Connection::Cold => stream.get_ref().0.set_zero_linger()?,
        }
        Ok(())
    }

    fn request(&self) -> Result<String> {
        let body = format!(
            "grant_type=refresh_token&client_id={CLIENT}&refresh_token={}&refresh_attempt={}",
            self.session.refresh_token,
            attempt()
        );
        let proof = match &self.session.prover {
            Some(prover) => format!("dpop: {}\r\n", prover.prove()?),
            None => String::new(),
        };
        Ok(format!(
            "POST /oauth/token HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n{proof}\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
    }
}
