//! Sign-in on another device (RFC 8628): the user enters a code there, and this device polls for the tokens.

use std::time::Duration;

use super::{
    SignIn,
    exchanged::Exchanged,
    finish::Found,
    options::{DeviceAuthorization, DeviceSignInOptions},
    start::check_extra,
};
use crate::{
    account::metadata,
    error::{DOCUMENT_TOO_LARGE, Error},
    provider::{DeviceAnswer, DeviceGrant, Metadata},
    runtime,
    secret::Secret,
    state::StateEvent,
    time::{Clock, Lifetime},
    user::User,
    vault::{Change, PendingLogin, StoredSession, WhenLost},
};

/// The outcome of one poll.
#[derive(Debug)]
pub(crate) enum Polled {
    SignedIn(User),
    /// Poll again after this time.
    Again(Again),
}

/// When to poll again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Again {
    pub(crate) after: Duration,
    /// How many polls in a row got no usable answer.
    pub(crate) failures: u32,
}

/// What one poll brought.
enum Step {
    Session(Box<StoredSession>),
    Pending,
    SlowDown,
}

impl SignIn {
    /// Starts a sign-in on another device. The device code is in the vault before the user code is returned.
    pub(crate) async fn start_device(
        &self,
        options: DeviceSignInOptions,
    ) -> Result<DeviceAuthorization, Error> {
        self.revocations.send_later();
        self.provider.sign_in_begins();
        check_extra(&options.extra)?;
        let metadata = self.suitable_metadata().await?;
        let login = self.new_device_login(&metadata, &options).await?;
        let authorization = shown(&login, self.store.clock()).ok_or_else(runtime::internal)?;
        self.store_login(login).await?;
        self.store.signal(StateEvent::SignInStarted);
        Ok(authorization)
    }

    async fn new_device_login(
        &self,
        metadata: &Metadata,
        options: &DeviceSignInOptions,
    ) -> Result<PendingLogin, Error> {
        let configuration = self.provider.configuration();
        let newer;
        let endpoint = match &metadata.device_authorization_endpoint {
            Some(endpoint) => endpoint,
            // What was read a while ago may be out of date.
            None => {
                newer = self.provider.newer_metadata().await?;
                newer.device_authorization_endpoint.as_ref().ok_or_else(not_supported)?
            }
        };
        let scope = configuration.scopes().join(" ");
        let mut fields = vec![("client_id", configuration.client_id()), ("scope", scope.as_str())];
        fields.extend(configuration.resources().iter().map(|resource| ("resource", resource.as_str())));
        let configured = configuration.authorization_parameters().iter();
        let configured = configured.filter(|(name, _)| !options.extra.iter().any(|(other, _)| other == name));
        fields.extend(configured.chain(&options.extra).map(|(name, value)| (name.as_str(), value.as_str())));
        let began = Lifetime::starting_now(self.store.clock());
        let codes = self.provider.authorize_device(endpoint, &fields).await?;
        Ok(PendingLogin {
            state: Secret::random(),
            nonce: Secret::new(String::new()),
            code_verifier: Secret::new(String::new()),
            proof_key: if metadata.dpop_supported { Some(self.provider.new_key().await?) } else { None },
            redirect_uri: String::new(),
            scope: configuration.scopes().to_vec(),
            resources: configuration.resources().to_vec(),
            max_age: None,
            subject: None,
            device: Some(codes.grant),
            started_at: Some(began.lasting(codes.expires_in)),
        })
    }

    /// The latest sign-in on another device that has started and whose code still lives.
    pub(crate) async fn pending_device(&self) -> Result<Option<DeviceAuthorization>, Error> {
        let logins = self.store.read(|account| account.map(|account| account.logins.clone())).await?;
        let mut shown = logins.iter().flatten().rev().filter_map(|login| shown(login, self.store.clock()));
        Ok(shown.find(|authorization| !authorization.expires_in.is_zero()))
    }

    /// How long to wait before the first poll of this process: another one may have polled just now.
    pub(crate) async fn before_first_poll(&self, id: &str) -> Result<Again, Error> {
        let mut after = Duration::ZERO;
        if let Some(Found::Pending(login)) = self.find_device(id).await? {
            self.store.signal(StateEvent::SignInStarted);
            let interval = login.device.as_ref().map_or(0, |grant| grant.interval);
            after = Duration::from_secs(interval).min(left(&login, self.store.clock()));
        }
        Ok(Again { after, failures: 0 })
    }

    /// Polls once. `failures` polls before this one got no usable answer.
    pub(crate) async fn poll_device(&self, id: &str, failures: u32) -> Result<Polled, Error> {
        let mut exchanged = self.exchanged.lock().await;
        // From here on a code may be spent, and what comes for it is stored.
        let _critical = self.store.begin_critical();
        let login = match self.find_device(id).await? {
            Some(Found::Pending(login)) => login,
            Some(Found::Finished(user)) => return Ok(Polled::SignedIn(user)),
            None => {
                let id = Secret::new(id.to_owned());
                if let Some(held) = exchanged.take_if(|held| held.login.state == id) {
                    let login = held.login.clone();
                    self.abandon(&login, Some(held)).await;
                }
                return Err(Error::Cancelled);
            }
        };
        self.before_exchange().await;
        let step = match self.device_step(&login, &mut exchanged).await {
            Ok(Step::Session(session)) => Ok(*session),
            Ok(step) => match self.waits(&login, &step).await {
                Some(after) => return Ok(Polled::Again(Again { after, failures: 0 })),
                None => Err(Error::refused(EXPIRED, "the user did not enter the code in time")),
            },
            Err(error) => {
                let has_tokens = exchanged.as_ref().is_some_and(|held| held.login.state == login.state);
                match again_after(&error, &login, has_tokens, failures, self.store.clock()) {
                    Some(again) => return Ok(Polled::Again(again)),
                    None => Err(error),
                }
            }
        };
        self.conclude(step, &login, &mut exchanged).await.map(Polled::SignedIn)
    }

    async fn find_device(&self, id: &str) -> Result<Option<Found>, Error> {
        let id = Secret::new(id.to_owned());
        let found = self.store.read(move |account| Found::of(account?, &id)).await?;
        Ok(found.filter(|found| !matches!(found, Found::Pending(login) if login.device.is_none())))
    }

    async fn device_step(
        &self,
        login: &PendingLogin,
        exchanged: &mut Option<Exchanged>,
    ) -> Result<Step, Error> {
        let metadata = metadata(&self.store, &self.provider).await?;
        if exchanged.as_ref().is_none_or(|held| held.login.state != login.state) {
            let Some(grant) = &login.device else { return Err(runtime::internal()) };
            let began = Lifetime::starting_now(self.store.clock());
            let key = login.proof_key.as_ref();
            let in_use = self.provider.keep_key(key);
            let answer = self.provider.exchange_device_code(&metadata, &grant.device_code, key).await?;
            let response = match answer {
                DeviceAnswer::Pending => return Ok(Step::Pending),
                DeviceAnswer::SlowDown => return Ok(Step::SlowDown),
                DeviceAnswer::Denied => return Err(Error::Cancelled),
                DeviceAnswer::Expired => return Err(Error::refused(EXPIRED, "the code has expired")),
                DeviceAnswer::Tokens(response) => response,
            };
            let tokens = super::exchanged::tokens(response)?;
            *exchanged = Some(Exchanged { login: login.clone(), tokens, began, key: in_use });
        }
        self.checked(&metadata, login, exchanged.as_ref())
            .await
            .map(|session| Step::Session(Box::new(session)))
    }

    /// How long to wait before the next poll; `None` if the code has expired by then.
    async fn waits(&self, login: &PendingLogin, step: &Step) -> Option<Duration> {
        let left = left(login, self.store.clock());
        let mut interval = login.device.as_ref().map_or(0, |grant| grant.interval);
        if matches!(step, Step::SlowDown) {
            interval = interval.saturating_add(SLOWER);
            // RFC 8628 §3.5: for this and all later polls, whichever process makes them.
            self.keep_interval(login, interval).await;
        }
        (!left.is_zero()).then(|| Duration::from_secs(interval).min(left))
    }

    async fn keep_interval(&self, login: &PendingLogin, interval: u64) {
        let state = login.state.clone();
        let kept = self.store.update(WhenLost::Fail, move |account| {
            let login = account.logins.iter_mut().find(|login| login.state == state);
            match login.and_then(|login| login.device.as_mut()) {
                Some(grant) => {
                    grant.interval = interval;
                    Change::Write(())
                }
                None => Change::Keep(()),
            }
        });
        if let Err(error) = kept.await {
            tracing::info!(%error, "the longer interval of a device grant is not stored");
        }
    }
}

/// When to poll again after an error; `None` if it is for the caller. Trouble of the network is not: the user is busy
/// on another device meanwhile (RFC 8628 §3.5 asks to back off).
fn again_after(
    error: &Error,
    login: &PendingLogin,
    has_tokens: bool,
    failures: u32,
    clock: &dyn Clock,
) -> Option<Again> {
    let asked = match error {
        Error::Offline { .. } => Duration::ZERO,
        Error::RateLimited { retry_after } => *retry_after,
        // A page, whatever its size.
        Error::Refused { code, .. } if code == DOCUMENT_TOO_LARGE => Duration::ZERO,
        // Another process that polls for the same code may have its tokens, and is about to store them.
        Error::Refused { code, .. } if code == "invalid_grant" && failures == 0 => Duration::ZERO,
        _ => return None,
    };
    let interval = login.device.as_ref().map_or(0, |grant| grant.interval);
    // The code is spent, and no interval is asked for any more.
    let first = Duration::from_secs(if has_tokens { 1 } else { interval });
    let pause = first.saturating_mul(1 << failures.min(MOST_DOUBLINGS)).min(LONGEST_PAUSE.max(first));
    let left = left(login, clock);
    (!left.is_zero())
        .then(|| Again { after: pause.max(asked).min(left), failures: failures.saturating_add(1) })
}

/// How long the code still lives.
fn left(login: &PendingLogin, clock: &dyn Clock) -> Duration {
    login.started_at.as_ref().map_or(Duration::ZERO, |started| started.remaining(clock))
}

/// What the app sees of it; `None` if it waits for a callback instead.
fn shown(login: &PendingLogin, clock: &dyn Clock) -> Option<DeviceAuthorization> {
    let DeviceGrant { user_code, verification_uri, verification_uri_complete, interval, .. } =
        login.device.as_ref()?;
    Some(DeviceAuthorization {
        id: login.state.expose().to_owned(),
        user_code: user_code.expose().to_owned(),
        verification_uri: verification_uri.clone(),
        verification_uri_complete: verification_uri_complete.as_ref().map(|uri| uri.expose().to_owned()),
        expires_in: left(login, clock),
        interval: Duration::from_secs(*interval),
    })
}

fn not_supported() -> Error {
    Error::refused(
        "device_grant_not_supported",
        "the provider's metadata names no device_authorization_endpoint (RFC 8628); sign in with the browser",
    )
}

/// The provider's code, also if this device detects it first.
const EXPIRED: &str = "expired_token";
/// RFC 8628 §3.5, in seconds.
const SLOWER: u64 = 5;
/// The longest pause without an answer, unless the provider asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const MOST_DOUBLINGS: u32 = 6;
