//! Sign-ins that are pasted, fail, or are taken back.

use std::fs;
use std::net::TcpStream;

use serde_json::json;

use crate::support::idp::Idp;
use crate::support::{Desk, Provider, browse};

#[test]
fn a_pasted_address_may_be_wrapped_and_have_noise_around_it() {
    let idp = Idp::new();
    for pasted in [
        |callback: &str| format!("  \"{callback}\"  "),
        |callback: &str| format!("Here is the address:\n{callback}\nThanks!"),
        |callback: &str| format!("{}\n{}\n{}", &callback[..40], &callback[40..80], &callback[80..]),
        |callback: &str| callback.replace('&', "&amp;"),
        |callback: &str| callback.replacen("http://", "", 1),
    ] {
        let desk = Desk::new();
        let mut waiting = idp.start_login(&desk, &[]);
        waiting.paste(&pasted(&idp.callback(&waiting)));
        let said = waiting.end();
        assert_eq!((said.code, said.out.trim()), (0, "Signed in as Ada"), "{}", said.err);
    }
}

#[test]
fn an_address_that_is_cut_or_wrong_is_explained_and_asked_for_again() {
    let idp = Idp::new();
    let desk = Desk::new();
    let mut waiting = idp.start_login(&desk, &[]);
    let redirect_uri = waiting.parameter("redirect_uri");
    let long = format!("{redirect_uri}?code={}&state={}", "c".repeat(5000), waiting.parameter("state"));
    waiting.paste(&long[..4095]);
    waiting.hears("4,095");
    waiting.paste(&format!("{redirect_uri}?code=c&state=another"));
    waiting.hears("another sign-in");
    waiting.paste(&format!("{redirect_uri}?code=c"));
    waiting.hears("not complete");
    waiting.paste("what?");
    waiting.hears("The sign-in goes on");
    waiting.paste("@/nonexistent/file");
    waiting.hears("/nonexistent/file cannot be read");
    let file = desk.home.path().join("address");
    fs::write(&file, idp.callback(&waiting)).unwrap();
    waiting.paste(&format!("@{}", file.display()));
    let said = waiting.end();
    assert_eq!((said.code, said.out.trim()), (0, "Signed in as Ada"), "{}", said.err);
    assert!(!said.err.contains("ccc"), "a code was shown");
}

#[test]
fn a_sign_in_goes_on_without_a_standard_input() {
    let idp = Idp::new();
    let desk = Desk::new();
    let mut waiting = idp.start_login(&desk, &[]);
    waiting.close();
    browse(&idp.callback(&waiting));
    assert_eq!(waiting.end().code, 0);
}

#[test]
fn a_hiccup_after_the_code_costs_no_sign_in() {
    let idp = Idp::new();
    idp.change(|rules| rules.next.push_back(("/jwks", "503 Service Unavailable")));
    idp.signed_in();
    assert_eq!(idp.bodies("/token").len(), 1, "the code is sent once");
}

#[test]
fn settings_of_a_sign_in_that_failed_are_not_stored() {
    let idp = Idp::new();
    let desk = Desk::new();
    let file = desk.profile("default").join("profile.json");
    let denied = |more: &[&str]| {
        let waiting = idp.start_login(&desk, more);
        browse(&waiting.callback(&format!("error=access_denied&iss={}", idp.provider.issuer)));
        waiting.end()
    };
    assert_eq!(denied(&[]).code, 6);
    assert!(!file.exists());
    assert_eq!(idp.sign_in(&desk, &["--api", "https://api.example.com"]).code, 0);
    let stored = fs::read(&file).unwrap();
    assert_eq!(denied(&["--api", "https://other.example", "--scope", "openid x"]).code, 6);
    // The provider refuses the code: by then, the settings had been written.
    idp.change(|rules| rules.next.push_back(("/token", "400 Bad Request")));
    let waiting = idp.start_login(&desk, &["--api", "https://other.example"]);
    browse(&idp.callback(&waiting));
    assert_eq!(waiting.end().code, 11);
    assert_eq!(fs::read(&file).unwrap(), stored);
    assert_eq!(desk.run(&["token"]).code, 0, "the session from before goes on");
}

#[test]
fn what_an_earlier_sign_in_allowed_can_be_taken_back() {
    let (desk, provider) =
        (Desk::new(), Provider::describing_itself_with(json!({ "dpop_signing_alg_values_supported": [] })));
    desk.remember(&provider, &json!({ "allow_bearer": true, "api_origins": ["http://127.0.0.1:9"] }));
    desk.run(&["login", "--no-allow-bearer"]).failed_with(12, "--allow-bearer");
    desk.run(&["login", "--no-allow-http"]).failed_with(12, "--allow-http");
    desk.run(&["login", "--allow-bearer", "--no-allow-bearer"]).failed_with(2, "--no-allow-bearer");
}

#[test]
fn a_provider_that_is_unavailable_is_worth_another_try() {
    let (desk, provider) = (Desk::new(), Provider::new());
    for code in ["temporarily_unavailable", "server_error"] {
        let waiting = desk.start_login(&provider, &["--json"]);
        browse(
            &waiting.callback(&format!("error={code}&error_description=maintenance&iss={}", provider.issuer)),
        );
        let said = waiting.end();
        let error = &said.json()["error"];
        assert_eq!((said.code, &error["retryable"], &error["retry"]), (5, &json!(true), &json!("now")));
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(code) && message.contains("maintenance"), "{message}");
    }
}

#[test]
fn a_plain_key_file_is_warned_of_once() {
    let idp = Idp::new();
    let desk = Desk::new();
    let first = idp.sign_in(&desk, &[]);
    assert!(first.err.contains("warning: the key of this session will be in a plain file"), "{}", first.err);
    for arguments in [&["status"][..], &["token"], &["refresh"], &["user"]] {
        let said = desk.run(arguments);
        assert!(said.code == 0 && !said.err.contains("warning"), "{}", said.err);
    }
    let again = idp.sign_in(&desk, &[]);
    assert!(again.code == 0 && !again.err.contains("plain file"), "{}", again.err);
}

#[test]
fn a_damaged_profile_is_repaired_by_a_sign_in() {
    let idp = Idp::new();
    for damage in ["", "{\"issuer\":", "[]", "\u{0}\u{0}"] {
        let desk = idp.signed_in();
        let file = desk.profile("default").join("profile.json");
        fs::write(&file, damage).unwrap();
        for arguments in [&["status"][..], &["token"], &["logout"]] {
            let said = desk.run(arguments);
            said.failed_with(1, file.to_str().unwrap());
            assert!(said.err.contains("moorline login --issuer"), "{}", said.err);
        }
        // Without a provider, there is nothing to repair it with.
        desk.run(&["login"]).failed_with(2, "--issuer");
        assert_eq!(fs::read_to_string(&file).unwrap(), damage);
        let said = idp.sign_in(&desk, &[]);
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(said.err.contains("profile.damaged-1.json"), "{}", said.err);
        assert_eq!(fs::read_to_string(file.with_file_name("profile.damaged-1.json")).unwrap(), damage);
        assert_eq!(desk.run(&["token"]).code, 0);
    }
}

#[cfg(unix)]
#[test]
fn a_folder_or_a_pipe_in_the_place_of_a_profile_is_named_and_moved_aside_by_a_sign_in() {
    let idp = Idp::new();
    for command in ["mkdir", "mkfifo"] {
        let desk = idp.signed_in();
        let file = desk.profile("default").join("profile.json");
        fs::remove_file(&file).unwrap();
        assert!(std::process::Command::new(command).arg(&file).status().unwrap().success());
        let said = desk.run(&["status"]);
        said.failed_with(1, "it is not a regular file");
        assert!(said.err.contains(file.to_str().unwrap()), "{}", said.err);
        let said = idp.sign_in(&desk, &[]);
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(file.is_file() && !file.with_file_name("profile.damaged-1.json").is_file());
    }
}

#[test]
fn a_provider_that_wants_localhost_gets_it_at_both_addresses() {
    let idp = Idp::new();
    for address in ["127.0.0.1", "[::1]"] {
        let desk = Desk::new();
        let waiting = idp.start_login(&desk, &["--redirect-host", "localhost"]);
        let redirect_uri = waiting.parameter("redirect_uri");
        assert!(redirect_uri.starts_with("http://localhost:") && redirect_uri.ends_with("/callback"));
        let callback = url::Url::parse(&idp.callback(&waiting)).unwrap();
        let connected = TcpStream::connect(format!("{address}:{}", callback.port().unwrap())).unwrap();
        crate::support::browse_through(connected, &callback);
        assert_eq!(waiting.end().code, 0);
        // It is remembered.
        let again = desk.run(&["login", "--no-browser", "--timeout", "0"]);
        assert!(again.out.contains("redirect_uri=http%3A%2F%2Flocalhost%3A"), "{}", again.out);
    }
}
