//! The runs: what is proved, what must fail, and what can't be had.

use super::promises::{ENDS, FINISH, GETS_NOTHING, SHARED};

/// What the thief steals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loot {
    /// There is no thief.
    Nothing,
    /// The code and its verifier.
    Code,
    /// A request on its way or late, with its proof: code and verifier are in it.
    Request,
}

/// A rule that is not the product's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mutant {
    /// A second use is never answered: the rule before ADR 16.
    Once,
    /// A bearer session's answer is given again, too.
    BearerToo,
    /// The answer is given again whoever signed the proof.
    AnyKey,
    /// The key that the authorization request named is not compared.
    KeyIgnored,
    /// A late duplicate of the device's own ends its session.
    LateEnds,
    /// A second use by a stranger ends nothing.
    NeverEnds,
}

impl Mutant {
    /// Which promise it breaks.
    #[must_use]
    pub const fn breaks(self) -> &'static str {
        match self {
            Self::Once | Self::LateEnds => FINISH,
            Self::BearerToo => SHARED,
            Self::AnyKey | Self::KeyIgnored => GETS_NOTHING,
            Self::NeverEnds => ENDS,
        }
    }
}

/// What must be seen in a run, or it proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sight {
    /// A lost answer is given again.
    AnsweredAgain,
    /// A request of the device's arrives after the session was refreshed.
    Late,
    /// A request is refused for its proof.
    ProofRefused,
    /// A second use ends a session.
    SessionEnded,
    /// The thief was first, and the session is bound to the thief's key.
    ThiefFirst,
}

impl Sight {
    /// What is seen.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AnsweredAgain => "a lost answer to an exchange is given again",
            Self::Late => "an exchange arrives after the session was refreshed",
            Self::ProofRefused => "an exchange is refused for its proof",
            Self::SessionEnded => "a second use ends the session",
            Self::ThiefFirst => "the thief is first",
        }
    }
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// What it is about.
    pub name: &'static str,
    /// Whether the device proves a key (DPoP).
    pub bound: bool,
    /// Whether the authorization request named that key (`dpop_jkt`), as the SDK does.
    pub names_key: bool,
    /// What is stolen.
    pub loot: Loot,
    /// How often the device sends the exchange.
    pub sends: u8,
    /// What must be seen somewhere in it.
    pub shows: &'static [Sight],
    /// A rule that is not the product's.
    pub mutant: Option<Mutant>,
}

const BOUND: Scenario = Scenario {
    name: "exchange, bound",
    bound: true,
    names_key: true,
    loot: Loot::Nothing,
    sends: 4,
    shows: &[Sight::AnsweredAgain, Sight::Late, Sight::ProofRefused],
    mutant: None,
};

/// Every scenario in which the promises must hold.
#[must_use]
pub fn all() -> Vec<Scenario> {
    const STOLEN: &[Sight] = &[Sight::AnsweredAgain, Sight::ProofRefused];
    const UNNAMED: &[Sight] = &[Sight::AnsweredAgain, Sight::ThiefFirst, Sight::SessionEnded];
    vec![
        BOUND,
        Scenario { name: "exchange, bound, no key named", names_key: false, ..BOUND },
        Scenario { name: "exchange, bound, thief with the code", loot: Loot::Code, shows: STOLEN, ..BOUND },
        Scenario {
            name: "exchange, bound, thief with a request",
            loot: Loot::Request,
            shows: STOLEN,
            ..BOUND
        },
        Scenario {
            name: "exchange, bound, no key named, thief with the code",
            names_key: false,
            loot: Loot::Code,
            shows: UNNAMED,
            ..BOUND
        },
        Scenario {
            name: "exchange, bound, no key named, thief with a request",
            names_key: false,
            loot: Loot::Request,
            shows: UNNAMED,
            ..BOUND
        },
        Scenario {
            name: "exchange, bearer, thief with a request",
            bound: false,
            names_key: false,
            loot: Loot::Request,
            sends: 1,
            shows: &[Sight::ThiefFirst, Sight::SessionEnded],
            ..BOUND
        },
    ]
}

/// Each mutant, in a scenario where the promises hold without it.
#[must_use]
pub fn mutants() -> Vec<Scenario> {
    let of =
        |mutant, name, scenario: Scenario| Scenario { name, mutant: Some(mutant), shows: &[], ..scenario };
    let stolen = Scenario { loot: Loot::Code, ..BOUND };
    let bearer = Scenario { bound: false, names_key: false, loot: Loot::Request, sends: 1, ..BOUND };
    vec![
        of(Mutant::Once, "an exchange is never answered again", BOUND),
        of(Mutant::LateEnds, "a late exchange by the session's device ends it", BOUND),
        of(Mutant::BearerToo, "a bearer's exchange is answered again", bearer),
        of(Mutant::AnyKey, "an exchange is answered again to any key", stolen),
        of(Mutant::KeyIgnored, "the named key is not compared", stolen),
        of(
            Mutant::NeverEnds,
            "a second use by a stranger ends nothing",
            Scenario { names_key: false, ..stolen },
        ),
    ]
}

/// What can't be had: without a key, nothing tells the device from a thief.
#[must_use]
pub fn limits() -> Vec<(Scenario, &'static str)> {
    let bearer = Scenario { bound: false, names_key: false, shows: &[], ..BOUND };
    vec![(Scenario { name: "exchange, bearer, the answer is lost", ..bearer }, FINISH)]
}
