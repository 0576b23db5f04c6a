//! The experiments: what networks and thieves do to apps, one a file. Each has an outcome, which a function judges
//! that sends nothing.

pub(super) mod binding;
pub(super) mod code;
pub(super) mod first;
pub(super) mod late;
pub(super) mod lost;
pub(super) mod race;
pub(super) mod revoked;

/// Who could use a stolen refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// Whoever has it.
    Anybody,
    /// Only the client with the key (RFC 9449).
    Bound,
}
