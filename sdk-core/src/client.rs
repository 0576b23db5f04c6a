//! What an app holds.

use std::time::Duration;

use crate::{
    AccessToken, AuthorizationRequest, Configuration, Error, HttpRequest, HttpResponse, Platform, SessionInfo,
    SessionState, SessionStates, SignInOptions, User,
};

/// One account's session. Cheap to clone; clones share everything.
#[derive(Debug, Clone)]
pub struct Moorline {}

impl Moorline {
    /// Opens the vault (not the network) and finds out whether somebody is signed in.
    pub fn new(_configuration: Configuration, _platform: Platform) -> Result<Self, Error> {
        unimplemented!()
    }

    /// The state just now, as far as this process knows.
    pub fn state(&self) -> SessionState {
        unimplemented!()
    }

    /// The state, and then each change of it.
    pub fn states(&self) -> SessionStates {
        unimplemented!()
    }

    /// What is known about the session; nothing where nobody is signed in.
    pub fn session_info(&self) -> Option<SessionInfo> {
        unimplemented!()
    }

    /// The configuration that it was made with.
    pub fn configuration(&self) -> &Configuration {
        unimplemented!()
    }

    /// Starts a sign-in: the address to open in the browser.
    pub async fn start_sign_in(&self, _options: SignInOptions) -> Result<AuthorizationRequest, Error> {
        unimplemented!()
    }

    /// Ends a sign-in with the address that the browser was sent back to.
    pub async fn finish_sign_in(&self, _callback_url: &str) -> Result<User, Error> {
        unimplemented!()
    }

    /// Forgets a sign-in that was started.
    pub async fn cancel_sign_in(&self) -> Result<(), Error> {
        unimplemented!()
    }

    /// An access token that is good for at least `min_validity`, refreshed where needed.
    pub async fn access_token(&self, _min_validity: Duration) -> Result<AccessToken, Error> {
        unimplemented!()
    }

    /// A new access token, whatever is left of the present one.
    pub async fn refresh(&self) -> Result<AccessToken, Error> {
        unimplemented!()
    }

    /// What the provider's userinfo endpoint says about the person.
    pub async fn user_info(&self) -> Result<User, Error> {
        unimplemented!()
    }

    /// Sends a request with the access token; refreshes and sends it once more on a 401.
    pub async fn send(&self, _request: HttpRequest) -> Result<HttpResponse, Error> {
        unimplemented!()
    }

    /// Signs out: forgets the session on this device, then tells the provider.
    pub async fn sign_out(&self) -> Result<SignOut, Error> {
        unimplemented!()
    }
}

/// How a sign-out went. The session is gone from this device in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignOut {
    /// Whether the provider has revoked the session. If not, that is queued, and told again at the next chance.
    pub revoked: bool,
}
