//! Mutants: rules that are almost the product's. Each must break a promise, or the model would prove nothing.
//!
//! They are switches around the product's functions, in the model's world alone: the product has none of them.

use clap::ValueEnum;
use moorline_server::oauth::rotation::{Again, Decision};

use crate::ahead::Age;
use crate::promises::{ALIVE, ENDED, MINT, ONCE, ONE_LEAF, OUTSIDE, PACE, UNTOUCHED};
use crate::request::{Proven, Request};

/// A rule that is not the product's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Mutant {
    /// There is no attempt key: the server never sees one.
    NoAttemptKey,
    /// The grace is given to who leaves the key out, also where the stored attempt has one.
    GraceIgnoresAttempt,
    /// The key is derived from the vault and the token, instead of random and journalled.
    DerivedKey,
    /// The server forgets by which attempts older generations were rotated.
    NoHistory,
    /// A generation that is ahead of the row's is taken for a forgery, and revoked.
    FutureRevoked,
    /// A retry is answered with a fresh access token.
    FreshRetry,
    /// An old token may rotate too.
    Fork,
    /// A request without the device's proof is judged like any other.
    ProofIgnored,
    /// A client whose session the provider refuses doesn't tell it to revoke.
    EndsInSilence,
    /// A client settles an answer without reading the vault again.
    TrustsMemory,
    /// A client makes a new attempt key whenever it starts again.
    ForgetsJournal,
    /// A client sends an attempt where the metadata says so just then, and not where it said so when the token came.
    GoesByTheMoment,
    /// The API accepts nonces as old as a refresh does.
    AgesAlike,
    /// The proof of a refresh is remembered for four minutes, as any other, though its nonce is accepted for longer.
    ForgetsProofs,
}

impl Mutant {
    /// Which promise it breaks.
    #[must_use]
    pub const fn breaks(self) -> &'static str {
        match self {
            Self::NoAttemptKey
            | Self::NoHistory
            | Self::FutureRevoked
            | Self::TrustsMemory
            | Self::ForgetsJournal
            | Self::GoesByTheMoment => ALIVE,
            Self::GraceIgnoresAttempt | Self::DerivedKey => PACE,
            Self::FreshRetry => MINT,
            Self::Fork => ONE_LEAF,
            Self::ProofIgnored => UNTOUCHED,
            Self::EndsInSilence => ENDED,
            Self::AgesAlike => OUTSIDE,
            Self::ForgetsProofs => ONCE,
        }
    }

    pub(crate) fn request(self, request: &Request) -> Request {
        match self {
            Self::NoAttemptKey => Request { attempt: None, ..*request },
            Self::ProofIgnored => Request { proof: Proven::Device, ..*request },
            _ => *request,
        }
    }

    pub(crate) fn forgets_the_past(self) -> bool {
        self == Self::NoHistory
    }

    /// What it makes of the product's decision about a row of this generation and age.
    pub(crate) fn decision(self, decision: Decision, generation: u8, age: u8, request: &Request) -> Decision {
        let one_behind = request.token.generation + 1 == generation;
        match (self, decision) {
            (Self::GraceIgnoresAttempt, Decision::Revoke)
                if one_behind && age == 0 && request.attempt.is_none() =>
            {
                Decision::Same(Again::Grace)
            }
            (Self::Fork, Decision::Revoke) if one_behind => Decision::Rotate,
            (Self::FutureRevoked, Decision::Heal) => Decision::Revoke,
            _ => decision,
        }
    }

    pub(crate) fn age_of_answer(self, age: u8) -> u8 {
        if self == Self::FreshRetry { 0 } else { age }
    }

    pub(crate) fn ages_alike(self) -> bool {
        self == Self::AgesAlike
    }

    /// Whether a proof that was used at the age `then` is forgotten by now.
    pub(crate) fn forgets_proof(self, then: Age, now: Age) -> bool {
        self == Self::ForgetsProofs && then < now
    }

    pub(crate) fn derives_keys(self) -> bool {
        self == Self::DerivedKey
    }

    pub(crate) fn forgets_the_journal(self) -> bool {
        self == Self::ForgetsJournal
    }

    pub(crate) fn goes_by_the_moment(self) -> bool {
        self == Self::GoesByTheMoment
    }

    pub(crate) fn trusts_its_memory(self) -> bool {
        self == Self::TrustsMemory
    }

    pub(crate) fn ends_in_silence(self) -> bool {
        self == Self::EndsInSilence
    }
}
