//! Proxies that the platform chooses.

use std::{
    fmt::Debug,
    hash::{Hash, Hasher},
};

use super::bounded::NoAnswer;
use crate::secret::Secret;

/// Chooses the proxy of each request, in the place of the environment's variables: by the settings of a phone, which
/// its user and its networks change (a proxy of the Wi-Fi, a script, an organisation's profile).
///
/// Its function may block, to run such a script. The SDK calls it once for each HTTPS request, on a thread of its own,
/// one call at a time, and waits as long as a connection may take. An error, a panic and a call that takes too long end
/// the request before anything is sent: without its proxy it would go another way than the user wants.
pub trait ProxySelector: Send + Sync + Debug {
    /// The proxy for requests to this server, or `None` to connect to it directly. `server` is its address, without a
    /// path: `https://HOST/` or `https://HOST:PORT/`.
    ///
    /// # Errors
    /// Any [`ProxySelectorError`]: then nothing is sent.
    fn select(&self, server: &str) -> Result<Option<ProxyAddress>, ProxySelectorError>;
}

/// The address of a proxy, such as `http://proxy.example.com:8080` or `socks5h://[::1]:1080`: `http`, `https`, `socks4`,
/// `socks4a`, `socks5` or `socks5h`. A user name and a password are percent-encoded in it. `Debug` does not show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyAddress(Secret);

impl ProxyAddress {
    /// The address is checked at the first request.
    pub fn new(address: impl Into<String>) -> Self {
        Self(Secret::new(address.into()))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl Hash for ProxyAddress {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.expose().hash(state);
    }
}

impl From<&str> for ProxyAddress {
    fn from(address: &str) -> Self {
        Self::new(address)
    }
}

/// Why no proxy was chosen. A retry may succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxySelectorError {
    /// The reason is for a developer.
    #[error("the device's proxy settings cannot be read: {0}")]
    Failed(String),
    /// There was no answer in time.
    #[error("the device's proxy settings were not read in time")]
    TimedOut,
}

impl From<NoAnswer> for ProxySelectorError {
    fn from(error: NoAnswer) -> Self {
        match error {
            NoAnswer::TimedOut => Self::TimedOut,
            NoAnswer::NoThread(why) => Self::Failed(why),
            NoAnswer::Panicked => Self::Failed("the app's proxy selector panicked".into()),
        }
    }
}
