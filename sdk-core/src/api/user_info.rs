//! What the userinfo endpoint says (OpenID Connect Core §5.3).

use ::http::{HeaderValue, Method, StatusCode, header};
use url::Url;

use super::client::ApiClient;
use crate::{
    account::{AccessToken, metadata},
    error::Error,
    net::{Request, Response, challenges},
    provider::{Refusal, claims_of_verified, read_refusal},
    user::User,
    vault::{Change, StoredState, WhenLost},
};

impl ApiClient {
    /// Asks the userinfo endpoint, and adds its claims to those of the ID token.
    pub(crate) async fn user_info(&self) -> Result<User, Error> {
        let metadata = metadata(&self.store, &self.provider).await?;
        let Some(endpoint) = &metadata.userinfo_endpoint else {
            return Err(Error::refused("userinfo_not_supported", "the provider has no userinfo endpoint"));
        };
        let response = self.authenticated(request_to(endpoint)).await?;
        if response.status != StatusCode::OK {
            return Err(self.userinfo_error(&response));
        }
        let state = self.store.stored_state().await?;
        let subject = state.session().map(|session| session.user.subject.clone());
        let claims = self
            .provider
            .read_userinfo(&metadata, endpoint, &response, subject.as_deref().unwrap_or_default())
            .await?;
        let updated = self.store.update(WhenLost::Fail, move |account| match &mut account.state {
            StoredState::SignedIn(stored) if Some(&stored.user.subject) == subject.as_ref() => {
                let id_token = stored.id_token.as_ref().and_then(|token| claims_of_verified(token.expose()));
                let user = stored.user.described_by(id_token, claims);
                let changed = user != stored.user;
                stored.user = user.clone();
                if changed { Change::Write(Some(user)) } else { Change::Keep(Some(user)) }
            }
            _ => Change::Keep(None),
        });
        // The user signed out, or another one signed in, while the request was under way.
        updated.await?.ok_or(Error::Cancelled)
    }

    /// What a response without claims means. Only an error that the protocol defines, or a 401 after a new token, is
    /// the provider's decision (OpenID Connect Core §5.3.3, RFC 6750 §3.1): a portal or a gateway may have answered.
    fn userinfo_error(&self, response: &Response) -> Error {
        let status = response.status;
        if let Some(retry_after) = self.provider.wait_asked(response) {
            return Error::RateLimited { retry_after };
        }
        let sent = self.store.latest();
        let sent: Vec<_> = sent.iter().map(AccessToken::as_secret).collect();
        if let Some(refusal) = read_refusal(response, &sent).filter(Refusal::is_of_the_protocol) {
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
fn request_to(endpoint: &Url) -> Request {
    let accepted = HeaderValue::from_static("application/json, application/jwt");
    Request::new(Method::GET, endpoint.clone()).header(header::ACCEPT, accepted).document()
}
