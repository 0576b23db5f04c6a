//! The part of a check that takes a client: sign-ins in the user's browser, and the experiments in their order.

use std::time::Duration;

use super::checks::{
    BINDING, CODE_TWICE, LATE, LOST_ANSWER, LOST_ANSWER_ATTEMPT, NONCES, RACE, RACE_ATTEMPT, REFRESH_TOKEN,
    REVOKED, SIGN_IN, WRONG_VERIFIER,
};
use super::documents::Documents;
use super::experiments::{Holder, binding, code, first, late, lost, race, revoked};
use super::finding::{Check, Finding, Verdict};
use super::lab::{CleanUp, Found, Lab, Stop};
use super::metadata::{List, Metadata};
use super::probe::Probe;
use super::provider;
use super::report::{Report, Stopped};
use super::sign_in::{NoArrival, SignIn};
use super::tokens::{Client, Tokens};
use super::trouble::Trouble;
use crate::arguments::Check as Options;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::paste::Typed;
use crate::signals::{self, Signals};

/// Everything that takes a client and the user's browser.
pub(super) async fn run(
    output: &Output,
    signals: &Signals,
    options: &Options,
    client_id: &str,
    probe: &Probe,
    documents: &Documents,
    report: &mut Report<'_>,
) -> Result<(), Failure> {
    let Documents { metadata, keys, .. } = documents;
    let (Some(authorization_endpoint), Some(token_endpoint)) =
        (metadata.good("authorization_endpoint"), metadata.good("token_endpoint"))
    else {
        report.findings.push(SIGN_IN.not_tested("The metadata lacks a usable endpoint."));
        return Ok(());
    };
    let revocation_endpoint = metadata.good("revocation_endpoint");
    let uses_dpop = provider::uses_dpop(metadata) && !options.bearer;
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
        typed: options.no_browser.then(Typed::read),
    };
    let (sessions, cleaned) = (Vec::new(), CleanUp::default());
    let mut lab =
        Lab { probe, client, sign_in, sign_ins: 0, sessions, refusal: None, cleaned, trouble: None };
    output.hint(
        "The experiments end sessions, so several sign-ins follow, usually three to six. Use a test account. Your \
         browser may remember you after the first. All sessions are revoked at the end.",
    );
    let promised = first::Promised {
        issuer: &options.issuer,
        client_id,
        iss: metadata.flag("authorization_response_iss_parameter_supported"),
        keys,
    };
    let outcome = tokio::select! {
        // In this order: what an answer brings is remembered before the experiments are left.
        biased;
        outcome = experiment(&mut lab, &promised, metadata, options, &mut report.findings) => outcome,
        interrupted = wind_down(output, signals, probe) => Err(interrupted),
    };
    tokio::select! {
        () = lab.clean_up() => {}
        // The first signal lets it go on for a while, whenever it came.
        () = async { signals.first().await; tokio::time::sleep(REVOKING).await } => {}
    }
    report.clean_up = lab.cleaned;
    report.sign_ins = lab.sign_ins;
    if report.clean_up.left() > 0 {
        output.warn(format_args!(
            "{} sessions could not be revoked: end them at the provider, for the account that you signed in with",
            report.clean_up.left()
        ));
    }
    match outcome {
        Ok(()) => {
            report.stopped = lab.trouble.map(|trouble| Stopped::By(trouble.exit));
            Ok(())
        }
        Err(NoArrival::CalledOff) => {
            report.stopped = Some(Stopped::By(Exit::Cancelled));
            output.warn(
                "the sign-in was called off, or nobody came back from the browser. If it shows an error about the \
                 redirect URI, register http://127.0.0.1/callback for any port, or use --redirect-port",
            );
            Ok(())
        }
        Err(NoArrival::Refused(why)) => {
            let users = "No user can sign in with this client and these scopes (--scope, --parameter).";
            if lab.sign_ins == 1 {
                report.findings.push(SIGN_IN.fail(format!("The provider sent back {why}."), users));
            } else {
                report.stopped = Some(Stopped::By(Exit::Refused));
                output.warn(format_args!("sign-in {} came back with {why}", lab.sign_ins));
            }
            Ok(())
        }
        Err(NoArrival::Interrupted(signal)) => {
            report.stopped = Some(Stopped::BySignal(signal));
            Ok(())
        }
        Err(NoArrival::Local(failure)) => Err(failure),
    }
}

/// Waits for a signal, and then for the answers that are under way.
async fn wind_down(output: &Output, signals: &Signals, probe: &Probe) -> NoArrival {
    let signal = signals.first().await;
    output.hint(format_args!(
        "Interrupted ({}): revoking the sessions of this check. Ctrl-C ends at once.",
        signal.name()
    ));
    // Whoever sends no answer for that long will not send it in time for the revocations.
    let _ = tokio::time::timeout(ANSWERING, probe.stop(signal)).await;
    NoArrival::Interrupted(signal)
}

/// Of the time that a signal leaves: first for answers, then for revocations.
const ANSWERING: Duration = signals::LIMIT.saturating_sub(REVOKING);
const REVOKING: Duration = Duration::from_secs(6);

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
        Err(stop) => return settle(lab, &SIGN_IN, Err(stop), findings),
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
        NONCES.not_tested(binding::NO_PROOFS)
    });
    Ok(())
}

/// The experiments with refresh tokens.
async fn refreshes(
    lab: &mut Lab<'_>,
    tokens: &Tokens,
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
        Err(Stop::Unanswered(error)) => {
            findings.push(check.not_tested(format!("No result: {error}.")));
            lab.trouble.get_or_insert_with(|| Trouble::from(&error));
            lab.abandon();
        }
        Err(Stop::NoSignIn(why)) => return Err(why),
    }
    Ok(())
}
