//! What is kept of a provider across restarts, so that a refresh needs no answer but the token endpoint's.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{discovery_error::DiscoveryError, jwks::Jwks, metadata::Metadata};
use crate::configuration::Configuration;

/// The provider's documents, reduced to what is read of them, and when they came in Unix seconds by the device's
/// clock. They are in the vault beside a session, and are read like fresh ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredProvider {
    issuer: String,
    metadata: Map<String, Value>,
    pub(super) fetched_at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) keys: Option<StoredKeys>,
    /// Until when the provider asked to send no refresh, in Unix seconds by the device's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) retry_at: Option<u64>,
}

/// The provider's usable keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredKeys {
    keys: Vec<Value>,
    pub(super) fetched_at: u64,
}

impl StoredProvider {
    /// What to store of these documents, which came at these times. It is left out if it would make the vault too
    /// large: a refresh secures space for little more than its tokens.
    pub(crate) fn of(metadata: &Metadata, fetched_at: u64, keys: Option<(&Jwks, u64)>) -> Option<Self> {
        let mut stored = Self {
            issuer: metadata.issuer.clone(),
            metadata: metadata.to_document(),
            fetched_at,
            keys: keys.map(|(keys, fetched_at)| StoredKeys { keys: keys.to_keys(), fetched_at }),
            retry_at: None,
        };
        if stored.size() > LARGEST {
            stored.keys = None;
        }
        (stored.size() <= LARGEST).then_some(stored)
    }

    /// The documents, read like fresh ones; `None` if they are another issuer's.
    pub(crate) fn read(
        &self,
        configuration: &Configuration,
    ) -> Option<Result<(Metadata, Option<Jwks>), DiscoveryError>> {
        if !self.is_of(configuration) {
            return None;
        }
        let metadata = Metadata::parse(&self.metadata, configuration);
        Some(metadata.map(|metadata| (metadata, self.keys.as_ref().map(|stored| Jwks::of(&stored.keys)))))
    }

    /// Whether it is about the provider of this configuration.
    pub(super) fn is_of(&self, configuration: &Configuration) -> bool {
        self.issuer == configuration.issuer()
    }

    fn size(&self) -> usize {
        serde_json::to_vec(self).map_or(usize::MAX, |bytes| bytes.len())
    }

    /// Whether it is worth to write it in the place of `before`: it says something else, or is a day younger. A wait
    /// is computed again each time, to the second.
    pub(crate) fn replaces(&self, before: Option<&Self>) -> bool {
        let Some(before) = before else { return true };
        let documents = |stored: &Self| (stored.metadata.clone(), stored.keys.clone().map(|keys| keys.keys));
        self.issuer != before.issuer
            || documents(self) != documents(before)
            || self.retry_at.is_some() != before.retry_at.is_some()
            || self.retry_at > before.retry_at.map(|at| at.saturating_add(1))
            || self.fetched_at >= before.fetched_at.saturating_add(DAY)
    }
}

const LARGEST: usize = 8 * 1024;
const DAY: u64 = 86_400;
