//! `moorline login --device`.

use serde_json::{Value, json};

use crate::support::idp::Idp;
use crate::support::{Desk, Waiting};

const PENDING: (&str, &str) = ("/token", "400 Bad Request");

/// A provider at which nobody has entered the code yet.
fn undecided() -> Idp {
    let idp = Idp::new();
    decide(&idp, Some("authorization_pending"));
    idp
}

/// From now on, each poll is answered with this error, or with tokens.
fn decide(idp: &Idp, error: Option<&'static str>) {
    idp.change(|rules| {
        rules.error = error;
        rules.always = error.map(|_| PENDING);
    });
}

fn arguments<'a>(idp: &'a Idp, more: &[&'a str]) -> Vec<&'a str> {
    [&idp.provider.login()[..], &["--allow-bearer", "--device"], more].concat()
}

fn start(idp: &Idp, desk: &Desk, more: &[&str]) -> Waiting {
    desk.start(&arguments(idp, more))
}

#[test]
fn a_code_is_shown_and_the_sign_in_is_finished_once_it_was_entered() {
    let idp = undecided();
    let desk = Desk::new();
    let mut waiting = start(&idp, &desk, &[]);
    assert_eq!(waiting.open, format!("{}/enter", idp.provider.issuer));
    waiting.hears("enter?user_code=WDJB-MJHT");
    waiting.hears("valid for 10 min");
    idp.wait_for("/token", 2);
    decide(&idp, None);
    let said = waiting.end();
    assert_eq!(
        (said.code, said.out.as_str()),
        (0, "WDJB-MJHT\nSigned in as Ada <ada@example.com>\n"),
        "{}",
        said.err
    );
    assert!(idp.bodies("/device")[0].contains("client_id=notes"));
    assert!(idp.bodies("/token").iter().all(|body| body.contains("device_code=d3v1ce")));
    assert_eq!(desk.run(&["token"]).out, "at-1\n");
    // The settings are remembered.
    let again = desk.run(&["login", "--device", "--json"]);
    assert_eq!(again.code, 0, "{}", again.err);
}

#[test]
fn with_json_the_code_is_an_object_and_the_user_another() {
    let idp = Idp::new();
    let said = Desk::new().run(&arguments(&idp, &["--json"]));
    assert_eq!(said.code, 0, "{}", said.err);
    let lines: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{}", said.out);
    assert_eq!(lines[0]["user_code"], "WDJB-MJHT");
    assert_eq!(lines[0]["verification_uri"], format!("{}/enter", idp.provider.issuer));
    assert!(lines[0]["expires_in"].as_u64().unwrap() <= 600 && lines[0].get("device_code").is_none());
    assert_eq!((&lines[1]["state"], &lines[1]["user"]["sub"]), (&json!("signed_in"), &json!("ada")));
}

#[test]
#[cfg(unix)]
fn a_signal_ends_the_wait_and_nothing_is_left() {
    let idp = undecided();
    let desk = Desk::new();
    let waiting = start(&idp, &desk, &[]);
    idp.wait_for("/token", 1);
    crate::signals::signal(waiting.id(), "INT");
    let said = waiting.end();
    assert_eq!(said.code, 130, "{}", said.err);
    assert!(said.err.contains("interrupted"), "{}", said.err);
    assert!(!desk.profile("default").join("profile.json").exists());
    decide(&idp, None);
    assert_eq!(desk.run(&["status"]).code, 3);
}

#[test]
fn a_code_that_nobody_enters_is_a_time_out_by_name() {
    let idp = undecided();
    let said = Desk::new().run(&arguments(&idp, &["--timeout", "2"]));
    said.failed_after_code(6, "nobody entered the code within 2 seconds");
    decide(&idp, Some("expired_token"));
    let said = Desk::new().run(&arguments(&idp, &["--json"]));
    let error: Value = serde_json::from_str(said.out.lines().last().unwrap()).unwrap();
    assert_eq!((said.code, &error["error"]["code"]), (6, &json!("timed_out")), "{}", said.out);
    assert!(error["error"]["hint"].as_str().unwrap().contains("login --device"));
    // The code itself is that short.
    decide(&idp, Some("authorization_pending"));
    idp.change(|rules| {
        rules.device = Some(json!({
            "device_code": "d", "user_code": "U", "verification_uri": "https://id.example.com", "expires_in": 2,
        }));
    });
    Desk::new().run(&arguments(&idp, &[])).failed_after_code(6, "nobody entered the code within");
}

#[test]
fn what_the_user_or_the_provider_denies_ends_with_its_own_code() {
    let idp = undecided();
    for (error, code, text) in [
        ("access_denied", 6, "cancelled"),
        ("invalid_grant", 11, "invalid_grant"),
        ("invalid_client", 11, "--client-id"),
    ] {
        decide(&idp, Some(error));
        let desk = Desk::new();
        desk.run(&arguments(&idp, &[])).failed_after_code(code, text);
        assert!(!desk.profile("default").join("profile.json").exists());
    }
}

#[test]
fn a_provider_without_the_grant_or_with_an_answer_that_is_none_is_named() {
    for (answer, code, text) in [
        (Value::Null, 11, "device_grant_not_supported"),
        (json!("<html>Welcome to the hotel</html>"), 5, "did not answer properly"),
        (json!({}), 11, "device_code is missing"),
        (
            json!({ "device_code": "d", "user_code": "u", "verification_uri": "http://id.example.com/enter" }),
            11,
            "verification_uri is rejected",
        ),
    ] {
        let idp = Idp::new();
        idp.change(|rules| rules.device = Some(answer));
        Desk::new().run(&arguments(&idp, &[])).failed_with(code, text);
    }
}

#[test]
fn options_of_the_browser_do_not_go_with_a_device() {
    let desk = Desk::new();
    for more in [["--prompt", "login"], ["--login-hint", "ada"], ["--max-age", "1"], ["--redirect-port", "1"]]
    {
        let said = desk.run(&[&["login", "--device"][..], &more].concat());
        assert!(said.code == 2 && said.err.contains("cannot be used with"), "{}", said.err);
    }
}
