//! Sign-in on another device.

use std::{fmt, time::Duration};

use crate::Parameter;

/// Options of a sign-in on another device. Mirrors [`moorline::DeviceSignInOptions`].
#[derive(Debug, Clone, uniffi::Record)]
pub struct DeviceSignInOptions {
    /// Further parameters of the device authorization request.
    pub extra: Vec<Parameter>,
}

/// A sign-in on another device that has started. Mirrors [`moorline::DeviceAuthorization`]; its `Debug` shows nothing
/// of it.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct DeviceAuthorization {
    /// Names this sign-in on this device.
    pub id: String,
    /// The code that the user enters.
    pub user_code: String,
    /// The address that the user opens on the other device.
    pub verification_uri: String,
    /// The same address with the code in it.
    pub verification_uri_complete: Option<String>,
    /// How long the code can be entered.
    pub expires_in: Duration,
    /// How long the SDK waits between two polls.
    pub interval: Duration,
}

impl From<DeviceSignInOptions> for moorline::DeviceSignInOptions {
    fn from(options: DeviceSignInOptions) -> Self {
        let mut own = Self::default();
        own.extra = options.extra.into_iter().map(|parameter| (parameter.name, parameter.value)).collect();
        own
    }
}

impl From<moorline::DeviceAuthorization> for DeviceAuthorization {
    fn from(authorization: moorline::DeviceAuthorization) -> Self {
        Self {
            id: authorization.id,
            user_code: authorization.user_code,
            verification_uri: authorization.verification_uri,
            verification_uri_complete: authorization.verification_uri_complete,
            expires_in: authorization.expires_in,
            interval: authorization.interval,
        }
    }
}

impl fmt::Debug for DeviceAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceAuthorization([redacted])")
    }
}
