//! Sign-in: the authorization request, the callback, the code exchange.

mod adopt;
mod adoption_sends;
#[cfg(test)]
mod adoption_tests;
pub(crate) mod app_auth;
pub(crate) mod callback;
mod described;
mod device;
mod exchanged;
mod finish;
mod known;
#[cfg(not(any(target_os = "android", target_os = "ios")))]
pub(crate) mod loopback_receiver;
mod options;
mod start;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod userinfo_tests;

use std::{fmt, sync::Arc};

use self::exchanged::{Exchanged, Unkept};
#[cfg(not(any(target_os = "android", target_os = "ios")))]
pub use self::loopback_receiver::LoopbackReceiver;
pub use self::options::{
    AdoptOptions, AuthorizationRequest, DeviceAuthorization, DeviceSignInOptions, SignInOptions,
};
pub(crate) use self::{adopt::Offer, app_auth::AuthState, device::Polled};
use crate::{
    account::{AccountStore, Refresher, Revocations},
    provider::Provider,
};

/// The one owner of an account's sign-ins.
pub(crate) struct SignIn {
    store: Arc<AccountStore>,
    provider: Arc<Provider>,
    refresher: Arc<Refresher>,
    revocations: Arc<Revocations>,
    /// One callback at a time: a code that is sent twice costs the session that it gave.
    exchanged: tokio::sync::Mutex<Option<Exchanged>>,
    /// One adoption at a time: a token that is sent twice may cost the session.
    unkept: tokio::sync::Mutex<Vec<Unkept>>,
    /// Sign-ins were deleted: who waits to poll for one looks again.
    changed: tokio::sync::Notify,
}

impl SignIn {
    pub(crate) fn new(
        store: Arc<AccountStore>,
        provider: Arc<Provider>,
        refresher: Arc<Refresher>,
        revocations: Arc<Revocations>,
    ) -> Self {
        Self {
            store,
            provider,
            refresher,
            revocations,
            exchanged: tokio::sync::Mutex::default(),
            unkept: tokio::sync::Mutex::default(),
            changed: tokio::sync::Notify::new(),
        }
    }
}

impl SignIn {
    /// Ends when sign-ins were deleted, from this call on.
    pub(crate) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// Who waits to poll looks at the vault again.
    pub(crate) fn look_again(&self) {
        self.changed.notify_waiters();
    }
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn").finish_non_exhaustive()
    }
}
