//! What Kotlin's and Swift's `Moorline` hold.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use moorline::{InsecureFileKeyStore, KeyStore, Moorline, Platform, PlatformKeyStore};

use crate::{
    AccessToken, AppKeyStore, AuthorizationRequest, Cancellation, ClientConfiguration, ClientError,
    HttpRequest, HttpResponse, RequestHeaders, SessionInfo, SessionState, SignInOptions, SignOut, StateWatch,
    User, cancellation::cancelled, key_store::ForeignKeyStore,
};

/// One account's session. Few and long-lived: an app holds one an account, and shuts it down when it is done with it.
#[derive(Debug, uniffi::Object)]
pub struct Client {
    held: RwLock<Held>,
    shut_down: Arc<Cancellation>,
}

#[derive(Debug)]
enum Held {
    Open(Moorline),
    /// With the last state there was.
    ShutDown(moorline::SessionState),
}

#[uniffi::export]
impl Client {
    /// With keys in a key store that the app brings.
    #[uniffi::constructor]
    pub fn with_app_key_store(
        configuration: ClientConfiguration,
        vault_directory: String,
        key_store: Arc<dyn AppKeyStore>,
    ) -> Result<Arc<Self>, ClientError> {
        Self::open(configuration, &vault_directory, Arc::new(ForeignKeyStore(key_store)))
    }

    /// With keys in the platform's own key store, under this service name. Errors:
    /// [`StorageUnavailable`](ClientError::StorageUnavailable) on a machine that has none.
    #[uniffi::constructor]
    pub fn with_platform_key_store(
        configuration: ClientConfiguration,
        vault_directory: String,
        service: String,
    ) -> Result<Arc<Self>, ClientError> {
        let key_store = PlatformKeyStore::open(&service).map_err(|_| ClientError::StorageUnavailable)?;
        Self::open(configuration, &vault_directory, Arc::new(key_store))
    }

    /// With keys in plain files of a folder: whoever can read it can read the vault. For desks and tests without a key
    /// store, and only where somebody asked for it.
    #[uniffi::constructor]
    pub fn with_insecure_file_key_store(
        configuration: ClientConfiguration,
        vault_directory: String,
        key_directory: String,
    ) -> Result<Arc<Self>, ClientError> {
        Self::open(configuration, &vault_directory, Arc::new(InsecureFileKeyStore::new(key_directory)))
    }

    /// The state just now; the last one, once the client was shut down.
    pub fn state(&self) -> SessionState {
        match &*self.held.read().unwrap_or_else(PoisonError::into_inner) {
            Held::Open(moorline) => moorline.state().into(),
            Held::ShutDown(state) => state.clone().into(),
        }
    }

    /// The state, and then each change of it. Errors: [`Misconfigured`](ClientError::Misconfigured) once the client was
    /// shut down, as with every function that follows.
    pub fn states(&self) -> Result<Arc<StateWatch>, ClientError> {
        Ok(StateWatch::new(self.moorline()?.states()))
    }

    /// What is known about the session; nothing where nobody is signed in.
    pub fn session_info(&self) -> Result<Option<SessionInfo>, ClientError> {
        Ok(self.moorline()?.session_info().map(Into::into))
    }

    /// Starts a sign-in: the address to open in the browser.
    pub async fn start_sign_in(
        &self,
        options: SignInOptions,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<AuthorizationRequest, ClientError> {
        self.run(cancellation, async |moorline| moorline.start_sign_in(options.into()).await).await
    }

    /// Ends a sign-in with the address that the browser was sent back to.
    pub async fn finish_sign_in(
        &self,
        callback_url: String,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<User, ClientError> {
        self.run(cancellation, async |moorline| moorline.finish_sign_in(&callback_url).await).await
    }

    /// Forgets a sign-in that was started.
    pub async fn cancel_sign_in(&self, cancellation: Option<Arc<Cancellation>>) -> Result<(), ClientError> {
        self.run(cancellation, async |moorline| moorline.cancel_sign_in().await).await
    }

    /// An access token that is good for at least `min_validity`, refreshed where needed.
    pub async fn access_token(
        &self,
        min_validity: Duration,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<AccessToken, ClientError> {
        self.run(cancellation, async |moorline| moorline.access_token(min_validity).await).await
    }

    /// A new access token, whatever is left of the present one.
    pub async fn refresh(&self, cancellation: Option<Arc<Cancellation>>) -> Result<AccessToken, ClientError> {
        self.run(cancellation, async |moorline| moorline.refresh().await).await
    }

    /// What the provider's userinfo endpoint says about the person.
    pub async fn user_info(&self, cancellation: Option<Arc<Cancellation>>) -> Result<User, ClientError> {
        self.run(cancellation, async |moorline| moorline.user_info().await).await
    }

    /// Sends a request with the access token; refreshes and sends it once more on a 401.
    pub async fn send(
        &self,
        request: HttpRequest,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<HttpResponse, ClientError> {
        self.run(cancellation, async |moorline| moorline.send(request.into()).await).await
    }

    /// What a request must carry that another HTTP client sends, once.
    pub async fn request_headers(
        &self,
        method: String,
        url: String,
        min_validity: Duration,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<RequestHeaders, ClientError> {
        self.run(cancellation, async |moorline| moorline.request_headers(&method, &url, min_validity).await)
            .await
    }

    /// Takes in the `DPoP-Nonce` of an answer from this address.
    pub fn learn_nonce(&self, url: String, nonce: String) -> Result<(), ClientError> {
        Ok(self.moorline()?.learn_nonce(&url, &nonce)?)
    }

    /// Signs out: forgets the session on this device, then tells the provider.
    pub async fn sign_out(&self, cancellation: Option<Arc<Cancellation>>) -> Result<SignOut, ClientError> {
        self.run(cancellation, async |moorline| moorline.sign_out().await).await
    }

    /// Lets go of everything. Calls that are waiting end as [`Cancelled`](ClientError::Cancelled), watches end, and
    /// later calls are errors. Signs nobody out.
    pub fn shut_down(&self) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if let Held::Open(moorline) = &*held {
            let state = moorline.state();
            *held = Held::ShutDown(state);
        }
        self.shut_down.cancel();
    }
}

impl Client {
    fn open(
        configuration: ClientConfiguration,
        vault_directory: &str,
        key_store: Arc<dyn KeyStore>,
    ) -> Result<Arc<Self>, ClientError> {
        let moorline = Moorline::new(configuration.build()?, Platform::new(vault_directory, key_store))?;
        Ok(Arc::new(Self { held: RwLock::new(Held::Open(moorline)), shut_down: Cancellation::new() }))
    }

    fn moorline(&self) -> Result<Moorline, ClientError> {
        match &*self.held.read().unwrap_or_else(PoisonError::into_inner) {
            Held::Open(moorline) => Ok(moorline.clone()),
            Held::ShutDown(_) => {
                Err(ClientError::Misconfigured { what: "it was used after it had been closed".into() })
            }
        }
    }

    /// Runs a call of the SDK until it answers, its caller gives up, or the client is shut down.
    async fn run<T, U: From<T>>(
        &self,
        cancellation: Option<Arc<Cancellation>>,
        call: impl AsyncFnOnce(Moorline) -> Result<T, moorline::Error>,
    ) -> Result<U, ClientError> {
        let moorline = self.moorline()?;
        tokio::select! {
            biased;
            () = self.shut_down.cancelled() => Err(ClientError::Cancelled),
            () = cancelled(cancellation.as_deref()) => Err(ClientError::Cancelled),
            answer = call(moorline) => Ok(answer?.into()),
        }
    }
}
