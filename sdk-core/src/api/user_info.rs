//! What the userinfo endpoint says (OpenID Connect Core §5.3).

use ::http::StatusCode;

use super::client::ApiClient;
use crate::{
    account::{AccessToken, metadata},
    error::Error,
    provider::userinfo_request,
    user::User,
};

impl ApiClient {
    /// Asks the userinfo endpoint, and adds its claims to those of the ID token.
    pub(crate) async fn user_info(&self) -> Result<User, Error> {
        let metadata = metadata(&self.store, &self.provider).await?;
        let Some(endpoint) = &metadata.userinfo_endpoint else {
            return Err(Error::refused("userinfo_not_supported", "the provider has no userinfo endpoint"));
        };
        let response = self.authenticated(userinfo_request(endpoint)).await?;
        if response.status != StatusCode::OK {
            let sent = self.store.latest();
            let sent: Vec<_> = sent.iter().map(AccessToken::as_secret).collect();
            return Err(self.provider.userinfo_error(&response, &sent));
        }
        let state = self.store.stored_state().await?;
        let subject = state.session().map_or_else(String::new, |session| session.user.subject.clone());
        let claims = self.provider.read_userinfo(&metadata, endpoint, &response, Some(&subject)).await?;
        // The user signed out, or another one signed in, while the request was under way.
        self.store.describe_user(subject, claims).await?.ok_or(Error::Cancelled)
    }
}
