//! Proxies that are chosen in time.

use std::{sync::Arc, time::Duration};

use super::{
    bounded::Bounded,
    proxy_selector::{ProxyAddress, ProxySelector, ProxySelectorError},
};

/// Calls the platform's choice as [`Bounded`] does.
#[derive(Debug, Clone)]
pub(crate) struct BoundedProxySelector(Bounded<dyn ProxySelector>);

impl BoundedProxySelector {
    pub(crate) fn new(selector: Arc<dyn ProxySelector>, limit: Duration) -> Self {
        Self(Bounded::new(selector, limit, "moorline-proxy"))
    }

    /// Blocks. See [`ProxySelector::select`].
    pub(crate) fn select(&self, server: String) -> Result<Option<ProxyAddress>, ProxySelectorError> {
        self.0.call(move |selector| selector.select(&server))
    }
}
