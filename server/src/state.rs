//! What every handler can reach.

use std::ops::Deref;
use std::sync::Arc;

use crate::clock::Clock;
use crate::clock_guard::ClockGuard;
use crate::config::Config;
use crate::identity::Passwords;
use crate::keys::Keys;
use crate::limits::Limits;
use crate::oauth::Settings;
use crate::oauth::dpop::{Dpop, SHARE};
use crate::random::Random;
use crate::store::Store;

/// The state that the routes share; a clone is one reference count.
#[derive(Clone, Debug)]
pub struct AppState(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: Parts,
    oauth: Settings,
    dpop: Dpop,
    clock_guard: ClockGuard,
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
}

impl AppState {
    /// A state of these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let oauth = Settings::new(&parts.config);
        let dpop = Dpop::new(&oauth.issuer, oauth.access_token_lifetime, parts.clock.clone(), &parts.random);
        let limits = &parts.config.limits;
        let share = SHARE.max(limits.rotation_per_session.saturating_mul(6));
        let dpop = if limits.enabled { dpop.with_share(share) } else { dpop };
        let jump = parts.config.store.clock_jump.as_duration();
        let clock_guard = ClockGuard::new(parts.clock.now(), jump);
        Self(Arc::new(Inner { oauth, dpop, clock_guard, parts }))
    }

    /// Whether the clock can be believed.
    #[must_use]
    pub fn clock_guard(&self) -> &ClockGuard {
        &self.0.clock_guard
    }

    /// What the OAuth endpoints go by.
    #[must_use]
    pub fn oauth(&self) -> &Settings {
        &self.0.oauth
    }

    /// What checks DPoP proofs.
    #[must_use]
    pub fn dpop(&self) -> &Dpop {
        &self.0.dpop
    }
}

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0.parts
    }
}
