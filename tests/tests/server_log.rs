//! What the server writes down while it works.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use moorline_tests::oauth::{HandMade, VERIFIER, attempt};
use moorline_tests::serve::Serve;
use moorline_tests::{Server, ServerOptions};

#[tokio::test(flavor = "multi_thread")]
async fn no_token_code_verifier_or_attempt_is_in_the_log_at_its_most_verbose() -> Result<()> {
    let server = Server::start_with(ServerOptions::default().with(["--log", "trace"]))?;
    let ada = HandMade::new(&server, "ada")?;
    let code = ada.code().await?;
    let first = ada.exchange(&code).await?.tokens()?;
    let (owners, thiefs) = (attempt(), attempt());
    let second = ada.refresh(&first.refresh_token, Some(&owners)).await?.tokens()?;
    ada.refresh(&first.refresh_token, Some(&owners)).await?.tokens()?;
    assert_eq!(ada.notes(&second.access_token).await?.status, 200);
    assert_eq!(ada.refresh(&first.refresh_token, Some(&thiefs)).await?.status, 400);
    assert_eq!(ada.notes(&second.access_token).await?.status, 401);
    assert_eq!(ada.exchange(&code).await?.status, 400);

    // The log's thread writes it a moment after the answer.
    let end = Instant::now() + Duration::from_secs(90);
    let mut log = server.output();
    while !(log.contains("route=/oauth/token") && log.contains("refresh.reuse")) && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(10)).await;
        log = server.output();
    }
    assert!(log.contains("route=/oauth/token") && log.contains("refresh.reuse"), "the log is there");
    let id_token = first.id_token.unwrap_or_default();
    let secrets = [
        first.access_token.as_str(),
        first.refresh_token.as_str(),
        second.access_token.as_str(),
        second.refresh_token.as_str(),
        id_token.as_str(),
        code.as_str(),
        owners.as_str(),
        thiefs.as_str(),
        VERIFIER,
    ];
    for (number, secret) in secrets.into_iter().enumerate() {
        assert!(!secret.is_empty() && !log.contains(secret), "secret {number} is in the log");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_for_machines_names_its_request_once() -> Result<()> {
    let mut server = Server::start()?;
    let client = HandMade::new(&server, "ada")?.browser().client().clone();
    server.stop()?;
    let serve = Serve::start(&server, "[log]\nformat = \"json\"\n", &[])?;
    let answer = client.get(serve.url("/oauth/jwks")).send().await?;
    let id = answer.headers()["x-request-id"].to_str()?.to_owned();
    let line = serve.logged(&id)?;
    let json: serde_json::Value = serde_json::from_str(&line)?;
    assert_eq!((&json["span"]["id"], &json["fields"]["message"]), (&id.as_str().into(), &"answered".into()));
    assert_eq!((line.matches(&id).count(), line.matches("/oauth/jwks").count()), (1, 1), "{line}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_stops_no_request_and_says_later_how_much_is_lost() -> Result<()> {
    for format in ["text", "json"] {
        let mut server = Server::start()?;
        let client = HandMade::new(&server, "ada")?.browser().client().clone();
        server.stop()?;
        let log = format!("[log]\nfilter = \"trace\"\nformat = \"{format}\"\n");
        let mut serve = Serve::start_unread(&server, &log)?;
        // A request leaves ten lines at the least: more than the pipe holds and the queue behind it.
        for _ in 0..1500 {
            let asked = client.get(serve.url("/oauth/jwks")).timeout(Duration::from_secs(60));
            assert_eq!(asked.send().await?.status(), 200);
        }
        serve.read_log();
        let line = serve.logged("log lines were lost")?;
        assert_eq!(line.starts_with('{'), format == "json", "{line}");
        serve.stop()?;
        let rest = serve.rest_of_log();
        let last = rest.lines().last().context("what the stop leaves")?;
        assert!(last.contains("stopped"), "the last line is written before the end: {last}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_behind_a_proxy_that_it_does_not_trust_warns_that_no_limit_by_address_holds() -> Result<()> {
    const WARNING: &str = "http.plain is set and http.trusted_proxies is empty";
    let mut server = Server::start()?;
    server.stop()?;
    let text = std::fs::read_to_string(server.settings(0)?)?;
    let (before, tls) = text.split_once("[tls]").context("it has a certificate")?;
    let (_, after) = tls.split_once("[limits]").context("and limits")?;
    for (proxies, warns) in [("[]", true), ("[\"127.0.0.1\"]", false)] {
        let settings = server.folder().join("plain.toml");
        let http = format!("[http]\nplain = true\ntrusted_proxies = {proxies}\n");
        std::fs::write(&settings, format!("{before}{http}[limits]{after}"))?;
        Serve::start_on(&server, &settings)?.stop()?;
        let log = std::fs::read_to_string(settings.with_extension("log"))?;
        assert_eq!(log.contains(WARNING), warns, "{proxies}: {log}");
        assert!(log.contains("stopped"), "{log}");
    }
    Ok(())
}
