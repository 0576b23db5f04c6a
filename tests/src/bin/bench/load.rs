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

/// No point takes more refreshes than this, however fast the machine.
const MOST: usize = 500_000;
/// Refreshes of each client before the clock starts.
const WARM_UP: usize = 20;

struct Client {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
    refresh_token: String,
}

/// All clients, connected.
pub(crate) struct Load {
    clients: Vec<Client>,
}

/// What the clients of one point saw.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) elapsed: Duration,
    /// Sorted.
    pub(crate) latencies: Vec<Duration>,
}

impl Load {
    pub(crate) async fn connect(server: &Server, refresh_tokens: Vec<String>) -> Result<Self> {
        let ca = server.dev().ca_pem.as_deref().context("the server speaks TLS")?;
        let mut config = tls::client_config(ca)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let config = Arc::new(config);
        let mut clients = Vec::with_capacity(refresh_tokens.len());
        for refresh_token in refresh_tokens {
            let stream = tls::connect(&config, "localhost", server.dev().listen.as_str()).await?;
            let mut client = Client { stream, buffer: Vec::new(), refresh_token };
            for _ in 0..WARM_UP {
                client.refresh().await?;
            }
            clients.push(client);
        }
        Ok(Self { clients })
    }

    /// The first `count` clients refresh, each one request after the other, for `time`.
    pub(crate) async fn run(&mut self, count: usize, time: Duration) -> Result<Outcome> {
        let start = Instant::now();
        let mut running = JoinSet::new();
        for mut client in self.clients.drain(..count) {
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
            self.clients.push(client);
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
