//! The receiver of a callback on a desk (RFC 8252 §7.3).

use std::time::Duration;

use crate::Error;

/// Waits on the loopback interface for the browser to come back.
#[derive(Debug)]
pub struct LoopbackReceiver {}

impl LoopbackReceiver {
    /// Listens on a free port of `127.0.0.1`. The redirect URI's path is `/callback`.
    pub async fn bind() -> Result<Self, Error> {
        unimplemented!()
    }

    /// The redirect URI to configure, such as `http://127.0.0.1:49152/callback`.
    pub fn redirect_uri(&self) -> &str {
        unimplemented!()
    }

    /// Waits for the callback of the sign-in with this `state`, answers the browser with a small page, and returns the
    /// callback's URL. Errors: [`Error::Cancelled`] when nobody came back within `timeout`.
    pub async fn wait(self, _state: &str, _timeout: Duration) -> Result<String, Error> {
        unimplemented!()
    }
}
