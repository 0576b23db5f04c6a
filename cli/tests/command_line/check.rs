//! `moorline check`: what it keeps of the contract of all commands.

use serde_json::{Value, json};

use crate::support::idp::Idp;
use crate::support::{Desk, Said, Waiting};

/// A check of `idp` that waits for its first sign-in.
#[cfg(unix)]
fn start(idp: &Idp, desk: &Desk) -> Waiting {
    // The code that was never issued.
    idp.change(|rules| rules.next.push_back(("/token", "400 Bad Request")));
    let options = ["--allow-http", "--client-id", "notes", "--no-browser", "--json"];
    let waiting = desk.start(&[&["check", &idp.provider.issuer], &options[..]].concat());
    idp.change(|rules| rules.nonce = waiting.parameter("nonce"));
    waiting
}

/// The report, which is the last line of standard output.
fn report(said: &Said) -> Value {
    let line = said.out.lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|_| panic!("no report: {}{}", said.out, said.err))
}

fn verdict<'a>(report: &'a Value, id: &str) -> &'a Value {
    let checks = report["checks"].as_array().unwrap();
    &checks.iter().find(|check| check["id"] == id).unwrap()["verdict"]
}

#[cfg(unix)]
mod signals {
    use super::*;
    use crate::signals::signal;
    use crate::support::browse;

    #[test]
    fn a_signal_during_an_exchange_revokes_what_it_brings_and_prints_the_report() {
        for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
            let (idp, desk) = (Idp::new(), Desk::new());
            let mut waiting = start(&idp, &desk);
            idp.change(|rules| rules.holds_answers = true);
            browse(&waiting.callback("code=c0de"));
            idp.wait_for("/token", 2);
            signal(waiting.id(), name);
            waiting.hears("Interrupted");
            idp.release();
            let said = waiting.end();
            let report = report(&said);
            assert_eq!((said.code, &report["exit_code"]), (code, &json!(code)), "{}", said.err);
            assert_eq!((&report["complete"], &report["fit"]), (&json!(false), &json!(false)));
            let sessions = json!({ "made": 1, "ended_by_experiments": 0, "revoked": 1, "left": 0 });
            assert_eq!(report["sessions"], sessions);
            let revoked = idp.bodies("/revoke");
            assert!(revoked.iter().any(|body| body.contains("token=rt-1")), "{revoked:?}");
            assert_eq!(idp.bodies("/token").len(), 2, "no experiment went on");
        }
    }

    #[test]
    fn a_token_endpoint_that_asks_to_wait_for_long_stops_the_check_with_that() {
        let (idp, desk) = (Idp::new(), Desk::new());
        let waiting = start(&idp, &desk);
        idp.change(|rules| rules.always = Some(("/token", "429 Too Many Requests\r\nRetry-After: 86400")));
        browse(&waiting.callback("code=c0de"));
        let said = waiting.end();
        let report = report(&said);
        assert_eq!((said.code, &report["complete"]), (14, &json!(false)), "{report}");
        assert!(said.out.contains("in 3600 s"), "{report}");
    }

    #[test]
    fn a_pasted_address_is_read_as_by_login() {
        let (idp, desk) = (Idp::new(), Desk::new());
        let mut waiting = start(&idp, &desk);
        let callback = waiting.callback("code=c0de&iss=https://other.example");
        waiting.paste("what?");
        waiting.hears("not the address");
        waiting.paste(&format!("{}\u{2026}", &callback[..50]));
        waiting.hears("was cut");
        waiting.paste(&callback.replace("state=", "state=x"));
        waiting.hears("another sign-in");
        idp.change(|rules| rules.holds_answers = true);
        waiting.paste(&format!("> {}\n> {}", &callback[..40], &callback[40..]));
        idp.wait_for("/token", 2);
        signal(waiting.id(), "TERM");
        waiting.hears("Interrupted");
        idp.release();
        let said = waiting.end();
        assert_eq!(report(&said)["sessions"]["made"], 1, "{}", said.err);
        assert!(idp.bodies("/token")[1].contains("code=c0de&"), "{:?}", idp.bodies("/token"));
        assert!(!said.err.contains("c0de"), "a code was shown: {}", said.err);
    }

    #[test]
    fn an_answer_that_does_not_come_holds_nobody_up_for_long() {
        let (idp, desk) = (Idp::new(), Desk::new());
        let mut waiting = start(&idp, &desk);
        idp.change(|rules| rules.holds_answers = true);
        browse(&waiting.callback("code=c0de"));
        idp.wait_for("/token", 2);
        signal(waiting.id(), "TERM");
        waiting.hears("Interrupted");
        let said = waiting.end();
        idp.release();
        assert_eq!((said.code, &report(&said)["complete"]), (143, &json!(false)), "{}", said.err);
    }

    #[test]
    fn a_signal_before_anything_was_issued_ends_the_check() {
        let (idp, desk) = (Idp::new(), Desk::new());
        let waiting = start(&idp, &desk);
        signal(waiting.id(), "TERM");
        let said = waiting.end();
        assert_eq!((said.code, &report(&said)["sessions"]["made"]), (143, &json!(0)), "{}", said.err);
        // A server that never answers.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", silent.local_addr().unwrap());
        let child = desk.command(&["check", &issuer, "--allow-http", "--json"]).spawn().unwrap();
        let id = child.id();
        let accepted = silent.accept().unwrap();
        signal(id, "TERM");
        let said = Said::from(child.wait_with_output().unwrap());
        drop(accepted);
        assert_eq!((said.code, &said.json()["error"]["code"]), (143, &json!("interrupted")), "{}", said.err);
    }
}

#[test]
fn an_outage_behind_good_metadata_is_no_failure_and_no_fitness() {
    for path in ["/jwks", "/token"] {
        for (status, code) in [
            ("503 Service Unavailable", 5),
            ("403 Forbidden", if path == "/jwks" { 5 } else { 18 }),
            ("429 Too Many Requests", 14),
            ("429 Too Many Requests\r\nRetry-After: 30", 14),
            ("503 Service Unavailable\r\nRetry-After: 30", 14),
            ("404 Not Found", 18),
            ("302 Found\r\nLocation: /elsewhere", 18),
        ] {
            // A token endpoint that refuses with a status of its own is the provider's fault, unlike one that is down.
            if path == "/token" && code == 18 {
                continue;
            }
            let (idp, desk) = (Idp::new(), Desk::new());
            idp.change(|rules| {
                rules.next.push_back(("/token", "400 Bad Request"));
                rules.next.push_front((path, status));
            });
            let said = desk.run(&["check", &idp.provider.issuer, "--allow-http", "--json"]);
            let report = report(&said);
            assert_eq!(said.code, code, "{path} {status}: {report}");
            let check = if path == "/jwks" { "jwks" } else { "errors" };
            let expected = if code == 18 { "fail" } else { "not_tested" };
            assert_eq!(verdict(&report, check), expected, "{path} {status}: {report}");
            assert_eq!(report["complete"], code == 18, "{path} {status}");
        }
    }
}

/// What `check` and `login` say about the same issuer.
fn both(issuer: &str, more: &[&str], environment: &[(&str, &str)]) -> [(&'static str, Said); 2] {
    let desk = Desk::new();
    let run = |arguments: &[&str]| {
        let mut command = desk.command(&[arguments, more].concat());
        for name in ["HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
            command.env_remove(name).env_remove(name.to_ascii_lowercase());
        }
        Said::from(command.envs(environment.iter().copied()).output().unwrap())
    };
    let login = ["login", "--issuer", issuer, "--client-id", "notes", "--insecure-file-key", "--no-browser"];
    [("login", run(&login)), ("check", run(&["check", issuer]))]
}

/// The address of a port where nobody listens.
fn nobody() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn a_host_that_cannot_be_reached_is_named_with_the_cause_as_by_other_commands() {
    let address = nobody();
    let (plain, proxy) = (format!("http://{address}"), format!("http://ada:secret@{address}"));
    for (issuer, more, environment, cause) in [
        (&*plain, &["--allow-http"][..], &[][..], format!("{address} refused the connection")),
        ("https://nobody.invalid", &[], &[], "nobody.invalid is not known by name (DNS)".to_owned()),
        (
            "https://id.example.com",
            &[],
            &[("HTTPS_PROXY", &*proxy)],
            format!("the proxy {address} refused the connection"),
        ),
    ] {
        for (command, said) in both(issuer, more, environment) {
            assert_eq!(said.code, 5, "{command} {issuer}: {}", said.err);
            assert!(said.err.contains(&cause), "{command} {issuer}: {}", said.err);
            assert!(!said.err.contains("secret"), "{command}: {}", said.err);
        }
    }
}

#[test]
fn a_server_that_does_not_answer_or_breaks_off_is_named_with_what_it_did() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let issuer = format!("http://{address}");
    let check = |more: &[&str]| Desk::new().run(&[&["check", &issuer, "--allow-http"], more].concat());
    // The system accepts the connection.
    check(&["--timeout", "1"]).failed_with(5, &format!("{address} did not answer within 1 s"));
    drop(listener.accept().unwrap());
    for (answer, cause) in [
        ("", format!("{address} closed the connection before it answered")),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", format!("the response of {address} was cut off")),
    ] {
        let said = std::thread::scope(|scope| {
            scope.spawn(|| {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
                std::io::Write::write_all(&mut stream, answer.as_bytes()).unwrap();
            });
            check(&[])
        });
        said.failed_with(5, &cause);
    }
}

#[test]
fn a_proxy_that_cannot_be_used_is_a_setting_to_correct_for_every_command() {
    for proxy in
        ["not a proxy", "ftp://127.0.0.1:1", "http://ada:secret@127.0.0.1:99999", "socks5://127.0.0.1:99999"]
    {
        for name in ["HTTPS_PROXY", "all_proxy"] {
            for (command, said) in both("https://id.example.com", &[], &[(name, proxy)]) {
                assert_eq!(said.code, 12, "{command} {proxy}: {}", said.err);
                assert!(
                    said.err.contains(name) && !said.err.contains("secret"),
                    "{command} {proxy}: {}",
                    said.err
                );
            }
        }
    }
}

#[test]
fn a_check_waits_as_the_sdk_does() {
    for (status, seconds) in [
        ("429 Too Many Requests", 10),
        ("429 Too Many Requests\r\nRetry-After: soon", 10),
        ("429 Too Many Requests\r\nRetry-After: 7", 7),
        ("503 Service Unavailable\r\nRetry-After: 86400", 3_600),
    ] {
        let (idp, desk) = (Idp::new(), Desk::new());
        idp.change(|rules| rules.always = Some(("/.well-known/openid-configuration", status)));
        let said = desk.run(&["check", &idp.provider.issuer, "--allow-http", "--json"]);
        let error = &said.json()["error"];
        assert_eq!((said.code, &error["retry_after"]), (14, &json!(seconds)), "{status}: {error}");
    }
}

#[test]
fn endpoints_over_plain_http_are_not_said_to_use_https() {
    let (idp, desk) = (Idp::new(), Desk::new());
    idp.change(|rules| rules.next.push_back(("/token", "400 Bad Request")));
    let said = desk.run(&["check", &idp.provider.issuer, "--allow-http", "--json"]);
    let report = report(&said);
    let checks = report["checks"].as_array().unwrap();
    let endpoints = checks.iter().find(|check| check["id"] == "endpoints").unwrap();
    let found = endpoints["found"].as_str().unwrap();
    assert_eq!(endpoints["verdict"], "pass");
    assert!(!found.contains("https URLs") && found.contains("--allow-http"), "{found}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_report_that_cannot_be_written_is_the_error_of_every_command() {
    let (idp, desk) = (Idp::new(), Desk::new());
    for more in [&[][..], &["--json"]] {
        let arguments = [&["check", &idp.provider.issuer, "--allow-http"], more].concat();
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let said = Said::from(desk.command(&arguments).stdout(full).output().unwrap());
        said.failed_with(16, "standard output cannot be written to");
        desk.in_shell("exec \"$@\" >&-", &arguments).failed_with(16, "closed");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let said = Said::from(desk.command(&arguments).stdout(writer).output().unwrap());
        assert_eq!(said.code, 141, "{}", said.err);
        assert!(!said.err.contains("error"), "{}", said.err);
    }
}
