//! A network between app and server that loses, cuts, delays and resets answers on demand.

mod delivery;
mod fault;
mod report;
mod weather;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::http1::Message;
use crate::{Server, tls};

use delivery::{Client, Line};
use report::Report;

pub use delivery::Delivery;
pub use fault::{Canned, Fault, Heard};
pub use weather::{Exchange, Weather, strike_dpop};

/// A proxy on loopback that shows the server's own certificate, so that pins hold, and speaks HTTP/1.1, one request a
/// connection, so that a fault hits exactly one exchange.
#[derive(Debug)]
pub struct LossyProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Mutex<Option<TcpListener>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    faults: Mutex<VecDeque<(String, Fault)>>,
    exchanges: Mutex<Vec<Exchange>>,
    changed: watch::Sender<()>,
    weather: OnceLock<Arc<dyn Weather>>,
}

struct Upstream {
    address: SocketAddr,
    /// What apps see.
    front: Option<TlsAcceptor>,
    /// What they see of a stranger.
    stranger: Option<TlsAcceptor>,
    /// How the server is spoken to; plainly without.
    back: Option<Arc<ClientConfig>>,
}

impl LossyProxy {
    /// Takes a free port (or the given one, if not 0), so that the server's issuer can be named before it starts.
    ///
    /// Errors: when the port is taken.
    pub async fn bind(port: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.with_context(|| {
            format!("can't listen on 127.0.0.1:{port}; choose another port, or 0 for a free one")
        })?;
        Ok(Self {
            address: listener.local_addr()?,
            shared: Arc::default(),
            listener: Mutex::new(Some(listener)),
            task: Mutex::new(None),
        })
    }

    /// Starts to pass requests on to `server`, showing its certificate.
    ///
    /// Errors: when the server's certificate files can't be read.
    pub fn run(&self, server: &Server) -> Result<()> {
        self.run_at(server, server.dev().listen.parse().context("the server's address")?)
    }

    /// Starts to pass requests on to an address where `server` or others like it can be reached, showing its
    /// certificate.
    ///
    /// Errors: when the server's certificate files can't be read.
    pub fn run_at(&self, server: &Server, address: SocketAddr) -> Result<()> {
        let mut upstream = Upstream::plain(address);
        if let Some(ca) = &server.dev().ca_pem {
            let folder = server.folder();
            upstream.front = Some(tls::acceptor(&folder.join("leaf.pem"), &folder.join("leaf-key.pem"))?);
            upstream.stranger = Some(tls::OwnAuthority::for_localhost()?.acceptor);
            upstream.back = Some(Arc::new(tls::client_config(ca)?));
        }
        self.run_to(upstream)
    }

    /// Starts to pass requests on to a server that speaks plain HTTP.
    ///
    /// Errors: when it runs already.
    pub fn run_plain(&self, upstream: SocketAddr) -> Result<()> {
        self.run_to(Upstream::plain(upstream))
    }

    /// Starts to pass requests on to a server that speaks plain HTTP. Apps see TLS, and this certificate.
    ///
    /// Errors: when it runs already.
    pub fn run_before(&self, upstream: SocketAddr, own: TlsAcceptor) -> Result<()> {
        let stranger = Some(tls::OwnAuthority::for_localhost()?.acceptor);
        self.run_to(Upstream { front: Some(own), stranger, ..Upstream::plain(upstream) })
    }

    /// Starts to pass requests on, showing a certificate of the caller's choice instead of the server's own.
    ///
    /// Errors: when the files can't be read, or it runs already.
    pub fn run_with_certificate(&self, server: &Server, certificates: &Path, key: &Path) -> Result<()> {
        let ca = server.dev().ca_pem.as_deref().context("the server speaks plain HTTP")?;
        let mut upstream = Upstream::plain(server.dev().listen.parse().context("the server's address")?);
        upstream.front = Some(tls::acceptor(certificates, key)?);
        upstream.back = Some(Arc::new(tls::client_config(ca)?));
        self.run_to(upstream)
    }

    /// Stops listening, and returns once the port is free again.
    pub async fn close(self) {
        let task = lock(&self.task).take();
        if let Some(task) = task {
            task.abort();
            // Aborted or not, the task has ended and its listener with it.
            let _ = task.await;
        }
    }

    /// Does `fault` to the next exchange whose method and path are `which` (such as `POST /oauth/token`). Several
    /// queue up.
    pub fn on_next(&self, which: &str, fault: Fault) {
        lock(&self.shared.faults).push_back((which.to_owned(), fault));
    }

    /// From now on `weather` decides, and gets each result: faults that are queued and exchanges so far stay as they
    /// are.
    pub fn under(&self, weather: Arc<dyn Weather>) {
        let _ = self.shared.weather.set(weather);
    }

    /// Removes the faults that have not happened yet.
    pub fn heal(&self) {
        lock(&self.shared.faults).clear();
    }

    /// Everything that came through so far, in order of its end.
    pub fn exchanges(&self) -> Vec<Exchange> {
        lock(&self.shared.exchanges).clone()
    }

    /// The exchanges with that method and path.
    pub fn exchanges_of(&self, which: &str) -> Vec<Exchange> {
        self.exchanges().into_iter().filter(|exchange| exchange.request.method_and_path() == which).collect()
    }

    /// Waits until at least `count` exchanges with that method and path have ended.
    ///
    /// Errors: after 30 seconds.
    pub async fn wait_for(&self, which: &str, count: usize) -> Result<Vec<Exchange>> {
        let mut changes = self.shared.changed.subscribe();
        let wait = async {
            loop {
                let found = self.exchanges_of(which);
                if found.len() >= count {
                    return found;
                }
                let _ = changes.changed().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait)
            .await
            .with_context(|| format!("waiting for {count} × {which}"))
    }

    /// The port that apps see.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    fn run_to(&self, upstream: Upstream) -> Result<()> {
        let listener = lock(&self.listener).take().context("the proxy runs already")?;
        let (shared, upstream) = (Arc::clone(&self.shared), Arc::new(upstream));
        *lock(&self.task) = Some(tokio::spawn(async move {
            loop {
                // A client that died in the queue, or too many files open for a moment, is no reason to stop.
                let Ok((client, _)) = listener.accept().await else {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                };
                let (shared, upstream) = (Arc::clone(&shared), Arc::clone(&upstream));
                // A failed exchange is the client's or the server's to notice, which is what a proxy is here for.
                tokio::spawn(async move { serve(client, &shared, &upstream).await.ok() });
            }
        }));
        Ok(())
    }
}

impl Drop for LossyProxy {
    fn drop(&mut self) {
        if let Some(task) = lock(&self.task).take() {
            task.abort();
        }
    }
}

async fn serve(client: TcpStream, shared: &Shared, upstream: &Upstream) -> Result<()> {
    let connected = Instant::now();
    let stranger = shared.weather.get().is_some_and(|weather| weather.shows_a_stranger());
    match if stranger { &upstream.stranger } else { &upstream.front } {
        Some(acceptor) => exchange(acceptor.accept(client).await?, connected, shared, upstream).await,
        None => exchange(client, connected, shared, upstream).await,
    }
}

async fn exchange<S: Client>(
    mut client: S,
    connected: Instant,
    shared: &Shared,
    upstream: &Upstream,
) -> Result<()> {
    let Some(request) = Message::read(&mut client, &mut Vec::new()).await? else { return Ok(()) };
    let fault = shared.take_fault(&request);
    let (mut line, report) =
        (Line::since(connected), Report::begin(shared.weather.get().map(AsRef::as_ref), &request, fault));
    let mut answer = line.during(&client, ask_or_not(&request, fault, shared, upstream, &report)).await?;
    if let (Some(weather), Some(answer)) = (shared.weather.get(), &mut answer) {
        weather.bend(&request, answer);
    }
    let bytes = answer.as_ref().map(|answer| answer.to_bytes("close")).unwrap_or_default();
    shared.record(Exchange { request, answer, fault });
    match fault {
        Some(Fault::SwallowAnswer | Fault::DropRequest) => return Ok(()),
        Some(Fault::CutBody) => {
            let body = bytes.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |at| at + 4);
            client.write_all(&bytes[..body + (bytes.len() - body) / 2]).await?;
            client.flush().await?;
            return Ok(());
        }
        Some(Fault::Reset) => {
            client.tcp().set_zero_linger()?;
            return Ok(());
        }
        Some(Fault::Unavailable) => client.write_all(Canned::Unavailable.bytes().as_bytes()).await?,
        Some(Fault::CaptivePortal) => client.write_all(Canned::Page.bytes().as_bytes()).await?,
        Some(Fault::Instead(canned, _)) => client.write_all(canned.bytes().as_bytes()).await?,
        Some(Fault::Delay(_) | Fault::HoldRequest(_) | Fault::Twice) | None => {
            if let Some(Fault::Delay(time)) = fault {
                line.during(&client, tokio::time::sleep(time)).await;
            }
            let written = async { client.write_all(&bytes).await.and(client.flush().await) }.await;
            if report.is_wanted() {
                // The end of TLS would be one more thing that the client may leave unread.
                report.end(line.delivery(&mut client, written.is_ok()).await);
            }
            written?;
        }
    }
    client.shutdown().await?;
    Ok(())
}

/// What the server answers, where it is asked: the last, where it is asked twice.
async fn ask_or_not(
    request: &Message,
    fault: Option<Fault>,
    shared: &Shared,
    upstream: &Upstream,
    report: &Report<'_>,
) -> Result<Option<Message>> {
    if fault.is_some_and(Fault::keeps_the_server_out) {
        return Ok(None);
    }
    if let Some(Fault::HoldRequest(time)) = fault {
        tokio::time::sleep(time).await;
    }
    let answer = upstream.ask(request).await?;
    report.answered(answer.as_ref());
    if fault != Some(Fault::Twice) {
        return Ok(answer);
    }
    shared.record(Exchange { request: request.clone(), answer, fault });
    let second = upstream.ask(request).await?;
    report.answered(second.as_ref());
    Ok(second)
}

impl Upstream {
    fn plain(address: SocketAddr) -> Self {
        Self { address, front: None, stranger: None, back: None }
    }

    async fn ask(&self, request: &Message) -> Result<Option<Message>> {
        let bytes = request.to_bytes("close");
        match &self.back {
            Some(config) => ask(tls::connect(config, "localhost", self.address).await?, &bytes).await,
            None => ask(TcpStream::connect(self.address).await?, &bytes).await,
        }
    }
}

async fn ask(mut server: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> Result<Option<Message>> {
    server.write_all(request).await?;
    server.flush().await?;
    Message::read(&mut server, &mut Vec::new()).await
}

impl Shared {
    fn take_fault(&self, request: &Message) -> Option<Fault> {
        if let Some(weather) = self.weather.get() {
            return weather.fault(request);
        }
        let which = request.method_and_path();
        let mut faults = lock(&self.faults);
        let at = faults.iter().position(|(wanted, _)| *wanted == which)?;
        faults.remove(at).map(|(_, fault)| fault)
    }

    fn record(&self, exchange: Exchange) {
        if let Some(weather) = self.weather.get() {
            weather.passed(exchange);
            return;
        }
        lock(&self.exchanges).push(exchange);
        self.changed.send_replace(());
    }
}

/// A lock whose holder panicked still guards whole values here: each holder does one push, pop or clone.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
