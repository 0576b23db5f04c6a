//! The runs: what is proved, what must fail, and what can't be had.

use crate::mutant::Mutant;
use crate::promises::ALIVE;
use crate::scenario::{Loot, Scenario};
use crate::sight::Sight;
use crate::sight::Sight::{
    AnswersAfterSignOut, AnswersLate, Heal, InHole, LateByProof, LateDuplicate, OwnerForked, OwnerTold,
    ProofRefused, Retried, RetriedByProof, SameAttempt, SendsLate, ThiefCaught, ThiefGains, ThiefRefused,
    ThiefShutOut, ThiefsProofRefused,
};

/// How much is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// What `cargo test` has the time for.
    Small,
    /// What `cargo xtask model` has the time for.
    Whole,
    /// A generation and a request more: for a machine that has an hour.
    Deep,
}

/// Every scenario in which the promises must hold.
#[must_use]
pub fn all(size: Size) -> Vec<Scenario> {
    let mut all = alone();
    all.extend(with_a_thief());
    if size == Size::Deep {
        for scenario in &mut all {
            scenario.generations = (scenario.generations + 1).min(MOST);
            scenario.thiefs_generations = (scenario.thiefs_generations + 1).min(MOST);
            scenario.network = 3;
        }
    }
    if size == Size::Small {
        for scenario in &mut all {
            scenario.generations = scenario.generations.min(2);
            scenario.thiefs_generations = scenario.thiefs_generations.min(3);
            // Where much else can go wrong, one request at a time (and its copies) is enough to see it all once.
            let much = (scenario.bound && scenario.signs_in)
                || (scenario.loot != Loot::Nothing && scenario.lost_commits > 0);
            scenario.network = if much { 1 } else { 2 };
        }
    }
    all
}

/// One more would not fit into [`GENERATIONS`](crate::names::GENERATIONS): from the last, the owner must still go on.
const MOST: u8 = 6;

/// The owner's two processes against crashes, the network, the clock and a server that loses commits.
fn alone() -> Vec<Scenario> {
    const ORDINARY: &[Sight] = &[Retried, LateDuplicate, SameAttempt, SendsLate, AnswersLate];
    let wide = Scenario { generations: 6, network: 3, ..Scenario::default() };
    let bound = Scenario { bound: true, generations: 5, ..wide };
    let healing = Scenario { lost_commits: 1, generations: 5, shows: &[Retried, Heal, InHole], ..wide };
    let leaving = Scenario { signs_out: true, signs_in: true, generations: 3, ..wide };
    vec![
        Scenario { name: "bearer", shows: ORDINARY, ..wide },
        Scenario { name: "bearer, no locks", locks: false, shows: ORDINARY, ..wide },
        Scenario { name: "bearer, time passes", time: true, shows: ORDINARY, ..wide },
        Scenario { name: "bearer, lost commit", ..healing },
        Scenario { name: "bearer, lost commit, no locks", locks: false, generations: 4, ..healing },
        Scenario { name: "bearer, two lost commits", lost_commits: 2, generations: 4, ..healing },
        Scenario {
            name: "bearer, sign-out, sign-in",
            shows: &[Retried, AnswersAfterSignOut, AnswersLate],
            ..leaving
        },
        Scenario {
            name: "bearer, sign-out, lost commit",
            lost_commits: 1,
            signs_in: false,
            shows: &[Heal, AnswersAfterSignOut],
            ..leaving
        },
        Scenario { name: "bound", shows: &[Retried, LateDuplicate, ProofRefused, SameAttempt], ..bound },
        Scenario {
            name: "bound, lost commit",
            lost_commits: 1,
            shows: &[Heal, InHole, ProofRefused],
            ..bound
        },
        Scenario {
            name: "bound, sign-out, sign-in",
            bound: true,
            generations: 2,
            shows: &[AnswersAfterSignOut, AnswersLate],
            ..leaving
        },
        Scenario {
            name: "bound, the metadata says now this and now that",
            metadata_changes: true,
            generations: 4,
            shows: &[Retried, RetriedByProof, LateDuplicate],
            ..bound
        },
        Scenario {
            name: "bound, another vendor's client",
            keyed: false,
            shows: &[RetriedByProof, LateByProof],
            ..bound
        },
    ]
}

/// The same with a thief.
fn with_a_thief() -> Vec<Scenario> {
    const CAUGHT: &[Sight] = &[Retried, ThiefGains, ThiefCaught, OwnerForked, OwnerTold];
    const REFUSED: &[Sight] = &[Retried, ThiefRefused];
    let bearer =
        Scenario { generations: 4, thiefs_generations: 5, network: 2, shows: CAUGHT, ..Scenario::default() };
    let bound = Scenario { bound: true, shows: REFUSED, ..bearer };
    let keyed = Scenario { thief_has_device_key: true, shows: CAUGHT, ..bound };
    let old: &[Sight] = &[Retried, ThiefCaught];
    // A commit of the thief's that is lost gives each of the two one step more; a thief with a token alone has none to
    // give.
    let losing = Scenario { lost_commits: 1, pace: 5, generations: 3, thiefs_generations: 4, ..bearer };
    vec![
        Scenario { name: "bearer, thief with the current token", loot: Loot::Token, ..bearer },
        Scenario { name: "bearer, thief with an old token", loot: Loot::OldToken, shows: old, ..bearer },
        Scenario { name: "bearer, thief with a request", loot: Loot::Request, ..bearer },
        Scenario { name: "bearer, thief with the vault", loot: Loot::Vault, ..bearer },
        Scenario {
            name: "bearer, grace, thief with the current token",
            loot: Loot::Token,
            grace: true,
            time: true,
            ..bearer
        },
        Scenario {
            name: "bearer, grace, thief with an old token",
            loot: Loot::OldToken,
            grace: true,
            time: true,
            shows: old,
            ..bearer
        },
        Scenario {
            name: "bearer, time passes, thief with a request",
            loot: Loot::Request,
            time: true,
            generations: 3,
            ..bearer
        },
        Scenario {
            name: "bearer, time passes, thief with the vault",
            loot: Loot::Vault,
            time: true,
            generations: 3,
            ..bearer
        },
        Scenario {
            name: "bearer, sign-out, thief with a request",
            loot: Loot::Request,
            signs_out: true,
            generations: 3,
            ..bearer
        },
        Scenario {
            name: "bearer, sign-out, thief with the vault",
            loot: Loot::Vault,
            signs_out: true,
            generations: 3,
            ..bearer
        },
        Scenario {
            name: "bearer, lost commit, thief with the current token",
            loot: Loot::Token,
            pace: 3,
            ..losing
        },
        Scenario {
            name: "bearer, lost commit, thief with an old token",
            loot: Loot::OldToken,
            pace: 3,
            ..losing
        },
        Scenario { name: "bearer, lost commit, thief with a request", loot: Loot::Request, ..losing },
        Scenario { name: "bearer, lost commit, thief with the vault", loot: Loot::Vault, ..losing },
        Scenario { name: "bound, thief with the current token", loot: Loot::Token, ..bound },
        Scenario { name: "bound, thief with an old token", loot: Loot::OldToken, ..bound },
        Scenario { name: "bound, thief with a request and its proof", loot: Loot::Request, ..bound },
        Scenario { name: "bound, thief with the vault, not the key", loot: Loot::Vault, ..bound },
        Scenario {
            name: "bound, lost commit, thief with the vault, not the key",
            loot: Loot::Vault,
            lost_commits: 1,
            generations: 3,
            ..bound
        },
        Scenario {
            name: "bound, thief with the vault and proofs signed in advance",
            loot: Loot::SignedAhead,
            generations: 3,
            thiefs_generations: 4,
            pace: 2,
            shows: &[
                Retried,
                ThiefGains,
                ThiefRefused,
                ThiefsProofRefused,
                ThiefShutOut,
                ThiefCaught,
                OwnerForked,
                OwnerTold,
            ],
            ..bound
        },
        Scenario {
            name: "bound, thief with the vault and the key",
            loot: Loot::Vault,
            generations: 3,
            thiefs_generations: 4,
            ..keyed
        },
    ]
}

/// Each mutant, in a scenario where the promises hold without it.
#[must_use]
pub fn mutants() -> Vec<Scenario> {
    let small = Scenario { generations: 3, thiefs_generations: 4, ..Scenario::default() };
    let thief = |loot| Scenario { loot, ..small };
    let of = |mutant: Mutant, name, scenario: Scenario| Scenario {
        name,
        mutant: Some(mutant),
        shows: &[],
        ..scenario
    };
    vec![
        of(Mutant::NoAttemptKey, "no attempt key", small),
        of(
            Mutant::GraceIgnoresAttempt,
            "a grace that ignores a stored attempt",
            Scenario { grace: true, time: true, ..thief(Loot::OldToken) },
        ),
        of(Mutant::DerivedKey, "a key derived from the vault", thief(Loot::Vault)),
        of(Mutant::NoHistory, "no history", small),
        of(Mutant::FutureRevoked, "revoke on a future generation", Scenario { lost_commits: 1, ..small }),
        of(Mutant::FreshRetry, "a retry mints a fresh access token", Scenario { time: true, ..small }),
        of(Mutant::Fork, "an old token may rotate too", small),
        of(
            Mutant::ProofIgnored,
            "the device's proof is not asked for",
            Scenario { bound: true, ..thief(Loot::Token) },
        ),
        of(Mutant::EndsInSilence, "a client that ends a session without a revocation", thief(Loot::Request)),
        of(Mutant::TrustsMemory, "a client that does not read the vault again", small),
        of(
            Mutant::GoesByTheMoment,
            "a client that follows the current metadata",
            Scenario { bound: true, metadata_changes: true, ..small },
        ),
        of(
            Mutant::AgesAlike,
            "an API that accepts nonces as old as a refresh does",
            Scenario { bound: true, pace: 2, ..thief(Loot::SignedAhead) },
        ),
        of(
            Mutant::ForgetsProofs,
            "a refresh's proof is forgotten before its nonce is too old",
            Scenario { bound: true, pace: 2, ..thief(Loot::SignedAhead) },
        ),
        of(Mutant::ForgetsJournal, "a client that makes a new key after a crash", small),
    ]
}

/// What can't be had, and is said so: in each of these a promise falls, and the model shows how.
#[must_use]
pub fn limits() -> Vec<(Scenario, &'static str)> {
    vec![
        (
            Scenario {
                name: "no locks, and a process stopped inside its write",
                locks: false,
                torn_writes: true,
                ..Scenario::default()
            },
            ALIVE,
        ),
        (
            Scenario {
                name: "a bearer client without attempt keys, with a grace",
                keyed: false,
                grace: true,
                time: true,
                ..Scenario::default()
            },
            ALIVE,
        ),
    ]
}
