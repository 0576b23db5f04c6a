//! Authorization codes: one that comes twice (RFC 6749 §4.1.2), and one with the wrong verifier (RFC 7636 §4.6).

use super::super::checks::{CODE_TWICE, PAR_USED, WRONG_VERIFIER};
use super::super::crypto::random;
use super::super::finding::Finding;
use super::super::lab::{Found, Lab, Stop, successor};
use super::super::secret::Secret;
use super::super::tokens::Reply;

/// What came of the second exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Second {
    Granted,
    /// Refused; and whether the first exchange's tokens were revoked, if that can be seen.
    Refused(String, Option<bool>),
}

/// Exchanges a code twice, the second time with another key: a provider may give the holder of the first key a lost
/// answer once more. The sign-in is pushed if the provider takes that.
pub(in crate::check) async fn twice(lab: &mut Lab<'_>, findings: &mut Vec<Finding>) -> Found {
    let arrival = lab.arrive(true).await?;
    findings.push(pushed(arrival.pushed.as_ref()));
    let tokens = match lab.exchange(&arrival).await? {
        Reply::Granted(tokens) => tokens,
        Reply::Refused(refusal) => {
            return Err(Stop::NoResult(format!("The code was refused at first: {}.", refusal.words())));
        }
    };
    let second = match lab.exchange_elsewhere(&arrival).await? {
        Reply::Granted(_) => Second::Granted,
        Reply::Refused(refusal) => {
            let revoked = match &tokens.refresh {
                Some(token) => Some(!lab.is_alive(&successor(token, &tokens)).await?),
                None => None,
            };
            Second::Refused(refusal.words(), revoked)
        }
    };
    Ok(judge(&second))
}

fn judge(second: &Second) -> Finding {
    match second {
        Second::Granted => CODE_TWICE.fail(
            "The same code was exchanged twice.",
            "Whoever reads a code from a log or a history signs in as the user.",
        ),
        Second::Refused(words, Some(true)) => CODE_TWICE.pass(
            format!("Refused ({words}), and the first exchange's tokens were revoked."),
            "Whoever stole the code loses what it gave.",
        ),
        Second::Refused(words, Some(false)) => CODE_TWICE.warning(
            format!("Refused ({words}), but the first exchange's tokens still work."),
            "If a thief used the code first, the thief stays signed in.",
        ),
        Second::Refused(words, None) => CODE_TWICE
            .pass(format!("Refused ({words})."), "Whoever finds a used code can do nothing with it."),
    }
}

fn pushed(pushed: Option<&Result<(), String>>) -> Finding {
    match pushed {
        None => PAR_USED.not_tested("Pushed requests are not offered."),
        Some(Ok(())) => {
            PAR_USED.pass("A pushed request led to a sign-in.", "Nobody can change the request on its way.")
        }
        Some(Err(why)) => PAR_USED.warning(
            format!("The endpoint refused a request that the authorization endpoint accepts ({why})."),
            "Apps fall back to requests that go through the browser in the open.",
        ),
    }
}

/// Exchanges a code with another verifier than the one that it was asked for with.
pub(in crate::check) async fn wrong_verifier(lab: &mut Lab<'_>) -> Found {
    let mut arrival = lab.arrive(false).await?;
    arrival.verifier = Secret::new(random());
    Ok(match lab.exchange(&arrival).await? {
        Reply::Granted(_) => WRONG_VERIFIER.fail(
            "The code was exchanged although the verifier was wrong: PKCE is not enforced.",
            "Another app on the phone that intercepts the code signs in as the user.",
        ),
        Reply::Refused(refusal) => WRONG_VERIFIER.pass(
            format!("Refused ({}).", refusal.words()),
            "A code that another app intercepts is of no use.",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::Verdict;
    use super::*;

    #[test]
    fn a_code_is_good_once_and_its_tokens_end_with_the_second_time() {
        let refused = |revoked| judge(&Second::Refused("400 `invalid_grant`".to_owned(), revoked)).verdict;
        assert_eq!(judge(&Second::Granted).verdict, Verdict::Fail);
        assert_eq!(refused(Some(true)), Verdict::Pass);
        assert_eq!(refused(Some(false)), Verdict::Warning);
        assert_eq!(refused(None), Verdict::Pass);
    }

    #[test]
    fn a_pushed_request_that_is_refused_is_a_warning() {
        assert_eq!(pushed(None).verdict, Verdict::NotTested);
        assert_eq!(pushed(Some(&Ok(()))).verdict, Verdict::Pass);
        assert_eq!(pushed(Some(&Err("401".to_owned()))).verdict, Verdict::Warning);
    }
}
