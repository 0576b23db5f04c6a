//! Requests out, answers in: one at a time, counted, limited in number, time and size. It follows no redirect.

use std::cell::Cell;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use moorline::network::{Proxies, Way, untrusted_reason, wait_asked};
use moorline::{Clock as _, SystemClock};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName};
use reqwest::{Client, ClientBuilder, Method, StatusCode, redirect};
use tokio::sync::Semaphore;
use url::{Host, Url};
use zeroize::Zeroizing;

use super::probe_error::{MOST_REQUESTS, ProbeError};
use super::secret::Secret;
use super::tls;
use crate::signal::Signal;

/// So many of them are kept for the revocations at the end.
const RESERVED: u32 = 15;

/// The largest answer that is read: 1 MiB.
const LARGEST: usize = 1024 * 1024;

/// No experiment has more requests under way.
const MOST_AT_ONCE: u32 = 16;

/// The way to the provider.
#[derive(Debug)]
pub(super) struct Probe {
    /// Through the proxies of the environment.
    client: Client,
    /// Past them.
    straight: Client,
    proxies: Proxies,
    allow_http: bool,
    sent: Cell<u32>,
    most: Cell<u32>,
    stopped: Cell<Option<Signal>>,
    /// A permit for each request that waits for its answer.
    waiting: Semaphore,
    timeout: Duration,
    roots: tls::Roots,
}

/// An answer, whatever its status. Its body may hold tokens.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// The first header field of this name, if it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// How long the SDK would wait before it sends another request. An hour at most.
    pub(super) fn wait_asked(&self) -> Option<Duration> {
        wait_asked(StatusCode::from_u16(self.status).ok()?, &self.headers, SystemClock.wall())
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Probe {
    /// Opens nothing yet. Errors: a text, if there is no certificate authority to trust.
    pub(super) fn new(roots: tls::Roots, timeout: Duration, allow_http: bool) -> Result<Self, String> {
        let config = tls::client_config(&roots)?;
        let builder = || {
            Client::builder()
                .tls_backend_preconfigured(config.clone())
                .redirect(redirect::Policy::none())
                .referer(false)
                .user_agent(concat!("moorline-check/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(timeout)
                .timeout(timeout)
                // A connection that the server is about to close would lose a request, and an experiment with it.
                .pool_idle_timeout(Duration::from_secs(2))
        };
        let build = |builder: ClientBuilder| {
            builder.build().map_err(|error| format!("the HTTP client cannot be made: {error}"))
        };
        Ok(Self {
            client: build(builder())?,
            straight: build(builder().no_proxy())?,
            proxies: Proxies::of_the_system(),
            allow_http,
            sent: Cell::new(0),
            most: Cell::new(MOST_REQUESTS - RESERVED),
            stopped: Cell::new(None),
            waiting: Semaphore::new(MOST_AT_ONCE as usize),
            timeout,
            roots,
        })
    }

    /// How many requests were sent.
    pub(super) fn sent(&self) -> u32 {
        self.sent.get()
    }

    /// Sends nothing from now on, and waits for the answers to what was sent: they may bring tokens to revoke.
    pub(super) async fn stop(&self, signal: Signal) {
        self.stopped.set(Some(signal));
        // It is never closed, so that this cannot fail.
        let _ = self.waiting.acquire_many(MOST_AT_ONCE).await;
    }

    /// The experiments are over: what is left of the requests is for revocations.
    pub(super) fn release_reserve(&self) {
        self.stopped.set(None);
        self.most.set(MOST_REQUESTS);
    }

    /// A TLS handshake of its own with the server at `url`, to see what it negotiates.
    pub(super) async fn handshake(&self, url: &Url) -> Result<tls::Facts, ProbeError> {
        self.check_address(url)?;
        self.count()?;
        // It goes past the proxy.
        let way = Way::new(url, None, self.timeout, self.timeout);
        tokio::time::timeout(self.timeout, tls::handshake(url, &self.roots, &way))
            .await
            .unwrap_or_else(|_| Err(ProbeError::Timeout(way.too_slow(true))))
    }

    pub(super) async fn get(&self, url: &Url) -> Result<Answer, ProbeError> {
        self.send(Method::GET, url, None, None).await
    }

    /// A form, as OAuth's endpoints take it.
    pub(super) async fn post(
        &self,
        url: &Url,
        fields: &[(&str, &str)],
        proof: Option<&Secret>,
    ) -> Result<Answer, ProbeError> {
        let room = fields.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum();
        let body = url::form_urlencoded::Serializer::new(String::with_capacity(room));
        let body = { body }.extend_pairs(fields).finish();
        self.send(Method::POST, url, Some(Secret::new(body)), proof).await
    }

    async fn send(
        &self,
        method: Method,
        url: &Url,
        form: Option<Secret>,
        proof: Option<&Secret>,
    ) -> Result<Answer, ProbeError> {
        self.check_address(url)?;
        if let Some(signal) = self.stopped.get() {
            return Err(ProbeError::Interrupted(signal));
        }
        self.count()?;
        let _waiting = self.waiting.try_acquire();
        let (client, way) = self.way(url)?;
        let mut request = client
            .request(method, url.clone())
            .header(ACCEPT, "application/json")
            .header(ACCEPT_ENCODING, "identity");
        if let Some(proof) = proof {
            request = request.header(HeaderName::from_static("dpop"), proof.expose());
        }
        if let Some(form) = form {
            request = request
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.expose().to_owned());
        }
        let mut response = request.send().await.map_err(|error| classify(&error, &way))?;
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(|error| in_body(&error, &way))? {
            if body.len() + chunk.len() > LARGEST {
                return Err(ProbeError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status: response.status().as_u16(), headers: response.headers().clone(), body })
    }

    /// The client for `url`, and the words for its failures.
    fn way(&self, url: &Url) -> Result<(&Client, Way), ProbeError> {
        // A proxy is on another machine, and has another loopback.
        let is_straight = self.proxies.none || is_loopback(url);
        let proxies = Some(&self.proxies).filter(|_| !is_straight);
        if let Some(why) = proxies.and_then(|proxies| proxies.refusal(url)) {
            return Err(ProbeError::NoProxy(why.to_owned()));
        }
        let proxy = proxies.and_then(|proxies| proxies.of(url));
        let client = if is_straight { &self.straight } else { &self.client };
        Ok((client, Way::new(url, proxy, self.timeout, self.timeout)))
    }

    fn count(&self) -> Result<(), ProbeError> {
        if self.sent.get() >= self.most.get() {
            return Err(ProbeError::OutOfRequests);
        }
        self.sent.set(self.sent.get() + 1);
        Ok(())
    }

    fn check_address(&self, url: &Url) -> Result<(), ProbeError> {
        address(url, self.allow_http).map_err(ProbeError::NotAllowed)
    }
}

/// Whether something may be sent to `url`: by https, or by http to this machine if that is allowed.
pub(super) fn address(url: &Url, allow_http: bool) -> Result<(), String> {
    match url.scheme() {
        _ if url.host().is_none() => Err("it names no host".to_owned()),
        "https" => Ok(()),
        "http" if allow_http && is_loopback(url) => Ok(()),
        "http" if allow_http => {
            Err("it does not use https, and --allow-http is for this machine only".to_owned())
        }
        "http" => Err("it does not use https".to_owned()),
        _ => Err("it uses neither https nor http".to_owned()),
    }
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn classify(error: &reqwest::Error, way: &Way) -> ProbeError {
    let mut next: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(cause) = next {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return ProbeError::Tls(untrusted_reason(tls));
        }
        // An `io::Error` shows the source of what it wraps, but not what it wraps.
        next = match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        };
    }
    if error.is_timeout() {
        ProbeError::Timeout(way.too_slow(error.is_connect()))
    } else {
        ProbeError::Unreachable(way.failed(error))
    }
}

fn in_body(error: &reqwest::Error, way: &Way) -> ProbeError {
    if error.is_timeout() { ProbeError::Timeout(way.too_slow(false)) } else { ProbeError::Cut(way.cut_off()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_goes_to_this_machine_only_and_only_if_it_is_allowed() {
        let may = |text: &str, allow_http| address(&Url::parse(text).unwrap(), allow_http).is_ok();
        assert!(may("https://id.example.com", false));
        for local in ["http://127.0.0.1:1", "http://[::1]", "http://localhost:8080/x"] {
            assert!(may(local, true), "{local}");
            assert!(!may(local, false), "{local}");
        }
        for far in ["http://id.example.com", "http://localhost.example.com", "ftp://127.0.0.1", "data:x"] {
            assert!(!may(far, true), "{far}");
        }
    }
}
