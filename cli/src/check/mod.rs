//! `moorline check`: how fit an OpenID provider is for mobile apps.
//!
//! It judges by behaviour only and knows no vendor. [`provider`] and [`jwks`] judge documents, [`experiments`] try things
//! with sessions of their own, and [`report`] prints what came of it.

mod checks;
mod crypto;
mod discovery;
mod document;
mod experiments;
mod finding;
mod id_token;
mod jwks;
mod lab;
mod metadata;
mod probe;
mod provider;
mod report;
mod secret;
mod sign_in;
mod tls;
mod tokens;

use url::Url;

use self::checks::{
    BINDING, CODE_TWICE, ERRORS, JWKS, LATE, LOST_ANSWER, LOST_ANSWER_ATTEMPT, RACE, RACE_ATTEMPT,
    REFRESH_TOKEN, REVOKED, SIGN_IN, TLS, WRONG_VERIFIER,
};
use self::experiments::{Holder, binding, code, first, late, lost, race, revoked};
use self::finding::{Check, Finding, Verdict};
use self::jwks::Keys;
use self::lab::{Found, Lab, Stop};
use self::metadata::{List, Metadata};
use self::probe::{MOST_REQUESTS, Probe};
use self::report::Report;
use self::sign_in::{NoArrival, SignIn};
use self::tokens::{Client, Refusal, Reply};
use crate::arguments::Check as Options;
use crate::exit::Exit;
use crate::failure::{Failure, Unjudged};
use crate::output::Output;
use crate::profile::read_named_file;

/// Checks the provider and prints the report.
pub(crate) async fn run(output: &Output, options: &Options) -> Result<Exit, Failure> {
    let issuer = issuer(&options.issuer)?;
    let roots = match &options.ca {
        Some(file) => tls::roots(&read_named_file(file)?)
            .map_err(|why| Failure::usage(format!("{}: {why}", file.display())))?,
        None => Vec::new(),
    };
    let probe = Probe::new(&issuer, roots, options.timeout, options.allow_http)
        .map_err(|why| Failure::local("TLS", &why))?;
    output.hint(format_args!("Checking {issuer} with at most {MOST_REQUESTS} requests…"));
    let discovered =
        discovery::discover(&probe, &issuer, options.allow_http).await.map_err(Failure::Check)?;
    let metadata = &discovered.metadata;
    let mut findings = vec![discovered.finding];
    findings.extend(provider::judge(metadata, &options.issuer));
    findings.push(transport(&probe, &issuer).await);
    let keys = keys(&probe, metadata, &mut findings).await;
    findings.push(refusals(&probe, metadata, options).await);
    let mut report = Report {
        issuer: &options.issuer,
        client_id: options.client_id.as_deref(),
        findings,
        requests: 0,
        sign_ins: 0,
        clean_up: lab::CleanUp::default(),
        stopped: None,
    };
    if let Some(client_id) = &options.client_id {
        with_client(output, options, client_id, &probe, metadata, &keys, &mut report).await?;
    }
    report.requests = probe.sent();
    report.complete("The check did not come this far.");
    report::print(&report, output.is_json())?;
    Ok(report.exit())
}

/// The issuer's address. A password in it is refused and not repeated.
fn issuer(text: &str) -> Result<Url, Failure> {
    let refused = |message: String| {
        Failure::Check(Unjudged {
            exit: Exit::Misconfigured,
            message,
            hint: "Give the issuer exactly as the provider names it, such as https://id.example.com.",
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

async fn keys(probe: &Probe, metadata: &Metadata, findings: &mut Vec<Finding>) -> Keys {
    let users = "No app can verify who signed in.";
    let Some(url) = metadata.good("jwks_uri") else {
        findings.push(JWKS.fail("There is no address for keys.", users));
        return Keys::default();
    };
    let answer = match probe.get(&url).await {
        Ok(answer) => answer,
        Err(error) => {
            findings.push(JWKS.fail(format!("No keys came: {error}."), users));
            return Keys::default();
        }
    };
    let document = if answer.status == 200 {
        document::read(&answer).map_err(|why| why.words().to_owned())
    } else {
        Err(format!("status {}", answer.status))
    };
    let keys = document.and_then(|document| {
        Keys::new(&document.value).ok_or_else(|| "a document that is no key set".to_owned())
    });
    match keys {
        Ok(keys) => {
            findings.push(jwks::judge(&keys));
            keys
        }
        Err(why) => {
            findings.push(JWKS.fail(format!("The keys' address answers with {why}."), users));
            Keys::default()
        }
    }
}

/// A code that was never issued: the one request of a check without a client that is refused.
async fn refusals(probe: &Probe, metadata: &Metadata, options: &Options) -> Finding {
    let Some(url) = metadata.good("token_endpoint") else {
        return ERRORS.not_tested("There is no token endpoint.");
    };
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", "moorline-check-never-issued"),
        ("redirect_uri", "http://127.0.0.1/callback"),
        ("code_verifier", "moorline-check-moorline-check-moorline-check"),
        ("client_id", options.client_id.as_deref().unwrap_or("moorline-check")),
    ];
    match probe.post(&url, &fields, None).await {
        Ok(answer) => match tokens::read(&answer) {
            Reply::Refused(refusal) => judge_refusal(&refusal),
            Reply::Granted(_) => {
                ERRORS.fail("A code that was never issued was exchanged for tokens.", "Anybody can sign in.")
            }
        },
        Err(error) => ERRORS.not_tested(format!("No result: {error}.")),
    }
}

fn judge_refusal(refusal: &Refusal) -> Finding {
    let words = refusal.words();
    match refusal {
        Refusal { status: 400 | 401, error: Some(_) } => {
            ERRORS.pass(format!("An unknown code is refused with {words}."), "Apps know what to do next.")
        }
        Refusal { status: 429 | 502..=504, .. } => {
            ERRORS.not_tested(format!("The token endpoint answered {}.", refusal.status))
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

/// Everything that takes a client and the user's browser.
async fn with_client(
    output: &Output,
    options: &Options,
    client_id: &str,
    probe: &Probe,
    metadata: &Metadata,
    keys: &Keys,
    report: &mut Report<'_>,
) -> Result<(), Failure> {
    let (Some(authorization_endpoint), Some(token_endpoint)) =
        (metadata.good("authorization_endpoint"), metadata.good("token_endpoint"))
    else {
        report.findings.push(SIGN_IN.not_tested("The metadata lacks a usable endpoint."));
        return Ok(());
    };
    let revocation_endpoint = metadata.good("revocation_endpoint");
    let uses_dpop = provider::uses_dpop(metadata);
    let client = Client::new(probe, token_endpoint, revocation_endpoint, client_id, uses_dpop);
    let sign_in = SignIn {
        output,
        authorization_endpoint,
        pushed: provider::pushed(metadata),
        client_id,
        scope: scope(options, metadata),
        parameters: &options.parameter,
        browser: !options.no_browser,
        port: options.redirect_port,
        timeout: options.sign_in_timeout,
        typed: options.no_browser.then(sign_in::typed_lines),
    };
    let mut lab = Lab { probe, client, sign_in, sign_ins: 0, sessions: Vec::new(), refusal: None };
    output.hint(
        "The experiments end sessions, so several sign-ins follow, usually three to six. Use a test account; your browser \
         may remember you after the first. All sessions are revoked at the end.",
    );
    let promised = first::Promised {
        issuer: &options.issuer,
        client_id,
        iss: metadata.flag("authorization_response_iss_parameter_supported"),
        keys,
    };
    let outcome = tokio::select! {
        outcome = experiment(&mut lab, &promised, metadata, options, &mut report.findings) => outcome,
        _ = tokio::signal::ctrl_c() => Err(NoArrival::CalledOff),
    };
    report.clean_up = lab.clean_up().await;
    report.sign_ins = lab.sign_ins;
    if report.clean_up.left() > 0 {
        output.warn(format_args!(
            "{} sessions could not be revoked: end them at the provider, for the account that you signed in with",
            report.clean_up.left()
        ));
    }
    match outcome {
        Ok(()) => Ok(()),
        Err(NoArrival::CalledOff) => {
            report.stopped = Some(Exit::Cancelled);
            output.warn(
                "nobody came back from the browser. If it shows an error about the redirect URI, register \
                 http://127.0.0.1/callback for any port, or use --redirect-port",
            );
            Ok(())
        }
        Err(NoArrival::Refused(why)) => {
            let users = "No user can sign in with this client and these scopes (--scope, --parameter).";
            if lab.sign_ins == 1 {
                report.findings.push(SIGN_IN.fail(format!("The provider sent back {why}."), users));
            } else {
                report.stopped = Some(Exit::Refused);
                output.warn(format_args!("sign-in {} came back with {why}", lab.sign_ins));
            }
            Ok(())
        }
        Err(NoArrival::Local(failure)) => Err(failure),
    }
}

/// What to ask for: what the user said, or the two scopes that a session takes, if the provider knows the second.
fn scope(options: &Options, metadata: &Metadata) -> String {
    if !options.scope.is_empty() {
        return options.scope.join(" ");
    }
    match metadata.list("scopes_supported") {
        List::Of(scopes) if !scopes.iter().any(|scope| scope == "offline_access") => "openid".to_owned(),
        _ => "openid offline_access".to_owned(),
    }
}

/// All experiments, in an order in which none spoils the next.
async fn experiment(
    lab: &mut Lab<'_>,
    promised: &first::Promised<'_>,
    metadata: &Metadata,
    options: &Options,
    findings: &mut Vec<Finding>,
) -> Result<(), NoArrival> {
    let tokens = match first::sign_in(lab, promised, findings).await {
        Ok(Some(tokens)) => tokens,
        Ok(None) => return Ok(()),
        Err(Stop::NoSignIn(why)) => return Err(why),
        Err(Stop::NoResult(why)) => {
            findings.push(SIGN_IN.not_tested(why));
            return Ok(());
        }
    };
    if tokens.refresh.is_some() {
        refreshes(lab, &tokens, metadata, options, findings).await?;
    } else {
        findings.push(REFRESH_TOKEN.fail(
            "None was issued. (Some providers want --scope offline_access or --parameter prompt=consent.)",
            "Users sign in again each time the access token expires.",
        ));
    }
    let output = lab.sign_in.output;
    output.hint("Exchanging a code twice…");
    let mut pushed = Vec::new();
    let twice = code::twice(lab, &mut pushed).await;
    findings.append(&mut pushed);
    settle(lab, &CODE_TWICE, twice, findings)?;
    output.hint("Exchanging a code with the wrong verifier…");
    let wrong = code::wrong_verifier(lab).await;
    settle(lab, &WRONG_VERIFIER, wrong, findings)?;
    findings.push(if lab.client.proves() {
        first::nonces(&lab.client.nonces())
    } else {
        checks::NONCES.not_tested("DPoP with ES256 is not offered.")
    });
    Ok(())
}

/// The experiments with refresh tokens.
async fn refreshes(
    lab: &mut Lab<'_>,
    tokens: &tokens::Tokens,
    metadata: &Metadata,
    options: &Options,
    findings: &mut Vec<Finding>,
) -> Result<(), NoArrival> {
    let output = lab.sign_in.output;
    output.hint("Refreshing without the key's proof…");
    let holder = match binding::run(lab, tokens).await {
        Ok((finding, holder)) => {
            findings.push(finding);
            holder
        }
        Err(stop) => {
            settle(lab, &BINDING, Err(stop), findings)?;
            Holder::Anybody
        }
    };
    output.hint("Refreshing…");
    let refreshed = first::refresh(lab, holder).await;
    settle(lab, &REFRESH_TOKEN, refreshed.map(|(finding, _)| finding), findings)?;
    let knows_attempts = provider::knows_attempts(metadata);
    let unknown = "Refresh attempts are not offered.";
    let mut attempts_work = false;
    output.hint("Losing an answer…");
    if knows_attempts {
        let found = lost::run(lab, true, false).await;
        attempts_work = matches!(&found, Ok(finding) if finding.verdict == Verdict::Pass);
        settle(lab, &LOST_ANSWER_ATTEMPT, found, findings)?;
    } else {
        findings.push(LOST_ANSWER_ATTEMPT.not_tested(unknown));
    }
    let found = lost::run(lab, false, attempts_work).await;
    settle(lab, &LOST_ANSWER, found, findings)?;
    output.hint("Refreshing twice at once…");
    if knows_attempts {
        let found = race::run(lab, true, false).await;
        attempts_work &= matches!(&found, Ok(finding) if finding.verdict == Verdict::Pass);
        settle(lab, &RACE_ATTEMPT, found, findings)?;
    } else {
        findings.push(RACE_ATTEMPT.not_tested(unknown));
    }
    let found = race::run(lab, false, attempts_work).await;
    settle(lab, &RACE, found, findings)?;
    output.hint("Sending a spent refresh token…");
    let found = late::run(lab, holder, options.late).await;
    settle(lab, &LATE, found, findings)?;
    output.hint("Revoking a session…");
    let found = revoked::run(lab).await;
    settle(lab, &REVOKED, found, findings)?;
    findings.push(revoked::ended(lab.refusal.as_ref()));
    Ok(())
}

/// Takes a result, or the reason why there is none.
fn settle(
    lab: &mut Lab<'_>,
    check: &'static Check,
    found: Found,
    findings: &mut Vec<Finding>,
) -> Result<(), NoArrival> {
    match found {
        Ok(finding) => findings.push(finding),
        Err(Stop::NoResult(why)) => {
            findings.push(check.not_tested(why));
            lab.abandon();
        }
        Err(Stop::NoSignIn(why)) => return Err(why),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
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
        assert_eq!(of(503, None), Verdict::NotTested);
    }
}
