//! What Kotlin's and Swift's `Moorline` hold.

use std::{
    sync::{Arc, PoisonError, RwLock, Weak},
    time::Duration,
};

use moorline::{Clock as _, Configuration, Error, Moorline, SystemClock};

use crate::{
    AccessToken, AccessTokenOptions, AdoptOptions, AuthorizationRequest, Cancellation, ClientConfiguration,
    ClientError, ClientPlatform, DeviceAuthorization, DeviceSignInOptions, HeldAccessToken, HttpRequest,
    HttpResponse, RequestHeaders, SessionInfo, SessionState, SignInOptions, SignOutOptions, SignOutOutcome,
    StateWatch, StepUp, User, Vocabulary,
    cancellation::cancelled,
    held_token::{Entry, Holder},
};

/// One account's session. An app holds one for each account, for as long as it runs.
#[derive(Debug, uniffi::Object)]
pub struct Client {
    held: RwLock<Held>,
    configuration: Configuration,
    released: Arc<Cancellation>,
    vocabulary: Vocabulary,
    entry: Entry,
}

#[derive(Debug)]
enum Held {
    Open(Moorline),
    /// With the last state there was.
    Released(moorline::SessionState),
}

#[uniffi::export]
impl Client {
    /// # Errors
    /// [`Misconfigured`](crate::ErrorKind::Misconfigured) if the configuration is wrong, or this process uses the same
    /// account with another one; [`StorageUnavailable`](crate::ErrorKind::StorageUnavailable) on a machine that has no
    /// key store.
    #[uniffi::constructor]
    pub fn new(
        configuration: ClientConfiguration,
        platform: ClientPlatform,
    ) -> Result<Arc<Self>, ClientError> {
        let vocabulary = configuration.vocabulary;
        let opened = platform.build().and_then(|platform| Moorline::new(configuration.build()?, platform));
        Ok(Self::of(opened.map_err(|error| ClientError::new(error, vocabulary))?, vocabulary))
    }

    /// The state; the last one, once the client was released.
    pub fn state(&self) -> SessionState {
        match &*self.held.read().unwrap_or_else(PoisonError::into_inner) {
            Held::Open(moorline) => moorline.state().into(),
            Held::Released(state) => state.clone().into(),
        }
    }

    /// Waits until the vault was read for the first time; before that, the state is [`SessionState::Locked`].
    ///
    /// # Errors
    /// [`Cancelled`](crate::ErrorKind::Cancelled) if the caller stops waiting or the client is released,
    /// [`Misconfigured`](crate::ErrorKind::Misconfigured) once it was released.
    pub async fn opened(&self, cancellation: Option<Arc<Cancellation>>) -> Result<(), ClientError> {
        self.run(cancellation, async |moorline: Moorline| {
            moorline.opened().await;
            Ok(())
        })
        .await
    }

    /// The state, and then each change of it.
    ///
    /// # Errors
    /// [`Misconfigured`](crate::ErrorKind::Misconfigured) once the client was released, as for every function below
    /// that can fail.
    pub fn states(&self) -> Result<Arc<StateWatch>, ClientError> {
        Ok(StateWatch::new(self.moorline()?.states()))
    }

    /// What is known about the session, or `None` if nobody is signed in.
    ///
    /// # Errors
    /// As for [`states`](Self::states).
    pub fn session_info(&self) -> Result<Option<SessionInfo>, ClientError> {
        Ok(self.moorline()?.session_info().map(Into::into))
    }

    /// Starts a sign-in: returns the URL to open in the browser.
    ///
    /// # Errors
    /// Those of [`Moorline::start_sign_in`], and as for [`opened`](Self::opened).
    pub async fn start_sign_in(
        &self,
        options: SignInOptions,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<AuthorizationRequest, ClientError> {
        self.run(cancellation, async |moorline| moorline.start_sign_in(options.into()).await).await
    }

    /// Finishes a sign-in with the URL that the browser was redirected to.
    ///
    /// # Errors
    /// Those of [`Moorline::finish_sign_in`], and as for [`opened`](Self::opened).
    pub async fn finish_sign_in(
        &self,
        callback_url: String,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<User, ClientError> {
        self.run(cancellation, async |moorline| moorline.finish_sign_in(&callback_url).await).await
    }

    /// Starts a sign-in on another device: returns the code to show.
    ///
    /// # Errors
    /// Those of [`Moorline::start_device_sign_in`], and as for [`opened`](Self::opened).
    pub async fn start_device_sign_in(
        &self,
        options: DeviceSignInOptions,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<DeviceAuthorization, ClientError> {
        self.run(cancellation, async |moorline| moorline.start_device_sign_in(options.into()).await).await
    }

    /// Waits until the user has decided on the other device, and finishes the sign-in with this id.
    ///
    /// # Errors
    /// Those of [`Moorline::finish_device_sign_in`], and as for [`opened`](Self::opened). The sign-in goes on when the
    /// caller stops waiting.
    pub async fn finish_device_sign_in(
        &self,
        id: String,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<User, ClientError> {
        self.run(cancellation, async |moorline| moorline.finish_device_sign_in(&id).await).await
    }

    /// The latest sign-in on another device whose code still lives.
    ///
    /// # Errors
    /// Those of [`Moorline::pending_device_sign_in`], and as for [`opened`](Self::opened).
    pub async fn pending_device_sign_in(
        &self,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Option<DeviceAuthorization>, ClientError> {
        let pending: Option<moorline::DeviceAuthorization> = self
            .run(cancellation, async |moorline: Moorline| moorline.pending_device_sign_in().await)
            .await?;
        Ok(pending.map(Into::into))
    }

    /// Adopts the session of another library, by its refresh token.
    ///
    /// # Errors
    /// Those of [`Moorline::adopt`], and as for [`opened`](Self::opened). The adoption goes on when the caller stops
    /// waiting.
    pub async fn adopt(
        &self,
        refresh_token: String,
        options: AdoptOptions,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<User, ClientError> {
        self.run(cancellation, async |moorline| moorline.adopt(&refresh_token, options.into()).await).await
    }

    /// Goes on with an adoption that has begun, and returns its user, also if it is done; `None` if there is none.
    ///
    /// # Errors
    /// Those of [`Moorline::resume_adoption`], and as for [`opened`](Self::opened).
    pub async fn resume_adoption(
        &self,
        options: AdoptOptions,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Option<User>, ClientError> {
        let user: Option<moorline::User> = self
            .run(cancellation, async |moorline: Moorline| moorline.resume_adoption(options.into()).await)
            .await?;
        Ok(user.map(Into::into))
    }

    /// The same with the serialised `AuthState` of AppAuth for Android.
    ///
    /// # Errors
    /// Those of [`Moorline::adopt_app_auth`], and as for [`opened`](Self::opened).
    pub async fn adopt_app_auth(
        &self,
        auth_state: String,
        options: AdoptOptions,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<User, ClientError> {
        self.run(cancellation, async |moorline| moorline.adopt_app_auth(&auth_state, options.into()).await)
            .await
    }

    /// Deletes a sign-in that was started.
    ///
    /// # Errors
    /// Those of [`Moorline::cancel_sign_in`], and as for [`opened`](Self::opened).
    pub async fn cancel_sign_in(&self, cancellation: Option<Arc<Cancellation>>) -> Result<(), ClientError> {
        self.run(cancellation, async |moorline| moorline.cancel_sign_in().await).await
    }

    /// Says that the user came back from the browser without a callback. The sign-in stays, for a late one.
    ///
    /// # Errors
    /// As for [`states`](Self::states).
    pub fn leave_sign_in(&self) -> Result<(), ClientError> {
        self.moorline()?.leave_sign_in();
        Ok(())
    }

    /// An access token that is what the options ask for, refreshed if needed.
    ///
    /// # Errors
    /// Those of [`Moorline::access_token`], and as for [`opened`](Self::opened). A refresh goes on when its callers
    /// stop waiting.
    pub async fn access_token(
        &self,
        options: AccessTokenOptions,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<AccessToken, ClientError> {
        let options = moorline::AccessTokenOptions::from(options);
        self.run(cancellation, async |moorline| moorline.access_token(options).await).await
    }

    /// What [`access_token`](Self::access_token) would return from memory, without the cost of an asynchronous call.
    /// `None` if that has to be called, also for its errors.
    pub fn held_access_token(&self, min_validity_ms: u64) -> Option<HeldAccessToken> {
        let held = self.held(min_validity_ms)?;
        Some(HeldAccessToken { serial: held.serial(), token: held.into() })
    }

    /// The number of this client in this process.
    pub fn id(&self) -> u64 {
        self.entry.id()
    }

    /// An access token of the same kind other than the `rejected` one; with `None`, a new one in any case.
    ///
    /// # Errors
    /// Those of [`Moorline::refresh`], and as for [`opened`](Self::opened).
    pub async fn refresh(
        &self,
        rejected: Option<AccessToken>,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<AccessToken, ClientError> {
        self.run(cancellation, async |moorline: Moorline| {
            let Some(rejected) = rejected else { return moorline.refresh(None).await };
            let mut options = moorline::AccessTokenOptions::default();
            options.resource = rejected.resource;
            options.scope = rejected.scope;
            let current = moorline.access_token(options).await?;
            if current.secret() == rejected.secret {
                moorline.refresh(Some(&current)).await
            } else {
                Ok(current)
            }
        })
        .await
    }

    /// Asks the provider's userinfo endpoint about the user.
    ///
    /// # Errors
    /// Those of [`Moorline::user_info`], and as for [`opened`](Self::opened).
    pub async fn user_info(&self, cancellation: Option<Arc<Cancellation>>) -> Result<User, ClientError> {
        self.run(cancellation, async |moorline| moorline.user_info().await).await
    }

    /// Sends a request with the access token; if the API rejects the token, refreshes and sends the request once more.
    ///
    /// # Errors
    /// Those of [`Moorline::send`], and as for [`opened`](Self::opened).
    pub async fn send(
        &self,
        request: HttpRequest,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<HttpResponse, ClientError> {
        self.run(cancellation, async |moorline| moorline.send(request.into()).await).await
    }

    /// The headers for one request that an HTTP client of the app's own sends.
    ///
    /// # Errors
    /// Those of [`Moorline::request_headers`], and as for [`opened`](Self::opened).
    pub async fn request_headers(
        &self,
        method: String,
        url: String,
        options: AccessTokenOptions,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<RequestHeaders, ClientError> {
        let options = moorline::AccessTokenOptions::from(options);
        self.run(cancellation, async |moorline| moorline.request_headers(&method, &url, options).await).await
    }

    /// The same headers, without the cost of an asynchronous call, if the token is in memory and its key in this
    /// process. `None` if [`request_headers`](Self::request_headers) has to be called, also for its errors.
    pub fn held_request_headers(
        &self,
        method: &str,
        url: &str,
        min_validity_ms: u64,
    ) -> Option<RequestHeaders> {
        let min_validity = Duration::from_millis(min_validity_ms);
        self.moorline().ok()?.held_request_headers(method, url, min_validity).map(Into::into)
    }

    /// Whether an access token may be sent to this URL. Text that is no absolute URL is no such place. Does not change
    /// once the client was released.
    pub fn may_receive_tokens(&self, url: &str) -> bool {
        self.configuration.may_receive_tokens_at(url)
    }

    /// Checks the pins of a host against a server's chain (in DER, its own certificate first) that the app's HTTP
    /// client has verified.
    ///
    /// # Errors
    /// [`PinMismatch`](crate::ErrorKind::PinMismatch), also once the client was released.
    pub fn check_pins(&self, host: &str, chain_der: Vec<Vec<u8>>) -> Result<(), ClientError> {
        let now = SystemClock.wall();
        self.configuration.check_pins(host, &chain_der, now).map_err(|error| self.error(error))
    }

    /// Takes in the `DPoP-Nonce` of a response from this URL.
    ///
    /// # Errors
    /// Those of [`Moorline::learn_nonce`], and as for [`states`](Self::states).
    pub fn learn_nonce(&self, url: String, nonce: String) -> Result<(), ClientError> {
        self.moorline()?.learn_nonce(&url, &nonce).map_err(|error| self.error(error))
    }

    /// What a response of an API asks of the user, if a sign-in can answer it.
    ///
    /// # Errors
    /// As for [`states`](Self::states).
    pub fn step_up_of(
        &self,
        status: u16,
        www_authenticate: Vec<String>,
    ) -> Result<Option<StepUp>, ClientError> {
        let challenges = www_authenticate.iter().map(String::as_str);
        Ok(self.moorline()?.step_up_of(status, challenges).map(Into::into))
    }

    /// Whether `url` is the callback of a sign-in of this account. Text that is no URL is nobody's.
    ///
    /// # Errors
    /// Those of [`Moorline::is_callback`], and as for [`opened`](Self::opened).
    pub async fn is_callback(
        &self,
        url: String,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<bool, ClientError> {
        self.run(cancellation, async |moorline| moorline.is_callback(&url).await).await
    }

    /// The latest ID token of the session, a JWT; `None` if nobody is signed in.
    ///
    /// # Errors
    /// As for [`states`](Self::states).
    pub fn id_token(&self) -> Result<Option<String>, ClientError> {
        Ok(self.moorline()?.id_token().map(|token| token.secret().to_owned()))
    }

    /// Signs out: clears the session on this device, then revokes it at the provider.
    ///
    /// # Errors
    /// Those of [`Moorline::sign_out`], and as for [`opened`](Self::opened).
    pub async fn sign_out(
        &self,
        options: SignOutOptions,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<SignOutOutcome, ClientError> {
        self.run(cancellation, async |moorline| moorline.sign_out(options.into()).await).await
    }

    /// Forgets the vault's key and the session in memory.
    ///
    /// # Errors
    /// Those of [`Moorline::lock`], and as for [`opened`](Self::opened).
    pub async fn lock(&self, cancellation: Option<Arc<Cancellation>>) -> Result<(), ClientError> {
        self.run(cancellation, async |moorline| moorline.lock().await).await
    }

    /// Reads the vault again, because the key store was unlocked, and returns the state.
    ///
    /// # Errors
    /// Those of [`Moorline::reload`], and as for [`opened`](Self::opened).
    pub async fn reload(&self, cancellation: Option<Arc<Cancellation>>) -> Result<SessionState, ClientError> {
        self.run(cancellation, async |moorline| moorline.reload().await).await
    }

    /// A report for a bug report, in JSON and without secrets.
    ///
    /// # Errors
    /// As for [`states`](Self::states).
    pub fn diagnostics(&self) -> Result<String, ClientError> {
        Ok(self.moorline()?.diagnostics())
    }

    /// Drops idle connections, because the device's network has changed. Does nothing once the client was released.
    pub fn network_changed(&self) {
        if let Held::Open(moorline) = &*self.held.read().unwrap_or_else(PoisonError::into_inner) {
            moorline.network_changed();
        }
    }

    /// Finishes what is under way, before the process ends; waits for `limit` at most.
    ///
    /// # Errors
    /// Those of [`Moorline::shutdown`], and as for [`opened`](Self::opened).
    pub async fn shutdown(
        &self,
        limit: Duration,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<(), ClientError> {
        self.run(cancellation, async |moorline| moorline.shutdown(limit).await).await
    }

    /// Releases the vault, the network and the key store. Waiting calls fail with
    /// [`Cancelled`](crate::ErrorKind::Cancelled), watches end, and later calls fail. Signs nobody out.
    pub fn release(&self) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if let Held::Open(moorline) = &*held {
            let state = moorline.state();
            *held = Held::Released(state);
        }
        self.released.cancel();
    }
}

impl Client {
    pub(crate) fn of(moorline: Moorline, vocabulary: Vocabulary) -> Arc<Self> {
        let configuration = moorline.configuration().clone();
        let held = RwLock::new(Held::Open(moorline));
        Arc::new_cyclic(|this: &Weak<Self>| Self {
            held,
            configuration,
            released: Cancellation::new(),
            vocabulary,
            entry: Entry::of(this.clone()),
        })
    }

    fn moorline(&self) -> Result<Moorline, ClientError> {
        match &*self.held.read().unwrap_or_else(PoisonError::into_inner) {
            Held::Open(moorline) => Ok(moorline.clone()),
            Held::Released(_) => {
                Err(self.error(Error::Misconfigured("this Moorline was closed; make a new one".into())))
            }
        }
    }

    fn error(&self, error: Error) -> ClientError {
        ClientError::new(error, self.vocabulary)
    }

    /// Runs a call of the SDK until it returns, its caller stops waiting, or the client is released.
    async fn run<T, U: From<T>>(
        &self,
        cancellation: Option<Arc<Cancellation>>,
        call: impl AsyncFnOnce(Moorline) -> Result<T, Error>,
    ) -> Result<U, ClientError> {
        let moorline = self.moorline()?;
        let outcome = tokio::select! {
            biased;
            () = self.released.cancelled() => Err(Error::Cancelled),
            () = cancelled(cancellation.as_deref()) => Err(Error::Cancelled),
            outcome = call(moorline) => outcome,
        };
        outcome.map(Into::into).map_err(|error| self.error(error))
    }
}

impl Holder for Client {
    /// None once the client was released.
    fn held(&self, min_validity_ms: u64) -> Option<moorline::AccessToken> {
        self.moorline().ok()?.held_access_token(Duration::from_millis(min_validity_ms))
    }
}
