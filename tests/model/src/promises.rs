//! What the product promises, in the words of the table.

/// The owner is never locked out as long as no thief has made the server do anything.
pub const ALIVE: &str = "the owner can always go on unless a thief has used a token";
/// With a bearer token (or with the device's key), thief and owner don't both go on for long.
pub const PACE: &str = "a thief never keeps pace for more than a step";
/// Without the device's key, a thief is always refused.
pub const UNTOUCHED: &str = "a thief without the device's key changes nothing and gets nothing";
/// The most that a proof signed in advance allows.
pub const ONCE: &str = "a proof signed in advance buys one rotation";
/// What ends that.
pub const OVER: &str = "the owner's next refresh overtakes the thief or ends the session";
/// What it never allows.
pub const OUTSIDE: &str = "a proof signed in advance opens no API once its nonce is old";
/// A session never forks.
pub const ONE_LEAF: &str = "at most one leaf is live";
/// Retries mint nothing.
pub const MINT: &str = "no fresh access token without a rotation";
/// A session that has ended on the device ends at the provider.
pub const ENDED: &str = "a sign-out by the owner ends the session";
