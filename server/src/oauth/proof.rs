//! The proof of one back-channel request, on its way through the transaction that decides about the request.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::{Code, OAuthError};
use moorline_server_dpop::{Answer, Checked, Claim, Dpop, Proof, ProofError};

/// A checked proof that is marked as used at most once, however often the transaction looks at it.
///
/// The memory of used proofs may be a round trip away, and no transaction waits for a network. So a transaction that
/// needs an answer leaves a question here and is undone; [`super::transaction`] asks, and runs it again.
#[derive(Debug)]
pub(super) struct Presented {
    checked: Checked,
    known: Mutex<Known>,
}

/// What is known of a proof's use.
#[derive(Debug, Default)]
struct Known {
    looked: Option<Claim>,
    claimed: Option<Claim>,
    question: Option<Question>,
    /// Whether `looked` is no older than a call of [`Presented::look_anew`].
    anew: bool,
}

/// What a transaction has to know.
#[derive(Clone, Debug)]
enum Question {
    WasUsed,
    /// Marks the proof as used, within the share of this holder.
    Claim(Vec<u8>),
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
    /// Whether it was used before is unknown: the memory of used proofs is full, can't be reached, or was not asked
    /// yet.
    Unknown,
    /// The share of its holder is used up; there is a new one after this long.
    OverShare(Duration),
}

impl Presented {
    pub(super) fn new(checked: Checked) -> Self {
        Self { checked, known: Mutex::default() }
    }

    /// The key that signed the proof; `None` if there is no proof. Does not mark it as used: for decisions that change
    /// nothing.
    pub(super) fn look(&self, dpop: &Dpop, bound_to: Option<&str>) -> Result<Option<&str>, Unproved> {
        let Some(proof) = self.good()? else { return Ok(None) };
        if bound_to.is_none_or(|jkt| jkt == proof.jkt()) {
            let mut known = self.known();
            // What this request itself has claimed is not used up.
            if known.claimed.or(known.looked).is_none() {
                known.answer(Question::WasUsed, dpop.look(proof));
            }
            settle(known.claimed.or(known.looked), dpop)?;
        }
        Ok(Some(proof.jkt()))
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
            let mut known = self.known();
            if known.claimed.is_none() {
                known.answer(Question::Claim(holder.to_vec()), dpop.claim_within_share(proof, holder));
            }
            settle(known.claimed, dpop)?;
        }
        Ok(Some(proof.jkt()))
    }

    /// Has the next [`Presented::look`] ask again, the first time that it is called: an answer to a transaction that
    /// was undone may be older than what another request has done since.
    pub(super) fn look_anew(&self) {
        let mut known = self.known();
        if !std::mem::replace(&mut known.anew, true) {
            known.looked = None;
        }
    }

    /// Whether a transaction has left a question, and so has to be undone.
    pub(super) fn asks(&self) -> bool {
        self.known().question.is_some()
    }

    /// Asks the question that a transaction has left.
    pub(super) async fn ask(&self, dpop: &Dpop) {
        let question = self.known().question.take();
        let (Some(question), Checked::Good(proof)) = (question, &self.checked) else { return };
        let answer = match &question {
            Question::WasUsed => dpop.look(proof),
            Question::Claim(holder) => dpop.claim_within_share(proof, holder),
        };
        let answer = answer.wait().await;
        self.known().answer(question, Answer::Now(answer));
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
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

impl Known {
    /// Takes an answer that is there, and leaves the question otherwise.
    fn answer(&mut self, question: Question, answer: Answer<'_, Claim>) {
        match (answer.now(), question) {
            (None, question) => self.question = Some(question),
            (Some(answer), Question::WasUsed) => self.looked = Some(answer),
            (Some(answer), Question::Claim(_)) => self.claimed = Some(answer),
        }
    }
}

fn settle(claim: Option<Claim>, dpop: &Dpop) -> Result<(), Unproved> {
    match claim {
        Some(Claim::Fresh) => Ok(()),
        Some(Claim::Replayed) => Err(Unproved::Bad(ProofError::Replayed)),
        Some(Claim::Stale) => Err(Unproved::NonceWanted),
        Some(Claim::OverShare) => Err(Unproved::OverShare(dpop.next_share())),
        Some(Claim::Unknown) | None => Err(Unproved::Unknown),
    }
}

impl Unproved {
    /// The reason in the audit log; `None` if the client is not at fault.
    pub(super) const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Missing => Some("missing"),
            Self::Bad(error) => Some(error.name()),
            Self::OtherKey => Some("other_key"),
            Self::NonceWanted | Self::Unknown | Self::OverShare(_) => None,
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
            Unproved::Unknown => Self::unavailable(),
            Unproved::OverShare(wait) => Self::too_many_requests(wait),
        }
    }
}
