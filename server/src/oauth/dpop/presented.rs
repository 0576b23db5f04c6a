//! The proof of one back-channel request, on its way through the transaction that decides about the request.

use std::sync::OnceLock;

use super::{Checked, Claim, Dpop, ProofError};
use crate::oauth::error::{Code, OAuthError};

/// A checked proof that is used up at most once, however often the transaction looks at it.
#[derive(Debug)]
pub(in crate::oauth) struct Presented {
    checked: Checked,
    claim: OnceLock<Claim>,
}

/// Why a proof does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::oauth) enum Unproved {
    /// There is none where one is needed.
    Missing,
    /// It is bad, or was used before.
    Bad(ProofError),
    /// It needs a nonce of ours.
    NonceWanted,
    /// It is by another key than it must be.
    OtherKey,
    /// Whether it was used before can't be told just now.
    Full,
}

impl Presented {
    pub(in crate::oauth) const fn new(checked: Checked) -> Self {
        Self { checked, claim: OnceLock::new() }
    }

    /// The key that the proof is by; `None` if there is no proof. To be asked once the token or code that it came with was
    /// found to be good, since it uses the proof up: all but one by another key than `bound_to`, which is of no use here.
    pub(in crate::oauth) fn key(
        &self,
        dpop: &Dpop,
        bound_to: Option<&str>,
    ) -> Result<Option<&str>, Unproved> {
        let proof = match &self.checked {
            Checked::Absent => return Ok(None),
            Checked::Bad(error) => return Err(Unproved::Bad(*error)),
            Checked::NonceWanted => return Err(Unproved::NonceWanted),
            Checked::Good(proof) => proof,
        };
        if bound_to.is_some_and(|jkt| jkt != proof.jkt()) {
            return Ok(Some(proof.jkt()));
        }
        match self.claim.get_or_init(|| dpop.claim(proof)) {
            Claim::Fresh => Ok(Some(proof.jkt())),
            Claim::Replayed => Err(Unproved::Bad(ProofError::Replayed)),
            Claim::Stale => Err(Unproved::NonceWanted),
            Claim::Full => Err(Unproved::Full),
        }
    }

    /// Whether the proof is by the key of this thumbprint.
    pub(in crate::oauth) fn is_by(&self, dpop: &Dpop, jkt: &str) -> Result<(), Unproved> {
        match self.key(dpop, Some(jkt))? {
            None => Err(Unproved::Missing),
            Some(key) if key == jkt => Ok(()),
            Some(_) => Err(Unproved::OtherKey),
        }
    }
}

impl Unproved {
    /// As it stands in the audit; `None` for what is nobody's fault.
    pub(in crate::oauth) const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Missing => Some("missing"),
            Self::Bad(error) => Some(error.name()),
            Self::OtherKey => Some("other_key"),
            Self::NonceWanted | Self::Full => None,
        }
    }
}

impl From<Unproved> for OAuthError {
    fn from(unproved: Unproved) -> Self {
        match unproved {
            Unproved::Missing => Self::new(Code::InvalidDpopProof, "A DPoP proof is needed here."),
            Unproved::Bad(error) => Self::new(Code::InvalidDpopProof, error.text()),
            Unproved::NonceWanted => {
                Self::new(Code::UseDpopNonce, "The DPoP proof needs the nonce in the DPoP-Nonce header.")
            }
            Unproved::OtherKey => Self::new(Code::InvalidDpopProof, "The DPoP proof is by another key."),
            Unproved::Full => Self::unavailable(),
        }
    }
}
