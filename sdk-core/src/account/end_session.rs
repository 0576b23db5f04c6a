//! Signing out at the provider, in the browser (OpenID Connect RP-Initiated Logout 1.0).

use std::fmt;

use url::Url;

use crate::{configuration::Configuration, provider::Metadata, secret::Secret};

/// The provider's sign-out page: it ends the user's session in the browser.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndSessionRequest {
    /// The URL to open in the browser.
    pub url: String,
    /// The `state` that the provider sends back with the user, if there is a `post_logout_redirect_uri`.
    pub state: String,
}

impl EndSessionRequest {
    /// `None` if the provider has no sign-out page.
    pub(super) fn new(
        metadata: &Metadata,
        configuration: &Configuration,
        id_token: Option<&Secret>,
        post_logout_redirect_uri: Option<&str>,
    ) -> Option<Self> {
        let mut url = metadata.end_session_endpoint.clone()?;
        let state = Secret::random();
        let to_return = post_logout_redirect_uri
            .map(|uri| [("post_logout_redirect_uri", uri), ("state", state.expose())]);
        let hint = id_token.map(|token| ("id_token_hint", token.expose()));
        let client = ("client_id", configuration.client_id());
        url.query_pairs_mut()
            .extend_pairs(hint.into_iter().chain([client]).chain(to_return.into_iter().flatten()));
        Some(Self { url: Url::into(url), state: state.expose().to_owned() })
    }
}

/// The URL holds the ID token.
impl fmt::Debug for EndSessionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndSessionRequest([redacted])")
    }
}
