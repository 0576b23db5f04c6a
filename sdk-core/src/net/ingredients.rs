//! What an HTTP client is made of: TLS, limits, and how long it keeps connections.

use std::time::Duration;

use super::foreign_trust::MayBlock;
use crate::{configuration::Configuration, platform::BoundedProxySelector};

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

/// What HTTP clients are made of.
#[derive(Clone)]
pub(super) struct Ingredients {
    pub(super) tls: rustls::ClientConfig,
    pub(super) configuration: Configuration,
    pub(super) watch: Watch,
    pub(super) connecting: Connecting,
    /// `None` for the environment's proxies.
    pub(super) proxy_selector: Option<BoundedProxySelector>,
}

/// The client of a request, and the proxy that it goes through: its host and port, without its password.
pub(super) type ClientAndProxy = (reqwest::Client, Option<String>);

impl Ingredients {
    /// A client for HTTPS, with the proxies that `proxies` sets.
    pub(super) fn https(
        &self,
        proxies: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> reqwest::Result<reqwest::Client> {
        let builder = proxies(self.builder()).https_only(true);
        match self.connecting {
            Connecting::Quick => builder.build(),
            Connecting::MayBlock => builder.connector_layer(MayBlock).build(),
        }
    }

    pub(super) fn builder(&self) -> reqwest::ClientBuilder {
        let builder = reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .user_agent(USER_AGENT)
            .connect_timeout(self.configuration.connect_timeout())
            .pool_idle_timeout(self.watch.idle)
            // An odd head must not cost the tokens behind it. (RFC 9112 §5.2 has folded lines read as one.)
            .http1_max_headers(MOST_HEADER_LINES)
            .http1_ignore_invalid_headers_in_responses(true)
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http2_keep_alive_interval(self.watch.ping_interval)
            .http2_keep_alive_timeout(self.watch.ping_timeout)
            .http2_keep_alive_while_idle(false)
            // The pings watch a connection while it is used, and an idle one is not to be kept alive.
            .tcp_keepalive(None);
        // HTTP/1.1 has no pings: there, what was sent must at least arrive.
        #[cfg(any(target_os = "android", target_os = "linux"))]
        let builder = builder.tcp_user_timeout(self.watch.ping_interval + self.watch.ping_timeout);
        builder
    }
}

/// Gateways add many. The size of a head is limited by the HTTP client.
const MOST_HEADER_LINES: usize = 500;

const USER_AGENT: &str = concat!("moorline/", env!("CARGO_PKG_VERSION"));
