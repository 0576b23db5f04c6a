//! What the SDK needs of the machine that it runs on: a key store, a folder, a clock and a runtime; and what it may
//! have besides: a signer, and trust and proxies of its own.

mod bounded;
mod bounded_key_store;
mod bounded_proxy_selector;
mod bounded_signer;
mod bounded_trust;
mod critical_sections;
mod file_key_store;
mod key_store;
mod native_key_store;
mod proxy_selector;
mod signer;
mod trust;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::runtime::Handle;

use crate::time::{Clock, SystemClock};

pub(crate) use bounded_key_store::BoundedKeyStore;
pub(crate) use bounded_proxy_selector::BoundedProxySelector;
pub(crate) use bounded_signer::{BoundedSigner, KeyInUse};
pub(crate) use bounded_trust::BoundedTrust;
pub(crate) use critical_sections::CriticalSection;
pub use critical_sections::{CriticalSections, Expiry};
pub use file_key_store::InsecureFileKeyStore;
pub use key_store::{KeyStore, KeyStoreError, MemoryKeyStore, SecretKey};
pub use native_key_store::PlatformKeyStore;
pub use proxy_selector::{ProxyAddress, ProxySelector, ProxySelectorError};
pub use signer::{Signer, SignerError};
pub use trust::{TrustError, TrustVerifier};

/// The machine, as the SDK sees it.
#[derive(Debug, Clone)]
pub struct Platform {
    /// The folder of the vault. It is created if it is missing, for its owner alone.
    pub vault_directory: PathBuf,
    /// Where the vault's key lives.
    pub key_store: Arc<dyn KeyStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What the SDK's work runs on; `None` for threads of its own. See [`with_runtime`](Self::with_runtime).
    pub runtime: Option<Handle>,
    /// What keeps the process running during work that must not be interrupted; `None` where processes are not
    /// suspended. See [`with_critical_sections`](Self::with_critical_sections).
    pub critical_sections: Option<Arc<dyn CriticalSections>>,
    /// What holds the keys that tokens are bound to; `None` to keep them in the vault. See
    /// [`with_signer`](Self::with_signer).
    pub signer: Option<Arc<dyn Signer>>,
    /// What decides whether a server is trusted; `None` for the SDK's own way. See [`with_trust`](Self::with_trust).
    pub trust: Option<Arc<dyn TrustVerifier>>,
    /// What chooses the proxy of a request; `None` for the environment's. See
    /// [`with_proxy_selector`](Self::with_proxy_selector).
    pub proxy_selector: Option<Arc<dyn ProxySelector>>,
}

/// What of the platform the network needs.
#[derive(Debug, Clone, Default)]
pub(crate) struct NetworkParts {
    pub(crate) trust: Option<Arc<dyn TrustVerifier>>,
    pub(crate) proxy_selector: Option<Arc<dyn ProxySelector>>,
}

impl Platform {
    /// With the system's own clock, and threads of the SDK's own.
    pub fn new(vault_directory: impl AsRef<Path>, key_store: Arc<dyn KeyStore>) -> Self {
        Self {
            vault_directory: vault_directory.as_ref().to_owned(),
            key_store,
            clock: Arc::new(SystemClock),
            runtime: None,
            critical_sections: None,
            signer: None,
            trust: None,
            proxy_selector: None,
        }
    }

    /// On a tokio runtime of the app's, so that a request of one of its tasks waits for no other thread. It needs I/O
    /// and time (`enable_all`) and threads of its own (`new_multi_thread`): a refresh goes on when its caller goes
    /// away, and so for as long as the runtime lives; one without is refused by
    /// [`Moorline::new`](crate::Moorline::new). Sign out, or drop the SDK, before it is shut down: a call that is cut
    /// off may have done its work without this process knowing. After its end, calls that need it fail with
    /// [`Error::Misconfigured`](crate::Error::Misconfigured).
    #[must_use]
    pub fn with_runtime(self, runtime: Handle) -> Self {
        Self { runtime: Some(runtime), ..self }
    }

    /// On a system that suspends apps: tells it when the app must not be suspended.
    #[must_use]
    pub fn with_critical_sections(self, critical_sections: Arc<dyn CriticalSections>) -> Self {
        Self { critical_sections: Some(critical_sections), ..self }
    }

    /// With keys for tokens in hardware that never shows them: each new sign-in generates its key there. A session
    /// whose key is in the vault keeps it until its user signs in again. All processes that share a vault need the
    /// same signer: one without it cannot use a session whose key is there.
    #[must_use]
    pub fn with_signer(self, signer: Arc<dyn Signer>) -> Self {
        Self { signer: Some(signer), ..self }
    }

    /// With the platform's own trust, which decides instead of the roots that the SDK reads and of
    /// [`extra_root_pem`](crate::ConfigurationBuilder::extra_root_pem): name further roots to the platform. Names,
    /// pins and the signatures of the handshake are checked as without it.
    #[must_use]
    pub fn with_trust(self, trust: Arc<dyn TrustVerifier>) -> Self {
        Self { trust: Some(trust), ..self }
    }

    /// With the device's own proxy settings, which decide instead of the environment's variables. A proxy only passes on
    /// what is encrypted for the host itself (CONNECT), so the host's pins hold. Plain HTTP goes to this machine alone,
    /// without a proxy.
    #[must_use]
    pub fn with_proxy_selector(self, proxy_selector: Arc<dyn ProxySelector>) -> Self {
        Self { proxy_selector: Some(proxy_selector), ..self }
    }

    pub(crate) fn network_parts(&self) -> NetworkParts {
        NetworkParts { trust: self.trust.clone(), proxy_selector: self.proxy_selector.clone() }
    }
}

/// How long the SDK waits for a key store or a signer.
pub(crate) const KEY_STORE_LIMIT: Duration = Duration::from_secs(10);
