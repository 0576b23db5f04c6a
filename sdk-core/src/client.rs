//! What an app holds.

use std::{future::Future, sync::Arc, time::Duration};

use crate::{
    AccessToken, AuthorizationRequest, Configuration, Error, HttpRequest, HttpResponse, Platform,
    RequestHeaders, SessionInfo, SessionState, SessionStates, SignInOptions, User, http, login,
    session::{Need, Session},
};

/// One account's session. Cheap to clone; clones share everything. Several of them, also in several processes, may
/// share one vault.
#[derive(Debug, Clone)]
pub struct Moorline {
    session: Arc<Session>,
}

impl Moorline {
    /// Opens the vault (not the network) and finds out whether somebody is signed in. May block for the time that the key
    /// store takes. A vault that can't be opened is no error here: the state tells. Errors: [`Error::Misconfigured`].
    pub fn new(configuration: Configuration, platform: Platform) -> Result<Self, Error> {
        Ok(Self { session: Session::open(configuration, platform)? })
    }

    /// The state just now, as far as this process knows: what another process did is known at the next use of the vault.
    pub fn state(&self) -> SessionState {
        self.session.state()
    }

    /// The state, and then each change of it.
    pub fn states(&self) -> SessionStates {
        self.session.states()
    }

    /// What is known about the session; nothing where nobody is signed in.
    pub fn session_info(&self) -> Option<SessionInfo> {
        self.session.info()
    }

    /// The configuration that it was made with.
    pub fn configuration(&self) -> &Configuration {
        &self.session.configuration
    }

    /// Starts a sign-in: the address to open in the browser. What is needed to finish it is in the vault, so that the process
    /// may die meanwhile. Errors: [`Error::Offline`], [`Error::PinMismatch`], [`Error::StorageUnavailable`],
    /// [`Error::StorageLost`] with a vault of a newer SDK, [`Error::Misconfigured`] (also where the provider only has bearer
    /// tokens, and the configuration doesn't [allow](crate::ConfigurationBuilder::allow_bearer) them).
    pub async fn start_sign_in(&self, options: SignInOptions) -> Result<AuthorizationRequest, Error> {
        self.on_own_threads(async move |session| login::start(&session, options).await).await
    }

    /// Ends a sign-in with the address that the browser was sent back to. The same address given again returns the same
    /// person. Errors: [`Error::Cancelled`] when the person said no or the sign-in was cancelled, [`Error::Refused`]
    /// when the answer fails a check, [`Error::ClockSkew`], and those of the network and the storage; after one that is
    /// retryable, call again with the same address.
    pub async fn finish_sign_in(&self, callback_url: &str) -> Result<User, Error> {
        let callback_url = callback_url.to_owned();
        self.on_own_threads(async move |session| login::finish(&session, &callback_url).await).await
    }

    /// Forgets a sign-in that was started, because the browser was closed, say.
    pub async fn cancel_sign_in(&self) -> Result<(), Error> {
        self.on_own_threads(async move |session| login::cancel(&session).await).await
    }

    /// An access token that is good for at least `min_validity`: from memory where there is one, refreshed otherwise. (If
    /// all that the provider issues is shorter, a fresh one.) Callers at the same time share one refresh, and it goes on
    /// when they stop waiting. Errors: [`Error::SignedOut`], [`Error::NeedsReauth`], and those of the network and the
    /// storage, which leave the session as it is.
    pub async fn access_token(&self, min_validity: Duration) -> Result<AccessToken, Error> {
        let need = Need { min_validity, rejected: None };
        if let Some(token) = self.session.held(&need) {
            return Ok(token);
        }
        self.on_own_threads(async move |session| session.access_token(need).await).await
    }

    /// A new access token, whatever is left of the present one. Errors: as for [`access_token`](Self::access_token).
    pub async fn refresh(&self) -> Result<AccessToken, Error> {
        // The one that the caller knows: callers at the same time mean the same new one.
        let present = self.session.latest();
        self.on_own_threads(async move |session| session.refresh(present).await).await
    }

    /// What the provider's userinfo endpoint says about the person; the session's [`User`] knows it from then on. Errors: as
    /// for [`send`](Self::send), and [`Error::Refused`] when the answer is about somebody else.
    pub async fn user_info(&self) -> Result<User, Error> {
        self.on_own_threads(async move |session| login::user_info(&session).await).await
    }

    /// Sends a request with the access token, and a proof where that is bound; on a 401, refreshes and sends it once more. The answer comes back whatever
    /// its status, redirects included: they aren't followed. Errors: [`Error::Misconfigured`] when the address isn't the
    /// issuer's nor one that the configuration allows, and as for [`access_token`](Self::access_token).
    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Error> {
        self.session.executor.run_here(http::send(&self.session, request)).await
    }

    /// What a request must carry that an HTTP client of the app's own sends: `Authorization`, and `DPoP` where the token is
    /// bound. They are for this method and this address (its query doesn't matter), and for one send: ask anew for each.
    /// The token is good for at least `min_validity`. Errors: [`Error::Misconfigured`] when the address isn't the issuer's
    /// nor one that the configuration allows, and as for [`access_token`](Self::access_token).
    ///
    /// An API may answer 401 with a `DPoP-Nonce` that it wants to see in the proof: hand that to
    /// [`learn_nonce`](Self::learn_nonce), ask for the headers again, and send again.
    pub async fn request_headers(
        &self,
        method: &str,
        url: &str,
        min_validity: Duration,
    ) -> Result<RequestHeaders, Error> {
        let (method, url) = (method.to_owned(), url.to_owned());
        self.on_own_threads(async move |session| session.request_headers(&method, &url, min_validity).await)
            .await
    }

    /// Takes in the `DPoP-Nonce` header of an answer from `url`, for the next proof that goes to the same origin. Any answer
    /// may have one, not only a 401. ([`send`](Self::send) does all this by itself.) Errors: [`Error::Misconfigured`] when
    /// no token may go there.
    pub fn learn_nonce(&self, url: &str, nonce: &str) -> Result<(), Error> {
        self.session.learn_nonce(url, nonce)
    }

    /// Signs out: forgets the session on this device, then tells the provider. Errors: [`Error::StorageUnavailable`], and
    /// then nothing has happened.
    pub async fn sign_out(&self) -> Result<SignOut, Error> {
        self.on_own_threads(async move |session| session.sign_out().await).await
    }

    async fn on_own_threads<T, F>(&self, work: impl FnOnce(Arc<Session>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.session.executor.run(work(self.session.clone())).await
    }
}

/// How a sign-out went. The session is gone from this device in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignOut {
    /// Whether the provider has revoked the session. If not, it couldn't be reached (then that is queued, and told again at
    /// the next chance), it has no way to revoke, or the token was lost with a vault that couldn't be read any more.
    pub revoked: bool,
}
