//! The clients: a session and a kept-alive TLS connection each, and as little work of their own as that allows.

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

/// No point takes more refreshes than this, however fast the machine.
const MOST: usize = 500_000;
/// Refreshes of each client before the clock starts.
const WARM_UP: usize = 20;

struct Client {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
    refresh_token: String,
}

/// All sessions, and how to reach the server.
pub(crate) struct Load {
    config: Arc<ClientConfig>,
    listen: String,
    refresh_tokens: Vec<String>,
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
    pub(crate) fn new(server: &Server, refresh_tokens: Vec<String>) -> Result<Self> {
        let ca = server.dev().ca_pem.as_deref().context("the server speaks TLS")?;
        let mut config = tls::client_config(ca)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), listen: server.dev().listen.clone(), refresh_tokens })
    }

    /// Connects `count` clients and warms them up. Each point has connections of its own: the server closes those that
    /// idle through another point.
    pub(crate) async fn connect(&mut self, count: usize) -> Result<Clients> {
        let mut clients = Vec::with_capacity(count);
        for refresh_token in self.refresh_tokens.drain(..count) {
            let stream = tls::connect(&self.config, "localhost", &self.listen).await?;
            let mut client = Client { stream, buffer: Vec::new(), refresh_token };
            for _ in 0..WARM_UP {
                client.refresh().await?;
            }
            clients.push(client);
        }
        Ok(Clients(clients))
    }

    /// Keeps the sessions of `clients` for the next point.
    pub(crate) fn disconnect(&mut self, clients: Clients) {
        self.refresh_tokens.extend(clients.0.into_iter().map(|client| client.refresh_token));
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
        let body = format!(
            "grant_type=refresh_token&client_id={CLIENT}&refresh_token={}&refresh_attempt={}",
            self.refresh_token,
            attempt()
        );
        let request = format!(
            "POST /oauth/token HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await?;
        self.stream.flush().await?;
        let answer = Message::read(&mut self.stream, &mut self.buffer).await?.context("the server closed")?;
        ensure!(answer.status() == 200, "{}: {}", answer.start, String::from_utf8_lossy(&answer.body));
        let tokens: Tokens = serde_json::from_slice(&answer.body)?;
        ensure!(tokens.refresh_token != self.refresh_token, "the refresh token was not rotated");
        self.refresh_token = tokens.refresh_token;
        Ok(())
    }
}
