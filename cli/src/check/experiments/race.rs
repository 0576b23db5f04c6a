//! Two refreshes at once with the same token: an app and its widget, or two processes.

use super::super::checks::{RACE, RACE_ATTEMPT};
use super::super::crypto::random;
use super::super::finding::{Check, Finding, lower_first};
use super::super::lab::{Found, Lab, successor};
use super::super::tokens::Reply;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    /// How many of the two were answered with tokens.
    granted: usize,
    /// How one of them was refused, if one was.
    refused: Option<String>,
    /// Different refresh tokens that were given, and how many of them work afterwards.
    given: usize,
    alive: usize,
}

/// Lets two refreshes race. `attempts_work` is for the judgement of a race without attempts.
pub(in crate::check) async fn run(lab: &mut Lab<'_>, with_attempt: bool, attempts_work: bool) -> Found {
    let attempt = with_attempt.then(random);
    let sent = lab.token().await?;
    let client = &lab.client;
    let (one, other) =
        tokio::join!(client.refresh(&sent, attempt.as_deref()), client.refresh(&sent, attempt.as_deref()));
    let replies = [one?, other?];
    let mut outcome = Outcome { granted: 0, refused: None, given: 0, alive: 0 };
    let mut given = Vec::new();
    for reply in &replies {
        lab.note(reply);
        match reply {
            Reply::Granted(tokens) => {
                outcome.granted += 1;
                given.push(successor(&sent, tokens));
            }
            Reply::Refused(refusal) => outcome.refused = Some(refusal.words()),
        }
    }
    given.dedup();
    outcome.given = given.len();
    let mut ended = true;
    for token in &given {
        if lab.is_alive(token).await? {
            outcome.alive += 1;
            ended = false;
        }
    }
    if ended {
        lab.ended();
    }
    let check = if with_attempt { &RACE_ATTEMPT } else { &RACE };
    Ok(judge(check, &outcome, attempts_work && !with_attempt))
}

fn judge(check: &'static Check, outcome: &Outcome, attempts_work: bool) -> Finding {
    let users = "When an app and its widget refresh at the same moment, the user is signed out.";
    let refused = outcome.refused.as_deref().unwrap_or_default();
    let found = match (outcome.granted, outcome.alive) {
        (0, _) => format!("Both were refused ({refused})."),
        (1, 0) => format!("One was refused ({refused}), and the session ended."),
        (_, 0) => "Both were answered, but the answers' tokens are refused.".to_owned(),
        (1, _) => {
            return check.warning(
                format!("One was answered, the other one refused ({refused}); the session goes on."),
                "An app that takes the refusal for the end of the session signs the user out.",
            );
        }
        (_, alive) if alive < outcome.given => {
            return check.warning(
                "Both were answered, but one answer's token is refused.",
                "An app that keeps the wrong one of the two answers is signed out.",
            );
        }
        _ => {
            return check.pass(
                "Both were answered, and the session goes on.",
                "An app and its widget can refresh at the same moment.",
            );
        }
    };
    if attempts_work {
        check.warning(
            format!("Without an attempt: {}", lower_first(&found)),
            "Two processes of an app that sends no `refresh_attempt` can sign the user out.",
        )
    } else {
        check.fail(found, users)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::Verdict;
    use super::*;

    fn verdict(granted: usize, given: usize, alive: usize, attempts_work: bool) -> Verdict {
        let refused = (granted < 2).then(|| "400 `invalid_grant`".to_owned());
        judge(&RACE, &Outcome { granted, refused, given, alive }, attempts_work).verdict
    }

    #[test]
    fn a_race_is_judged_by_what_is_left_of_the_session() {
        assert_eq!(verdict(2, 1, 1, false), Verdict::Pass);
        assert_eq!(verdict(2, 2, 2, false), Verdict::Pass);
        assert_eq!(verdict(2, 2, 1, false), Verdict::Warning);
        assert_eq!(verdict(1, 1, 1, false), Verdict::Warning);
        for (granted, given) in [(2, 2), (1, 1), (0, 0)] {
            assert_eq!(verdict(granted, given, 0, false), Verdict::Fail);
            assert_eq!(verdict(granted, given, 0, true), Verdict::Warning);
        }
    }
}
