//! The headers that carry the access token, for apps with an HTTP client of their own.

use std::fmt;

use super::client::{ApiClient, method_of};
use crate::{account::TokenRequest, error::Error, secret::Secret, token_options::AccessTokenOptions};

/// The header fields that authenticate one request. `Debug` never shows them.
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

    /// The value of `DPoP`: a proof for one request, sent once (RFC 9449). `None` for a bearer token.
    pub fn dpop(&self) -> Option<&str> {
        self.dpop.as_ref().map(Secret::expose)
    }
}

impl fmt::Debug for RequestHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHeaders").field("bound", &self.dpop.is_some()).finish_non_exhaustive()
    }
}

impl ApiClient {
    /// The headers for a request of this method to this address.
    pub(crate) async fn request_headers(
        &self,
        method: &str,
        url: &str,
        options: &AccessTokenOptions,
    ) -> Result<RequestHeaders, Error> {
        let url = self.address_for_tokens(url)?;
        let method = method_of(method)?;
        let token = self.refresher.access_token(TokenRequest::of(options)).await?;
        let credentials = token.credentials();
        let headers = self.provider.headers(&method, &url, credentials.key, token.as_secret()).await;
        let (authorization, dpop) = match headers {
            Ok(headers) => headers,
            Err(error) => return Err(self.not_sent(&token, error).await),
        };
        Ok(RequestHeaders { authorization, dpop })
    }

    /// The same without waiting: `None` if that takes a refresh or a signer, or ends in an error.
    pub(crate) fn held_request_headers(
        &self,
        method: &str,
        url: &str,
        options: &AccessTokenOptions,
    ) -> Option<RequestHeaders> {
        let url = self.address_for_tokens(url).ok()?;
        let method = method_of(method).ok()?;
        let token = self.store.held(&TokenRequest::of(options))?;
        let headers = self.provider.headers_now(&method, &url, token.credentials().key, token.as_secret());
        headers.map(|(authorization, dpop)| RequestHeaders { authorization, dpop })
    }

    /// Takes in the `DPoP-Nonce` of a response.
    pub(crate) fn learn_nonce(&self, url: &str, nonce: &str) -> Result<(), Error> {
        let url = self.address_for_tokens(url)?;
        self.provider.learn_nonce(&url, nonce);
        Ok(())
    }
}
