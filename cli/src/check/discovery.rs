//! Finding the provider's metadata (OIDC Discovery §4, RFC 8414 §3).

use moorline::Retry;
use url::Url;

use super::checks::DISCOVERY;
use super::document;
use super::finding::{Finding, quoted};
use super::metadata::Metadata;
use super::probe::{Answer, Probe};
use super::probe_error::ProbeError;
use super::trouble::Trouble;
use crate::exit::Exit;
use crate::failure::{Unjudged, whole};

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
    let mut found = Found::default();
    let mut answer = follow(probe, issuer, openid_address(issuer), &mut found).await?;
    if (400..500).contains(&answer.status) && answer.status != 429 {
        let first = answer.status;
        answer = follow(probe, issuer, oauth_address(issuer), &mut found).await?;
        if answer.status == 200 {
            found.oddities.push(format!("/.well-known/openid-configuration answers {first}"));
        }
    }
    if let Some(trouble) = Trouble::in_answer(&answer) {
        return Err(found.no_answer(issuer, &trouble));
    }
    if answer.status != 200 {
        return Err(
            found.no_issuer(issuer, &format!("both addresses of its metadata answer {}", answer.status))
        );
    }
    let document = document::read(&answer).map_err(|why| match Trouble::in_document(&why) {
        Some(trouble) => found.no_answer(issuer, &trouble),
        None => found.no_issuer(issuer, "its metadata is something that is not JSON"),
    })?;
    found.oddities.extend(document.oddities);
    let Some(metadata) = Metadata::new(document.value, allow_http) else {
        return Err(found.no_issuer(issuer, "its metadata is not a JSON object"));
    };
    Ok(Discovered { metadata, finding: judge(&found) })
}

/// What was odd on the way to the metadata.
#[derive(Debug, Default)]
struct Found {
    redirects: Vec<String>,
    oddities: Vec<String>,
}

impl Found {
    fn no_answer(&self, issuer: &Url, trouble: &Trouble) -> Unjudged {
        let redirects: String = self.redirects.iter().map(|redirect| format!("{redirect}; ")).collect();
        let hint = match (trouble.exit, trouble.retry) {
            (_, Retry::After(wait)) => format!("Try again in {} s.", whole(wait)),
            (Exit::Untrusted, _) => UNTRUSTED.to_owned(),
            (Exit::Misconfigured, _) => "Nothing was sent. Correct that, and check again.".to_owned(),
            _ => OFFLINE.to_owned(),
        };
        let message = format!("no metadata of {issuer}: {redirects}{trouble}");
        Unjudged { exit: trouble.exit, retry: trouble.retry, message, hint }
    }

    /// Behind a redirect, it was not the issuer that answered: a captive portal may have sent it.
    fn no_issuer(&self, issuer: &Url, why: &str) -> Unjudged {
        if !self.redirects.is_empty() {
            return self.no_answer(issuer, &Trouble::offline(why));
        }
        Unjudged {
            exit: Exit::Misconfigured,
            retry: Retry::Never,
            message: format!("{issuer} does not look like an issuer: {why}"),
            hint: "Give the issuer exactly as the provider names it, such as https://id.example.com/tenant."
                .to_owned(),
        }
    }
}

const UNTRUSTED: &str = "Nothing was sent. Check for a sign-in page or a proxy of this network. If the server is your \
                         own, name its certificate authority with --ca FILE.";
const OFFLINE: &str =
    "Check the network (a captive portal or a proxy may answer instead) and the address, and try again.";

fn judge(found: &Found) -> Finding {
    let all: Vec<&str> = found.redirects.iter().chain(&found.oddities).map(String::as_str).collect();
    if all.is_empty() {
        return DISCOVERY.pass("The metadata is there.", "Apps configure themselves.");
    }
    let words = format!("The metadata is there, but {}.", all.join("; "));
    if found.redirects.is_empty() {
        return DISCOVERY.warning(words, "A strict app finds no provider, and its users can't sign in.");
    }
    DISCOVERY.fail(
        words,
        "Apps follow no redirect here (it may lead to a captive portal), so no user can sign in. Answer with 200.",
    )
}

/// Follows redirects, to judge what is behind them.
async fn follow(probe: &Probe, issuer: &Url, url: Url, found: &mut Found) -> Result<Answer, Unjudged> {
    let mut url = url;
    for _ in 0..=MOST_REDIRECTS {
        let answer = match probe.get(&url).await {
            Ok(answer) => answer,
            Err(ProbeError::NotAllowed(why)) if found.redirects.is_empty() => {
                return Err(Unjudged {
                    exit: Exit::Misconfigured,
                    retry: Retry::Never,
                    message: format!("{}: {why}", url.origin().ascii_serialization()),
                    hint:
                        "Give the issuer as an https address. --allow-http allows plain HTTP to this machine."
                            .to_owned(),
                });
            }
            Err(error) => return Err(found.no_answer(issuer, &Trouble::from(&error))),
        };
        if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
            return Ok(answer);
        }
        let target = answer.header("location").and_then(|target| url.join(target).ok());
        let shown = target
            .as_ref()
            .map_or_else(|| "nowhere".to_owned(), |target| quoted(&target.origin().ascii_serialization()));
        found.redirects.push(format!("its address answers {} and leads to {shown}", answer.status));
        match target {
            Some(target) => url = target,
            None => break,
        }
    }
    Err(found.no_answer(issuer, &Trouble::offline("there is no metadata behind the redirects")))
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
    fn an_oddity_is_a_warning_and_a_redirect_a_failure() {
        let of = |redirects: &[&str], oddities: &[&str]| {
            let [redirects, oddities] =
                [redirects, oddities].map(|texts| texts.iter().map(ToString::to_string).collect());
            judge(&Found { redirects, oddities }).verdict
        };
        assert_eq!(of(&[], &[]), Verdict::Pass);
        assert_eq!(of(&[], &["x"]), Verdict::Warning);
        assert_eq!(of(&["x"], &[]), Verdict::Fail);
        assert_eq!(of(&["x"], &["y"]), Verdict::Fail);
    }
}
