//! Rotation that never loses a session: what to do with a refresh token, decided by one pure function.
//!
//! [`decide`] is the decision table of the design, row by row and in its order. It knows the session as its row in
//! the database says, what was presented, and the circumstances; it reads no clock, no database and no key. The
//! service (`oauth::refresh`), its tests and the model checker all call this very function.

mod attempt;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzzing;
mod history;
mod session;
mod token;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use attempt::{Attempt, AttemptHash};
pub use history::{History, Holes, MalformedHistory};
pub use session::{EndedBecause, InvalidTransition, RotationWindow, Session, SessionRecord};
pub use token::{Locator, MalformedToken, RefreshToken, SessionSecret};

use moorline_server_base::clock::Timestamp;

/// For how long after a rotation a bound client without attempt keys may still send an older token by accident.
const LATE: Duration = Duration::from_secs(5 * 60);

/// What was presented with the refresh request.
#[derive(Clone, Debug)]
pub struct Presented<'a> {
    /// The client that was authenticated; `None` when its authentication failed.
    pub client_id: Option<&'a str>,
    /// The refresh token; `None` when it is malformed.
    pub token: Option<PresentedToken>,
    /// The attempt key.
    pub attempt: Attempt,
    /// The DPoP proof.
    pub proof: Proof<'a>,
}

/// A well-formed refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresentedToken {
    /// Which generation it claims to be.
    pub generation: u32,
    /// Whether its tag is the one that this session's secret makes: we issued it.
    pub authentic: bool,
}

/// What the DPoP proof of a request says. A bearer session ignores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof<'a> {
    /// There is none.
    Absent,
    /// There is one, but it is malformed, for another request, or was used before.
    Bad,
    /// It would be good, but has no nonce of ours, or an old one.
    NonceWanted,
    /// A good proof by the key with this thumbprint.
    By(&'a str),
}

/// The circumstances.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// The time.
    pub now: Timestamp,
    /// Whether this node may decide at all.
    pub service: Service,
    /// For how long a bearer client without attempt keys may ask again.
    pub rotation_grace: Duration,
    /// How many rotations a minute one session may make.
    pub rotations_per_minute: Option<u32>,
}

/// Whether this node may decide at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// It may.
    Ready,
    /// The store is down, or this node is not a primary.
    Down,
    /// The caller is over a limit.
    Limited,
}

/// What is to be done. Each names its row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Answer with an error and change nothing.
    Refuse(Refusal),
    /// Rows 9 and 21: end the session, for this reason, and refuse.
    End(EndedBecause),
    /// Row 11: rotate to the next generation.
    Rotate,
    /// Row 12: the database was restored from a backup; go on after the presented generation and remember the hole.
    Heal,
    /// Rows 13–15: give the answer that was lost again.
    Same(Again),
    /// Rows 17–19: a late duplicate; issue nothing and revoke nothing.
    Superseded(Late),
    /// Rows 16 and 20: reuse; revoke the session.
    Revoke,
}

/// Why a request is refused without any change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Row 0: the service is down.
    Unavailable,
    /// Row 0: over a limit; try again after this long.
    Limited(Duration),
    /// Row 1: the client could not be authenticated.
    InvalidClient,
    /// Row 2: malformed, or no session has such a token.
    Unknown,
    /// Row 3: there is such a session, but it never made this token.
    Forged,
    /// Row 4: the token is another client's.
    WrongClient,
    /// Row 5: a bound session and no good proof.
    ProofFailed,
    /// Row 6: a bound session and no fresh nonce.
    NonceWanted,
    /// Row 7: a bound session and a good proof by another key.
    WrongKey,
    /// Row 8: the session has ended.
    AfterEnd,
    /// Row 10: the attempt key is malformed, or was used for another token.
    MalformedAttempt,
}

/// Why the same answer is given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Row 13: the attempt key is the same.
    Retried,
    /// Row 14: the device's proof says so.
    Proved,
    /// Row 15: within the grace.
    Grace,
}

/// Why a token is late rather than stolen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// Row 17: its attempt key is the one that rotated it.
    Duplicate,
    /// Row 18: its generation is one that we lost.
    InHole,
    /// Row 19: the device's proof says so.
    Proved,
}

/// The decision table: the first row that matches wins.
///
/// `session` is the row that the token's locator names, if there is one.
#[must_use]
pub fn decide(session: Option<&Session>, presented: &Presented<'_>, context: &Context) -> Decision {
    use Decision::{Refuse, Revoke};

    match context.service {
        Service::Ready => {}
        Service::Down => return Refuse(Refusal::Unavailable),
        Service::Limited => return Refuse(Refusal::Limited(Duration::from_secs(1))),
    }
    let Some(client_id) = presented.client_id else { return Refuse(Refusal::InvalidClient) };
    let (Some(token), Some(session)) = (presented.token, session) else { return Refuse(Refusal::Unknown) };
    let record = session.record();
    if !token.authentic {
        return Refuse(Refusal::Forged);
    }
    if record.client_id != client_id {
        return Refuse(Refusal::WrongClient);
    }
    if let Some(jkt) = &record.dpop_jkt {
        match presented.proof {
            Proof::Absent | Proof::Bad => return Refuse(Refusal::ProofFailed),
            Proof::NonceWanted => return Refuse(Refusal::NonceWanted),
            Proof::By(key) if key != jkt => return Refuse(Refusal::WrongKey),
            Proof::By(_) => {}
        }
    }
    if matches!(session, Session::Ended { .. }) {
        return Refuse(Refusal::AfterEnd);
    }
    if record.idle_end_at <= context.now || record.absolute_end_at <= context.now {
        return Decision::End(EndedBecause::Expired);
    }
    let attempt = match presented.attempt {
        Attempt::Absent => None,
        Attempt::Malformed => return Refuse(Refusal::MalformedAttempt),
        Attempt::Key(hash) => Some(hash),
    };
    let current = record.generation;
    if token.generation >= current {
        return advance(record, token.generation, attempt, context);
    }
    let bound = record.dpop_jkt.is_some();
    if token.generation + 1 == current {
        return match (attempt, record.attempt) {
            (Some(now), Some(then)) if now == then => Decision::Same(Again::Retried),
            (None, None) if bound => Decision::Same(Again::Proved),
            (None, None) if is_in_grace(record, context) => Decision::Same(Again::Grace),
            _ => Revoke,
        };
    }
    let then = record.history.of(token.generation);
    match (attempt, then) {
        (Some(now), Some(Some(then))) if now == then => Decision::Superseded(Late::Duplicate),
        _ if record.holes.contain(token.generation) => Decision::Superseded(Late::InHole),
        // A generation too old to be remembered may have had no attempt key either; the proof vouches for it.
        (None, None | Some(None)) if bound && record.rotated_at.distance(context.now) < LATE => {
            Decision::Superseded(Late::Proved)
        }
        _ => Revoke,
    }
}

/// Rows 11 and 12, and what prevents them: the session's rotation window, an attempt key that was used before, and the
/// end of all generations.
fn advance(
    record: &SessionRecord,
    generation: u32,
    attempt: Option<AttemptHash>,
    context: &Context,
) -> Decision {
    if generation == u32::MAX {
        return Decision::End(EndedBecause::Exhausted);
    }
    // A key is made for one token. A constant one would let a thief's retry pass for the owner's.
    if attempt.is_some_and(|hash| record.attempt == Some(hash) || record.history.has(hash)) {
        return Decision::Refuse(Refusal::MalformedAttempt);
    }
    if let Some(wait) = record.window.wait(context.rotations_per_minute, context.now) {
        return Decision::Refuse(Refusal::Limited(wait));
    }
    if generation == record.generation { Decision::Rotate } else { Decision::Heal }
}

/// The grace is counted from the rotation; a retry does not renew it. Zero is no grace, even in the same instant.
///
/// As for row 19, a rotation that is ahead of the clock counts as one that is as far behind. So a clock that was set
/// back by a moment does not turn a lost answer into a theft, and a clock that had jumped forward leaves no endless
/// grace.
fn is_in_grace(record: &SessionRecord, context: &Context) -> bool {
    !context.rotation_grace.is_zero() && record.rotated_at.distance(context.now) <= context.rotation_grace
}
