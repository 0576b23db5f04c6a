//! Names why there is no response: which host, or which proxy, and what it did.

use std::{
    error::Error as StdError,
    io::{self, ErrorKind},
    time::Duration,
};

use url::Url;

/// The way to a server: what the words for its failures need.
#[derive(Debug, Clone)]
pub struct Way {
    /// The host, with its port if the address has one. Nothing else of the address: it may hold secrets.
    host: String,
    /// The proxy's host and port, without its password.
    proxy: Option<String>,
    connect_timeout: Duration,
    request_timeout: Duration,
}

impl Way {
    /// `proxy` is its host and port, without its password.
    pub fn new(url: &Url, proxy: Option<String>, connect: Duration, request: Duration) -> Self {
        let host = url.host_str().unwrap_or_default();
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Self { host, proxy, connect_timeout: connect, request_timeout: request }
    }

    /// What to say of a request that took too long.
    pub fn too_slow(&self, connecting: bool) -> String {
        match connecting {
            true => format!("no connection to {} within {}", self.next(), seconds(self.connect_timeout)),
            false => format!("{} did not answer within {}", self.host, seconds(self.request_timeout)),
        }
    }

    /// What to say of a response that broke off.
    pub fn cut_off(&self) -> String {
        format!("the response of {} was cut off", self.host)
    }

    /// What to say of any other failure of the HTTP client.
    pub fn failed(&self, error: &reqwest::Error) -> String {
        let causes = causes(error);
        self.failed_by(&causes).unwrap_or_else(|| match error.is_connect() {
            true => format!("{} cannot be connected to", self.next()),
            false => format!("{} closed the connection before it answered", self.host),
        })
    }

    /// What to say of a connection that was not made.
    pub fn not_connected(&self, error: &io::Error) -> String {
        self.failed_by(&[error]).unwrap_or_else(|| format!("{} cannot be connected to", self.next()))
    }

    /// What to say of a name that has no address.
    pub fn unknown_name(&self) -> String {
        format!("{} is not known by name (DNS)", self.next())
    }

    fn failed_by(&self, causes: &[&(dyn StdError + 'static)]) -> Option<String> {
        let says = |text: &str| causes.iter().any(|cause| cause.to_string().contains(text));
        let io = causes.iter().rev().find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
        if let Some(proxy) = &self.proxy {
            if says("proxy authorization required") {
                return Some(format!(
                    "the proxy {proxy} answered 407: it needs a user name and a password that it accepts"
                ));
            }
            if says("tunnel error: unsuccessful") {
                return Some(format!("the proxy {proxy} refused to connect to {}", self.host));
            }
        }
        if says("dns error") {
            return Some(self.unknown_name());
        }
        Some(match io? {
            ErrorKind::ConnectionRefused => format!("{} refused the connection", self.next()),
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
                format!("there is no route to {}", self.next())
            }
            ErrorKind::TimedOut => format!("the connection to {} timed out", self.next()),
            ErrorKind::BrokenPipe
            | ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::UnexpectedEof => format!("{} closed the connection", self.next()),
            _ => return None,
        })
    }

    /// What is connected to: the proxy, if there is one.
    fn next(&self) -> String {
        let proxy = self.proxy.as_ref();
        proxy.map_or_else(|| self.host.clone(), |proxy| format!("the proxy {proxy}"))
    }
}

fn seconds(limit: Duration) -> String {
    format!("{} s", limit.as_millis().div_ceil(1_000))
}

/// All causes below the client's own error, whose text has the whole URL.
pub(super) fn causes(error: &reqwest::Error) -> Vec<&(dyn StdError + 'static)> {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause);
        // An `io::Error` shows the source of what it wraps, but not what it wraps.
        next = match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        };
    }
    causes
}
