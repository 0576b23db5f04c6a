//! `moorline check`: what it says about our own server, and what it does with addresses that are no provider.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use moorline_tests::cli::{Cli, Outcome};
use moorline_tests::{Server, ServerOptions};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// The exit codes that `cli/README.md` documents.
const FIT: i32 = 0;
const OFFLINE: i32 = 5;
const UNTRUSTED: i32 = 15;
const MISCONFIGURED: i32 = 12;
const RATE_LIMITED: i32 = 14;
const UNFIT: i32 = 18;

/// The verdict of each check.
fn verdicts(outcome: &Outcome) -> Result<BTreeMap<String, String>> {
    let report = outcome.json()?;
    let checks = report["checks"].as_array().with_context(|| format!("no report: {outcome:?}"))?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(checks.iter().map(|check| (text(&check["id"]), text(&check["verdict"]))).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_server_is_fit() -> Result<()> {
    let server = Server::start()?;
    let (dev, cli) = (server.dev(), Cli::new()?);
    let ca = dev.ca_file.as_ref().context("its CA")?.display().to_string();
    let client = &dev.clients.first().context("a client")?.client_id;
    let arguments = [dev.issuer.as_str(), "--ca", &ca, "--client-id", client];
    let outcome = cli.check(&server, dev.user("ada")?, &arguments).await?;
    assert_eq!(outcome.code, FIT, "{outcome:?}");
    let verdicts = verdicts(&outcome)?;
    for (check, verdict) in [
        ("discovery", "pass"),
        ("issuer", "pass"),
        ("tls", "pass"),
        ("pkce", "pass"),
        ("iss", "pass"),
        ("dpop", "pass"),
        ("jwks", "pass"),
        ("errors", "pass"),
        ("revocation", "pass"),
        ("refresh_attempt", "pass"),
        ("sign_in", "pass"),
        ("iss_returned", "pass"),
        ("id_token", "pass"),
        ("access_token_lifetime", "pass"),
        ("refresh_token", "pass"),
        ("dpop_binding", "pass"),
        ("dpop_nonces", "pass"),
        ("lost_answer_with_attempt", "pass"),
        ("lost_answer", "pass"),
        ("race_with_attempt", "pass"),
        ("race", "pass"),
        ("late_spent_token", "pass"),
        ("revoked_session", "pass"),
        ("ended_session", "pass"),
        ("code_twice", "pass"),
        ("wrong_verifier", "pass"),
    ] {
        assert_eq!(verdicts[check], verdict, "{check}: {outcome:?}");
    }
    let report = outcome.json()?;
    assert_eq!(report["sessions"]["left"], 0, "{report}");
    assert!(report["requests"].as_u64().context("a number")? < 70, "{report}");
    let printed = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(!printed.contains("mrt1_") && !printed.contains("eyJ"), "no token is ever printed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bearer_clients_of_our_own_server_need_attempts() -> Result<()> {
    let server = Server::start()?;
    let (dev, cli) = (server.dev(), Cli::new()?);
    let ca = dev.ca_file.as_ref().context("its CA")?.display().to_string();
    let client = &dev.clients.first().context("a client")?.client_id;
    let arguments = [dev.issuer.as_str(), "--ca", &ca, "--bearer", "--client-id", client];
    let outcome = cli.check(&server, dev.user("ada")?, &arguments).await?;
    assert_eq!(outcome.code, FIT, "{outcome:?}");
    let verdicts = verdicts(&outcome)?;
    for (check, verdict) in [
        ("dpop_binding", "not_tested"),
        ("refresh_token", "pass"),
        ("lost_answer_with_attempt", "pass"),
        ("lost_answer", "warning"),
        ("race_with_attempt", "pass"),
        ("race", "warning"),
        ("late_spent_token", "pass"),
    ] {
        assert_eq!(verdicts[check], verdict, "{check}: {outcome:?}");
    }
    assert_eq!(outcome.json()?["sessions"]["left"], 0);
    Ok(())
}

/// A retry of a lost answer gets the same claims with another signature: that is no other answer.
#[tokio::test(flavor = "multi_thread")]
async fn our_own_server_is_fit_for_a_client_with_es256_access_tokens() -> Result<()> {
    let fast = "id=fast,redirect=http://127.0.0.1/callback,consent=skip,access_token_alg=ES256";
    let server = Server::start_with(ServerOptions::default().with(["--client", fast]))?;
    let (dev, cli) = (server.dev(), Cli::new()?);
    let ca = dev.ca_file.as_ref().context("its CA")?.display().to_string();
    let arguments = [dev.issuer.as_str(), "--ca", &ca, "--client-id", "fast"];
    let outcome = cli.check(&server, dev.user("ada")?, &arguments).await?;
    assert_eq!(outcome.code, FIT, "{outcome:?}");
    let verdicts = verdicts(&outcome)?;
    for check in [
        "jwks",
        "revocation",
        "sign_in",
        "id_token",
        "dpop_binding",
        "lost_answer_with_attempt",
        "lost_answer",
        "race_with_attempt",
        "race",
        "late_spent_token",
        "code_twice",
    ] {
        assert_eq!(verdicts[check], "pass", "{check}: {outcome:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_client_the_text_fits_on_a_screen_and_says_what_is_left_out() -> Result<()> {
    let server = Server::start()?;
    let ca = server.dev().ca_file.as_ref().context("its CA")?.display().to_string();
    let outcome = Cli::new()?.run(&["check", &server.dev().issuer, "--ca", &ca]).await?.success()?;
    assert!(outcome.stdout.contains("[RFC 9207 §3]"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("--client-id ID"), "{}", outcome.stdout);
    assert!(outcome.stdout.lines().count() < 60, "{}", outcome.stdout);
    assert!(!outcome.stdout.contains('\u{1b}'), "colours are for terminals");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_authority_and_a_port_without_tls_are_named() -> Result<()> {
    let server = Server::start()?;
    let cli = Cli::new()?;
    let untrusted = cli.run(&["check", &server.dev().issuer]).await?;
    assert_eq!(untrusted.code, UNTRUSTED, "{untrusted:?}");
    assert!(untrusted.stderr.contains("authority") && untrusted.stderr.contains("--ca"), "{untrusted:?}");
    let plain = Canned::start("200 OK", &[], b"{}").await?;
    let no_tls = cli.run(&["check", &plain.issuer.replace("http:", "https:")]).await?;
    assert_eq!(no_tls.code, UNTRUSTED, "{no_tls:?}");
    let json = cli.run(&["check", &server.dev().issuer, "--json"]).await?.json()?;
    // As `docs/errors.md` has it.
    assert_eq!((&json["error"]["code"], &json["error"]["retry"]), (&"untrusted".into(), &"now".into()));
    assert!(no_tls.stderr.contains("does not speak TLS"), "{no_tls:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_cannot_be_checked_is_an_error_with_the_usual_code() -> Result<()> {
    let cli = Cli::new()?;
    let plain = Canned::start("200 OK", &[], b"{}").await?;
    for (issuer, more, code) in [
        (plain.issuer.as_str(), "--json", MISCONFIGURED),
        ("http://id.example.com", "--allow-http", MISCONFIGURED),
        ("id.example.com", "--json", MISCONFIGURED),
        ("https://ada:hunter2@127.0.0.1", "--json", MISCONFIGURED),
        ("https://127.0.0.1:1", "--json", OFFLINE),
    ] {
        let outcome = cli.run(&["check", issuer, more]).await?;
        assert_eq!(outcome.code, code, "{issuer}: {outcome:?}");
        assert!(!format!("{outcome:?}").contains("hunter2"), "a password is not repeated");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_answers_instead_of_a_provider_is_named() -> Result<()> {
    let huge = vec![b' '; 3 * 1024 * 1024];
    let json_type = ("content-type", "application/json");
    for (status, headers, body, code, says) in [
        ("200 OK", ("content-type", "text/html"), &b"<!doctype html><h1>Wi-Fi</h1>"[..], OFFLINE, "web page"),
        ("503 Service Unavailable", json_type, b"{}", OFFLINE, "503"),
        ("429 Too Many Requests", json_type, b"{}", RATE_LIMITED, "10 s"),
        ("404 Not Found", json_type, b"{}", MISCONFIGURED, "404"),
        ("410 Gone", json_type, b"{}", MISCONFIGURED, "410"),
        ("403 Forbidden", json_type, b"{}", OFFLINE, "403"),
        ("401 Unauthorized", json_type, b"{}", OFFLINE, "401"),
        ("511 Network Authentication Required", json_type, b"{}", OFFLINE, "511"),
        ("429 Too Many Requests", ("retry-after", "7"), b"{}", RATE_LIMITED, "7 s"),
        ("503 Service Unavailable", ("retry-after", "7"), b"{}", RATE_LIMITED, "7 s"),
        ("200 OK", json_type, b"{\"issuer\":\"htt", OFFLINE, "half"),
        ("200 OK", json_type, b"", OFFLINE, "empty"),
        ("200 OK", json_type, b"[]", MISCONFIGURED, "not a JSON object"),
        ("200 OK", ("content-encoding", "gzip"), b"\x1f\x8b", OFFLINE, "compressed"),
        ("302 Found", ("location", "/again"), b"", OFFLINE, "redirects"),
        ("302 Found", ("location", "http://portal.example/sign-in"), b"", OFFLINE, "portal.example"),
        ("302 Found", ("location", "https://127.0.0.1:1/sign-in"), b"", OFFLINE, "127.0.0.1:1"),
        ("302 Found", ("x-none", ""), b"", OFFLINE, "302"),
        ("200 OK", json_type, &huge, OFFLINE, "1 MiB"),
    ] {
        let canned = Canned::start(status, &[headers], body).await?;
        let arguments = ["check", "--allow-http", "--json", &canned.issuer];
        let outcome = Cli::new()?.run(&arguments).await?;
        assert_eq!(outcome.code, code, "{status} {says}: {outcome:?}");
        let error = &outcome.json()?["error"];
        assert!(error["message"].as_str().context("a message")?.contains(says), "{status} {says}: {error}");
        let retry = match code {
            OFFLINE => json!(["now", null]),
            RATE_LIMITED => json!(["after", if says == "7 s" { 7 } else { 10 }]),
            _ => json!(["never", null]),
        };
        assert_eq!(json!([error["retry"], error["retry_after"]]), retry, "{status} {says}: {error}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_with_odd_metadata_is_judged_and_not_refused() -> Result<()> {
    let document = json!({
        "issuer": "https://other.example", "authorization_endpoint": "/authorize", "token_endpoint": ["x"],
        "jwks_uri": "", "end_session_endpoint": "", "grant_types_supported": "refresh_token",
        "code_challenge_methods_supported": ["plain"],
    });
    let body = [b"\xef\xbb\xbf", document.to_string().as_bytes()].concat();
    let canned = Canned::start("200 OK", &[("content-type", "text/plain")], &body).await?;
    let outcome = Cli::new()?.run(&["check", "--allow-http", "--json", &canned.issuer]).await?;
    assert_eq!(outcome.code, UNFIT, "{outcome:?}");
    let verdicts = verdicts(&outcome)?;
    for (check, verdict) in [
        ("discovery", "warning"),
        ("issuer", "fail"),
        ("endpoints", "fail"),
        ("pkce", "fail"),
        ("grants", "warning"),
        ("end_session", "warning"),
        ("jwks", "fail"),
        ("tls", "not_tested"),
        ("errors", "not_tested"),
        ("lost_answer", "not_tested"),
    ] {
        assert_eq!(verdicts[check], verdict, "{check}: {outcome:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_behind_a_redirect_fails_since_no_app_follows_it() -> Result<()> {
    let document = json!({ "issuer": "https://id.example.com" }).to_string();
    let behind =
        Canned::start("200 OK", &[("content-type", "application/json")], document.as_bytes()).await?;
    let before = Canned::start("302 Found", &[("location", &behind.issuer)], b"").await?;
    let outcome = Cli::new()?.run(&["check", "--allow-http", "--json", &before.issuer]).await?;
    assert_eq!(outcome.code, UNFIT, "{outcome:?}");
    assert_eq!(verdicts(&outcome)?["discovery"], "fail", "{outcome:?}");
    // The SDK says the same, in its way.
    let login = ["login", "--issuer", &before.issuer, "--client-id", "x", "--allow-http", "--json"];
    let login = Cli::new()?.run(&[&login[..], &["--insecure-file-key", "--no-browser"]].concat()).await?;
    assert_eq!(login.code, OFFLINE, "{login:?}");
    Ok(())
}

/// A server that gives the same answer to everything.
struct Canned {
    issuer: String,
    task: tokio::task::JoinHandle<()>,
}

impl Canned {
    async fn start(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let issuer = format!("http://{}", listener.local_addr()?);
        let fields: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!(
            "HTTP/1.1 {status}\r\n{fields}content-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let answer = [head.as_bytes(), body].concat();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let answer = answer.clone();
                tokio::spawn(async move {
                    let mut request = [0; 8 * 1024];
                    if stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                        // Who does not want all of it closes the connection.
                        let _ = stream.write_all(&answer).await;
                        let _ = stream.shutdown().await;
                    }
                });
            }
        });
        Ok(Self { issuer, task })
    }
}

impl Drop for Canned {
    fn drop(&mut self) {
        self.task.abort();
    }
}
