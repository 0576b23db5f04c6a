//! What a check reads without a client: the provider's metadata and keys, its TLS, and how it refuses.

use url::Url;

use super::checks::{ERRORS, JWKS, TLS};
use super::finding::Finding;
use super::jwks::{self, Keys};
use super::metadata::Metadata;
use super::probe::Probe;
use super::probe_error::ProbeError;
use super::tokens::{self, Refusal, Reply};
use super::trouble::Trouble;
use super::{crypto, discovery, document, provider, tls};
use crate::arguments::Check as Options;
use crate::failure::Failure;

/// What the provider publishes, and what it does without a client.
pub(super) struct Documents {
    pub(super) metadata: Metadata,
    pub(super) keys: Keys,
    pub(super) findings: Vec<Finding>,
    /// Why not everything could be judged.
    pub(super) trouble: Option<Trouble>,
}

/// Reads and judges all of it.
pub(super) async fn documents(probe: &Probe, issuer: &Url, options: &Options) -> Result<Documents, Failure> {
    let discovered = discovery::discover(probe, issuer, options.allow_http).await.map_err(Failure::Check)?;
    let metadata = discovered.metadata;
    let mut findings = vec![discovered.finding];
    findings.extend(provider::judge(&metadata, &options.issuer));
    findings.push(transport(probe, issuer).await);
    let mut trouble = None;
    let keys = match keys(probe, &metadata).await {
        Ok((keys, finding)) => {
            findings.push(finding);
            keys
        }
        Err(passing) => {
            findings.push(JWKS.not_tested(format!("There are no keys for now: {passing}. Try again.")));
            trouble = Some(passing);
            Keys::default()
        }
    };
    findings.push(refusals(probe, &metadata, options).await.unwrap_or_else(|passing| {
        let finding = ERRORS.not_tested(format!("No result from the token endpoint: {passing}. Try again."));
        trouble.get_or_insert(passing);
        finding
    }));
    Ok(Documents { metadata, keys, findings, trouble })
}

async fn transport(probe: &Probe, issuer: &Url) -> Finding {
    if issuer.scheme() == "http" {
        return TLS.not_tested("Plain HTTP to this machine (--allow-http).");
    }
    match probe.handshake(issuer).await {
        Ok(facts) => tls::judge(&facts, crypto::now()),
        Err(error) => TLS.not_tested(format!("A handshake of its own had no result: {error}.")),
    }
}

/// The keys, and the judgement on them.
async fn keys(probe: &Probe, metadata: &Metadata) -> Result<(Keys, Finding), Trouble> {
    let failed = |why: String| (Keys::default(), JWKS.fail(why, "No app can verify who signed in."));
    let Some(url) = metadata.good("jwks_uri") else {
        return Ok(failed("There is no address for keys.".to_owned()));
    };
    let answer = match probe.get(&url).await {
        Err(ProbeError::TooLarge) => return Ok(failed(format!("No keys came: {}.", ProbeError::TooLarge))),
        answer => answer.map_err(|error| Trouble::from(&error))?,
    };
    if let Some(passing) = Trouble::in_answer(&answer) {
        return Err(passing);
    }
    if answer.status != 200 {
        let redirect =
            if (300..400).contains(&answer.status) { ", and apps follow no redirect here" } else { "" };
        return Ok(failed(format!("The keys' address answers with status {}{redirect}.", answer.status)));
    }
    let document = match document::read(&answer) {
        Ok(document) => document,
        Err(why) => {
            let permanent = failed(format!("The keys' address answers with {}.", why.words()));
            return Trouble::in_document(&why).map_or(Ok(permanent), Err);
        }
    };
    Ok(match Keys::new(&document.value) {
        Some(keys) => {
            let finding = jwks::judge(&keys);
            (keys, finding)
        }
        None => failed("The keys' address answers with a document that is no key set.".to_owned()),
    })
}

/// A code that was never issued: the one request of a check without a client that is refused.
async fn refusals(probe: &Probe, metadata: &Metadata, options: &Options) -> Result<Finding, Trouble> {
    let Some(url) = metadata.good("token_endpoint") else {
        return Ok(ERRORS.not_tested("There is no token endpoint."));
    };
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", "moorline-check-never-issued"),
        ("redirect_uri", "http://127.0.0.1/callback"),
        ("code_verifier", "moorline-check-moorline-check-moorline-check"),
        ("client_id", options.client_id.as_deref().unwrap_or("moorline-check")),
    ];
    let answer = probe.post(&url, &fields, None).await.map_err(|error| Trouble::from(&error))?;
    Ok(match tokens::read(&answer) {
        Reply::Refused(Refusal { status: 429 | 502..=504, .. }) => {
            return Err(Trouble::in_answer(&answer).unwrap_or_else(|| Trouble::offline("it is busy")));
        }
        Reply::Refused(refusal) => judge_refusal(&refusal),
        Reply::Granted(_) => {
            ERRORS.fail("A code that was never issued was exchanged for tokens.", "Anybody can sign in.")
        }
    })
}

fn judge_refusal(refusal: &Refusal) -> Finding {
    let words = refusal.words();
    match refusal {
        Refusal { status: 400 | 401, error: Some(_) } => {
            ERRORS.pass(format!("An unknown code is refused with {words}."), "Apps know what to do next.")
        }
        Refusal { error: Some(_), .. } => ERRORS.warning(
            format!("An unknown code is refused with {words}; the status should be 400 or 401."),
            "An app may take the refusal for an outage, and try again and again.",
        ),
        Refusal { error: None, .. } => ERRORS.fail(
            format!("An unknown code is refused with {words}."),
            "An app can't tell a refusal from an outage: users wait instead of signing in again.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::finding::Verdict;

    #[test]
    fn a_refusal_must_be_json_with_an_error_code() {
        let of = |status, error: Option<&str>| {
            judge_refusal(&Refusal { status, error: error.map(str::to_owned) }).verdict
        };
        assert_eq!(of(400, Some("invalid_grant")), Verdict::Pass);
        assert_eq!(of(401, Some("invalid_client")), Verdict::Pass);
        assert_eq!(of(403, Some("access_denied")), Verdict::Warning);
        assert_eq!(of(500, None), Verdict::Fail);
        assert_eq!(of(200, None), Verdict::Fail);
    }
}
