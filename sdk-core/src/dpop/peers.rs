//! What each server has sent, by origin: the nonce for the next proof, and its time.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, UNIX_EPOCH},
};

use ::http::{HeaderMap, HeaderName, header};
use url::Url;

use crate::{
    net::{Response, date, texts},
    time::Clock,
};

/// In memory only: a new process learns it again, with one more request.
#[derive(Debug, Default)]
pub(crate) struct Peers(Mutex<HashMap<String, Peer>>);

/// One origin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Peer {
    /// The latest (RFC 9449 §8.2).
    nonce: Option<String>,
    /// The server's time at zero of the monotonic clock: whatever the wall clock is set to, it stays right.
    epoch: Option<Duration>,
}

impl Peers {
    /// The nonce for the next proof.
    pub(crate) fn nonce(&self, url: &Url) -> Option<String> {
        self.peers().get(&origin(url))?.nonce.clone()
    }

    /// The server's time in Unix seconds; `None` if it has not sent one.
    pub(crate) fn time(&self, url: &Url, clock: &dyn Clock) -> Option<i64> {
        let epoch = self.peers().get(&origin(url))?.epoch?;
        i64::try_from(epoch.saturating_add(clock.monotonic()).as_secs()).ok()
    }

    /// Takes in what an answer says.
    pub(crate) fn learn(&self, url: &Url, response: &Response, clock: &dyn Clock) {
        for nonce in texts(&response.headers, &NONCE) {
            self.learn_nonce(url, nonce);
        }
        let epoch = server_time(&response.headers).and_then(|time| time.checked_sub(clock.monotonic()));
        if epoch.is_some() {
            self.peers().entry(origin(url)).or_default().epoch = epoch;
        }
    }

    /// Takes in a nonce. What cannot be one is ignored (RFC 9449 §8.1: one or more of these characters).
    pub(crate) fn learn_nonce(&self, url: &Url, nonce: &str) {
        let nonce = nonce.trim_ascii();
        let good = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if !nonce.is_empty() && nonce.len() <= LONGEST && nonce.bytes().all(good) {
            self.peers().entry(origin(url)).or_default().nonce = Some(nonce.to_owned());
        }
    }

    fn peers(&self) -> MutexGuard<'_, HashMap<String, Peer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// The response's `Date`, since 1970. One out of a cache says when it was made, which may be long ago.
fn server_time(headers: &HeaderMap) -> Option<Duration> {
    if headers.contains_key(header::AGE) {
        return None;
    }
    date(headers)?.duration_since(UNIX_EPOCH).ok()
}

const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
const LONGEST: usize = 1024;
