//! Proxies that the platform chooses, and a client for each.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use url::Url;

use super::{
    error::NetError,
    ingredients::{ClientAndProxy, Ingredients},
    proxies::proxy_authority,
};
use crate::platform::{BoundedProxySelector, ProxyAddress, ProxySelectorError};

/// Chooses the client of each request. The settings may change at any time, so each request asks anew; a proxy has a
/// client of its own, so that no request goes over a connection that was made by the settings of before.
#[derive(Clone)]
pub(super) struct SelectedProxies {
    ingredients: Arc<Ingredients>,
    selector: BoundedProxySelector,
    clients: Arc<Mutex<HashMap<Option<ProxyAddress>, ClientAndProxy>>>,
}

/// How many proxies are known at a time: a script could name another one for each request.
const MOST_PROXIES: usize = 8;

const UNUSABLE: &str = "the proxy in the device's network settings cannot be used; it needs an address such as \
                        http://proxy.example.com:8080";

impl SelectedProxies {
    pub(super) fn new(ingredients: Ingredients, selector: BoundedProxySelector) -> Self {
        Self { ingredients: Arc::new(ingredients), selector, clients: Arc::default() }
    }

    pub(super) async fn client(&self, url: &Url) -> Result<ClientAndProxy, NetError> {
        let (selector, server) = (self.selector.clone(), server_of(url));
        let selected = tokio::task::spawn_blocking(move || selector.select(server)).await;
        let stopped = |_| ProxySelectorError::Failed("the SDK's runtime has ended".into());
        let proxy = selected.unwrap_or_else(|error| Err(stopped(error))).map_err(|error| {
            let reason = error.to_string();
            match error {
                ProxySelectorError::TimedOut => NetError::Timeout { maybe_sent: false, reason },
                ProxySelectorError::Failed(_) => offline(reason),
            }
        })?;
        self.through(proxy)
    }

    /// The client of this proxy, or of none.
    fn through(&self, proxy: Option<ProxyAddress>) -> Result<ClientAndProxy, NetError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&proxy) {
            return Ok(client.clone());
        }
        let client = self.make(proxy.as_ref()).ok_or_else(|| offline(UNUSABLE.into()))?;
        if clients.len() >= MOST_PROXIES {
            clients.clear();
        }
        clients.insert(proxy, client.clone());
        Ok(client)
    }

    /// `None` if the proxy cannot be used. (The errors' own texts may have its password.)
    fn make(&self, proxy: Option<&ProxyAddress>) -> Option<ClientAndProxy> {
        let Some(address) = proxy.map(ProxyAddress::expose) else {
            return Some((self.ingredients.https(reqwest::ClientBuilder::no_proxy).ok()?, None));
        };
        let authority = proxy_authority(address)?;
        let proxy = reqwest::Proxy::all(address).ok()?;
        let client = self.ingredients.https(|builder| builder.no_proxy().proxy(proxy)).ok()?;
        Some((client, Some(authority)))
    }
}

/// The address without its path, query and user, which are nobody's business.
fn server_of(url: &Url) -> String {
    format!("{}/", url.origin().ascii_serialization())
}

/// The network cannot be used as the device is set. Nothing was sent.
fn offline(reason: String) -> NetError {
    NetError::Offline { maybe_sent: false, reason }
}
