//! What a provider sends to a check.

use std::str::from_utf8;

use rustls::pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::checks::ALL;
use super::document;
use super::finding::{Finding, Verdict};
use super::id_token::{self, Expected};
use super::jwks::{self, Keys};
use super::metadata::{Endpoint, Metadata};
use super::probe::Answer;
use super::provider;
use super::report::Report;
use super::secret::Secret;
use super::sign_in::request_uri;
use super::tls::{self, Facts};
use super::tokens::{self, Reply, error_words};
use super::trouble::Trouble;
use crate::fuzzing::{first_line, head_and_body};

const ISSUER: &str = "https://id.example.com";

/// Header fields up to an empty line, and metadata.
///
/// Any JSON object is judged, by each check once, in a text fit for a terminal. Nothing leads to an address that may
/// not be sent to, and only the issuer's own name passes.
pub fn check_metadata(input: &[u8]) {
    let answer = answer(200, input);
    let Ok(document) = document::read(&answer) else { return };
    document.oddities.iter().for_each(|text| assert_shown(text));
    for allow_http in [false, true] {
        let Some(metadata) = Metadata::new(document.value.clone(), allow_http) else { return };
        let findings = provider::judge(&metadata, ISSUER);
        let judged = |id: &str| findings.iter().find(|finding| finding.check.id == id);
        let is_ours = metadata.text("issuer") == Ok(Some(ISSUER));
        let issuer = judged("issuer").expect("each document is judged");
        assert_eq!(issuer.verdict == Verdict::Pass, is_ours);
        for name in ["authorization_endpoint", "token_endpoint", "jwks_uri", "revocation_endpoint"] {
            let Endpoint::Good(url) = metadata.endpoint(name) else { continue };
            assert!(url.scheme() == "https" || allow_http && url.scheme() == "http");
            assert!(url.has_host() && url.fragment().is_none());
        }
        assert_report(findings);
    }
}

/// A line with an ID token, and a key set.
///
/// Both are judged in a text fit for a terminal that repeats no claim. A key set without a usable key passes nothing.
pub fn check_keys(input: &[u8]) {
    let (token, document) = first_line(input);
    let keys = document::read(&answer(200, &[b"\n", document].concat())).ok();
    let keys = keys.and_then(|document| Keys::new(&document.value));
    let judged = keys.as_ref().map(jwks::judge);
    let Ok(token) = from_utf8(token) else { return };
    let (token, nonce) = (Secret::new(token), Secret::new("n0nce"));
    let expected = Expected { issuer: ISSUER, client_id: "app", nonce: &nonce, now: 1_800_000_000 };
    let finding = id_token::judge(Some(&token), &keys.unwrap_or_default(), &expected);
    if judged.is_none() {
        assert!(!matches!(finding.verdict, Verdict::Pass | Verdict::Warning), "{finding:?}");
    }
    let claims = token.expose().split('.').nth(1).filter(|claims| claims.len() > 100);
    assert!(claims.is_none_or(|claims| !finding.found.contains(claims)));
    assert_report(judged.into_iter().chain([finding]).collect());
}

/// A line with a status, header fields up to an empty line, and what the token endpoint or the one for pushed requests
/// answers.
///
/// Tokens come only with 200 and an access token. Words on a refusal are fit for a terminal and repeat no token. No
/// wait is longer than an hour.
pub fn check_reply(input: &[u8]) {
    let (status, rest) = first_line(input);
    let status = from_utf8(status).ok().and_then(|status| status.trim().parse().ok());
    let answer = answer(status.filter(|status| (100..600).contains(status)).unwrap_or(200), rest);
    assert!(answer.wait_asked().is_none_or(|wait| wait.as_secs() <= 3_600));
    if let Some(trouble) = Trouble::in_answer(&answer) {
        assert_shown(&trouble.to_string());
    }
    let value = document::read(&answer).map(|document| document.value).unwrap_or_default();
    let text = |name: &str| value.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
    match tokens::read(&answer) {
        Reply::Granted(tokens) => {
            assert!(answer.status == 200 && !text("access_token").is_empty());
            let refresh = tokens.refresh.as_ref().map_or("", Secret::expose);
            assert_eq!(refresh, text("refresh_token"));
        }
        Reply::Refused(refusal) => {
            assert!(answer.status != 200 || text("access_token").is_empty());
            let words = refusal.words();
            assert_shown(&words);
            assert!(words.len() < 60);
            assert_shown(&error_words(text("error")));
        }
    }
    match request_uri(&answer) {
        Ok(request_uri) => assert_eq!((answer.status / 100, &*request_uri), (2, text("request_uri"))),
        Err(why) => assert_shown(&why),
    }
}

/// A certificate as a server sends it, or the PEM file of `--ca`.
///
/// What is no certificate has no dates, and whatever they are, they are judged in a text fit for a terminal.
pub fn check_certificate(input: &[u8]) {
    if let Ok(pem) = from_utf8(input)
        && let Ok(roots) = tls::roots(pem)
    {
        assert!(!roots.is_empty() && pem.contains("-----BEGIN"));
        roots.iter().for_each(judge_certificate);
    }
    judge_certificate(&CertificateDer::from(input));
}

fn judge_certificate(certificate: &CertificateDer<'_>) {
    let validity = tls::validity(certificate);
    for now in [0, 1_800_000_000] {
        let facts = Facts { tls13: true, post_quantum: true, http2: true, validity };
        assert_report(vec![tls::judge(&facts, now)]);
    }
}

fn answer(status: u16, head_and_document: &[u8]) -> Answer {
    let (headers, body) = head_and_body(head_and_document);
    Answer { status, headers, body: Zeroizing::new(body.to_vec()) }
}

/// Each finding is in the report, which has each check once.
fn assert_report(findings: Vec<Finding>) {
    for finding in &findings {
        assert_shown(&finding.found);
        assert_shown(&finding.users);
        assert!(finding.verdict == Verdict::NotTested || !finding.users.is_empty());
    }
    let (clean_up, stopped) = (super::lab::CleanUp::default(), None);
    let issuer = ISSUER;
    let mut report =
        Report { issuer, client_id: Some("app"), findings, requests: 1, sign_ins: 1, clean_up, stopped };
    report.complete("why");
    assert_eq!(report.findings.len(), ALL.len());
    report.text(false).lines().for_each(assert_shown);
}

/// Nothing in it that a terminal obeys, and not too much of it.
fn assert_shown(text: &str) {
    let turns_round = |c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!text.contains(|c: char| c.is_control() || turns_round(c)), "{text:?}");
    assert!(text.len() < 20_000, "{} bytes", text.len());
}
