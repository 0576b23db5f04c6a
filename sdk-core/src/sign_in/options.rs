//! What an app says about a sign-in, and what it gets.

use std::{fmt, time::Duration};

use crate::step_up::StepUp;

/// Options of a sign-in (OpenID Connect Core §3.1.2.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignInOptions {
    /// The user who is likely to sign in: the page is filled in with it.
    pub login_hint: Option<String>,
    /// `login`, `consent`, `select_account`, …, separated by spaces.
    pub prompt: Option<String>,
    /// How long ago the user may have authenticated at most; the ID token's `auth_time` is checked against it.
    pub max_age: Option<Duration>,
    /// The redirect URI of this sign-in, instead of the configuration's (with a loopback port, for example).
    pub redirect_uri: Option<String>,
    /// What an API asked for ([`Error::StepUpRequired`](crate::Error::StepUpRequired)): the same user signs in
    /// once more, and the session goes on until they have. Scopes that were granted are requested again with it.
    pub step_up: Option<StepUp>,
    /// Further parameters of the authorization request.
    pub extra: Vec<(String, String)>,
}

/// A sign-in that has started.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthorizationRequest {
    /// The URL to open in the browser.
    pub url: String,
    /// The `state` that the callback must carry.
    pub state: String,
}

/// Options of a sign-in on another device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceSignInOptions {
    /// Further parameters of the device authorization request, such as `acr_values`.
    pub extra: Vec<(String, String)>,
}

/// Options of an adoption.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdoptOptions {
    /// The scopes that the refresh token was granted, if the other library knows them. They are not sent: they count if
    /// the provider's answer names none. `None`: those of the configuration.
    pub scopes: Option<Vec<String>>,
    /// The user (`sub`) whose session it has to be, if the app knows.
    pub subject: Option<String>,
}

/// A sign-in on another device that has started (RFC 8628 §3.2): show the user where to go, and which code to enter.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceAuthorization {
    /// Names this sign-in on this device, for [`finish_device_sign_in`](crate::Moorline::finish_device_sign_in).
    pub id: String,
    /// The code that the user enters.
    pub user_code: String,
    /// The address that the user opens on the other device: `https`, or `http` on loopback if that is allowed.
    pub verification_uri: String,
    /// The same address with the code in it, for a QR code. Show the code beside it: the user compares the two.
    pub verification_uri_complete: Option<String>,
    /// How long the code can be entered: an hour at most.
    pub expires_in: Duration,
    /// How long the SDK waits between two polls.
    pub interval: Duration,
}

impl fmt::Debug for DeviceAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceAuthorization([redacted])")
    }
}

impl fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthorizationRequest([redacted])")
    }
}
