//! The HTTP clients under the transport, by the proxies that requests go through.

use std::sync::Arc;

use url::Url;

use super::{
    error::NetError,
    ingredients::{ClientAndProxy, Ingredients},
    proxies::Proxies,
    selected_proxies::SelectedProxies,
};
use crate::error::Error;

/// The clients for HTTPS, and one for plain HTTP, which only goes to this very machine.
#[derive(Clone)]
pub(super) struct Clients {
    https: Https,
    http: reqwest::Client,
}

/// Proxies only pass on what is encrypted for the host itself (CONNECT), so its pins hold.
#[derive(Clone)]
enum Https {
    /// The proxies are the environment's (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`) or what the system says on desktops.
    OfEnvironment(reqwest::Client, Arc<Proxies>),
    OfPlatform(SelectedProxies),
}

impl Clients {
    /// Opens nothing yet.
    pub(super) fn new(ingredients: &Ingredients) -> Result<Self, Error> {
        let unusable = |error| Error::Misconfigured(format!("the HTTP client cannot be made: {error}"));
        let https = match &ingredients.proxy_selector {
            Some(selector) => Https::OfPlatform(SelectedProxies::new(ingredients.clone(), selector.clone())),
            None => {
                let proxies = Proxies::of_the_system();
                let client =
                    ingredients.https(|builder| if proxies.none { builder.no_proxy() } else { builder });
                Https::OfEnvironment(client.map_err(unusable)?, Arc::new(proxies))
            }
        };
        Ok(Self { https, http: ingredients.builder().no_proxy().build().map_err(unusable)? })
    }

    /// The client for a request to `url`.
    pub(super) async fn of(&self, url: &Url) -> Result<ClientAndProxy, NetError> {
        match &self.https {
            _ if url.scheme() != "https" => Ok((self.http.clone(), None)),
            Https::OfEnvironment(client, proxies) => match proxies.refusal(url) {
                Some(why) => Err(NetError::NotAllowed(why.to_owned())),
                None => Ok((client.clone(), proxies.of(url))),
            },
            Https::OfPlatform(proxies) => proxies.client(url).await,
        }
    }
}
