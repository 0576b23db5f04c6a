//! The provider's metadata and keys: from memory, from the vault, or from the provider.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ::http::StatusCode;
use url::Url;

use super::{
    cache::{Cache, FRESH, Found, USABLE},
    discovery::fetch,
    discovery_error::DiscoveryError,
    jwks::Jwks,
    metadata::Metadata,
    stored::StoredProvider,
};
use crate::{
    configuration::Configuration,
    error::Error,
    net::{NetError, Request, Transport, wait_asked},
    time::{Clock, unix_seconds},
};

/// One provider's documents. What the provider said last goes on to be used while it cannot be reached, or something
/// else answers in its place: a refresh must not fail for a document that changes once in years.
#[derive(Debug)]
pub(super) struct Documents {
    configuration: Configuration,
    transport: Transport,
    clock: Arc<dyn Clock>,
    metadata: Cache<Metadata>,
    keys: Cache<KeySet>,
    has_moved: AtomicBool,
}

/// Keys, and the address that they came from.
#[derive(Debug)]
struct KeySet {
    from: Url,
    keys: Arc<Jwks>,
}

/// Why there are no keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JwksError {
    #[error(transparent)]
    Net(#[from] NetError),
    #[error("the provider answered with status {0} when asked for its keys")]
    Status(u16),
    #[error(
        "what the provider answered when asked for its keys is not a JSON Web Key Set with a key that the SDK can use"
    )]
    Malformed,
}

impl From<JwksError> for Error {
    fn from(error: JwksError) -> Self {
        match error {
            JwksError::Net(error) => error.into(),
            JwksError::Status(_) | JwksError::Malformed => Self::offline(),
        }
    }
}

impl Documents {
    pub(super) fn new(configuration: Configuration, transport: Transport, clock: Arc<dyn Clock>) -> Self {
        let (metadata, keys, has_moved) = (Cache::default(), Cache::default(), AtomicBool::new(false));
        Self { configuration, transport, clock, metadata, keys, has_moved }
    }

    /// The metadata. Within a day, it is there at once; after an hour, the provider is asked meanwhile. Older metadata
    /// waits for the provider for a second, and is used if there is no answer.
    pub(super) async fn metadata(self: &Arc<Self>) -> Result<Arc<Metadata>, DiscoveryError> {
        match self.metadata.find(self.now()) {
            Found::Fresh(metadata) => Ok(metadata),
            Found::Stale(metadata) => {
                self.ask_meanwhile();
                Ok(metadata)
            }
            Found::Ask => {
                let Some((old, _)) = self.metadata.aged(self.now()) else {
                    return self.metadata_younger_than(FRESH).await;
                };
                let this = self.clone();
                let asked = within_patience(async move { this.metadata_younger_than(FRESH).await }).await;
                asked.unwrap_or_else(|| {
                    tracing::warn!("the provider's metadata of before is used: no answer within a second");
                    self.metadata.failed(self.now());
                    Ok(old)
                })
            }
        }
    }

    /// The address of the token endpoint. After a response that says that `known` is not one (any more), the provider's
    /// metadata is read again first.
    pub(super) async fn token_endpoint(self: &Arc<Self>, known: &Url) -> Url {
        if self.has_moved.swap(false, Ordering::Relaxed) {
            let this = self.clone();
            // The metadata in memory is replaced, if the provider answers with something else.
            let _ = within_patience(async move { this.newer_metadata().await }).await;
        }
        let held = self.metadata.aged(self.now());
        held.map_or_else(|| known.clone(), |(metadata, _)| metadata.token_endpoint.clone())
    }

    /// There was no token endpoint at the address that the metadata says.
    pub(super) fn token_endpoint_has_moved(&self) {
        self.has_moved.store(true, Ordering::Relaxed);
    }

    /// The current metadata, because the cached one does not allow what is asked.
    pub(super) async fn newer_metadata(&self) -> Result<Arc<Metadata>, DiscoveryError> {
        self.metadata_younger_than(METADATA_INTERVAL).await
    }

    async fn metadata_younger_than(&self, limit: Duration) -> Result<Arc<Metadata>, DiscoveryError> {
        let _one_at_a_time = self.metadata.asking.lock().await;
        let now = self.now();
        let held = self.metadata.aged(now);
        if let Some((metadata, age)) = &held
            && (*age < limit || limit == FRESH && self.metadata.pauses(now))
        {
            return Ok(metadata.clone());
        }
        match (fetch(&self.transport, &self.configuration, self.clock.wall()).await, held) {
            (Ok(metadata), _) => Ok(self.metadata.put(metadata, Duration::ZERO, now)),
            (Err(error), Some((metadata, _))) if limit == FRESH && error.is_passing() => {
                tracing::warn!(%error, "the provider's metadata of before is used");
                self.metadata.failed(self.now());
                Ok(metadata)
            }
            (Err(error), _) => {
                // The caller reports it, or tries again and succeeds.
                tracing::info!(%error, "no provider metadata");
                self.metadata.failed(self.now());
                Err(error)
            }
        }
    }

    fn ask_meanwhile(self: &Arc<Self>) {
        if self.metadata.asking.try_lock().is_ok() {
            let this = self.clone();
            tokio::spawn(async move { this.metadata_younger_than(FRESH).await });
        }
    }

    /// The keys at `address`. Those of a day or less are used if there is no answer within a second.
    pub(super) async fn keys(self: &Arc<Self>, address: &Url) -> Result<Arc<Jwks>, JwksError> {
        let held = self.keys.aged(self.now()).filter(|(set, age)| set.from == *address && *age < USABLE);
        let Some((old, age)) = held else { return self.keys_younger_than(FRESH, address).await };
        if age < FRESH || self.keys.pauses(self.now()) {
            return Ok(old.keys.clone());
        }
        let (this, address) = (self.clone(), address.clone());
        let asked = within_patience(async move { this.keys_younger_than(FRESH, &address).await }).await;
        asked.unwrap_or_else(|| {
            tracing::warn!("the provider's keys of before are used: no answer within a second");
            self.keys.failed(self.now());
            Ok(old.keys.clone())
        })
    }

    /// The keys once more, because a token names one that is not among them: that is how a key rotation is noticed.
    /// The provider is not asked again within a second, whatever tokens come. A sign-in tries for longer: a cache in
    /// front of the provider may have an old set.
    pub(super) async fn newer_keys(&self, address: &Url) -> Result<Arc<Jwks>, JwksError> {
        self.keys_younger_than(KEYS_INTERVAL, address).await
    }

    async fn keys_younger_than(&self, limit: Duration, address: &Url) -> Result<Arc<Jwks>, JwksError> {
        let _one_at_a_time = self.keys.asking.lock().await;
        let now = self.now();
        let held = self.keys.aged(now).filter(|(set, _)| set.from == *address);
        if let Some((set, age)) = &held
            && *age < limit
        {
            return Ok(set.keys.clone());
        }
        match (self.fetch_keys(address).await, held) {
            (Ok(keys), _) => {
                let keys = Arc::new(keys);
                self.keys.put(KeySet { from: address.clone(), keys: keys.clone() }, Duration::ZERO, now);
                Ok(keys)
            }
            (Err(error), Some((set, age))) if limit == FRESH && age < USABLE => {
                tracing::warn!(%error, "the provider's keys of before are used");
                self.keys.failed(self.now());
                Ok(set.keys.clone())
            }
            (Err(error), _) => {
                tracing::info!(%error, %address, "the provider's keys are not available");
                Err(error)
            }
        }
    }

    async fn fetch_keys(&self, address: &Url) -> Result<Jwks, JwksError> {
        let response = self.transport.send(Request::get_json(address.clone())).await?;
        if let Some(wait) = wait_asked(response.status, &response.headers, self.clock.wall()) {
            return Err(NetError::RateLimited(wait).into());
        }
        if response.status != StatusCode::OK {
            return Err(JwksError::Status(response.status.as_u16()));
        }
        Jwks::parse(&response.body).filter(|keys| !keys.is_empty()).ok_or(JwksError::Malformed)
    }

    /// Whether there is metadata, of whatever age.
    pub(super) fn are_known(&self) -> bool {
        self.metadata.aged(self.now()).is_some()
    }

    /// Takes in what was stored, unless there is something newer. What is of another issuer, or would not be accepted
    /// from the provider, is ignored.
    pub(super) fn adopt(&self, stored: &StoredProvider) {
        if self.are_known() {
            return;
        }
        let now = self.now();
        match stored.read(&self.configuration) {
            Some(Ok((metadata, keys))) => {
                if let (Some(keys), Some(stored)) = (keys, &stored.keys) {
                    let set = KeySet { from: metadata.jwks_uri.clone(), keys: Arc::new(keys) };
                    self.keys.put(set, self.age_of(stored.fetched_at), now);
                }
                self.metadata.put(metadata, self.age_of(stored.fetched_at), now);
            }
            Some(Err(error)) => tracing::warn!(%error, "the stored metadata of the provider is ignored"),
            None => tracing::warn!("the stored metadata is another provider's; it is ignored"),
        }
    }

    /// What to store.
    pub(super) fn to_store(&self) -> Option<StoredProvider> {
        let now = self.now();
        let fetched_at = |age: Duration| unix_seconds(&*self.clock).saturating_sub(age.as_secs());
        let (metadata, age) = self.metadata.aged(now)?;
        let keys = self.keys.aged(now).filter(|(set, _)| set.from == metadata.jwks_uri);
        let keys = keys.as_ref().map(|(set, age)| (&*set.keys, fetched_at(*age)));
        StoredProvider::of(&metadata, fetched_at(age), keys)
    }

    /// The provider may be reached again.
    pub(super) fn network_changed(&self) {
        self.metadata.network_changed();
        self.keys.network_changed();
    }

    /// What was stored in the future is of unknown age: the clock was set.
    fn age_of(&self, fetched_at: u64) -> Duration {
        unix_seconds(&*self.clock).checked_sub(fetched_at).map_or(USABLE, Duration::from_secs)
    }

    fn now(&self) -> Duration {
        self.clock.monotonic()
    }
}

/// The output of `asking`, or `None` if it takes longer than a second. It goes on in the background then.
async fn within_patience<T: Send + 'static>(asking: impl Future<Output = T> + Send + 'static) -> Option<T> {
    tokio::time::timeout(PATIENCE, tokio::spawn(asking)).await.ok()?.ok()
}

/// How long a call waits for newer documents while there are old ones.
const PATIENCE: Duration = Duration::from_secs(1);
/// The provider is asked for newer documents no more often than this.
const METADATA_INTERVAL: Duration = Duration::from_secs(10);
const KEYS_INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
