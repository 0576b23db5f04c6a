//! The HTTP clients under the transport: their proxies, and how long they keep connections.

use std::{sync::Arc, time::Duration};

use url::Url;

use super::{foreign_trust::MayBlock, proxies::Proxies};
use crate::{configuration::Configuration, error::Error};

/// How connections are watched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watch {
    /// While a request waits on HTTP/2, the server is pinged this often. An idle connection is not: it would keep a
    /// phone's radio awake.
    pub(crate) ping_interval: Duration,
    /// How long the answer to a ping may take. A connection that gives none has died quietly: the network was
    /// changed, say.
    pub(crate) ping_timeout: Duration,
    /// How long a connection is kept that nobody uses.
    pub(crate) idle: Duration,
}

impl Watch {
    /// For apps: what waits on a connection that has died fails within seven seconds. A slow uplink delays pings,
    /// too, so it is no less.
    pub(crate) const DEFAULT: Self = Self {
        ping_interval: Duration::from_secs(2),
        ping_timeout: Duration::from_secs(5),
        idle: Duration::from_secs(30),
    };
}

/// How long the thread that makes a connection may be held by one step of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connecting {
    Quick,
    /// The platform's trust is asked on the way.
    MayBlock,
}

/// One client for HTTPS, and one for plain HTTP, which only goes to this very machine.
#[derive(Debug, Clone)]
pub(super) struct Clients {
    https: reqwest::Client,
    http: reqwest::Client,
    pub(super) proxies: Arc<Proxies>,
}

impl Clients {
    /// Opens nothing yet. The proxies are the environment's (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`) or the
    /// platform's. They only pass on what is encrypted for the host itself (CONNECT), so its pins hold.
    pub(super) fn new(
        tls: &rustls::ClientConfig,
        configuration: &Configuration,
        watch: Watch,
        connecting: Connecting,
    ) -> Result<Self, Error> {
        let build = |builder: reqwest::ClientBuilder| {
            let built = builder.build();
            built.map_err(|error| Error::Misconfigured(format!("the HTTP client cannot be made: {error}")))
        };
        let builder = || builder(tls.clone(), configuration, watch);
        let proxies = Arc::new(Proxies::of_the_system());
        let https = if proxies.none { builder().no_proxy() } else { builder() };
        let https = match connecting {
            Connecting::Quick => https,
            Connecting::MayBlock => https.connector_layer(MayBlock),
        };
        Ok(Self { https: build(https.https_only(true))?, http: build(builder().no_proxy())?, proxies })
    }

    pub(super) fn of(&self, url: &Url) -> &reqwest::Client {
        if url.scheme() == "https" { &self.https } else { &self.http }
    }
}

fn builder(tls: rustls::ClientConfig, configuration: &Configuration, watch: Watch) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .user_agent(USER_AGENT)
        .connect_timeout(configuration.connect_timeout())
        .pool_idle_timeout(watch.idle)
        // An odd head must not cost the tokens behind it. (RFC 9112 §5.2 has folded lines read as one.)
        .http1_max_headers(MOST_HEADER_LINES)
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http2_keep_alive_interval(watch.ping_interval)
        .http2_keep_alive_timeout(watch.ping_timeout)
        .http2_keep_alive_while_idle(false)
        // The pings watch a connection while it is used, and an idle one is not to be kept alive.
        .tcp_keepalive(None);
    // HTTP/1.1 has no pings: there, what was sent must at least arrive.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let builder = builder.tcp_user_timeout(watch.ping_interval + watch.ping_timeout);
    builder
}

/// Gateways add many. The size of a head is limited by the HTTP client.
const MOST_HEADER_LINES: usize = 500;

const USER_AGENT: &str = concat!("moorline/", env!("CARGO_PKG_VERSION"));
