//! A refresh token without the key that it is bound to (RFC 9449 §5): what a thief has.

use super::super::checks::BINDING;
use super::super::finding::Finding;
use super::super::lab::{Lab, Stop};
use super::super::tokens::{Reply, Tokens};
use super::Holder;

/// Why nothing about proofs is tested.
pub(in crate::check) const NO_PROOFS: &str = "DPoP with ES256 is not offered, or --bearer leaves it out.";

#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    /// Whether the access token came as a DPoP token.
    access_is_bound: bool,
    /// How the refresh without a proof was refused; `None` if it was granted.
    refused: Option<String>,
    /// Whether the session works after it.
    alive: bool,
}

pub(in crate::check) async fn run(lab: &mut Lab<'_>, first: &Tokens) -> Result<(Finding, Holder), Stop> {
    if !lab.client.proves() {
        return Ok((BINDING.not_tested(NO_PROOFS), Holder::Anybody));
    }
    let token = lab.token().await?;
    let reply = lab.client.refresh_without_proof(&token).await?;
    if matches!(reply, Reply::Granted(_)) {
        lab.note(&reply);
    }
    let outcome = match reply {
        Reply::Granted(_) => Outcome { access_is_bound: first.is_dpop, refused: None, alive: true },
        Reply::Refused(refusal) => Outcome {
            access_is_bound: first.is_dpop,
            refused: Some(refusal.words()),
            alive: lab.is_alive(&token).await?,
        },
    };
    let holder = if outcome.refused.is_some() { Holder::Bound } else { Holder::Anybody };
    Ok((judge(&outcome), holder))
}

fn judge(outcome: &Outcome) -> Finding {
    let Some(refused) = &outcome.refused else {
        return BINDING.fail(
            "A refresh without the key's proof was granted, although proofs came with the sign-in.",
            "Whoever steals a user's refresh token can use it.",
        );
    };
    if !outcome.alive {
        return BINDING.warning(
            format!("A refresh without the key's proof was refused ({refused}), and ended the session."),
            "A thief can't use a stolen token, but can sign the user out with it.",
        );
    }
    if !outcome.access_is_bound {
        return BINDING.warning(
            format!("A refresh without the key's proof was refused ({refused}), but access tokens are bearer tokens."),
            "Whoever steals an access token can use it until it expires.",
        );
    }
    BINDING.pass(
        format!("A refresh without the key's proof was refused ({refused}), and changed nothing."),
        "A stolen token is of no use, and signs nobody out.",
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::Verdict;
    use super::*;

    #[test]
    fn a_bound_token_is_refused_without_its_key_and_the_session_goes_on() {
        let of = |access_is_bound, refused: Option<&str>, alive| {
            judge(&Outcome { access_is_bound, refused: refused.map(str::to_owned), alive }).verdict
        };
        assert_eq!(of(true, Some("400"), true), Verdict::Pass);
        assert_eq!(of(true, Some("400"), false), Verdict::Warning);
        assert_eq!(of(false, Some("400"), true), Verdict::Warning);
        assert_eq!(of(true, None, true), Verdict::Fail);
    }
}
