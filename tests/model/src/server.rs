//! The server: the product's own decision and transitions, over a row that is small enough to be kept by the million.

use std::time::Duration;

use moorline_server::oauth::rotation::{
    Attempt, Context, Decision, EndedBecause, History, Holes, Locator, Presented, PresentedToken, Proof,
    Refusal, RotationWindow, Service, Session, SessionRecord, decide,
};
use moorline_server_base::clock::Timestamp;
use moorline_server_base::policy::Scope;

use crate::names::{GENERATIONS, Key, Token};
use crate::request::{Proven, Request};
use crate::scenario::Scenario;

/// A session's row, packed: what the product's [`SessionRecord`] says that a decision can depend on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Row {
    /// The current generation.
    pub generation: u8,
    /// The attempt that made it.
    pub attempt: Option<Key>,
    /// Whether the session has ended.
    pub ended: bool,
    /// How long ago the current generation was made, in `TICK`s: no, or one (or more).
    pub age: u8,
    /// Of which generations it is remembered by which attempt they were rotated, one bit each; and which attempt.
    known: u8,
    by: [Option<Key>; GENERATIONS - 1],
    /// The generations in a hole, one bit each.
    holes: u8,
}

/// What the server says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reply {
    /// A refresh token, and an access token of this age.
    Issued {
        /// The refresh token.
        token: Token,
        /// How long ago the access token was made, in `TICK`s.
        age: u8,
    },
    /// `invalid_grant`; with `"reason": "superseded"` it counts the same for the client.
    InvalidGrant,
    /// 503 or 429, or a nonce is wanted: send again.
    Again,
    /// Another OAuth error.
    Refused,
}

/// Longer than a late duplicate by proof is forgiven, and than a grace lasts; an access token is still good.
const TICK: Duration = Duration::from_secs(10 * 60);
const GRACE: Duration = Duration::from_secs(60);
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const IDLE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Names of nothing, so that a row takes no memory beside itself.
const CLIENT: &str = "";
const DEVICE: &str = "";
const STRANGER: &str = "another key";

impl Row {
    /// A session that has just been begun.
    #[must_use]
    pub fn begun() -> Self {
        let by = [None; GENERATIONS - 1];
        Self { generation: 0, attempt: None, ended: false, age: 0, known: 0, by, holes: 0 }
    }

    /// The product's decision about `request`, as it would be made just now.
    #[must_use]
    pub fn decision(&self, request: &Request, scenario: &Scenario) -> Decision {
        let forgets = scenario.mutant.is_some_and(|mutant| mutant.forgets_the_past());
        let seen = if forgets { self.without_history() } else { *self };
        let request = &scenario.mutant.map_or(*request, |mutant| mutant.request(request));
        let presented = Presented {
            client_id: Some(CLIENT),
            token: Some(PresentedToken { generation: request.token.generation.into(), authentic: true }),
            attempt: request.attempt.map_or(Attempt::Absent, |key| Attempt::Key(key.hash())),
            proof: match request.proof {
                Proven::Nothing => Proof::Absent,
                Proven::Replayed => Proof::Bad,
                Proven::NonceWanted => Proof::NonceWanted,
                Proven::Device => Proof::By(DEVICE),
                Proven::Stranger => Proof::By(STRANGER),
            },
        };
        let context = Context {
            now: NOW,
            service: Service::Ready,
            rotation_grace: if scenario.grace { GRACE } else { Duration::ZERO },
            rotations_per_minute: None,
        };
        let decision = decide(Some(&seen.session(scenario.bound)), &presented, &context);
        scenario
            .mutant
            .map_or(decision, |mutant| mutant.decision(decision, self.generation, self.age, request))
    }

    /// Decides and does it, as the product's `oauth::refresh` does.
    pub fn serve(&mut self, request: &Request, scenario: &Scenario) -> Reply {
        let request = &scenario.mutant.map_or(*request, |mutant| mutant.request(request));
        let decision = self.decision(request, scenario);
        match decision {
            Decision::Rotate | Decision::Heal => {
                self.advance(decision, request, scenario);
                self.issued(request, scenario)
            }
            Decision::Same(_) => self.issued(request, scenario),
            Decision::End(why) => self.end(why),
            Decision::Revoke => self.end(EndedBecause::Reuse),
            Decision::Superseded(_) => Reply::InvalidGrant,
            Decision::Refuse(refusal) => refused(refusal),
        }
    }

    /// The owner has it revoked.
    pub fn revoke(&mut self) {
        if !self.ended {
            self.end(EndedBecause::Revoked);
        }
    }

    /// Time passes.
    pub fn grow_old(&mut self) {
        self.age = 1;
    }

    fn advance(&mut self, decision: Decision, request: &Request, scenario: &Scenario) {
        let (session, attempt) = (self.session(scenario.bound), request.attempt.map(Key::hash));
        let presented = u32::from(request.token.generation);
        let advanced = if decision == Decision::Heal {
            session.heal(presented, attempt, Scope::default(), IDLE, NOW)
        } else {
            session.rotate(attempt, Scope::default(), IDLE, NOW)
        };
        *self = Self::of(&advanced.expect("the product's decision and its session agree"));
    }

    fn end(&mut self, why: EndedBecause) -> Reply {
        let ended = self.session(false).end(why, NOW).expect("the product's decision and its session agree");
        self.ended = matches!(ended, Session::Ended { .. });
        Reply::InvalidGrant
    }

    fn issued(&self, request: &Request, scenario: &Scenario) -> Reply {
        let age = scenario.mutant.map_or(self.age, |mutant| mutant.age_of_answer(self.age));
        Reply::Issued { token: request.token.at(self.generation), age }
    }

    /// The same without its memory of the past.
    #[must_use]
    pub fn without_history(self) -> Self {
        Self { known: 0, by: [None; GENERATIONS - 1], ..self }
    }

    /// The product's session.
    fn session(&self, bound: bool) -> Session {
        let generations = 0..GENERATIONS - 1;
        let history = generations
            .clone()
            .filter(|g| self.known >> g & 1 == 1)
            .fold(History::default(), |history, g| history.and(number(g), self.by[g].map(Key::hash)));
        let holes = generations
            .filter(|g| self.holes >> g & 1 == 1)
            .fold(Holes::default(), |holes, g| holes.and(number(g), number(g) + 1));
        let record = SessionRecord {
            attempt: self.attempt.map(Key::hash),
            history,
            holes,
            rotated_at: NOW.before(TICK * self.age.into()),
            ..record(self.generation.into(), bound.then_some(DEVICE), NOW, IDLE)
        };
        if self.ended {
            Session::Ended { record, at: NOW, why: EndedBecause::Reuse }
        } else {
            Session::Live(record)
        }
    }

    /// Packs the product's session.
    fn of(session: &Session) -> Self {
        let record = session.record();
        let mut row = Self {
            generation: u8::try_from(record.generation).expect("within the bounds"),
            attempt: record.attempt.and_then(Key::from_hash),
            ended: matches!(session, Session::Ended { .. }),
            age: u8::from(record.rotated_at < NOW),
            ..Self::begun()
        };
        for g in 0..GENERATIONS - 1 {
            if let Some(by) = record.history.of(number(g)) {
                row.known |= 1 << g;
                row.by[g] = by.and_then(Key::from_hash);
            }
            row.holes |= u8::from(record.holes.contain(number(g))) << g;
        }
        row
    }
}

/// A session's row with nothing in it that a decision does not depend on.
pub(crate) fn record(
    generation: u32,
    dpop_jkt: Option<&str>,
    now: Timestamp,
    idle: Duration,
) -> SessionRecord {
    SessionRecord {
        id: String::new(),
        locator: Locator::from_bytes([0; 16]),
        client_id: CLIENT.to_owned(),
        user_id: String::new(),
        scope: Scope::default(),
        answered_scope: Scope::default(),
        generation,
        attempt: None,
        history: History::default(),
        holes: Holes::default(),
        dpop_jkt: dpop_jkt.map(str::to_owned),
        rotated_at: now,
        window: RotationWindow { minute_at: now, rotations: 0 },
        idle_end_at: now.after(idle),
        absolute_end_at: now.after(idle),
        auth_time: now,
        created_at: now,
    }
}

/// As the product's error for it reads to a client.
const fn refused(refusal: Refusal) -> Reply {
    match refusal {
        Refusal::Unavailable | Refusal::Limited(_) | Refusal::NonceWanted | Refusal::ProofFailed => {
            Reply::Again
        }
        Refusal::InvalidClient | Refusal::MalformedAttempt => Reply::Refused,
        Refusal::Unknown | Refusal::Forged | Refusal::WrongClient | Refusal::WrongKey | Refusal::AfterEnd => {
            Reply::InvalidGrant
        }
    }
}

fn number(generation: usize) -> u32 {
    u32::try_from(generation).expect("a generation is small")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Maker;

    #[test]
    fn a_packed_row_is_the_products_session_and_back() {
        let token = |generation| Token { session: 1, generation };
        let key = |generation| Some(Key::of(token(generation), Maker::Owner(generation % 4)));
        let mut row = Row::begun();
        for (generation, attempt) in [(0, key(0)), (1, None), (4, key(4)), (5, key(5))] {
            let scenario = Scenario { bound: true, ..Scenario::default() };
            let request = Request { token: token(generation), attempt, proof: Proven::Device };
            let reply = row.serve(&request, &scenario);
            assert_eq!(reply, Reply::Issued { token: token(generation + 1), age: 0 });
            assert_eq!(Row::of(&row.session(true)), row);
        }
        row.grow_old();
        assert_eq!(Row::of(&row.session(false)), row);
        assert_eq!((row.known, row.holes), (0b1_0011, 0b1100));
        row.revoke();
        assert_eq!(Row::of(&row.session(false)), row);
    }
}
