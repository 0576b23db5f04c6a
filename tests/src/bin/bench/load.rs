//! The clients: a session and a TLS connection each, kept or new each time, and as little work of their own as that
//! allows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use moorline_tests::http1::Message;
use moorline_tests::oauth::{Tokens, attempt, exchange_form};
use moorline_tests::sdk::CLIENT;
use moorline_tests::{Server, tls};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::client::Resumption;
use url::form_urlencoded;

use crate::machine;
use crate::point::{Outcome, Point};
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

/// What the clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Refresh,
    /// Exchanges a code, until its session has none left.
    Exchange,
    /// Gets the list of notes.
    Read,
}

/// How to reach the server.
struct Network {
    config: Arc<ClientConfig>,
    listen: String,
    notes: String,
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
    work: Work,
    session: Session,
}

/// All sessions of one kind, and how to reach the server.
pub(crate) struct Load {
    network: Arc<Network>,
    sessions: Vec<Session>,
}

/// Clients that are connected and warm.
struct Clients(Vec<Client>);

impl Load {
    pub(crate) fn new(server: &Server, sessions: Vec<Session>) -> Result<Self> {
        let ca = server.dev().ca_pem.as_deref().context("the server speaks TLS")?;
        let mut config = tls::client_config(ca)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::disabled();
        let network = Network {
            config: Arc::new(config),
            listen: server.dev().listen.clone(),
            notes: server.url("/v1/notes"),
        };
        Ok(Self { network: Arc::new(network), sessions })
    }

    /// The first `count` sessions.
    pub(crate) fn sessions(&mut self, count: usize) -> &mut [Session] {
        &mut self.sessions[..count]
    }

    /// Connects `count` clients, and warms them up by refreshes. Each point has connections of its own: the server
    /// closes those that idle through another point.
    async fn connect(&mut self, count: usize, connection: Connection, work: Work) -> Result<Clients> {
        let mut clients = Vec::with_capacity(count);
        for session in self.sessions.drain(..count) {
            let network = Arc::clone(&self.network);
            let mut client = Client { network, stream: None, buffer: Vec::new(), connection, work, session };
            for _ in 0..WARM_UP {
                client.refresh().await?;
            }
            clients.push(client);
        }
        Ok(Clients(clients))
    }

    /// `clients` do this work at once for `time`.
    ///
    /// Errors: when something is refused.
    pub(crate) async fn point(
        &mut self,
        pid: u32,
        clients: usize,
        connection: Connection,
        work: Work,
        time: Duration,
    ) -> Result<Point> {
        eprintln!("{work:?}, {clients} clients, {connection:?} connections, {:.1} s …", time.as_secs_f64());
        let mut connected = self.connect(clients, connection, work).await?;
        let (cpu, outcome) = machine::cpu_ms_of(pid, connected.run(time)).await?;
        let point = Point::new(clients, &outcome?, cpu);
        self.disconnect(connected);
        Ok(point)
    }

    /// Keeps the sessions of `clients` for the next point.
    fn disconnect(&mut self, clients: Clients) {
        self.sessions.extend(clients.0.into_iter().map(|client| client.session));
    }
}

impl Clients {
    /// Each does its work, one request after the other, for `time`.
    async fn run(&mut self, time: Duration) -> Result<Outcome> {
        let (start, count) = (Instant::now(), self.0.len());
        let mut running = JoinSet::new();
        for mut client in self.0.drain(..) {
            running.spawn(async move {
                let mut latencies = Vec::new();
                while start.elapsed() < time && latencies.len() < MOST / count && client.has_work() {
                    let sent = Instant::now();
                    client.step().await?;
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
    fn has_work(&self) -> bool {
        self.work != Work::Exchange || !self.session.codes.is_empty()
    }

    async fn step(&mut self) -> Result<()> {
        match self.work {
            Work::Refresh => self.refresh().await,
            Work::Exchange => self.exchange().await,
            Work::Read => self.read().await,
        }
    }

    async fn refresh(&mut self) -> Result<()> {
        let body = format!(
            "grant_type=refresh_token&client_id={CLIENT}&refresh_token={}&refresh_attempt={}",
            self.session.refresh_token,
            attempt()
        );
        let tokens: Tokens = serde_json::from_slice(&self.post(&body).await?)?;
        ensure!(tokens.refresh_token != self.session.refresh_token, "the refresh token was not rotated");
        self.session.refresh_token = tokens.refresh_token;
        self.session.access_token = tokens.access_token;
        Ok(())
    }

    /// The new session is left alone.
    async fn exchange(&mut self) -> Result<()> {
        let code = self.session.codes.pop().context("a code")?;
        let form = exchange_form(&code);
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let _: Tokens = serde_json::from_slice(&self.post(&body).await?)?;
        Ok(())
    }

    async fn read(&mut self) -> Result<()> {
        let (token, url) = (&self.session.access_token, &self.network.notes);
        let credentials = match &self.session.prover {
            Some(prover) => {
                format!("authorization: DPoP {token}\r\ndpop: {}\r\n", prover.prove_get(url, token)?)
            }
            None => format!("authorization: Bearer {token}\r\n"),
        };
        let request = format!(
            "GET /v1/notes HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n{credentials}\r\n"
        );
        self.send(&request).await.map(drop)
    }

    /// Posts a form to the token endpoint, and returns the answer's body.
    async fn post(&mut self, body: &str) -> Result<Vec<u8>> {
        let proof = match &self.session.prover {
            Some(prover) => format!("dpop: {}\r\n", prover.prove()?),
            None => String::new(),
        };
        let request = format!(
            "POST /oauth/token HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n{proof}\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.send(&request).await
    }

    async fn send(&mut self, request: &str) -> Result<Vec<u8>> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.network.connect().await?,
        };
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        let answer = Message::read(&mut stream, &mut self.buffer).await?.context("the server closed")?;
        ensure!(answer.status() == 200, "{}: {}", answer.start, String::from_utf8_lossy(&answer.body));
        if let Some(prover) = &mut self.session.prover {
            prover.learn(answer.header("dpop-nonce"))?;
        }
        match self.connection {
            Connection::Warm => self.stream = Some(stream),
            // A port that waits a minute for late packets is missing soon.
            Connection::Cold => stream.get_ref().0.set_zero_linger()?,
        }
        Ok(answer.body)
    }
}
