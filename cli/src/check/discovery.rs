//! Finding the provider's metadata (OIDC Discovery §4, RFC 8414 §3).

use url::Url;

use super::checks::DISCOVERY;
use super::document::{self, Unreadable};
use super::finding::{Finding, quoted};
use super::metadata::Metadata;
use super::probe::{Answer, Probe};
use super::probe_error::ProbeError;
use crate::exit::Exit;
use crate::failure::Unjudged;

/// The metadata, and how it was found.
#[derive(Debug)]
pub(super) struct Discovered {
    pub(super) metadata: Metadata,
    pub(super) finding: Finding,
}

/// More redirects than this are a loop.
const MOST_REDIRECTS: usize = 3;

/// Asks at both addresses. Errors: if there is nothing to judge.
pub(super) async fn discover(probe: &Probe, issuer: &Url, allow_http: bool) -> Result<Discovered, Unjudged> {
    let mut oddities = Vec::new();
    let mut answer = follow(probe, openid_address(issuer), &mut oddities).await?;
    if (400..500).contains(&answer.status) && answer.status != 429 {
        let first = answer.status;
        answer = follow(probe, oauth_address(issuer), &mut oddities).await?;
        if answer.status == 200 {
            oddities.push(format!("/.well-known/openid-configuration answers {first}"));
        }
    }
    match answer.status {
        200 => {}
        429 | 500.. => {
            return Err(offline(format!(
                "{issuer} answered {} to the request for its metadata",
                answer.status
            )));
        }
        status => return Err(no_issuer(issuer, &format!("both addresses of its metadata answer {status}"))),
    }
    let document = match document::read(&answer) {
        Ok(document) => document,
        Err(Unreadable::NotJson) => {
            return Err(no_issuer(issuer, "its metadata is something that is not JSON"));
        }
        Err(why) => {
            return Err(offline(format!(
                "{issuer} answered with {} to the request for its metadata",
                why.words()
            )));
        }
    };
    oddities.extend(document.oddities);
    let Some(metadata) = Metadata::new(document.value, allow_http) else {
        return Err(no_issuer(issuer, "its metadata is not a JSON object"));
    };
    Ok(Discovered { metadata, finding: judge(&oddities) })
}

fn judge(oddities: &[String]) -> Finding {
    if oddities.is_empty() {
        return DISCOVERY.pass("The metadata is there.", "Apps configure themselves.");
    }
    DISCOVERY.warning(
        format!("The metadata is there, but {}.", oddities.join("; ")),
        "A strict app finds no provider, and its users can't sign in.",
    )
}

async fn follow(probe: &Probe, url: Url, oddities: &mut Vec<String>) -> Result<Answer, Unjudged> {
    let mut url = url;
    for _ in 0..=MOST_REDIRECTS {
        let answer = probe.get(&url).await.map_err(|error| unanswered(&url, &error))?;
        let target = match answer.status {
            301 | 302 | 303 | 307 | 308 => answer.header("location").and_then(|target| url.join(target).ok()),
            _ => return Ok(answer),
        };
        let Some(target) = target else {
            return Err(no_issuer(&url, &format!("it answers {} without an address", answer.status)));
        };
        let shown = target.host_str().unwrap_or_default();
        oddities.push(format!("its address answers {} and leads to {}", answer.status, quoted(shown)));
        url = target;
    }
    Err(no_issuer(&url, "its metadata's address redirects again and again"))
}

/// What to report if no answer came.
fn unanswered(url: &Url, error: &ProbeError) -> Unjudged {
    let origin = url.origin().ascii_serialization();
    let message = format!("{origin}: {error}");
    match error {
        ProbeError::Tls(_) => Unjudged {
            exit: Exit::Untrusted,
            message,
            hint: "Nothing was sent. If the server is your own, name its certificate authority with --ca FILE.",
        },
        ProbeError::NotAllowed(_) => Unjudged {
            exit: Exit::Misconfigured,
            message,
            hint: "Give the issuer as an https address. --allow-http allows plain HTTP to this machine.",
        },
        ProbeError::Unreachable
        | ProbeError::Timeout
        | ProbeError::TooLarge
        | ProbeError::Cut
        | ProbeError::Busy(_)
        | ProbeError::OutOfRequests => offline(message),
    }
}

fn offline(message: String) -> Unjudged {
    Unjudged {
        exit: Exit::Offline,
        message,
        hint: "Check the network (a captive portal or a proxy may answer instead) and the address, and try again.",
    }
}

fn no_issuer(issuer: &Url, why: &str) -> Unjudged {
    Unjudged {
        exit: Exit::Misconfigured,
        message: format!("{issuer} does not look like an issuer: {why}"),
        hint: "Give the issuer exactly as the provider names it, such as https://id.example.com/tenant.",
    }
}

/// OIDC Discovery §4: behind the issuer's path.
fn openid_address(issuer: &Url) -> Url {
    let mut url = issuer.clone();
    url.set_path(&format!("{}/.well-known/openid-configuration", issuer.path().trim_end_matches('/')));
    url
}

/// RFC 8414 §3: between the issuer's host and its path.
fn oauth_address(issuer: &Url) -> Url {
    let mut url = issuer.clone();
    url.set_path(&format!("/.well-known/oauth-authorization-server{}", issuer.path().trim_end_matches('/')));
    url
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn both_addresses_are_built_from_the_issuer() {
        let issuer = Url::parse("https://id.example.com/tenant/").unwrap();
        let openid = openid_address(&issuer);
        assert_eq!(openid.as_str(), "https://id.example.com/tenant/.well-known/openid-configuration");
        let oauth = oauth_address(&issuer);
        assert_eq!(oauth.as_str(), "https://id.example.com/.well-known/oauth-authorization-server/tenant");
    }

    #[test]
    fn an_oddity_is_a_warning() {
        assert_eq!(judge(&[]).verdict, Verdict::Pass);
        assert_eq!(judge(&["x".to_owned()]).verdict, Verdict::Warning);
    }

    #[test]
    fn each_failure_to_get_an_answer_has_an_exit_code() {
        let url = Url::parse("https://id.example.com/x").unwrap();
        let exit = |error| unanswered(&url, &error).exit;
        assert_eq!(exit(ProbeError::Unreachable), Exit::Offline);
        assert_eq!(exit(ProbeError::Tls("x".to_owned())), Exit::Untrusted);
        assert_eq!(exit(ProbeError::NotAllowed("x".to_owned())), Exit::Misconfigured);
    }
}
