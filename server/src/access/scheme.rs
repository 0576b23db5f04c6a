//! The two ways to present an access token.

/// How a token is presented, and so what it has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Whoever has it may use it.
    Bearer,
    /// Only the holder of its key may.
    Dpop,
}
