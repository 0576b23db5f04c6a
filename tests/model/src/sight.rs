//! What must be seen somewhere in a run.

/// Something that must happen somewhere in a scenario: a model in which it doesn't proves nothing about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sight {
    /// Row 13.
    Retried,
    /// Row 14.
    RetriedByProof,
    /// Row 12.
    Heal,
    /// Row 17.
    LateDuplicate,
    /// Row 18.
    InHole,
    /// Row 19.
    LateByProof,
    /// A challenge inside an attempt, or a copied proof.
    ProofRefused,
    /// Two processes send the same token with the same key.
    SameAttempt,
    /// A process is about to send what is no longer the vault's.
    SendsLate,
    /// An answer comes and the vault has moved on.
    AnswersLate,
    /// An answer comes after the user has signed out.
    AnswersAfterSignOut,
    /// The owner learns that the session has ended.
    OwnerTold,
    /// The thief gets a token.
    ThiefGains,
    /// The thief's token is reuse.
    ThiefCaught,
    /// The owner's token is reuse: the thief was faster.
    OwnerForked,
    /// The thief is refused and nothing changes.
    ThiefRefused,
    /// Its proof, which was signed in advance, is too old or was used.
    ThiefsProofRefused,
    /// The API refuses it with a good access token.
    ThiefShutOut,
}

impl Sight {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Retried,
        Self::RetriedByProof,
        Self::Heal,
        Self::LateDuplicate,
        Self::InHole,
        Self::LateByProof,
        Self::ProofRefused,
        Self::SameAttempt,
        Self::SendsLate,
        Self::AnswersLate,
        Self::AnswersAfterSignOut,
        Self::OwnerTold,
        Self::ThiefGains,
        Self::ThiefCaught,
        Self::OwnerForked,
        Self::ThiefRefused,
        Self::ThiefsProofRefused,
        Self::ThiefShutOut,
    ];

    /// What is seen.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retried => "a lost answer is given again (row 13)",
            Self::RetriedByProof => "a lost answer is given again by proof (row 14)",
            Self::Heal => "a lost commit is healed (row 12)",
            Self::LateDuplicate => "a late duplicate is superseded (row 17)",
            Self::InHole => "a late duplicate falls into a hole (row 18)",
            Self::LateByProof => "a late duplicate is superseded by proof (row 19)",
            Self::ProofRefused => "a proof is refused on the way (rows 5 and 6)",
            Self::SameAttempt => "two processes send the same attempt",
            Self::SendsLate => "a process sends what the vault has left",
            Self::AnswersLate => "an answer finds a newer vault",
            Self::AnswersAfterSignOut => "an answer finds a tombstone",
            Self::OwnerTold => "the owner learns that the session has ended",
            Self::ThiefGains => "the thief gets a token",
            Self::ThiefCaught => "the thief is caught",
            Self::OwnerForked => "the owner meets the thief's fork",
            Self::ThiefRefused => "the thief is refused",
            Self::ThiefsProofRefused => "the thief's proof is too old, or used",
            Self::ThiefShutOut => "the API refuses the thief's new access token",
        }
    }
}
