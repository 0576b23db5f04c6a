//! A session that is revoked, and how an app learns that a session has ended.

use super::super::checks::{ENDED, REVOKED};
use super::super::finding::Finding;
use super::super::lab::{Lab, Stop};
use super::super::tokens::{Refusal, Reply};

pub(in crate::check) async fn run(lab: &mut Lab<'_>) -> Result<Finding, Stop> {
    if !lab.client.can_revoke() {
        return Ok(REVOKED.not_tested("There is no revocation endpoint."));
    }
    let token = lab.token().await?;
    if let Err(status) = lab.client.revoke(&token).await? {
        return Ok(REVOKED.fail(
            format!("The revocation of a refresh token was answered with {status}."),
            "After a sign-out, a copy of the refresh token goes on working until it expires.",
        ));
    }
    let reply = lab.refresh(&token, None).await?;
    Ok(match reply {
        Reply::Granted(_) => REVOKED.fail(
            "The refresh token works after its revocation was answered with 200.",
            "After a sign-out, a copy of the refresh token goes on working until it expires.",
        ),
        Reply::Refused(_) => {
            lab.ended();
            REVOKED
                .pass("The refresh token was refused after its revocation.", "A sign-out ends the session.")
        }
    })
}

/// Judges the refusal of a refresh token whose session has ended.
pub(in crate::check) fn ended(refusal: Option<&Refusal>) -> Finding {
    let Some(refusal) = refusal else {
        return ENDED.not_tested("No refresh token was refused in this check.");
    };
    let words = refusal.words();
    match refusal.status {
        400..=401 if refusal.is("invalid_grant") => {
            ENDED.pass(format!("Apps get {words}."), "Apps show the sign-in page.")
        }
        400..=499 if refusal.error.is_some() => ENDED.warning(
            format!("Apps get {words} instead of `invalid_grant`."),
            "An app can't tell an ended session from a fault of its own: users see errors, not the sign-in page.",
        ),
        _ => ENDED.fail(
            format!("Apps get {words}."),
            "An app can't tell an ended session from a broken server: users wait, and are never asked to sign in.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::Verdict;
    use super::*;

    #[test]
    fn only_invalid_grant_says_that_a_session_has_ended() {
        let of = |status, error: Option<&str>| {
            ended(Some(&Refusal { status, error: error.map(str::to_owned) })).verdict
        };
        assert_eq!(of(400, Some("invalid_grant")), Verdict::Pass);
        assert_eq!(of(400, Some("invalid_request")), Verdict::Warning);
        assert_eq!(of(403, Some("invalid_grant")), Verdict::Warning);
        assert_eq!(of(400, None), Verdict::Fail);
        assert_eq!(of(500, Some("server_error")), Verdict::Fail);
        assert_eq!(of(200, None), Verdict::Fail);
        assert_eq!(ended(None).verdict, Verdict::NotTested);
    }
}
