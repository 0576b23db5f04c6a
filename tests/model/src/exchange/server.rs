//! The server: the product's own decision about a code, over what is kept of it here.

use std::time::Duration;

use moorline_server::oauth::exchange::{Code, Decision, FirstUse, Presented, Unproved, decide};
use moorline_server::oauth::rotation::{EndedBecause, Session};
use moorline_server_base::clock::Timestamp;
use moorline_server_dpop::ProofError;

use super::scenario::{Mutant, Scenario};
use super::state::{Begun, Key, Proof, Reply, State};
use crate::server::record;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const LIFETIME: Duration = Duration::from_secs(3600);

impl Key {
    const fn jkt(self) -> &'static str {
        match self {
            Self::Device => "the device's key",
            Self::Thief => "the thief's key",
        }
    }

    fn of(jkt: &str) -> Self {
        if jkt == Self::Device.jkt() { Self::Device } else { Self::Thief }
    }
}

impl Begun {
    /// The product's session.
    fn session(self) -> Session {
        let record = record(self.generation.into(), self.key.map(Key::jkt), NOW, LIFETIME);
        if self.ended {
            Session::Ended { record, at: NOW, why: EndedBecause::CodeReuse }
        } else {
            Session::Live(record)
        }
    }
}

impl State {
    /// The product's decision about an exchange with this proof, as it would be made just now.
    pub fn decision(&self, proof: Proof, scenario: &Scenario) -> Decision {
        let mutant = scenario.mutant;
        let session = self.begun.map(Begun::session);
        let code = Code {
            dpop_jkt: (scenario.names_key && mutant != Some(Mutant::KeyIgnored)).then(|| Key::Device.jkt()),
            is_alive: self.code_is_alive,
            first_use: session.as_ref().map(|session| FirstUse { session: Some(session), same_access: true }),
        };
        let look = |bound_to: Option<&str>| match bound_to {
            Some(jkt) if mutant == Some(Mutant::AnyKey) => Ok(Some(Key::of(jkt).jkt())),
            _ => self.look(proof, bound_to),
        };
        let presented = Presented {
            is_its_client: true,
            is_public: true,
            wants_dpop: false,
            is_its_owners: true,
            proof: &look,
        };
        let decision = decide(&code, &presented, NOW);
        let is_at_its_beginning = self.begun.is_some_and(|begun| !begun.ended && begun.generation == 0);
        match (mutant, decision) {
            (Some(Mutant::Once), Decision::AnswerAgain) | (Some(Mutant::LateEnds), Decision::Late) => {
                Decision::EndSession
            }
            (Some(Mutant::BearerToo), Decision::EndSession) if is_at_its_beginning => Decision::AnswerAgain,
            (Some(Mutant::NeverEnds), Decision::EndSession) => Decision::Refuse,
            _ => decision,
        }
    }

    /// What the product's `Presented::look` says of a proof.
    fn look(&self, proof: Proof, bound_to: Option<&str>) -> Result<Option<&'static str>, Unproved> {
        let is_by_another = bound_to.is_some_and(|jkt| jkt != Key::Device.jkt());
        match proof {
            Proof::Absent => Ok(None),
            Proof::OldNonce => Err(Unproved::NonceWanted),
            Proof::OfThief => Ok(Some(Key::Thief.jkt())),
            Proof::OfRequest(number) if self.used >> number & 1 == 1 && !is_by_another => {
                Err(Unproved::Bad(ProofError::Replayed))
            }
            Proof::OfRequest(_) => Ok(Some(Key::Device.jkt())),
        }
    }

    /// Decides and does it, as the product's `oauth::code` does.
    pub fn serve(&mut self, proof: Proof, scenario: &Scenario) -> Reply {
        match self.decision(proof, scenario) {
            Decision::Refuse | Decision::Late | Decision::Unproved(Unproved::OtherKey) => Reply::InvalidGrant,
            Decision::Unproved(_) => Reply::Again,
            Decision::Begin => {
                let Ok(jkt) = self.look(proof, None) else { return Reply::Again };
                self.begun = Some(Begun { key: jkt.map(Key::of), generation: 0, ended: false });
                self.spend(proof)
            }
            Decision::AnswerAgain => self.spend(proof),
            Decision::EndSession => {
                if let Some(begun) = &mut self.begun {
                    begun.ended = true;
                }
                Reply::InvalidGrant
            }
        }
    }

    fn spend(&mut self, proof: Proof) -> Reply {
        if let Proof::OfRequest(number) = proof {
            self.used |= 1 << number;
        }
        Reply::Tokens
    }
}
