//! What the nodes of one server have in common: which DPoP proofs were used, what nonces are computed from, and how
//! often somebody did something.
//!
//! [`Shared`] has two implementations: [`InProcess`], for a node that is alone, and [`Redis`], for several nodes.
//! `docs/adr/0018-shared.md` gives the reasons.

mod answer;
mod epoch;
mod id;
mod in_process;
mod redis;
mod replays;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod testing;

use std::fmt::Debug;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

pub use answer::Answer;
pub use epoch::Epoch;
pub use id::Id;
pub use in_process::InProcess;
pub use redis::{Redis, SharedError};

/// How long a nonce is the current one.
pub const WINDOW: Duration = Duration::from_secs(120);

/// The number of windows after its own in which a nonce is accepted everywhere: two to four minutes. Long enough for a
/// slow network, short enough that proofs which somebody made in advance (RFC 9449 §11.2) are soon worthless.
pub const SHORT: u64 = 1;

/// What nodes have in common.
///
/// | use | while the shared store is not available |
/// | --- | --- |
/// | [`Shared::look`], [`Shared::claim`] | closed: [`Claim::Unknown`], and the request is refused with 503 |
/// | [`Shared::count`] | open: `None`, and each node counts for itself |
pub trait Shared: Debug + Send + Sync {
    /// What nonces are computed from now.
    fn epoch(&self) -> Arc<Epoch>;

    /// The time that windows are counted by: it starts anywhere, and all nodes have the same.
    fn time(&self) -> Duration;

    /// Whether the proof was used. Marks nothing: [`Claim::Fresh`] says that it can be claimed.
    fn look(&self, proof: &Trace) -> Answer<'_, Claim>;

    /// Marks the proof as used, in one atomic step for all nodes.
    fn claim(&self, proof: &Trace, share: Option<Share>) -> Answer<'_, Claim>;

    /// Counts one use of `limit` by `key`, of so many in a minute. `None`: the caller has to count for itself.
    fn count(&self, limit: &str, key: &[u8], per_minute: NonZeroU32) -> Answer<'_, Option<Counted>>;

    /// Which store this node uses just now: nodes that use the same one have the same epoch. `None` while it is away,
    /// and where nothing is shared.
    fn store(&self) -> Option<Id> {
        None
    }

    /// Leaves no room for another proof.
    #[cfg(any(test, feature = "testing"))]
    #[doc(hidden)]
    fn fill(&self) {}
}

/// What is remembered of a proof.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// The epoch of its nonce.
    pub epoch: Id,
    /// Its key and `jti`.
    pub id: Id,
    /// The window that its nonce was given out in.
    pub window: u64,
    /// The number of windows after its own in which its nonce is accepted for this request.
    pub accepted: u64,
    /// The number of windows after its own in which its nonce is accepted for any request that it is good for.
    pub remembered: u64,
}

/// How many proofs a holder of a token may use in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// A name of the key or session.
    pub holder: Id,
    /// The most that it may use.
    pub most: u32,
}

/// The result of marking a proof as used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It was not used before, and now it is.
    Fresh,
    /// It was used before.
    Replayed,
    /// Its nonce became too old in the meantime, or belongs to another epoch.
    Stale,
    /// Unknown: there is no room to remember it, or the memory can't be reached. It must be refused, and may be sent
    /// again later.
    Unknown,
    /// Its holder's share is used up: refused until the next window begins.
    OverShare,
}

/// The result of counting a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// It is within the limit.
    Within,
    /// It is over the limit, and does not count. The next one fits after this long.
    Over(Duration),
}
