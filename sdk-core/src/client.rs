//! What an app holds.

use std::{future::Future, sync::Arc, time::Duration};

use crate::{
    account::{AccessToken, IdToken, SessionInfo, SignOutOptions, SignOutOutcome, TokenRequest},
    api::{HttpRequest, HttpResponse, RequestHeaders},
    configuration::Configuration,
    error::Error,
    platform::Platform,
    secret::Secret,
    session::Session,
    sign_in::{
        AdoptOptions, AuthState, AuthorizationRequest, DeviceAuthorization, DeviceSignInOptions, Offer,
        SignInOptions,
    },
    state::{SessionState, SessionStates},
    step_up::StepUp,
    token_options::AccessTokenOptions,
    user::User,
};

/// One account's session. Cheap to clone; clones share everything, and so do all that are made in one process with the
/// same vault and account. Several processes may share one vault.
#[derive(Debug, Clone)]
pub struct Moorline {
    session: Arc<Session>,
}

impl Moorline {
    /// Opens the vault (not the network) and reads whether a user is signed in. Returns within a tenth of a second: if
    /// the key store takes longer, the [state](Self::state) is [`Locked`](SessionState::Locked) until the vault was
    /// read, and [`states`](Self::states) reports the change. An unreadable vault is not an error either.
    ///
    /// # Errors
    /// [`Error::Misconfigured`], also if this process uses the same account with another configuration.
    pub fn new(configuration: Configuration, platform: Platform) -> Result<Self, Error> {
        Ok(Self { session: Session::shared(configuration, platform)? })
    }

    /// The object of a session.
    pub(crate) const fn of(session: Arc<Session>) -> Self {
        Self { session }
    }

    /// Returns this process's view of the session. Changes made by other processes appear the next time the vault is
    /// read.
    pub fn state(&self) -> SessionState {
        self.session.follow_vault();
        self.session.store.state()
    }

    /// The state, and then each change of it.
    pub fn states(&self) -> SessionStates {
        self.session.store.states()
    }

    /// Waits until the vault was read for the first time, for a program that has to know the state before it goes on:
    /// for ten seconds at most, if the key store does not answer. Apps with a user interface watch
    /// [`states`](Self::states) instead.
    pub async fn opened(&self) {
        self.session.store.loaded().await;
    }

    /// What is known about the session, or `None` if nobody is signed in.
    pub fn session_info(&self) -> Option<SessionInfo> {
        self.session.follow_vault();
        self.session.store.info()
    }

    /// The latest ID token of the session, or `None` if nobody is signed in (or the vault is older than this SDK).
    pub fn id_token(&self) -> Option<IdToken> {
        self.session.follow_vault();
        self.session.store.id_token()
    }

    /// The configuration.
    pub fn configuration(&self) -> &Configuration {
        self.session.configuration()
    }

    /// Starts a sign-in: returns the URL to open in the browser. What is needed to finish it is in the vault, so that
    /// the process may end meanwhile. It has to be finished within an hour.
    ///
    /// # Errors
    /// Those of the network and the storage, and [`Error::Misconfigured`], also if the provider only has bearer tokens
    /// and the configuration does not [allow](crate::ConfigurationBuilder::allow_bearer) them.
    pub async fn start_sign_in(&self, options: SignInOptions) -> Result<AuthorizationRequest, Error> {
        self.on_own_threads(async move |session| session.sign_in.start(options).await).await
    }

    /// Finishes a sign-in with the URL that the browser was redirected to. The same URL given again returns the same
    /// user.
    ///
    /// If the ID token lacks the claims of `profile` or `email` that were granted, the provider's userinfo endpoint is
    /// asked for them, for five seconds at most. Without an answer the user has a `subject` and no name:
    /// [`user_info`](Self::user_info) asks again.
    ///
    /// # Errors
    /// [`Error::Cancelled`] if the user denied the request or the sign-in was cancelled, [`Error::Refused`] if the
    /// provider refused, its response failed a check, or the sign-in took longer than an hour (`sign_in_expired`):
    /// then the sign-in has ended. After any other error (network, storage, [`Error::ClockSkew`]) the sign-in goes on:
    /// call again with the same URL.
    pub async fn finish_sign_in(&self, callback_url: &str) -> Result<User, Error> {
        let callback_url = callback_url.to_owned();
        self.on_own_threads(async move |session| session.sign_in.finish(&callback_url).await).await
    }

    /// Starts a sign-in on another device (RFC 8628), for a device without a browser or a keyboard: returns the code
    /// that the user enters there, and the address. Call [`finish_device_sign_in`](Self::finish_device_sign_in) next.
    /// The sign-in is in the vault, so that the process may end meanwhile.
    ///
    /// # Errors
    /// Those of the network and the storage, [`Error::Refused`] with `device_grant_not_supported` if the provider has
    /// no device grant, or with `invalid_device_authorization` if its answer cannot be used, and
    /// [`Error::Misconfigured`] as for [`start_sign_in`](Self::start_sign_in).
    pub async fn start_device_sign_in(
        &self,
        options: DeviceSignInOptions,
    ) -> Result<DeviceAuthorization, Error> {
        self.on_own_threads(async move |session| session.sign_in.start_device(options).await).await
    }

    /// Waits until the user has decided on the other device, or the code has expired, and finishes the sign-in with
    /// this [`id`](DeviceAuthorization::id). Trouble of the network does not end the wait. The wait ends when the
    /// caller stops waiting, and the sign-in goes on: call again, also in another process. Once it is finished, the
    /// same id returns the same user.
    ///
    /// # Errors
    /// [`Error::Cancelled`] if the user denied the request, or the sign-in was cancelled, replaced by another or never
    /// started; [`Error::Refused`] with `expired_token` if the code has expired, or if the provider refused or its
    /// response failed a check: then the sign-in has ended. After any other error (storage, [`Error::Untrusted`],
    /// [`Error::ClockSkew`]) it goes on: call again.
    pub async fn finish_device_sign_in(&self, id: &str) -> Result<User, Error> {
        self.session.finish_device_sign_in(id).await
    }

    /// The latest sign-in on another device whose code still lives: one that another process has started, for example.
    /// `None` if there is none.
    ///
    /// # Errors
    /// Those of the storage.
    pub async fn pending_device_sign_in(&self) -> Result<Option<DeviceAuthorization>, Error> {
        self.on_own_threads(async move |session| session.sign_in.pending_device().await).await
    }

    /// Adopts the session of another library, so that nobody has to sign in again: refreshes its refresh token once,
    /// bound to this device's key if the provider can, and stores what comes. Call it at each start of the app for as
    /// long as the other library's token is there, and delete that when it returns a user: the provider may have
    /// replaced it.
    ///
    /// The token is in the vault before it is sent. After an error with a [`retry`](Error::retry), call again with the
    /// same token: it goes on where it stopped, also in another process. Once the session is there, the same token
    /// returns its user and sends nothing. After a sign-out, it does not bring the session back.
    ///
    /// # Errors
    /// [`Error::Refused`]: with the provider's code if it refused the token (`invalid_grant`), with `already_signed_in`
    /// if another session is there, `another_user` if the token is another user's than the
    /// [options](AdoptOptions::subject) say, `no_subject` if the provider does not say whose it is, `unbound_token` if
    /// it offers DPoP and issued a bearer token, and `invalid_refresh_token` for text that is none. The state is
    /// unchanged then. [`Error::SignedOut`] or [`Error::NeedsReauth`] if the session of this token has ended. Those of
    /// the network and the storage, and [`Error::Misconfigured`] as for [`start_sign_in`](Self::start_sign_in).
    pub async fn adopt(&self, refresh_token: &str, options: AdoptOptions) -> Result<User, Error> {
        let refresh_token = Secret::new(refresh_token.to_owned());
        self.take_over(Offer { refresh_token, options, token_endpoint: None }).await
    }

    /// The same with the serialised `AuthState` of AppAuth for Android (`jsonSerializeString()`): its refresh token is
    /// adopted if its issuer and client are those of the configuration. The scopes are its own, unless the options have
    /// some.
    ///
    /// # Errors
    /// [`Error::Refused`] with `invalid_auth_state` if the text cannot be read or has no refresh token, with
    /// `auth_state_mismatch` if it is of another issuer or client (nothing was sent), and as for
    /// [`adopt`](Self::adopt).
    pub async fn adopt_app_auth(&self, auth_state: &str, options: AdoptOptions) -> Result<User, Error> {
        let offer = AuthState::read(auth_state)?.offer(self.configuration(), options)?;
        self.take_over(offer).await
    }

    /// Goes on with an adoption that has begun, and returns its user, also if it is done already; `None` if there is
    /// none. For a library that gives its token only together with a refresh of its own: call this first, and ask that
    /// library for its token only if this returns `None`. The token that was handed over may be spent, and a provider
    /// may take another use of it for a theft.
    ///
    /// # Errors
    /// As for [`adopt`](Self::adopt).
    pub async fn resume_adoption(&self, options: AdoptOptions) -> Result<Option<User>, Error> {
        self.on_own_threads(async move |session| session.sign_in.resume_adoption(&options).await).await
    }

    async fn take_over(&self, offer: Offer) -> Result<User, Error> {
        self.on_own_threads(async move |session| session.sign_in.adopt(offer).await).await
    }

    /// Whether `url` is the callback of a sign-in of this account: one that was started here, or the one that the
    /// session came from. An app that gets URLs for several purposes asks before it calls
    /// [`finish_sign_in`](Self::finish_sign_in). Text that is no URL is nobody's callback.
    ///
    /// # Errors
    /// Those of the storage.
    pub async fn is_callback(&self, url: &str) -> Result<bool, Error> {
        let url = url.to_owned();
        self.on_own_threads(async move |session| session.sign_in.owns(&url).await).await
    }

    /// Deletes a sign-in that was started, because the user closed the browser, for example.
    ///
    /// # Errors
    /// Those of the storage.
    pub async fn cancel_sign_in(&self) -> Result<(), Error> {
        self.on_own_threads(async move |session| session.sign_in.cancel().await).await
    }

    /// Says that the user came back from the browser without a callback: the state is what it was before the sign-in.
    /// That is a hint, and no cancellation: the browser may still be open, so a late callback finishes the sign-in.
    /// [`cancel_sign_in`](Self::cancel_sign_in) deletes it.
    pub fn leave_sign_in(&self) {
        self.session.sign_in.leave();
    }

    /// Returns an access token that is valid for at least `min_validity`: from memory if there is one, refreshed
    /// otherwise. If all tokens of the provider are shorter, it is the freshest one; check
    /// [`expires_in`](crate::AccessToken::expires_in). Concurrent callers share one refresh, and it goes on when they
    /// stop waiting.
    ///
    /// With a [`resource`](AccessTokenOptions::resource) or a smaller [`scope`](AccessTokenOptions::scope), it is
    /// a token for that alone: refreshed at first, then from memory, each by itself.
    ///
    /// # Errors
    /// [`Error::SignedOut`], [`Error::NeedsReauth`], and those of the network and the storage, which leave the session
    /// as it is. [`Error::StepUpRequired`] if a scope was not granted, [`Error::Misconfigured`] if the resource was not
    /// named at the sign-in ([`resources`](crate::ConfigurationBuilder::resources)), and [`Error::Refused`] if the
    /// provider has no such token (`invalid_target`).
    pub async fn access_token(&self, options: impl Into<AccessTokenOptions>) -> Result<AccessToken, Error> {
        let request = TokenRequest::of(&options.into());
        if let Some(token) = self.session.store.held(&request) {
            return Ok(token);
        }
        self.on_own_threads(async move |session| session.access_token(request).await).await
    }

    /// Returns what [`access_token`](Self::access_token) would return from memory, without waiting: `None` if that
    /// function has to be called. (It looks here first. This is for callers to whom an asynchronous call is expensive,
    /// such as the libraries for other languages.)
    pub fn held_access_token(&self, min_validity: Duration) -> Option<AccessToken> {
        self.session.store.held(&TokenRequest::of(&min_validity.into()))
    }

    /// Returns an access token other than `rejected`, which an API has rejected: the current one if it is another, a
    /// new one otherwise. So any number of late rejections of one token make one refresh. With `None`, a new token in
    /// any case.
    ///
    /// # Errors
    /// As for [`access_token`](Self::access_token).
    pub async fn refresh(&self, rejected: Option<&AccessToken>) -> Result<AccessToken, Error> {
        let rejected = rejected.cloned().or_else(|| self.session.store.latest());
        self.on_own_threads(async move |session| session.refresher.refresh_now(rejected).await).await
    }

    /// Asks the provider's userinfo endpoint about the user; the session's [`User`] has its claims from then on.
    ///
    /// # Errors
    /// As for [`send`](Self::send), and [`Error::Refused`] if the response is about another user.
    pub async fn user_info(&self) -> Result<User, Error> {
        self.on_own_threads(async move |session| session.api.user_info().await).await
    }

    /// Sends a request with the access token, and a proof if it is bound; if the API rejects the token, refreshes and
    /// sends the request once more. Returns the response whatever its status, redirects included: they are not
    /// followed. If no new token can be had, returns the API's own response.
    ///
    /// # Errors
    /// [`Error::StepUpRequired`] if the API asks more of the user.
    /// [`Error::Misconfigured`] if the URL is neither of the issuer's origin nor of one that the configuration allows,
    /// and as for [`access_token`](Self::access_token). Check [`maybe_sent`](Error::maybe_sent) before you repeat a
    /// request that changes something.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Error> {
        self.session.executor.run_here(self.session.api.send(request)).await
    }

    /// Returns the headers for a request that an HTTP client of the app's own sends: `Authorization`, and `DPoP` if
    /// the token is bound. They are for this method and URL (its query does not matter), and for one send: request new
    /// ones for each.
    ///
    /// An API may answer 401 with a `DPoP-Nonce` that it wants to see in the proof: pass it to
    /// [`learn_nonce`](Self::learn_nonce), ask for the headers again, and send again.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] if the URL is neither of the issuer's origin nor of one that the configuration allows,
    /// and as for [`access_token`](Self::access_token).
    pub async fn request_headers(
        &self,
        method: &str,
        url: &str,
        options: impl Into<AccessTokenOptions>,
    ) -> Result<RequestHeaders, Error> {
        let options = options.into();
        if let Some(headers) = self.session.api.held_request_headers(method, url, &options) {
            return Ok(headers);
        }
        let (method, url) = (method.to_owned(), url.to_owned());
        self.on_own_threads(async move |session| session.api.request_headers(&method, &url, &options).await)
            .await
    }

    /// The same headers, without waiting, where the token is in memory and its key, if it is bound, in this process:
    /// `None` if [`request_headers`](Self::request_headers) has to be called, also for its errors.
    pub fn held_request_headers(
        &self,
        method: &str,
        url: &str,
        min_validity: Duration,
    ) -> Option<RequestHeaders> {
        self.session.api.held_request_headers(method, url, &min_validity.into())
    }

    /// Takes in the `DPoP-Nonce` header of a response from `url`, for the next proof that goes to the same origin. Any
    /// response may have one, not only a 401. ([`send`](Self::send) does all this by itself.)
    ///
    /// # Errors
    /// [`Error::Misconfigured`] if no token may be sent there.
    pub fn learn_nonce(&self, url: &str, nonce: &str) -> Result<(), Error> {
        self.session.api.learn_nonce(url, nonce)
    }

    /// What a response of an API asks of the user, for an HTTP client of the app's own: the response's status and the
    /// values of its `WWW-Authenticate` fields. `None` if it asks for nothing that a sign-in can answer.
    /// ([`send`](Self::send) does this by itself, and returns [`Error::StepUpRequired`].)
    pub fn step_up_of<'a>(
        &self,
        status: u16,
        www_authenticate: impl IntoIterator<Item = &'a str>,
    ) -> Option<StepUp> {
        self.session.api.step_up_of(status, www_authenticate)
    }

    /// Signs out: clears the session on this device, then revokes it at the provider, which may take one request
    /// time-out. Sends what earlier sign-outs have queued, too. No browser is opened: with
    /// [`SignOutOptions::end_session`] the outcome has the provider's sign-out page, for the app to open.
    ///
    /// # Errors
    /// [`Error::StorageUnavailable`], or [`Error::Misconfigured`] if the redirect URI is not one, and then nothing has
    /// happened.
    pub async fn sign_out(&self, options: SignOutOptions) -> Result<SignOutOutcome, Error> {
        self.on_own_threads(async move |session| session.sign_out(&options).await).await
    }

    /// Drops connections that nobody uses, because the device's network has changed: call it when the platform says
    /// so. What is under way goes on. Without it, a request on a connection that has died quietly costs one short
    /// time-out. A wait that was asked for ([`Error::RateLimited`]) ends: something on the old network may have asked.
    pub fn network_changed(&self) {
        self.session.provider.network_changed();
    }

    /// Finishes what is under way, before the process ends: a refresh that was sent is stored, tokens of a sign-in
    /// that cannot be finished are revoked. Waits for `limit` at most. The library installs no signal handlers: call
    /// this from yours.
    ///
    /// # Errors
    /// [`Error::Offline`] if the time did not suffice, and those of the storage.
    pub async fn shutdown(&self, limit: Duration) -> Result<(), Error> {
        self.on_own_threads(async move |session| session.shutdown(limit).await).await
    }

    /// Forgets the vault's key and the session in memory; the [state](Self::state) is
    /// [`Locked`](SessionState::Locked) until the vault is read again, which needs the key store. For a key store that
    /// asks the user: lock it first. A refresh that is under way is finished and stored before. Nobody is signed out.
    /// Accounts that one [`Accounts`](crate::Accounts) has opened have one key: all of them are locked.
    ///
    /// # Errors
    /// Those of the storage if a token is in memory only because it could not be stored: then nothing is forgotten.
    pub async fn lock(&self) -> Result<(), Error> {
        self.on_own_threads(async move |session| session.lock().await).await
    }

    /// Reads the vault again, because the key store was unlocked, and returns the state.
    ///
    /// # Errors
    /// Those of the storage.
    pub async fn reload(&self) -> Result<SessionState, Error> {
        self.on_own_threads(async move |session| {
            session.store.stored_state().await?;
            Ok(session.store.state())
        })
        .await
    }

    /// A report to attach to a bug report, in JSON: versions, the state without the user, what is known about the
    /// session, the last refusal, the configuration without the account's name and the values of parameters, and the
    /// latest events of this process ([`record_events`](crate::record_events)). It holds no secret. It does name the
    /// provider, the client and the scopes.
    pub fn diagnostics(&self) -> String {
        self.session.diagnostics()
    }

    async fn on_own_threads<T, F>(&self, work: impl FnOnce(Arc<Session>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.session.executor.run(work(self.session.clone())).await
    }
}
