//! The proof of one back-channel request, on its way through the transaction that decides about the request.

use std::sync::OnceLock;
use std::time::Duration;

use super::error::{Code, OAuthError};
use moorline_server_dpop::{Checked, Claim, Dpop, Proof, ProofError};

/// A checked proof that is marked as used at most once, however often the transaction looks at it.
#[derive(Debug)]
pub(super) struct Presented {
    checked: Checked,
    claim: OnceLock<Claim>,
}

/// Why a proof is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproved {
    /// There is none where one is needed.
    Missing,
    /// It is bad, or was used before.
    Bad(ProofError),
    /// It needs a nonce of ours.
    NonceWanted,
    /// It is by another key than it must be.
    OtherKey,
    /// The memory of used proofs is full: whether it was used before is unknown.
    Full,
    /// The share of its holder is used up; there is a new one after this long.
    OverShare(Duration),
}

impl Presented {
    pub(super) const fn new(checked: Checked) -> Self {
        Self { checked, claim: OnceLock::new() }
    }

    /// The key that signed the proof; `None` if there is no proof. Does not mark it as used: for decisions that change
    /// nothing.
    pub(super) fn look(&self, dpop: &Dpop, bound_to: Option<&str>) -> Result<Option<&str>, Unproved> {
        let Some(proof) = self.good()? else { return Ok(None) };
        let is_by_another = bound_to.is_some_and(|jkt| jkt != proof.jkt());
        match self.claim.get() {
            None if !is_by_another && dpop.was_used(proof) => Err(Unproved::Bad(ProofError::Replayed)),
            Some(claim) if !is_by_another => settle(*claim, dpop).map(|()| Some(proof.jkt())),
            _ => Ok(Some(proof.jkt())),
        }
    }

    /// The same, and marks the proof as used, within the share of `holder`; not if another key than `bound_to` signed
    /// it. Call it once the token or code that it came with was found to be good and alive.
    pub(super) fn spend(
        &self,
        dpop: &Dpop,
        bound_to: Option<&str>,
        holder: &[u8],
    ) -> Result<Option<&str>, Unproved> {
        let Some(proof) = self.good()? else { return Ok(None) };
        if bound_to.is_none_or(|jkt| jkt == proof.jkt()) {
            settle(*self.claim.get_or_init(|| dpop.claim_within_share(proof, holder)), dpop)?;
        }
        Ok(Some(proof.jkt()))
    }

    /// Whether the key of this thumbprint signed the proof. Does not mark it as used.
    pub(super) fn is_by(&self, dpop: &Dpop, jkt: &str) -> Result<(), Unproved> {
        match self.look(dpop, Some(jkt))? {
            None => Err(Unproved::Missing),
            Some(key) if key == jkt => Ok(()),
            Some(_) => Err(Unproved::OtherKey),
        }
    }

    fn good(&self) -> Result<Option<&Proof>, Unproved> {
        match &self.checked {
            Checked::Absent => Ok(None),
            Checked::Bad(error) => Err(Unproved::Bad(*error)),
            Checked::NonceWanted => Err(Unproved::NonceWanted),
            Checked::Good(proof) => Ok(Some(proof)),
        }
    }
}

fn settle(claim: Claim, dpop: &Dpop) -> Result<(), Unproved> {
    match claim {
        Claim::Fresh => Ok(()),
        Claim::Replayed => Err(Unproved::Bad(ProofError::Replayed)),
        Claim::Stale => Err(Unproved::NonceWanted),
        Claim::Full => Err(Unproved::Full),
        Claim::OverShare => Err(Unproved::OverShare(dpop.next_share())),
    }
}

impl Unproved {
    /// The reason in the audit log; `None` if the client is not at fault.
    pub(super) const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Missing => Some("missing"),
            Self::Bad(error) => Some(error.name()),
            Self::OtherKey => Some("other_key"),
            Self::NonceWanted | Self::Full | Self::OverShare(_) => None,
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
            Unproved::OverShare(wait) => Self::too_many_requests(wait),
        }
    }
}
