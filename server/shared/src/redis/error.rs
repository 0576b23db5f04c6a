//! Why the shared store can't be used.

use moorline_server_base::config::RedisUrl;

/// The shared store can't be used. Names the server, and never its password.
#[derive(Debug, thiserror::Error)]
#[error("shared: {url}: {why}")]
pub struct SharedError {
    url: String,
    why: String,
}

impl SharedError {
    pub(super) fn new(url: &RedisUrl, why: impl Into<String>) -> Self {
        Self { url: url.to_string(), why: why.into() }
    }
}
