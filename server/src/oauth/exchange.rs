//! What an authorization code is worth, decided by one pure function.
//!
//! [`decide`] reads no clock, no database and no key. The service (`oauth::code`) and the model checker call this very
//! function.

pub use super::proof::Unproved;

use super::rotation::Session;
use moorline_server_base::clock::Timestamp;

/// A code, as its row says.
#[derive(Clone, Copy, Debug)]
pub struct Code<'a> {
    /// The key that the authorization request named.
    pub dpop_jkt: Option<&'a str>,
    /// Whether it has not expired.
    pub is_alive: bool,
    /// Its first use; `None` if it was not used.
    pub first_use: Option<FirstUse<'a>>,
}

/// What the first use of a code has led to.
#[derive(Clone, Copy, Debug)]
pub struct FirstUse<'a> {
    /// The session that it began; `None` if that was deleted.
    pub session: Option<&'a Session>,
    /// Whether this request asks for the same access.
    pub same_access: bool,
}

/// Which key signed a proof; `None` without a proof.
pub type Proved<'a> = Result<Option<&'a str>, Unproved>;

/// What was presented with the code.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "a function has none")]
pub struct Presented<'a> {
    /// Whether the authenticated client is the one that the code was issued to.
    pub is_its_client: bool,
    /// Whether that client has no secret.
    pub is_public: bool,
    /// Whether that client has to send a proof.
    pub wants_dpop: bool,
    /// Whether the redirect URI is the code's, and the verifier belongs to its challenge.
    pub is_its_owners: bool,
    /// Looks at the DPoP proof, where it may have to be by a certain key: which key signed it, `None` without a proof.
    /// Does not mark it as used.
    pub proof: &'a dyn Fn(Option<&str>) -> Proved<'a>,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Refuse, and change nothing.
    Refuse,
    /// Refuse, because the proof is missing or not accepted.
    Unproved(Unproved),
    /// Begin a session, once the proof is marked as used.
    Begin,
    /// Give the answer of the first use again, once the proof is marked as used (ADR 16).
    AnswerAgain,
    /// A request of the session's own device that is not due any more: refuse, and change nothing.
    Late,
    /// A second use: end the session of the first one, and refuse (RFC 9700 §2.1.1).
    EndSession,
}

/// Decides about a request with a code.
#[must_use]
pub fn decide(code: &Code<'_>, presented: &Presented<'_>, now: Timestamp) -> Decision {
    if !presented.is_its_client {
        return Decision::Refuse;
    }
    // Before the code's use is checked: a used code alone must not end a session whose key the sender does not have.
    if let Some(jkt) = code.dpop_jkt
        && let Err(unproved) = presented.is_by(jkt)
    {
        return Decision::Unproved(unproved);
    }
    // Without such a key, the verifier protects against a used code that was found in a log.
    if !presented.is_its_owners {
        return Decision::Refuse;
    }
    match code.first_use {
        Some(first_use) => second_use(code, first_use, presented, now),
        None if code.is_alive => Decision::Begin,
        None => Decision::Refuse,
    }
}

/// A request with a fresh proof by the key that the live session of a public client is bound to comes from the
/// session's own device, and ends nothing (ADR 16). The answer is given again if all of these hold; otherwise an answer
/// has arrived, or the request comes too late:
///
/// - Nothing has come of the session yet: it is at generation 0.
/// - The code is alive, and the same access is asked for.
fn second_use(
    code: &Code<'_>,
    first_use: FirstUse<'_>,
    presented: &Presented<'_>,
    now: Timestamp,
) -> Decision {
    if let Some(Session::Live(record)) = first_use.session
        && let Some(jkt) = &record.dpop_jkt
        && presented.is_public
        && record.idle_end_at > now
        && presented.is_by(jkt).is_ok()
    {
        let is_due = record.generation == 0 && code.is_alive && first_use.same_access;
        return if is_due { Decision::AnswerAgain } else { Decision::Late };
    }
    // A delayed or resent copy of the first use is no sign of theft: its proof was used, or its nonce is old.
    match (presented.proof)(None) {
        Err(unproved) => Decision::Unproved(unproved),
        Ok(None) if presented.wants_dpop => Decision::Unproved(Unproved::Missing),
        Ok(_) => Decision::EndSession,
    }
}

impl Presented<'_> {
    fn is_by(&self, jkt: &str) -> Result<(), Unproved> {
        match (self.proof)(Some(jkt))? {
            None => Err(Unproved::Missing),
            Some(key) if key == jkt => Ok(()),
            Some(_) => Err(Unproved::OtherKey),
        }
    }
}
