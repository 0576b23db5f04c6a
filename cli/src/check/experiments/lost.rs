//! An answer that is lost: the same refresh token is sent again, as an app does that heard nothing.

use super::super::checks::{LOST_ANSWER, LOST_ANSWER_ATTEMPT};
use super::super::crypto::random;
use super::super::finding::{Finding, lower_first};
use super::super::lab::{Found, Lab, successor};
use super::super::tokens::Reply;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    rotates: bool,
    again: Again,
    /// Whether the session works after it, with the newest token that anybody has.
    alive: bool,
}

/// The answer to the second time.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Again {
    SameSuccessor,
    OtherSuccessor,
    Refused(String),
}

/// Loses an answer. `attempts_work` is for the judgement of a refresh without an attempt.
pub(in crate::check) async fn run(lab: &mut Lab<'_>, with_attempt: bool, attempts_work: bool) -> Found {
    let attempt = with_attempt.then(random);
    let sent = lab.token().await?;
    let lost = lab.must_refresh(&sent, attempt.as_deref()).await?;
    let lost = successor(&sent, &lost);
    let (again, newest) = match lab.refresh(&sent, attempt.as_deref()).await? {
        Reply::Granted(tokens) => {
            let given = successor(&sent, &tokens);
            let again = if given == lost { Again::SameSuccessor } else { Again::OtherSuccessor };
            (again, given)
        }
        Reply::Refused(refusal) => (Again::Refused(refusal.words()), lost.clone()),
    };
    let alive = lab.is_alive(&newest).await?;
    let outcome = Outcome { rotates: lost != sent, again, alive };
    Ok(if with_attempt { judge_attempt(&outcome) } else { judge(&outcome, attempts_work) })
}

const SIGNED_OUT: &str = "A user whose network drops one answer is signed out.";
const STAYS: &str = "A user whose network drops one answer stays signed in.";

fn judge(outcome: &Outcome, attempts_work: bool) -> Finding {
    let found = match (&outcome.again, outcome.alive) {
        (Again::Refused(words), true) => {
            format!("The same refresh token was refused the second time ({words}).")
        }
        (Again::Refused(words), false) => {
            format!("The same refresh token was refused the second time ({words}), and the session ended.")
        }
        (_, false) => {
            "The same refresh token was answered again, but the answer's token is refused.".to_owned()
        }
        (_, true) if !outcome.rotates => {
            return LOST_ANSWER.pass("The same refresh token works again, since it does not rotate.", STAYS);
        }
        (Again::SameSuccessor, true) => {
            return LOST_ANSWER
                .pass("The same refresh token was answered again, with the same successor.", STAYS);
        }
        (Again::OtherSuccessor, true) => {
            return LOST_ANSWER.pass(
                "The same refresh token was answered again, with another successor (a grace period).",
                "A user whose network drops one answer stays signed in, if the app retries in time.",
            );
        }
    };
    if attempts_work {
        LOST_ANSWER.warning(
            format!("Without an attempt: {}", lower_first(&found)),
            "A user of an app that sends no `refresh_attempt` is signed out when the network drops one answer.",
        )
    } else {
        LOST_ANSWER.fail(found, SIGNED_OUT)
    }
}

fn judge_attempt(outcome: &Outcome) -> Finding {
    match (&outcome.again, outcome.alive) {
        (Again::SameSuccessor, true) => LOST_ANSWER_ATTEMPT
            .pass("The same token with the same attempt was answered again, the same way.", STAYS),
        (Again::OtherSuccessor, true) => LOST_ANSWER_ATTEMPT
            .pass("The same token with the same attempt was answered again, with another successor.", STAYS),
        (Again::Refused(words), _) => LOST_ANSWER_ATTEMPT.fail(
            format!("The metadata promises attempts, but the second one was refused ({words})."),
            SIGNED_OUT,
        ),
        (_, false) => LOST_ANSWER_ATTEMPT.fail(
            "The same token with the same attempt was answered again, but the answer's token is refused.",
            SIGNED_OUT,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::Verdict;
    use super::*;

    fn outcome(rotates: bool, again: Again, alive: bool) -> Outcome {
        Outcome { rotates, again, alive }
    }

    fn refused() -> Again {
        Again::Refused("400 `invalid_grant`".to_owned())
    }

    #[test]
    fn an_answer_that_can_be_had_again_passes() {
        for (rotates, again) in
            [(false, Again::SameSuccessor), (true, Again::SameSuccessor), (true, Again::OtherSuccessor)]
        {
            assert_eq!(judge(&outcome(rotates, again, true), false).verdict, Verdict::Pass);
        }
    }

    #[test]
    fn an_answer_that_is_gone_signs_the_user_out() {
        for alive in [true, false] {
            let finding = judge(&outcome(true, refused(), alive), false);
            assert_eq!(finding.verdict, Verdict::Fail);
            assert_eq!(finding.users, "A user whose network drops one answer is signed out.");
        }
        assert_eq!(judge(&outcome(true, Again::OtherSuccessor, false), false).verdict, Verdict::Fail);
    }

    #[test]
    fn where_attempts_work_only_other_apps_are_signed_out() {
        let finding = judge(&outcome(true, refused(), false), true);
        assert_eq!(finding.verdict, Verdict::Warning);
        assert!(finding.found.starts_with("Without an attempt: the same"), "{}", finding.found);
    }

    #[test]
    fn a_promise_of_attempts_must_be_kept() {
        assert_eq!(judge_attempt(&outcome(true, Again::SameSuccessor, true)).verdict, Verdict::Pass);
        assert_eq!(judge_attempt(&outcome(true, refused(), true)).verdict, Verdict::Fail);
        assert_eq!(judge_attempt(&outcome(true, Again::SameSuccessor, false)).verdict, Verdict::Fail);
    }
}
