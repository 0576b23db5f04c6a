//! For apps that have an HTTP client of their own.

use std::{fmt, sync::Arc, time::Duration};

use ::http::Method;
use url::Url;

use super::{Need, engine::Session};
use crate::{AccessToken, Error, vault::Secret};

/// The header fields that let one request in. Its `Debug` never shows them.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestHeaders {
    authorization: Secret,
    dpop: Option<Secret>,
}

impl RequestHeaders {
    /// The value of `Authorization`.
    pub fn authorization(&self) -> &str {
        self.authorization.expose()
    }

    /// The value of `DPoP`: a proof for one request, sent once (RFC 9449). Nothing where the token is a bearer token.
    pub fn dpop(&self) -> Option<&str> {
        self.dpop.as_ref().map(Secret::expose)
    }
}

impl fmt::Debug for RequestHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHeaders").field("bound", &self.dpop.is_some()).finish_non_exhaustive()
    }
}

impl Session {
    /// The headers for a request of this method to this address.
    pub(crate) async fn request_headers(
        self: &Arc<Self>,
        method: &str,
        url: &str,
        min_validity: Duration,
    ) -> Result<RequestHeaders, Error> {
        let url = self.address_for_tokens(url)?;
        let method = method_of(method)?;
        let token: AccessToken = self.access_token(Need { min_validity, rejected: None }).await?;
        let credentials = token.credentials();
        let (authorization, dpop) = self.sender.headers(&method, &url, credentials.key, token.as_secret());
        Ok(RequestHeaders { authorization, dpop })
    }

    /// Takes in the `DPoP-Nonce` of an answer.
    pub(crate) fn learn_nonce(&self, url: &str, nonce: &str) -> Result<(), Error> {
        let url = self.address_for_tokens(url)?;
        self.sender.learn_nonce(&url, nonce);
        Ok(())
    }

    /// The address, if a token may go there.
    pub(crate) fn address_for_tokens(&self, url: &str) -> Result<Url, Error> {
        let wrong = |what: &str| Error::Misconfigured(format!("the request {what}"));
        let url = Url::parse(url).map_err(|_| wrong("has no absolute address"))?;
        if !self.configuration.may_receive_tokens(&url) {
            let origin = url.origin().ascii_serialization();
            let what = format!("goes to {origin}, where no token may go; allow it with api_origin()");
            return Err(wrong(&what));
        }
        Ok(url)
    }
}

/// The method of this name.
pub(crate) fn method_of(name: &str) -> Result<Method, Error> {
    Method::from_bytes(name.as_bytes())
        .map_err(|_| Error::Misconfigured("the request has no HTTP method".into()))
}
