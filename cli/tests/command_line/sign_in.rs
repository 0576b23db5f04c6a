//! Sign-ins that are pasted, fail, or are taken back.

use std::fs;
use std::net::TcpStream;
#[cfg(target_os = "linux")]
use std::process::Command;

use serde_json::json;

use crate::support::idp::Idp;
use crate::support::{Desk, Provider, Said, browse};

#[test]
fn a_pasted_address_may_be_wrapped_and_have_noise_around_it() {
    let idp = Idp::new();
    for pasted in [
        |callback: &str| format!("  \"{callback}\"  "),
        |callback: &str| format!("Here is the address:\n{callback}\nThanks!"),
        |callback: &str| format!("{}\n{}\n{}", &callback[..40], &callback[40..80], &callback[80..]),
        |callback: &str| callback.replace('&', "&amp;"),
        |callback: &str| format!("\u{5730}\u{5740}\u{ff1a}{callback}\u{3002}"),
        |callback: &str| format!("| page |\n|---|\n| {} |\n| {}  |", &callback[..40], &callback[40..]),
        |callback: &str| callback.replacen("http://", "", 1),
    ] {
        let desk = Desk::new();
        let mut waiting = idp.start_login(&desk, &[]);
        waiting.paste(&pasted(&idp.callback(&waiting)));
        let said = waiting.end();
        assert_eq!((said.code, said.out.trim()), (0, "Signed in as Ada <ada@example.com>"), "{}", said.err);
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
    waiting.paste(&format!("{}\u{2026}", &idp.callback(&waiting)[..60]));
    waiting.hears("an ellipsis");
    waiting.paste("what?");
    waiting.hears("The sign-in goes on");
    waiting.paste("@/nonexistent/file");
    waiting.hears("/nonexistent/file cannot be read");
    let file = desk.home.path().join("address");
    fs::write(&file, idp.callback(&waiting)).unwrap();
    waiting.paste(&format!("@{}", file.display()));
    let said = waiting.end();
    assert_eq!((said.code, said.out.trim()), (0, "Signed in as Ada <ada@example.com>"), "{}", said.err);
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
fn a_page_of_two_mebibytes_in_place_of_an_answer_costs_no_sign_in() {
    for path in ["/token", "/jwks"] {
        let (idp, desk) = (Idp::new(), Desk::new());
        idp.change(|rules| (rules.padding, rules.next) = (PAGE, [(path, "200 OK")].into()));
        let said = idp.sign_in(&desk, &[]);
        assert_eq!(
            (said.code, said.out.lines().last()),
            (0, Some("Signed in as Ada <ada@example.com>")),
            "{path}: {}",
            said.err
        );
        assert!(said.err.contains("Retry in"), "{path}: {}", said.err);
        assert_eq!(idp.bodies(path).len(), 2, "{path}");
    }
}

#[test]
fn a_page_that_stays_ends_a_sign_in_after_some_attempts_with_the_next_step() {
    let (idp, desk) = (Idp::new(), Desk::new());
    idp.change(|rules| (rules.padding, rules.always) = (PAGE, Some(("/token", "200 OK"))));
    let said = idp.sign_in(&desk, &[]);
    assert_eq!((said.code, idp.bodies("/token").len()), (11, 4), "{}", said.err);
    assert!(said.err.contains("Run `moorline login` again"), "{}", said.err);
    assert!(!said.err.contains("to an API"), "{}", said.err);
}

const PAGE: usize = 2 * 1024 * 1024;

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
    assert!(first.err.contains("warning: the key of this session is in a plain file"), "{}", first.err);
    for arguments in [&["status"][..], &["token"], &["refresh"], &["user"]] {
        let said = desk.run(arguments);
        assert!(said.code == 0 && !said.err.contains("warning"), "{}", said.err);
    }
    let again = idp.sign_in(&desk, &[]);
    assert!(again.code == 0 && !again.err.contains("plain file"), "{}", again.err);
}

#[test]
fn a_plain_key_file_is_warned_of_once_also_if_sign_ins_fail() {
    let (desk, provider) = (Desk::new(), Provider::new());
    let denied = || {
        let waiting = desk.start_login(&provider, &[]);
        browse(&waiting.callback(&format!("error=access_denied&iss={}", provider.issuer)));
        waiting.end().err
    };
    let offline = desk.run(&Provider { issuer: "http://127.0.0.1:9".to_owned() }.login());
    assert!(!offline.err.contains("plain file"), "there is no key yet: {}", offline.err);
    assert!(denied().contains("plain file"));
    assert!(!denied().contains("plain file"));
}

/// Opens of key files take longer than the SDK waits for a key store in the foreground.
#[cfg(target_os = "linux")]
const SLOW_KEY_STORE: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    int mode = va_arg(more, int);
    va_end(more);
    if (strstr(path, ".key")) usleep(400000);
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open64");
    return real(path, flags, mode);
}
"#;

#[cfg(target_os = "linux")]
#[test]
fn a_session_is_not_replaced_because_the_key_store_is_slow() {
    let idp = Idp::new();
    let (desk, other) = (idp.signed_in(), Provider::new());
    let (source, library) = (desk.home.path().join("slow.c"), desk.home.path().join("slow.so"));
    fs::write(&source, SLOW_KEY_STORE).unwrap();
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status().unwrap();
    assert!(compiled.success());
    let slow = |arguments: &[&str]| {
        Said::from(desk.command(arguments).env("LD_PRELOAD", &library).output().unwrap())
    };
    slow(&[&other.login()[..], &["--no-browser", "--timeout", "0"]].concat())
        .failed_with(2, "moorline logout");
    assert_eq!(slow(&["status", "--json"]).json()["issuer"], idp.provider.issuer);
    assert_eq!(slow(&["logout", "--json"]).json()["revoked"], true);
    assert!(idp.bodies("/revoke").iter().any(|body| body.contains("token=rt-1")));
}

#[test]
fn a_sign_in_whose_code_expires_says_so_once_and_does_not_promise_that_nothing_is_lost() {
    let idp = Idp::new();
    let desk = Desk::new();
    idp.change(|rules| rules.always = Some(("/jwks", "503 Service Unavailable")));
    let waiting = idp.start_login(&desk, &["--timeout", "3"]);
    browse(&idp.callback(&waiting));
    let said = waiting.end();
    assert_eq!(said.code, 5, "{}", said.err);
    assert!(
        said.err.contains("This sign-in has ended") && !said.err.contains("Nothing is lost"),
        "{}",
        said.err
    );
    assert!(!said.err.contains("WARN") && said.err.matches("503").count() <= 2, "{}", said.err);
}

#[test]
fn a_failed_discovery_is_explained_once() {
    let (desk, mut provider) = (Desk::new(), Provider::new());
    provider.issuer = "http://127.0.0.1:9".to_owned();
    let said = desk.run(&provider.login());
    assert_eq!(said.err.matches("refused the connection").count(), 1, "{}", said.err);
    assert!(!said.err.contains("WARN") && !said.err.contains("warning:"), "{}", said.err);
}

#[test]
fn a_port_without_tls_is_named_as_that() {
    let (desk, mut provider) = (Desk::new(), Provider::new());
    provider.issuer = provider.issuer.replacen("http:", "https:", 1);
    let said = desk.run(&provider.login());
    said.failed_with(15, "does not speak TLS");
    assert!(said.err.contains("--allow-http") && !said.err.contains("--ca"), "{}", said.err);
    assert_eq!(said.err.matches("does not speak TLS").count(), 1, "{}", said.err);
}

#[test]
fn a_code_that_the_provider_refuses_says_why_that_may_be() {
    let idp = Idp::new();
    let desk = Desk::new();
    idp.change(|rules| rules.next.push_back(("/token", "400 Bad Request")));
    let said = idp.sign_in(&desk, &["--json"]);
    let error = &said.json()["error"];
    assert_eq!(
        (said.code, &error["code"], &error["refusal"]),
        (11, &json!("refused"), &json!("invalid_grant"))
    );
    assert!(error["hint"].as_str().unwrap().contains("used already"), "{error}");
}

#[test]
fn a_malformed_callback_promises_nothing_in_the_browser_and_the_sign_in_goes_on() {
    let (desk, idp) = (Desk::new(), Idp::new());
    let waiting = idp.start_login(&desk, &[]);
    for query in ["", "code=c&code=d", "code=", "error="] {
        let page = browse(&waiting.callback(&format!("{query}&iss={}", idp.provider.issuer)));
        assert!(page.starts_with("HTTP/1.1 400 ") && !page.contains("go back now"), "{page}");
    }
    browse(&idp.callback(&waiting));
    let said = waiting.end();
    assert_eq!(said.code, 0, "{}", said.err);
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
        // A sign-in that fails repairs nothing: whoever mends the file by hand has the session back.
        let waiting = idp.start_login(&desk, &[]);
        browse(&waiting.callback(&format!("error=access_denied&iss={}", idp.provider.issuer)));
        assert_eq!(waiting.end().code, 6);
        assert_eq!(fs::read_to_string(&file).unwrap(), damage);
        // Not even after the browser has come back.
        idp.change(|rules| rules.next.push_back(("/token", "400 Bad Request")));
        assert_eq!(idp.sign_in(&desk, &[]).code, 11);
        assert_eq!(fs::read_to_string(&file).unwrap(), damage);
        assert!(!file.with_file_name("profile.damaged-1.json").exists());
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
        assert!(Command::new(command).arg(&file).status().unwrap().success());
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

#[cfg(unix)]
#[test]
fn what_is_in_the_place_of_a_folder_is_named_with_the_next_step() {
    let idp = Idp::new();
    let cases = [("vault", false), ("vault", true), ("", false), ("", true)];
    for (name, is_link) in cases {
        let desk = idp.signed_in();
        let folder = desk.profile("default");
        let place = if name.is_empty() { folder } else { folder.join(name) };
        let aside = place.with_file_name("aside");
        fs::rename(&place, &aside).unwrap();
        let next_step = if is_link {
            std::os::unix::fs::symlink("/nonexistent/disk", &place).unwrap();
            "mounted"
        } else {
            fs::write(&place, "x").unwrap();
            "Rename or remove it"
        };
        let login =
            [&idp.provider.login()[..], &["--allow-bearer", "--no-browser", "--timeout", "0"]].concat();
        for arguments in [&["status"][..], &["token"], &["refresh"], &["logout"], &login] {
            let said = desk.run(arguments);
            said.failed_with(7, place.to_str().unwrap());
            assert!(said.err.contains(next_step) && !said.err.contains("Nobody"), "{}", said.err);
        }
        fs::remove_file(&place).unwrap();
        fs::rename(&aside, &place).unwrap();
        assert_eq!(desk.run(&["token"]).code, 0, "the session was left as it is");
    }
    let desk = Desk::new();
    fs::write(desk.home.path().join("profiles"), "x").unwrap();
    for arguments in [&["profiles"][..], &["status"]] {
        desk.run(arguments).failed_with(7, desk.home.path().join("profiles").to_str().unwrap());
    }
}

#[cfg(unix)]
#[test]
fn a_lock_file_that_is_none_is_named_and_asks_for_no_new_sign_in() {
    let idp = Idp::new();
    let desk = idp.signed_in();
    let lock = desk.profile("default").join("vault/vault.lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let said = desk.run(&["refresh"]);
    said.failed_with(12, lock.to_str().unwrap());
    assert!(said.err.contains("rename or remove it") && said.err.contains("try again"), "{}", said.err);
    fs::remove_dir(&lock).unwrap();
    assert_eq!(desk.run(&["refresh"]).code, 0);
}
