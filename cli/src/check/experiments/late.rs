//! A spent refresh token that comes back after its successor was used: a copy that a thief took, or a request that the
//! network delivered late.

use std::time::Duration;

use super::super::checks::LATE;
use super::super::finding::Finding;
use super::super::lab::{Found, Lab, successor};
use super::super::tokens::Reply;
use super::Holder;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    at_once: Presented,
    /// If it was accepted at once: after the time that the user gave.
    later: Option<(Presented, Duration)>,
    /// Whether the session works after it.
    alive: bool,
    holder: Holder,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Presented {
    Accepted,
    Refused(String),
}

/// Presents a spent token at once, and if it is accepted, again after `late`.
pub(in crate::check) async fn run(lab: &mut Lab<'_>, holder: Holder, late: Duration) -> Found {
    let spent = lab.token().await?;
    let next = successor(&spent, &*lab.must_refresh(&spent, None).await?);
    if next == spent {
        return Ok(LATE.not_tested("Refresh tokens do not rotate, so none is ever spent."));
    }
    let newest = successor(&next, &*lab.must_refresh(&next, None).await?);
    let at_once = presented(lab, &spent).await?;
    let mut later = None;
    if at_once == Presented::Accepted {
        lab.sign_in
            .output
            .hint(format_args!("The spent token was accepted. Waiting {} s (--late)…", late.as_secs()));
        tokio::time::sleep(late).await;
        later = Some((presented(lab, &spent).await?, late));
    }
    let alive = lab.is_alive(&newest).await?;
    Ok(judge(&Outcome { at_once, later, alive, holder }))
}

async fn presented(
    lab: &mut Lab<'_>,
    token: &super::super::secret::Secret,
) -> Result<Presented, super::super::lab::Stop> {
    Ok(match lab.refresh(token, None).await? {
        Reply::Granted(_) => Presented::Accepted,
        Reply::Refused(refusal) => Presented::Refused(refusal.words()),
    })
}

fn judge(outcome: &Outcome) -> Finding {
    let ended = if outcome.alive { "the session goes on" } else { "the session was ended" };
    let unnoticed = "If a thief uses a stolen token first, the thief stays signed in, and nobody notices.";
    match (&outcome.at_once, &outcome.later, outcome.holder) {
        (Presented::Refused(words), _, _) if !outcome.alive => LATE.pass(
            format!("Refused ({words}), and {ended}."),
            "A theft is noticed: thief and user are signed out, and the user signs in again.",
        ),
        (Presented::Refused(words), _, Holder::Bound) => LATE.pass(
            format!("Refused ({words}), and {ended}."),
            "A request that the network delivers late signs nobody out, and a thief lacks the key.",
        ),
        (Presented::Refused(words), _, Holder::Anybody) => {
            LATE.warning(format!("Refused ({words}), but {ended}."), unnoticed)
        }
        (Presented::Accepted, Some((Presented::Refused(words), late)), Holder::Bound) => LATE.pass(
            format!("Accepted in a grace period, refused after {} s ({words}); {ended}.", late.as_secs()),
            "A slow retry goes well, and a thief lacks the key.",
        ),
        (Presented::Accepted, Some((Presented::Refused(words), late)), Holder::Anybody) => LATE.warning(
            format!("Accepted in a grace period, refused after {} s ({words}); {ended}.", late.as_secs()),
            "In the grace period, a thief with a stolen token gets a session of their own.",
        ),
        (Presented::Accepted, later, holder) => {
            let seconds = later.as_ref().map_or(0, |(_, late)| late.as_secs());
            let found = format!("Accepted, also after {seconds} s; {ended}.");
            match holder {
                Holder::Bound => LATE.warning(
                    found,
                    "Rotation does not tell a theft from a slow retry; only the key protects users.",
                ),
                Holder::Anybody => LATE.fail(found, unnoticed),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::Verdict;
    use super::*;

    fn verdict(at_once: bool, later: Option<bool>, alive: bool, holder: Holder) -> Verdict {
        let presented = |accepted| {
            if accepted { Presented::Accepted } else { Presented::Refused("400 `invalid_grant`".to_owned()) }
        };
        let later = later.map(|accepted| (presented(accepted), Duration::from_secs(60)));
        judge(&Outcome { at_once: presented(at_once), later, alive, holder }).verdict
    }

    #[test]
    fn a_spent_token_is_judged_by_what_a_thief_gets() {
        use Holder::{Anybody, Bound};
        use Verdict::{Fail, Pass, Warning};
        for (at_once, later, alive, bearer, bound) in [
            (false, None, false, Pass, Pass),
            (false, None, true, Warning, Pass),
            (true, Some(false), false, Warning, Pass),
            (true, Some(false), true, Warning, Pass),
            (true, Some(true), true, Fail, Warning),
            (true, Some(true), false, Fail, Warning),
        ] {
            assert_eq!(verdict(at_once, later, alive, Anybody), bearer, "{at_once} {later:?} {alive}");
            assert_eq!(verdict(at_once, later, alive, Bound), bound, "{at_once} {later:?} {alive}");
        }
    }
}
