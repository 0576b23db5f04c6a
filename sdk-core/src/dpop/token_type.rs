//! How an access token is sent.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::key::ProofKey;

/// How an access token is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TokenType {
    /// Bound to a key of this session (RFC 9449): of no use without a proof for each request.
    DPoP,
    /// Whoever holds it can use it (RFC 6750).
    Bearer,
}

impl TokenType {
    /// The type of a token that is bound to this key.
    pub(crate) const fn of(proof_key: Option<&ProofKey>) -> Self {
        if proof_key.is_some() { Self::DPoP } else { Self::Bearer }
    }

    /// The scheme of the `Authorization` header: `DPoP` or `Bearer`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DPoP => "DPoP",
            Self::Bearer => "Bearer",
        }
    }
}

impl fmt::Display for TokenType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
