//! The program as a shell sees it: exit codes, standard output, standard error, and what it leaves on the disk. What
//! needs a whole provider is in `tests/` at the top.

#[cfg(test)]
#[path = "command_line/check.rs"]
mod check;
#[cfg(test)]
#[path = "command_line/device.rs"]
mod device;
#[cfg(test)]
#[path = "command_line/output.rs"]
mod output;
#[cfg(test)]
#[path = "command_line/sign_in.rs"]
mod sign_in;
#[cfg(test)]
#[path = "command_line/sign_out.rs"]
mod sign_out;
#[cfg(test)]
#[cfg(unix)]
#[path = "command_line/signals.rs"]
mod signals;
#[cfg(test)]
mod support;

use std::fs;

use serde_json::json;

use support::{Desk, Provider, browse};

#[test]
fn help_tells_the_commands_and_the_exit_codes() {
    let said = Desk::new().run(&["--help"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    for word in
        ["login", "status", "token", "get", "post", "refresh", "logout", "profiles", "Exit codes:", "--json"]
    {
        assert!(said.out.contains(word), "{word}");
    }
    assert!(Desk::new().run(&["--version"]).out.starts_with("moorline "));
}

#[test]
fn an_error_in_the_command_line_is_named() {
    let desk = Desk::new();
    for (arguments, text) in [
        (&["lgoin"][..], "login"),
        (&["login", "--issuer", "https://id.example.com"], "--client-id"),
        (&["login", "--issuer", "https://a.example", "--client-id", "x", "--dev", "f"], "--dev"),
        (&["login", "--timeout", "soon"], "seconds"),
        (
            &["login", "--issuer", "https://a.example", "--client-id", "x", "--pin", "sha256/x"],
            "--backup-pin",
        ),
        (&["login", "--parameter", "audience"], "NAME=VALUE"),
        (&["token", "--min-validity", "-5"], "-5"),
        (&["token", "--for", "GET"], "--for"),
        (&["token", "--nonce", "n"], "--for"),
        (&["get"], "<URL>"),
        (&["get", "/x", "-H", "nonsense"], "NAME: VALUE"),
        (&["get", "/x", "-H", "A: b\r\nC: d"], "NAME: VALUE"),
        (&["get", "/x", "-d", "body"], "-d"),
    ] {
        desk.run(arguments).failed_with(2, text);
        let said = desk.run(&[&["--json"], arguments].concat());
        let error = &said.json()["error"];
        assert_eq!((said.code, said.err.as_str(), &error["code"]), (2, "", &json!("usage")));
        assert!(error["message"].as_str().unwrap().contains(text), "{error}");
    }
}

#[test]
fn a_profile_that_never_signed_in_is_nobody_signed_in() {
    let desk = Desk::new();
    for arguments in [
        &["status"][..],
        &["token"],
        &["user"],
        &["refresh"],
        &["logout"],
        &["get", "/x"],
        &["post", "/x", "-d", "{}"],
    ] {
        desk.run(arguments).failed_with(3, "moorline login");
        let said = desk.run(&[arguments, &["--json"]].concat());
        let error = &said.json()["error"];
        assert_eq!((said.code, said.err.as_str()), (3, ""));
        assert_eq!(
            (&error["code"], &error["exit_code"], &error["retryable"]),
            (&json!("signed_out"), &json!(3), &json!(false))
        );
        assert_eq!((&error["reason"], &error["refusal"]), (&json!("never_signed_in"), &json!(null)));
        assert!(error["message"].is_string() && error["hint"].is_string());
    }
    desk.run(&["login"]).failed_with(2, "--issuer");
    assert_eq!(fs::read_dir(desk.home.path()).unwrap().count(), 0, "nothing was written");
}

#[test]
fn profile_names_can_not_leave_their_folder() {
    for name in ["", "..", "../x", "a/b", ".hidden", "-x", "a b", "ä", &"x".repeat(65)] {
        let desk = Desk::new();
        desk.run(&["status", &format!("--profile={name}")]).failed_with(2, "profile name");
    }
}

#[test]
fn settings_that_can_not_work_are_refused_before_anything_is_sent() {
    let desk = Desk::new();
    let pin = |byte: &str| format!("sha256/{}=", byte.repeat(43));
    let (a, b) = (pin("A"), pin("E"));
    let login = |issuer, more: &[&str]| {
        let first = ["login", "--insecure-file-key", "--client-id", "x", "--issuer", issuer];
        desk.run(&[&first[..], more].concat())
    };
    login("http://id.example.com", &[]).failed_with(12, "https");
    login("http://id.example.com", &["--allow-http"]).failed_with(12, "loopback");
    login("http://127.0.0.1:1", &[]).failed_with(12, "--allow-http");
    login("id.example.com", &[]).failed_with(12, "URL");
    login("https://a.example", &["--scope", "a\"b"]).failed_with(12, "scope");
    login("https://a.example", &["--api", "http://api.example.com"]).failed_with(12, "https");
    login("https://a.example", &["--parameter", "state=x"]).failed_with(12, "state");
    let pinned = |primary: &str, backup: &str, expires: &str| {
        login("https://a.example", &["--pin", primary, "--backup-pin", backup, "--pin-expires", expires])
    };
    pinned("nonsense", &b, "2030-01-01").failed_with(2, "malformed");
    pinned("sha256/short", &b, "2030-01-01").failed_with(12, "malformed");
    pinned(&a, &a, "2030-01-01").failed_with(12, "twice");
    pinned(&a, &b, "some day").failed_with(12, "date");
    // One host in two spellings is one host.
    let twice = [("a.example", &a), ("A.example.", &a)].map(|(host, pin)| format!("{host}={pin}"));
    let more = ["--pin", &twice[0], "--pin", &twice[1], "--backup-pin", &b, "--pin-expires", "2030-01-01"];
    login("https://a.example", &more).failed_with(12, "given twice; a backup");
    pinned(&format!("other.example={a}"), &b, "2030-01-01").failed_with(12, "backup");
    let ca = desk.home.path().join("ca.pem");
    login("https://a.example", &["--ca", ca.to_str().unwrap()]).failed_with(2, "ca.pem");
    fs::write(&ca, "no certificate").unwrap();
    login("https://a.example", &["--ca", ca.to_str().unwrap()]).failed_with(12, "PEM");
    assert!(!desk.profile("default").join("profile.json").exists());
}

#[test]
fn without_a_key_store_a_sign_in_fails_and_no_file_takes_its_place() {
    let (desk, provider) = (Desk::new(), Provider::new());
    let login: Vec<&str> =
        provider.login().into_iter().filter(|word| *word != "--insecure-file-key").collect();
    desk.run(&login).failed_with(7, "--insecure-file-key");
    let said = desk.run(&[&login[..], &["--json"]].concat());
    assert_eq!(said.json()["error"]["code"], "storage_unavailable");
    assert!(!desk.profile("default").exists());
}

#[test]
fn a_provider_that_is_not_there_is_being_offline() {
    let (desk, mut provider) = (Desk::new(), Provider::new());
    provider.issuer = "http://127.0.0.1:9".to_owned();
    let said = desk.run(&[&provider.login()[..], &["--json"]].concat());
    assert_eq!((said.code, &said.json()["error"]["retryable"]), (5, &json!(true)));
    desk.run(&provider.login()).failed_with(5, "Nothing is lost");
}

#[test]
fn a_provider_that_is_another_or_lacks_pkce_is_a_matter_of_settings() {
    let desk = Desk::new();
    for (changes, text) in [
        (json!({ "issuer": "http://127.0.0.1/" }), "to the letter"),
        (json!({ "code_challenge_methods_supported": ["plain"] }), "S256"),
        (json!({ "token_endpoint": "http://token.example.com/" }), "token_endpoint"),
        (json!({ "jwks_uri": null }), "jwks_uri"),
    ] {
        desk.run(&Provider::describing_itself_with(changes).login()).failed_with(12, text);
    }
    assert!(!desk.profile("default").join("profile.json").exists());
}

#[test]
fn a_provider_without_dpop_is_refused_until_bearer_tokens_are_accepted() {
    let desk = Desk::new();
    let provider =
        Provider::describing_itself_with(json!({ "dpop_signing_alg_values_supported": ["RS256"] }));
    desk.run(&provider.login()).failed_with(12, "--allow-bearer");
    assert!(!desk.profile("default").join("profile.json").exists());
    let waiting = desk.start_login(&provider, &["--allow-bearer"]);
    assert!(!waiting.open.contains("dpop_jkt"));
    browse(&waiting.callback(&format!("error=access_denied&iss={}", provider.issuer)));
    waiting.end();
}

#[test]
fn a_sign_in_at_a_provider_with_dpop_binds_its_code_to_a_key() {
    let (desk, provider) = (Desk::new(), Provider::new());
    let waiting = desk.start_login(&provider, &[]);
    assert_eq!(waiting.parameter("dpop_jkt").len(), 43);
    browse(&waiting.callback(&format!("error=access_denied&iss={}", provider.issuer)));
    waiting.end();
}

#[test]
fn the_address_to_open_asks_for_what_was_said() {
    let (desk, provider) = (Desk::new(), Provider::new());
    let more = [
        "--scope",
        "openid notes.read",
        "--scope",
        "notes.write",
        "--prompt",
        "consent",
        "--login-hint",
        "ada",
        "--max-age",
        "60",
        "--parameter",
        "audience=notes api",
        "--json",
    ];
    let waiting = desk.start_login(&provider, &more);
    let open: serde_json::Value = serde_json::from_str(&waiting.open).unwrap();
    assert!(open["open"].as_str().unwrap().starts_with(&format!("{}/authorize?", provider.issuer)));
    assert_eq!(open["redirect_uri"], waiting.parameter("redirect_uri"));
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "notes"),
        ("scope", "openid notes.read notes.write"),
        ("code_challenge_method", "S256"),
        ("prompt", "consent"),
        ("login_hint", "ada"),
        ("max_age", "60"),
        ("audience", "notes api"),
    ] {
        assert_eq!(waiting.parameter(name), value, "{name}");
    }
    browse(&waiting.callback("error=access_denied"));
    waiting.end();
}

#[test]
fn a_sign_in_that_the_user_denies_is_cancelled() {
    let (desk, provider) = (Desk::new(), Provider::new());
    let waiting = desk.start_login(&provider, &[]);
    let page = browse(&waiting.callback(&format!("error=access_denied&iss={}", provider.issuer)));
    assert!(page.starts_with("HTTP/1.1 "), "{page}");
    let said = waiting.end();
    assert_eq!((said.code, said.out.as_str()), (6, ""), "{}", said.err);
    assert!(said.err.contains("cancelled"), "{}", said.err);
}

#[test]
fn the_address_can_be_pasted_and_anything_else_is_refused() {
    let (desk, provider) = (Desk::new(), Provider::new());
    let mut waiting = desk.start_login(&provider, &["--json"]);
    waiting.paste("https://evil.example/callback?code=x");
    waiting.hears("not the address");
    waiting.paste("");
    let callback = waiting.callback(&format!("error=access_denied&iss={}", provider.issuer));
    waiting.paste(&callback);
    let said = waiting.end();
    assert_eq!((said.code, &said.json()["error"]["code"]), (6, &json!("cancelled")));
    assert!(said.err.contains("not the address"), "{}", said.err);
}

#[test]
fn an_answer_to_another_request_is_ignored_by_the_receiver() {
    let (desk, provider) = (Desk::new(), Provider::new());
    let waiting = desk.start_login(&provider, &[]);
    let redirect_uri = waiting.parameter("redirect_uri");
    browse(&format!("{redirect_uri}?code=stolen&state=another"));
    browse(&redirect_uri.replace("/callback", "/favicon.ico"));
    browse(&waiting.callback(&format!("error=access_denied&iss={}", provider.issuer)));
    assert_eq!(waiting.end().code, 6);
}

#[test]
fn nobody_coming_back_in_time_is_a_time_out() {
    let (desk, provider) = (Desk::new(), Provider::new());
    let said = desk.run(&[&provider.login()[..], &["--no-browser", "--timeout", "0"]].concat());
    assert_eq!(said.code, 6, "{}", said.err);
    assert!(said.err.contains("--timeout") && !said.err.contains("cancelled"), "{}", said.err);
    let json = desk.run(&[&provider.login()[..], &["--no-browser", "--timeout", "0", "--json"]].concat());
    let error: serde_json::Value = serde_json::from_str(json.out.lines().last().unwrap()).unwrap();
    assert_eq!((&error["error"]["code"], &error["error"]["retry"]), (&json!("timed_out"), &json!("now")));
}

#[test]
fn a_port_that_is_asked_for_is_the_one_that_is_used() {
    let (desk, provider) = (Desk::new(), Provider::new());
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    let taken = desk.run(&[&provider.login()[..], &["--no-browser", "--redirect-port", &port]].concat());
    taken.failed_with(12, "port");
    drop(free);
    let waiting = desk.start_login(&provider, &["--redirect-port", &port]);
    assert_eq!(waiting.parameter("redirect_uri"), format!("http://127.0.0.1:{port}/callback"));
    browse(&waiting.callback("error=access_denied"));
    waiting.end();
}

#[test]
fn what_was_said_at_a_sign_in_is_remembered_and_holds_no_secret() {
    let idp = support::idp::Idp::new();
    let (desk, provider) = (Desk::new(), &idp.provider);
    let more = ["--profile", "work", "--api", "http://127.0.0.1:8080"];
    assert_eq!(idp.sign_in(&desk, &more).code, 0);
    let settings = fs::read_to_string(desk.profile("work").join("profile.json")).unwrap();
    let settings: serde_json::Value = serde_json::from_str(&settings).unwrap();
    assert_eq!(
        settings,
        json!({
            "issuer": provider.issuer,
            "client_id": "notes",
            "scopes": ["openid", "profile", "email", "offline_access"],
            "allow_http": true,
            "allow_bearer": true,
            "api_origins": ["http://127.0.0.1:8080"],
            "insecure_file_key": true,
        })
    );
    #[cfg(unix)]
    {
        assert_eq!(support::mode(&desk.profile("work")), 0o700);
        assert_eq!(support::mode(&desk.profile("work").join("profile.json")), 0o600);
    }

    let said = desk.run(&["profiles"]);
    assert_eq!((said.code, said.out.clone()), (0, format!("work\t{}\tnotes\n", provider.issuer)));
    let row = json!({ "name": "work", "issuer": provider.issuer, "client_id": "notes", "key_store": "insecure_file" });
    assert_eq!(desk.run(&["profiles", "--json"]).json(), json!({ "profiles": [row] }));

    // Once more, with nothing said but the profile.
    let said = desk.run(&["login", "--profile", "work", "--no-browser", "--timeout", "0"]);
    assert_eq!(said.code, 6);
    assert!(said.out.starts_with(&format!("{}/authorize?", provider.issuer)));
}

#[test]
fn status_shows_a_profile_without_a_session_and_ends_with_its_code() {
    let (desk, provider) = (Desk::new(), Provider::new());
    desk.remember(&provider, &json!({}));
    let said = desk.run(&["status", "--json"]);
    let status = said.json();
    assert_eq!(
        (said.code, &status["state"], &status["profile"]),
        (3, &json!("signed_out"), &json!("default"))
    );
    assert_eq!((&status["issuer"], &status["key_store"]), (&json!(provider.issuer), &json!("insecure_file")));
    assert_eq!(status["reason_code"], "never_signed_in");
    assert!(desk.run(&["status"]).out.starts_with("Nobody is signed in"));
    desk.run(&["token"]).failed_with(3, "moorline login");
}

#[test]
fn a_refresh_that_is_refused_says_that_the_session_goes_on() {
    let idp = support::idp::Idp::new();
    let desk = idp.signed_in();
    for (refusal, code, hint) in
        [("invalid_client", 12, "registration"), ("invalid_request", 11, "tries again")]
    {
        idp.change(|rules| {
            rules.error = Some(refusal);
            rules.next.push_back(("/token", "400 Bad Request"));
        });
        let said = desk.run(&["refresh", "--json"]);
        let error = &said.json()["error"];
        assert_eq!((said.code, &error["refusal"]), (code, &json!(refusal)));
        let said_hint = error["hint"].as_str().unwrap();
        assert!(said_hint.contains("session is kept") && said_hint.contains(hint), "{said_hint}");
        let status = desk.run(&["status", "--json"]).json();
        assert_eq!((&status["state"], &status["last_refusal"]), (&json!("signed_in"), &json!(refusal)));
        assert!(desk.run(&["status"]).out.contains(refusal));
        assert_eq!(desk.run(&["refresh"]).code, 0);
        assert_eq!(desk.run(&["status", "--json"]).json().get("last_refusal"), None);
    }
    // The provider ends the session.
    idp.change(|rules| {
        rules.error = None;
        rules.next.push_back(("/token", "400 Bad Request"));
    });
    let said = desk.run(&["refresh", "--json"]);
    let error = &said.json()["error"];
    assert_eq!((said.code, &error["code"], &error["reason"]), (4, &json!("needs_reauth"), &json!("revoked")));
    assert_eq!(desk.run(&["status", "--json"]).json()["reason_code"], "revoked");
}

#[test]
fn a_token_goes_to_allowed_origins_alone() {
    let (desk, provider) = (Desk::new(), Provider::new());
    desk.remember(&provider, &json!({}));
    desk.run(&["get", "https://evil.example/"]).failed_with(2, "--api https://evil.example");
    desk.run(&["token", "--for", "GET", "https://evil.example/"])
        .failed_with(2, "--api https://evil.example");
    desk.run(&["token", "--for", "G T", "/x"]).failed_with(2, "HTTP method");
    desk.run(&["get", "/x", "-H", "DPoP: x"]).failed_with(2, "dpop");
    desk.run(&["get", "notes"]).failed_with(2, "not an address");
    desk.run(&["get", "/x", "-H", "Authorization: Bearer x"]).failed_with(2, "authorization");
    desk.run(&["post", "/x", "-d", "@/nonexistent/file"]).failed_with(2, "/nonexistent/file");
}

#[test]
fn a_damaged_profile_says_which_file_it_is_and_hides_no_other() {
    let (desk, provider) = (Desk::new(), Provider::new());
    desk.remember(&provider, &json!({}));
    fs::create_dir(desk.profile("odd")).unwrap();
    fs::write(desk.profile("odd").join("profile.json"), "{\"issuer\":").unwrap();
    desk.run(&["status", "--profile", "odd"]).failed_with(1, "profile.json");
    let said = desk.run(&["profiles"]);
    assert!(said.out.starts_with("default\t") && said.err.contains("warning: "), "{}{}", said.out, said.err);
}

#[test]
fn there_are_no_profiles_at_first() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["profiles", "--json"]).json(), json!({ "profiles": [] }));
    let said = desk.run(&["profiles"]);
    assert_eq!((said.code, said.out.as_str()), (0, ""));
}

#[test]
fn a_file_that_is_no_development_file_is_an_error() {
    let desk = Desk::new();
    let file = desk.home.path().join("moorline-dev.json");
    let path = file.to_str().unwrap();
    desk.run(&["login", "--dev", path]).failed_with(2, path);
    fs::write(&file, "{}").unwrap();
    desk.run(&["login", "--dev", path]).failed_with(2, "not a moorline-dev.json");
    let dev = json!({ "issuer": "http://127.0.0.1:9", "api": "http://127.0.0.1:9/v1", "http": true, "ca_pem": null,
        "pins": null, "clients": [{ "client_id": "moorline-demo", "scopes": ["openid"] }], "users": [] });
    fs::write(&file, dev.to_string()).unwrap();
    desk.run(&["login", "--dev", path, "--client-id", "other"]).failed_with(2, "no such client");
    desk.run(&["login", "--dev", path, "--insecure-file-key"]).failed_with(5, "Nothing is lost");
    let folder = desk.home.path().to_str().unwrap();
    desk.run(&["login", "--dev", folder, "--insecure-file-key"]).failed_with(5, "Nothing is lost");
}

#[test]
fn proxies_of_the_environment_are_not_used() {
    let (desk, provider) = (Desk::new(), Provider::new());
    let mut command = desk.command(&[&provider.login()[..], &["--no-browser", "--timeout", "0"]].concat());
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(name, "http://127.0.0.1:9");
    }
    assert_eq!(command.output().unwrap().status.code(), Some(6));
}

#[cfg(target_os = "linux")]
#[test]
fn the_browser_is_opened_with_the_address() {
    use std::os::unix::fs::PermissionsExt as _;
    let (desk, provider) = (Desk::new(), Provider::new());
    let (browser, opened) = (desk.home.path().join("browser"), desk.home.path().join("opened"));
    fs::write(
        &browser,
        format!("#!/bin/sh\nprintf %s \"$1\" > {}.part\nmv {0}.part {0}\n", opened.display()),
    )
    .unwrap();
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o700)).unwrap();
    let mut child = desk.command(&provider.login()).env("BROWSER", &browser).spawn().unwrap();
    let url = loop {
        match fs::read_to_string(&opened) {
            Ok(url) => break url::Url::parse(&url).unwrap(),
            Err(_) => assert_eq!(child.try_wait().unwrap(), None, "it ended without opening the browser"),
        }
        std::thread::yield_now();
    };
    let parameter = |name: &str| url.query_pairs().find(|(found, _)| found == name).unwrap().1.into_owned();
    let query = format!("error=access_denied&iss={}&state={}", provider.issuer, parameter("state"));
    browse(&format!("{}?{query}", parameter("redirect_uri")));
    let said = support::Said::from(child.wait_with_output().unwrap());
    assert_eq!((said.code, said.out.as_str()), (6, ""));
    assert!(said.err.contains("in the browser that has just opened"), "{}", said.err);
}
