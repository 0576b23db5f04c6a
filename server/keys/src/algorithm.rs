//! The algorithms that tokens are signed with.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An algorithm that this server signs with (RFC 7518 §3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// RSA with 2048 bits and SHA-256: every verifier knows it (RFC 9068 §2.1).
    #[default]
    #[serde(rename = "RS256")]
    Rs256,
    /// ECDSA on P-256 with SHA-256: costs a fraction of an RSA signature.
    #[serde(rename = "ES256")]
    Es256,
}

impl Algorithm {
    /// All of them, the default first.
    pub const ALL: [Self; 2] = [Self::Rs256, Self::Es256];

    /// Its name, as in a JOSE header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }

    /// Where its keys are stored. Servers from before ES256 read every row of `signing_keys` as an RSA key, so it has a
    /// table of its own (ADR 21).
    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Rs256 => "signing_keys",
            Self::Es256 => "es256_keys",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|algorithm| algorithm.name() == name);
        known.ok_or_else(|| format!("the algorithm is {name:?}, and must be RS256 or ES256"))
    }
}
