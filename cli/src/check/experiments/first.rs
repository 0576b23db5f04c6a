//! The first sign-in and the first refresh: what an app gets on a good day.

use super::super::checks::{ACCESS_LIFETIME, ISS_RETURNED, NONCES, REFRESH_TOKEN, SIGN_IN};
use super::super::crypto::now;
use super::super::finding::Finding;
use super::super::id_token::{self, Expected};
use super::super::jwks::Keys;
use super::super::lab::{Lab, Stop, successor};
use super::super::span::span;
use super::super::tokens::{Lifetime, Nonces, Reply, Tokens};
use super::Holder;

/// What the provider promised, which the sign-in compares with.
#[derive(Debug)]
pub(crate) struct Promised<'a> {
    pub(in crate::check) issuer: &'a str,
    pub(in crate::check) client_id: &'a str,
    pub(in crate::check) iss: bool,
    pub(in crate::check) keys: &'a Keys,
}

/// Signs in for the first time. `Ok(None)`: there are no tokens, and nothing else can be tried.
pub(in crate::check) async fn sign_in(
    lab: &mut Lab<'_>,
    promised: &Promised<'_>,
    findings: &mut Vec<Finding>,
) -> Result<Option<Box<Tokens>>, Stop> {
    let arrival = lab.arrive(false).await?;
    findings.push(iss_returned(promised, arrival.iss.as_deref()));
    let tokens = match lab.exchange(&arrival).await? {
        Reply::Granted(tokens) => tokens,
        Reply::Refused(refusal) => {
            findings.push(SIGN_IN.fail(
                format!("The code was refused: {}.", refusal.words()),
                "No user can sign in with this client: is it registered without a secret?",
            ));
            return Ok(None);
        }
    };
    findings.push(signed_in(lab.sign_in.port.is_some()));
    let expected = Expected {
        issuer: promised.issuer,
        client_id: promised.client_id,
        nonce: &arrival.nonce,
        now: now(),
    };
    findings.push(id_token::judge(tokens.id.as_ref(), promised.keys, &expected));
    findings.push(access_lifetime(&tokens));
    Ok(Some(tokens))
}

fn signed_in(fixed_port: bool) -> Finding {
    if fixed_port {
        return SIGN_IN.pass(
            "The code came back to this machine and was exchanged.",
            "Users can sign in with this client.",
        );
    }
    SIGN_IN.pass(
        "The code came back to a free loopback port and was exchanged.",
        "Users can sign in with this client.",
    )
}

fn iss_returned(promised: &Promised<'_>, iss: Option<&str>) -> Finding {
    let users = "An app that checks it refuses the sign-in.";
    match iss {
        Some(iss) if iss == promised.issuer => {
            ISS_RETURNED.pass("The callback names the issuer.", "Apps know that the code is this provider's.")
        }
        Some(_) => ISS_RETURNED.fail("The callback names another issuer.", users),
        None if promised.iss => {
            ISS_RETURNED.fail("The metadata promises `iss`, and the callback has none.", users)
        }
        None => ISS_RETURNED.note(
            "The callback has none, and none is promised.",
            "In an app with two providers, one of them can get the other's codes (mix-up attack).",
        ),
    }
}

fn access_lifetime(tokens: &Tokens) -> Finding {
    let unknown = "An app finds out that the token has expired when an API refuses it.";
    match tokens.lifetime {
        Lifetime::Absent => ACCESS_LIFETIME.warning("The answer has no `expires_in`.", unknown),
        Lifetime::Odd => ACCESS_LIFETIME
            .fail("`expires_in` is not a number of seconds.", "A strict app refuses the sign-in."),
        Lifetime::Seconds(0) => ACCESS_LIFETIME
            .fail("The token expires at once (`expires_in` is 0).", "Apps refresh before each request."),
        Lifetime::Seconds(_) if !tokens.no_store => ACCESS_LIFETIME.warning(
            "The answer with the tokens lacks `Cache-Control: no-store`.",
            "A proxy may keep the user's tokens.",
        ),
        Lifetime::Seconds(seconds @ 1..60) => ACCESS_LIFETIME.warning(
            format!("Valid for {seconds} seconds."),
            "Apps refresh at almost each request, which costs time and battery.",
        ),
        Lifetime::Seconds(seconds @ 60..=3600) => ACCESS_LIFETIME
            .pass(format!("Valid for {}.", span(seconds)), "A stolen one is of use for this long at most."),
        Lifetime::Seconds(seconds) => ACCESS_LIFETIME.warning(
            format!("Valid for {}.", span(seconds)),
            "A stolen one is of use for this long, also after the user signed out if it is a JWT.",
        ),
    }
}

/// Refreshes for the first time. The second value is whether the refresh token rotates.
pub(in crate::check) async fn refresh(lab: &mut Lab<'_>, holder: Holder) -> Result<(Finding, bool), Stop> {
    let token = lab.token().await?;
    let tokens = match lab.refresh(&token, None).await? {
        Reply::Granted(tokens) => tokens,
        Reply::Refused(refusal) => {
            lab.ended();
            let found = format!("The first refresh was refused: {}.", refusal.words());
            return Ok((
                REFRESH_TOKEN.fail(found, "Users sign in again each time the access token expires."),
                false,
            ));
        }
    };
    let rotates = successor(&token, &tokens) != token;
    Ok((rotation(rotates, holder), rotates))
}

fn rotation(rotates: bool, holder: Holder) -> Finding {
    match (rotates, holder) {
        (true, Holder::Bound) => {
            REFRESH_TOKEN.pass("It rotates and is bound to a key.", "A stolen one is of no use.")
        }
        (true, Holder::Anybody) => REFRESH_TOKEN.pass(
            "It rotates: each one is used once.",
            "When a stolen one is used, the theft can be noticed.",
        ),
        (false, Holder::Bound) => REFRESH_TOKEN.pass(
            "It does not rotate and is bound to a key.",
            "A stolen one is of no use, and no lost answer matters.",
        ),
        (false, Holder::Anybody) => REFRESH_TOKEN.fail(
            "It neither rotates nor is bound to a key.",
            "Whoever steals a user's refresh token uses it unnoticed until it expires.",
        ),
    }
}

/// Judges what was seen of DPoP nonces during all experiments.
pub(in crate::check) fn nonces(seen: &Nonces) -> Finding {
    if seen.challenge_without_nonce {
        return NONCES.fail(
            "A proof was refused with `use_dpop_nonce`, and the answer had no DPoP-Nonce.",
            "No app can answer that, so no user can sign in.",
        );
    }
    if seen.challenges == 0 && !seen.renewed {
        return NONCES.note(
            "Not used.",
            "A thief who once had the phone's key in hand can use proofs that were made in advance.",
        );
    }
    let renewed = if seen.renewed {
        "and the next one comes with each answer"
    } else {
        "and comes only after a refusal"
    };
    NONCES.pass(
        format!("Used, {renewed}. Refusals for want of one in this check: {}.", seen.challenges),
        "A proof that a thief made in advance is of use only until its nonce expires.",
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::Verdict;
    use super::*;

    fn tokens(lifetime: Lifetime) -> Tokens {
        Tokens { refresh: None, id: None, is_dpop: false, lifetime, no_store: true }
    }

    #[test]
    fn a_lifetime_is_judged_by_its_length() {
        for (lifetime, verdict) in [
            (Lifetime::Absent, Verdict::Warning),
            (Lifetime::Odd, Verdict::Fail),
            (Lifetime::Seconds(0), Verdict::Fail),
            (Lifetime::Seconds(30), Verdict::Warning),
            (Lifetime::Seconds(900), Verdict::Pass),
            (Lifetime::Seconds(86_400), Verdict::Warning),
            (Lifetime::Seconds(u64::MAX), Verdict::Warning),
        ] {
            assert_eq!(access_lifetime(&tokens(lifetime)).verdict, verdict, "{lifetime:?}");
        }
        let cached = Tokens { no_store: false, ..tokens(Lifetime::Seconds(900)) };
        assert_eq!(access_lifetime(&cached).verdict, Verdict::Warning);
    }

    #[test]
    fn only_a_bearer_token_that_does_not_rotate_fails() {
        assert_eq!(rotation(false, Holder::Anybody).verdict, Verdict::Fail);
        for (rotates, holder) in [(true, Holder::Anybody), (true, Holder::Bound), (false, Holder::Bound)] {
            assert_eq!(rotation(rotates, holder).verdict, Verdict::Pass);
        }
    }

    #[test]
    fn a_promised_iss_must_come_and_be_right() {
        let keys = Keys::default();
        let of = |promises, iss| {
            let issuer = "https://id.example.com";
            iss_returned(&Promised { issuer, client_id: "app", iss: promises, keys: &keys }, iss).verdict
        };
        assert_eq!(of(true, Some("https://id.example.com")), Verdict::Pass);
        assert_eq!(of(true, None), Verdict::Fail);
        assert_eq!(of(false, Some("https://evil.example")), Verdict::Fail);
        assert_eq!(of(false, None), Verdict::Note);
    }

    #[test]
    fn a_nonce_that_is_wanted_must_be_given() {
        let of = |challenges, challenge_without_nonce, renewed| {
            nonces(&Nonces { challenges, challenge_without_nonce, renewed }).verdict
        };
        assert_eq!(of(1, true, false), Verdict::Fail);
        assert_eq!(of(0, false, false), Verdict::Note);
        assert_eq!(of(2, false, true), Verdict::Pass);
    }
}
