//! An access token, as an app gets it.

use std::{fmt, time::Duration};

/// An access token. Its `Debug` never shows it.
#[derive(Clone)]
pub struct AccessToken {}

impl AccessToken {
    /// The token itself: for the `Authorization` header, never for a log.
    pub fn secret(&self) -> &str {
        unimplemented!()
    }

    /// How long it was good for when it was handed out; nothing where the provider doesn't say.
    pub fn expires_in(&self) -> Option<Duration> {
        unimplemented!()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken([redacted])")
    }
}
