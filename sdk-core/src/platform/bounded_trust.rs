//! Trust that is decided in time or not given.

use std::{sync::Arc, time::Duration};

use super::{
    bounded::Bounded,
    trust::{TrustError, TrustVerifier},
};

/// Calls the platform's trust as [`Bounded`] does.
#[derive(Debug, Clone)]
pub(crate) struct BoundedTrust(Bounded<dyn TrustVerifier>);

impl BoundedTrust {
    pub(crate) fn new(trust: Arc<dyn TrustVerifier>, limit: Duration) -> Self {
        Self(Bounded::new(trust, limit, "moorline-trust"))
    }

    /// Blocks. See [`TrustVerifier::verify`].
    pub(crate) fn verify(&self, chain_der: Vec<Vec<u8>>, host: &str) -> Result<(), TrustError> {
        let host = host.to_owned();
        self.0.call(move |trust| trust.verify(&chain_der, &host))
    }
}
