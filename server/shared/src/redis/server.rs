//! What a server says of itself, and whether it is fit to remember used proofs.

use redis::InfoDict;

/// A server that is fit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Server {
    /// This life of its memory: another one after a restart, and after a failover.
    pub(super) identity: String,
}

impl Server {
    /// Reads the answer to `INFO`.
    ///
    /// # Errors
    /// Why it is not fit, and what to do.
    pub(super) fn read(info: &InfoDict) -> Result<Self, String> {
        let text = |name: &str| info.get::<String>(name).unwrap_or_default();
        if text("role") != "master" {
            return Err("it is a replica, which can't be written: name its primary".to_owned());
        }
        let policy = text("maxmemory_policy");
        if policy != "noeviction" {
            return Err(format!(
                "its maxmemory-policy is {policy:?}: when its memory is full it would delete used DPoP proofs, and a \
                 proof could be used twice. Set maxmemory-policy to noeviction"
            ));
        }
        let (process, history) = (text("run_id"), text("master_replid"));
        if process.is_empty() {
            return Err("its INFO has no run_id: use Redis 5 or later, or Valkey".to_owned());
        }
        Ok(Self { identity: format!("{process}:{history}") })
    }
}
