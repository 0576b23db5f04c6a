//! What is promised.

/// The user does not sign in twice for a lost answer, and no session ends by accident.
pub const FINISH: &str = "a sign-in whose code is alive can be finished, and its session goes on";
/// With a named key, a thief is refused whatever it has of the exchange.
pub const GETS_NOTHING: &str = "a thief without the device's key gets no session and ends none";
/// Without one, it may be first, or end the session.
pub const SHARED: &str = "a thief and the device never both have the session";
/// What then ends it.
pub const ENDS: &str = "a session that a thief began ends with the device's exchange";
