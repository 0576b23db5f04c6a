//! The userinfo endpoint (OpenID Connect Core §5.3).

use ::http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Map, Value};
use url::Url;

use super::Provider;
use crate::{
    dpop::{Credentials, ProofKey},
    error::Error,
    net::{Request, Response, challenges},
    provider::{
        metadata::Metadata,
        token_response::{Refusal, read_refusal},
        userinfo::UserInfoError,
    },
    secret::Secret,
};

impl Provider {
    /// The subject and the claims of the user whose access token this is; they must be about `subject` if the user is
    /// known already.
    ///
    /// # Errors
    /// [`Error::Refused`] if the response does not say who the user is, and those of the network.
    pub(crate) async fn ask_for_userinfo(
        &self,
        metadata: &Metadata,
        endpoint: &Url,
        access_token: &Secret,
        key: Option<&ProofKey>,
        subject: Option<&str>,
    ) -> Result<(String, Map<String, Value>), Error> {
        let credentials = Credentials { key, access_token: Some(access_token) };
        let response = self.send(&userinfo_request(endpoint), credentials).await?;
        if response.status != StatusCode::OK {
            return Err(self.userinfo_error(&response, &[access_token]));
        }
        let claims = self.read_userinfo(metadata, endpoint, &response, subject).await?;
        let subject = claims.get("sub").and_then(Value::as_str).map(str::to_owned);
        Ok((subject.ok_or(UserInfoError::Anonymous)?, claims))
    }

    /// What a response without claims means. Only an error that the protocol defines, or a 401 after a new token, is
    /// the provider's decision (OpenID Connect Core §5.3.3, RFC 6750 §3.1): a portal or a gateway may have answered.
    /// What was `sent` is redacted.
    pub(crate) fn userinfo_error(&self, response: &Response, sent: &[&Secret]) -> Error {
        let status = response.status;
        if let Some(retry_after) = self.wait_asked(response) {
            return Error::RateLimited { retry_after };
        }
        if let Some(refusal) = read_refusal(response, sent).filter(Refusal::is_of_the_protocol) {
            return refusal.into();
        }
        let challenged = challenges(&response.headers).iter().any(|challenge| {
            let is_ours = challenge.is_of("Bearer") || challenge.is_of("DPoP");
            is_ours && (status == StatusCode::UNAUTHORIZED || challenge.error().is_some())
        });
        if challenged {
            return Error::refused("userinfo_refused", format!("the provider answered with {status}"));
        }
        tracing::info!(why = format!("the userinfo endpoint answered with {status}"), "no claims");
        Error::offline()
    }
}

/// Whether the claims are signed is for the provider to say: it depends on the client's registration.
pub(crate) fn userinfo_request(endpoint: &Url) -> Request {
    let accepted = HeaderValue::from_static("application/json, application/jwt");
    Request::new(Method::GET, endpoint.clone()).header(header::ACCEPT, accepted).document()
}
