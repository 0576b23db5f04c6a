//! Attaches the access token, refreshes and retries once on a 401, and sends to allowed origins only.

use std::{sync::Arc, time::Duration};

use ::http::{HeaderName, HeaderValue, Method, StatusCode};
use url::Url;

use super::message::{HttpRequest, HttpResponse};
use crate::{
    account::{AccessToken, AccountStore, Refresher, TokenRequest, end_of_lost_key, is_gone},
    configuration::unambiguous_url,
    dpop::refuses_proof,
    error::Error,
    net::{NetError, Request, Response, wants_other_token},
    provider::Provider,
};

/// Sends requests with the access token of one account.
#[derive(Debug)]
pub(crate) struct ApiClient {
    pub(super) store: Arc<AccountStore>,
    pub(super) provider: Arc<Provider>,
    pub(super) refresher: Arc<Refresher>,
}

impl ApiClient {
    pub(crate) const fn new(
        store: Arc<AccountStore>,
        provider: Arc<Provider>,
        refresher: Arc<Refresher>,
    ) -> Self {
        Self { store, provider, refresher }
    }

    /// Sends an app's request with the access token.
    pub(crate) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Error> {
        let request = self.checked(request)?;
        let response = self.authenticated(request).await?;
        match self.step_up(response.status, &response.headers) {
            Some(step_up) => Err(Error::StepUpRequired(step_up)),
            None => Ok(response.into()),
        }
    }

    /// Sends `request` with the access token, and a proof if it is bound. If the API wants another token, it is sent
    /// once more with a new one of the same user; if there is none, the API's own response is returned.
    pub(super) async fn authenticated(&self, request: Request) -> Result<Response, Error> {
        // So that it does not expire on its way.
        let token_request = TokenRequest { min_validity: TRAVEL_TIME, ..TokenRequest::default() };
        let token = self.refresher.access_token(token_request).await?;
        let response = self.send_with(&request, &token).await?;
        // A new token does not help against a proof that is refused, nor where more of the user is asked for.
        let unauthorized = response.status == StatusCode::UNAUTHORIZED;
        if !unauthorized
            || refuses_proof(&response)
            || !wants_other_token(&response.headers, token.token_type().as_str())
        {
            return Ok(response);
        }
        match self.refresher.access_token(token.clone().replacement()).await {
            Ok(newer) if newer.has_subject_of(&token) => self.send_with(&request, &newer).await,
            // Another user has signed in meanwhile, and this request is not theirs.
            Ok(_) => Ok(response),
            Err(error) => {
                tracing::info!(%error, "no newer access token; the API's own response is returned");
                Ok(response)
            }
        }
    }

    async fn send_with(&self, request: &Request, token: &AccessToken) -> Result<Response, Error> {
        match self.provider.send(request, token.credentials()).await {
            Ok(response) => Ok(response),
            Err(error) => Err(self.not_sent(token, error).await),
        }
    }

    /// The error of a request that has no response. If the token's key is gone, the session ends.
    pub(super) async fn not_sent(&self, token: &AccessToken, error: NetError) -> Error {
        match token.credentials().key {
            Some(key) if is_gone(&error) => end_of_lost_key(&self.store, key).await,
            _ => error.of_app_request(),
        }
    }

    fn checked(&self, request: HttpRequest) -> Result<Request, Error> {
        let wrong = |what: &str| Error::Misconfigured(format!("the request {what}"));
        let url = self.address_for_tokens(&request.url)?;
        let method = method_of(&request.method)?;
        let mut sent = Request::new(method, url).body(request.body).limit(LARGEST_RESPONSE);
        for (name, value) in &request.headers {
            let name = HeaderName::try_from(name).map_err(|_| wrong("has an invalid header name"))?;
            if SET_BY_THE_SDK.contains(&name.as_str()) {
                return Err(wrong(&format!("sets the header {name}, which the SDK sets itself")));
            }
            let value = HeaderValue::try_from(value).map_err(|_| wrong("has an invalid header value"))?;
            sent = sent.header(name, value);
        }
        Ok(sent)
    }

    /// The address, if a token may be sent there.
    pub(super) fn address_for_tokens(&self, url: &str) -> Result<Url, Error> {
        let wrong = |what: &str| Error::Misconfigured(format!("the request {what}"));
        let url = unambiguous_url(url)
            .ok_or_else(|| wrong("has no absolute URL, or one whose host HTTP clients read differently"))?;
        if !self.provider.configuration().may_receive_tokens(&url) {
            let origin = url.origin().ascii_serialization();
            let what = format!("goes to {origin}, where no token may be sent; allow it with api_origin()");
            return Err(wrong(&what));
        }
        Ok(url)
    }
}

/// The method of this name.
pub(super) fn method_of(name: &str) -> Result<Method, Error> {
    Method::from_bytes(name.as_bytes())
        .map_err(|_| Error::Misconfigured("the request has an invalid HTTP method".into()))
}

/// The size limit of an API's response: 32 MiB.
const LARGEST_RESPONSE: usize = 32 * 1024 * 1024;
/// How long a token must be valid when it is sent.
const TRAVEL_TIME: Duration = Duration::from_secs(10);
/// What the connection sets, and what would move a request elsewhere.
const SET_BY_THE_SDK: [&str; 7] = [
    "authorization",
    "connection",
    "content-length",
    "dpop",
    "host",
    "proxy-authorization",
    "transfer-encoding",
];

#[cfg(test)]
mod tests;
