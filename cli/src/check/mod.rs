//! `moorline check`: how fit an OpenID provider is for mobile apps.
//!
//! It judges by behaviour only and knows no vendor. [`provider`] and [`jwks`] judge documents, [`experiments`] try
//! things with sessions of their own, and [`report`] prints the results.

mod checks;
mod crypto;
mod discovery;
mod document;
mod experiments;
mod finding;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod id_token;
mod jwks;
mod lab;
mod metadata;
mod probe;
mod probe_error;
mod provider;
mod report;
mod secret;
mod sign_in;
mod tls;
mod tokens;
mod trouble;
mod with_client;

use moorline::Retry;
use url::Url;

use self::checks::{ERRORS, JWKS, TLS};
use self::finding::Finding;
use self::jwks::Keys;
use self::metadata::Metadata;
use self::probe::Probe;
use self::probe_error::{MOST_REQUESTS, ProbeError};
use self::report::{Report, Stopped};
use self::tokens::{Refusal, Reply};
use self::trouble::Trouble;
use crate::arguments::Check as Options;
use crate::exit::Exit;
use crate::failure::{Failure, Unjudged};
use crate::output::Output;
use crate::profile::read_named_file;
use crate::signals::Signals;

/// Checks the provider, prints the report, and returns the exit code.
pub(crate) async fn run(output: &Output, options: &Options) -> Result<u8, Failure> {
    let issuer = issuer(&options.issuer)?;
    let roots = match &options.ca {
        Some(file) => tls::roots(&read_named_file(file)?)
            .map_err(|why| Failure::usage(format!("{}: {why}", file.display())))?,
        None => Vec::new(),
    };
    let probe = Probe::new(&issuer, roots, options.timeout, options.allow_http)
        .map_err(|why| Failure::local("TLS", &why))?;
    let signals = Signals::new();
    signals.listen()?;
    output.hint(format_args!("Checking {issuer} with at most {MOST_REQUESTS} requests…"));
    let mut documents = tokio::select! {
        biased;
        // Nothing has been issued yet.
        signal = signals.first() => return Err(Failure::Interrupted(signal)),
        documents = documents(&probe, &issuer, options) => documents?,
    };
    let mut report = Report {
        issuer: &options.issuer,
        client_id: options.client_id.as_deref(),
        findings: std::mem::take(&mut documents.findings),
        requests: 0,
        sign_ins: 0,
        clean_up: lab::CleanUp::default(),
        stopped: documents.trouble.as_ref().map(|trouble| Stopped::By(trouble.exit)),
    };
    if let (Some(client_id), None) = (&options.client_id, report.stopped) {
        with_client::run(output, &signals, options, client_id, &probe, &documents, &mut report).await?;
    }
    report.requests = probe.sent();
    report.complete("The check did not come this far.");
    output.report(&report.json(), |colour| report.text(colour))?;
    Ok(report.code())
}

/// What the provider publishes, and what it does without a client.
struct Documents {
    metadata: Metadata,
    keys: Keys,
    findings: Vec<Finding>,
    /// Why not everything could be judged.
    trouble: Option<Trouble>,
}

async fn documents(probe: &Probe, issuer: &Url, options: &Options) -> Result<Documents, Failure> {
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

/// The issuer's address. A password in it is refused and not repeated.
fn issuer(text: &str) -> Result<Url, Failure> {
    let refused = |message: String| {
        Failure::Check(Unjudged {
            exit: Exit::Misconfigured,
            retry: Retry::Never,
            message,
            hint: "Give the issuer exactly as the provider names it, such as https://id.example.com."
                .to_owned(),
        })
    };
    let url = Url::parse(text).map_err(|error| refused(format!("the issuer is not a URL: {error}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("the issuer has a user name or password in it".to_owned()));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refused(
            "the issuer has a query or a fragment (OIDC Discovery §3 forbids them)".to_owned(),
        ));
    }
    Ok(url)
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
    use super::finding::Verdict;
    use super::*;

    #[test]
    fn an_issuer_with_a_password_is_refused_and_not_repeated() {
        let error = issuer("https://ada:hunter2@id.example.com").unwrap_err();
        assert_eq!(error.exit(), Exit::Misconfigured);
        assert!(!error.to_string().contains("hunter2"));
        for bad in
            ["", "id.example.com", "https://", "https://id.example.com/?x", "https://id.example.com/#x"]
        {
            assert!(issuer(bad).is_err(), "{bad}");
        }
    }

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
