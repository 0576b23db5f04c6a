//! Standard output that cannot be written to, and what errors say.

use std::fs::OpenOptions;

use serde_json::json;

use crate::support::idp::Idp;
use crate::support::{Desk, Provider, Said};

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_an_error_of_every_command_that_prints() {
    let idp = Idp::new();
    let desk = idp.signed_in();
    let api = format!("{}/api", idp.provider.issuer);
    for arguments in [
        &["token"][..],
        &["get", &api],
        &["status"],
        &["user"],
        &["refresh"],
        &["profiles"],
        &["token", "--json"],
        &["--help"],
        &["--version"],
    ] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let said = Said::from(desk.command(arguments).stdout(full).output().unwrap());
        said.failed_with(16, "standard output cannot be written to");
    }
}

#[cfg(unix)]
#[test]
fn a_closed_standard_output_is_an_error() {
    let idp = Idp::new();
    let desk = idp.signed_in();
    let api = format!("{}/api", idp.provider.issuer);
    for arguments in [&["token"][..], &["get", &api], &["status", "--json"]] {
        let said = desk.in_shell("exec \"$@\" >&-", arguments);
        said.failed_with(16, "closed");
        // What is open leads somewhere, if only to nowhere.
        assert_eq!(desk.in_shell("exec \"$@\" >/dev/null", arguments).code, 0);
        assert_eq!(desk.in_shell("exec \"$@\" 1<>/dev/null", arguments).code, 0);
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_gone_away_ends_the_program_quietly() {
    let idp = Idp::new();
    let desk = idp.signed_in();
    let api = format!("{}/api", idp.provider.issuer);
    for arguments in [&["token"][..], &["get", &api], &["get", &api, "--json"], &["--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let said = Said::from(desk.command(arguments).stdout(writer).output().unwrap());
        assert_eq!((said.code, said.err.as_str()), (141, ""), "{arguments:?}");
    }
    let head = desk.in_shell("\"$@\" | head -c 1", &["get", &api]);
    assert_eq!((head.out.as_str(), head.err.as_str()), ("{", ""));
}

#[test]
fn a_password_in_a_url_is_never_printed() {
    let (desk, provider) = (Desk::new(), Provider::new());
    desk.remember(&provider, &json!({}));
    for arguments in [
        &["login", "--issuer", "https://ada:s3cret@id.example", "--client-id", "x", "--insecure-file-key"][..],
        &["login", "--issuer", "https://ada:s3/cret@id.example", "--client-id", "x", "--insecure-file-key"],
        &["get", "https://ada:s3cret@api.example/x"],
        &["get", "https://ada:s3cret@[::1/x"],
        &["login", "--api", "https://ada:s3cret@api.example"],
        &["login", "--redirect-port", "https://ada:s3cret@api.example"],
    ] {
        for more in [&[][..], &["--json"]] {
            let said = desk.run(&[arguments, more].concat());
            assert_ne!(said.code, 0, "{arguments:?}");
            assert!(!said.out.contains("cret") && !said.err.contains("cret"), "{}{}", said.out, said.err);
        }
    }
}

#[test]
fn https_to_a_port_that_speaks_http_is_named_as_that() {
    let provider = Provider::new();
    let https = provider.issuer.replace("http://", "https://");
    let login = ["login", "--issuer", &https, "--client-id", "x", "--insecure-file-key"];
    Desk::new().run(&login).failed_with(15, "does not speak TLS");
}

#[test]
fn an_error_says_when_to_retry_and_whether_the_request_may_have_taken_effect() {
    let idp = Idp::new();
    let desk = idp.signed_in();
    idp.change(|rules| rules.next.push_back(("/token", "429 Too Many Requests\r\nRetry-After: 3600")));
    let said = desk.run(&["refresh", "--json"]);
    let error = &said.json()["error"];
    assert_eq!((said.code, &error["code"], &error["retry"]), (14, &json!("rate_limited"), &json!("after")));
    assert_eq!((&error["retryable"], &error["maybe_sent"]), (&json!(true), &json!(false)));
    assert!(error["retry_after"].as_u64().is_some_and(|wait| (3590..=3600).contains(&wait)), "{error}");
    // The next command is another process, and knows it. The provider would answer by now.
    desk.run(&["refresh"]).failed_with(14, "Retry in 3");
    assert_eq!(desk.run(&["status", "--json"]).json()["state"], "signed_in");

    let gone = format!("{}/gone", idp.provider.issuer);
    assert_eq!(desk.run(&["get", &gone]).code, 13);
    let never = desk.run(&["refresh", "--profile", "none", "--json"]).json();
    assert_eq!((&never["error"]["retry"], &never["error"]["retry_after"]), (&json!("never"), &json!(null)));
}

#[test]
fn a_session_without_a_refresh_token_goes_on_until_its_access_token_expires() {
    let idp = Idp::new();
    idp.change(|rules| rules.without_refresh_token = true);
    let desk = idp.signed_in();
    let said = desk.run(&["refresh"]);
    said.failed_with(11, "no refresh token");
    assert!(said.err.contains("valid for 8") && said.err.contains("--scope offline_access"), "{}", said.err);
    assert!(!said.err.contains("ended"), "{}", said.err);
    assert_eq!(desk.run(&["status"]).code, 0);
    assert_eq!(desk.run(&["token"]).out, "at-1\n");
}

#[test]
fn a_validity_that_no_token_has_is_an_error_that_says_what_there_is() {
    let idp = Idp::new();
    let desk = idp.signed_in();
    let said = desk.run(&["token", "--min-validity", "7200"]);
    said.failed_with(17, "is valid for");
    assert!(said.err.contains("7200"), "{}", said.err);
    let url = format!("{}/api", idp.provider.issuer);
    desk.run(&["token", "--min-validity", "7200", "--for", "GET", &url]).failed_with(17, "is valid for");
    assert_eq!(desk.run(&["token", "--min-validity", "600"]).code, 0);
    // Without the option, short tokens are as good as any.
    idp.change(|rules| rules.expires_in = 30);
    desk.run(&["refresh"]);
    assert_eq!(desk.run(&["token"]).code, 0);
}

#[test]
fn user_prints_claims_about_the_user() {
    let idp = Idp::new();
    let desk = idp.signed_in();
    let claims = desk.run(&["user", "--json"]).json();
    assert_eq!(claims, json!({ "sub": "ada", "name": "Ada", "email": "ada@example.com" }));
    assert_eq!(desk.run(&["status", "--json"]).json()["user"], claims);
}
