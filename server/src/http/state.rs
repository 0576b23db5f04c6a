//! The whole server's state, put together for the router. A capability never sees it: each takes its own part, by
//! [`FromRef`].

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::FromRef;

use super::probe::Probe;
use crate::access::Authenticator;
use crate::accounts::{BrowserSessions, Passwords};
use crate::api::Api;
use crate::limits::Limits;
use crate::oauth::Provider;
use crate::pages::Pages;
use crate::tokens::{AccessTokens, Settings};
use moorline_server_base::clock::{Clock, ClockGuard};
use moorline_server_base::config::Config;
use moorline_server_base::random::Random;
use moorline_server_dpop::{Dpop, SHARE};
use moorline_server_keys::Keys;
use moorline_server_shared::Shared;
use moorline_server_store::{Membership, Store};

/// The state of the whole server. A clone is one reference count.
#[derive(Clone, Debug)]
pub struct AppState(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: Parts,
    clock_guard: ClockGuard,
    /// One readiness check at a time: anybody may ask for one, and each takes a turn of the writer.
    probing: tokio::sync::Mutex<Option<Probe>>,
    /// Whether the server is about to stop.
    draining: AtomicBool,
    provider: Arc<Provider>,
    authenticator: Arc<Authenticator>,
    pages: Arc<Pages>,
    api: Arc<Api>,
}

/// What an [`AppState`] is made of.
#[derive(Debug)]
pub struct Parts {
    /// The settings as the operator wrote them.
    pub config: Config,
    /// The database.
    pub store: Store,
    /// Signing and sealing keys.
    pub keys: Keys,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// Rate limits.
    pub limits: Limits,
    /// Password hashing.
    pub passwords: Passwords,
    /// What all nodes have in common; `None` for a node that is alone.
    pub shared: Option<Arc<dyn Shared>>,
    /// The place of a node that serves; `None` for a command, and on a replica.
    pub membership: Option<Membership>,
}

impl AppState {
    /// Puts the state of each capability together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let settings = Arc::new(Settings::new(&parts.config));
        let dpop = Arc::new(dpop(&parts, &settings));
        let Parts { config, store, keys, clock, random, limits, passwords, .. } = &parts;
        let browsers = BrowserSessions {
            store: store.clone(),
            clock: clock.clone(),
            issuer: Arc::new(config.issuer.clone()),
            lifetime: config.browser.session_lifetime.as_duration(),
        };
        let tokens = AccessTokens {
            keys: keys.clone(),
            store: store.clone(),
            clock: clock.clone(),
            settings: Arc::clone(&settings),
        };
        let authenticator = Arc::new(Authenticator {
            tokens: tokens.clone(),
            dpop: Arc::clone(&dpop),
            limits: limits.clone(),
        });
        let pages = Pages {
            store: store.clone(),
            keys: keys.clone(),
            clock: clock.clone(),
            random: random.clone(),
            limits: limits.clone(),
            passwords: passwords.clone(),
            browsers: browsers.clone(),
        };
        let provider = Provider {
            store: store.clone(),
            keys: keys.clone(),
            clock: clock.clone(),
            random: random.clone(),
            limits: limits.clone(),
            settings,
            dpop,
            tokens,
            browsers,
            authenticator: Arc::clone(&authenticator),
        };
        let api = Api { store: store.clone(), clock: clock.clone(), random: random.clone() };
        Self(Arc::new(Inner {
            probing: tokio::sync::Mutex::default(),
            draining: AtomicBool::default(),
            clock_guard: ClockGuard::new(clock.now(), config.store.clock_jump.as_duration()),
            provider: Arc::new(provider),
            authenticator,
            pages: Arc::new(pages),
            api: Arc::new(api),
            parts,
        }))
    }

    /// Held during a readiness check.
    pub(super) fn probing(&self) -> &tokio::sync::Mutex<Option<Probe>> {
        &self.0.probing
    }

    /// From now on the server is not ready, so that load balancers send no more requests. Those that come are answered.
    pub(crate) fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// Whether it is about to stop.
    pub(super) fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    /// Whether the clock can be accepted.
    #[must_use]
    pub fn clock_guard(&self) -> &ClockGuard {
        &self.0.clock_guard
    }

    /// Issuer, API and lifetimes.
    #[must_use]
    pub fn oauth(&self) -> &Settings {
        &self.0.provider.settings
    }

    /// What checks DPoP proofs.
    #[must_use]
    pub fn dpop(&self) -> &Dpop {
        &self.0.provider.dpop
    }
}

fn dpop(parts: &Parts, settings: &Settings) -> Dpop {
    let dpop =
        Dpop::new(&settings.issuer, settings.access_token_lifetime, parts.clock.clone(), &parts.random);
    let dpop = match &parts.shared {
        Some(shared) => dpop.with_memory(Arc::clone(shared)),
        None => dpop,
    };
    let limits = &parts.config.limits;
    let share = SHARE.max(limits.rotation_per_session.saturating_mul(6));
    if limits.enabled { dpop.with_share(share) } else { dpop }
}

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0.parts
    }
}

impl FromRef<AppState> for Arc<Provider> {
    fn from_ref(state: &AppState) -> Self {
        Self::clone(&state.0.provider)
    }
}

impl FromRef<AppState> for Arc<Authenticator> {
    fn from_ref(state: &AppState) -> Self {
        Self::clone(&state.0.authenticator)
    }
}

impl FromRef<AppState> for Arc<Pages> {
    fn from_ref(state: &AppState) -> Self {
        Self::clone(&state.0.pages)
    }
}

impl FromRef<AppState> for Arc<Api> {
    fn from_ref(state: &AppState) -> Self {
        Self::clone(&state.0.api)
    }
}
