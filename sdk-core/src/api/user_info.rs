//! What the userinfo endpoint says (OpenID Connect Core §5.3).

use ::http::{HeaderValue, Method, StatusCode, header};
use url::Url;

use super::client::ApiClient;
use crate::{
    account::{AccessToken, metadata},
    error::Error,
    net::Request,
    provider::read_refusal,
    user::User,
    vault::{Change, StoredState, WhenLost},
};

impl ApiClient {
    /// Asks the userinfo endpoint, and adds its claims to what is known about the user.
    pub(crate) async fn user_info(&self) -> Result<User, Error> {
        let metadata = metadata(&self.store, &self.provider).await?;
        let Some(endpoint) = &metadata.userinfo_endpoint else {
            return Err(Error::refused("userinfo_not_supported", "the provider has no userinfo endpoint"));
        };
        let response = self.authenticated(request_to(endpoint)).await?;
        if response.status != StatusCode::OK {
            let sent = self.store.latest();
            let sent: Vec<_> = sent.iter().map(AccessToken::as_secret).collect();
            return Err(match read_refusal(&response, &sent) {
                Some(refusal) => refusal.into(),
                None if response.status.is_client_error() => {
                    let description = format!("the provider answered with {}", response.status);
                    Error::refused("userinfo_refused", description)
                }
                None => Error::offline(),
            });
        }
        let state = self.store.stored_state().await?;
        let subject = state.session().map(|session| session.user.subject.clone());
        let claims = self
            .provider
            .read_userinfo(&metadata, endpoint, &response, subject.as_deref().unwrap_or_default())
            .await?;
        let updated = self.store.update(WhenLost::Fail, move |account| match &mut account.state {
            StoredState::SignedIn(stored) if Some(&stored.user.subject) == subject.as_ref() => {
                let user = stored.user.with(claims);
                let changed = user != stored.user;
                stored.user = user.clone();
                if changed { Change::Write(Some(user)) } else { Change::Keep(Some(user)) }
            }
            _ => Change::Keep(None),
        });
        // The user signed out, or another one signed in, while the request was under way.
        updated.await?.ok_or(Error::Cancelled)
    }
}

/// Whether the claims are signed is for the provider to say: it depends on the client's registration.
fn request_to(endpoint: &Url) -> Request {
    let accepted = HeaderValue::from_static("application/json, application/jwt");
    Request::new(Method::GET, endpoint.clone()).header(header::ACCEPT, accepted)
}
