//! Sign-in: the authorization request, the callback, the code exchange.

mod callback;
mod finish;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
#[cfg(not(any(target_os = "android", target_os = "ios")))]
mod loopback;
mod start;
#[cfg(test)]
mod tests;
mod user_info;

use std::{fmt, time::Duration};

pub(crate) use self::finish::{Exchanged, finish};
#[cfg(not(any(target_os = "android", target_os = "ios")))]
pub use self::loopback::LoopbackReceiver;
pub(crate) use self::start::{cancel, start};
pub(crate) use self::user_info::user_info;

/// What may be asked of the provider at a sign-in (OpenID Connect Core §3.1.2.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignInOptions {
    /// Who is likely to sign in: the page is filled in with it.
    pub login_hint: Option<String>,
    /// `login`, `consent`, `select_account`, …, separated by spaces.
    pub prompt: Option<String>,
    /// How long ago the person may have typed a password at most; the ID token's `auth_time` is checked against it.
    pub max_age: Option<Duration>,
    /// Where to come back to, instead of the configuration's redirect URI (a loopback port, say).
    pub redirect_uri: Option<String>,
    /// Further parameters of the authorization request.
    pub extra: Vec<(String, String)>,
}

/// A sign-in that has started.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationRequest {
    /// The address to open in the browser.
    pub url: String,
    /// The `state` that the callback must carry.
    pub state: String,
}

impl fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthorizationRequest([redacted])")
    }
}
