//! What a wrong setting says, and where.

use std::path::Path;

use super::load::{ignored_variables, ours};
use super::settings::{Kind, SETTINGS, describe, markdown};
use super::{Config, ConfigError, Database, LogFormat, Span, from_sources};

const KEY: (&str, &str) = ("MOORLINE_MASTER_KEY", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=");
const GOOD: &str = "issuer = \"https://id.example.com\"\ndatabase = \"/var/lib/moorline.db\"\n\
                    [tls]\ncertificate_file = \"c.pem\"\nprivate_key_file = \"k.pem\"\n";

fn read(toml: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    from_sources(Some((Path::new("moorline.toml"), toml)), variables)
}

fn wrong(more: &str, variables: &[(&str, &str)]) -> String {
    let variables = [&[KEY], variables].concat();
    // A table stands after the settings that are in none: its header is line 6 then.
    let text = if more.starts_with('[') { format!("{GOOD}{more}\n") } else { format!("{more}\n{GOOD}") };
    read(&text, &variables).unwrap_err().to_string()
}

#[test]
fn a_short_file_is_enough_and_everything_else_has_its_default() {
    let config = read(GOOD, &[KEY]).unwrap();
    assert_eq!(config.issuer.as_str(), "https://id.example.com");
    assert_eq!(config.api_identifier(), "https://id.example.com/v1");
    assert_eq!(config.tokens.access_lifetime, Span::seconds(900));
    assert_eq!(config.master_keys().current().expose(), &[1; 32]);
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_unicode_matters_only_if_it_is_ours() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;

    let odd = || OsString::from_vec(vec![0xFF]);
    assert_eq!(ours([("LS_COLORS".into(), odd()), (odd(), odd())]), Ok(Vec::new()));
    assert_eq!(ours([("MOORLINE_PORT".into(), odd())]).unwrap().len(), 1);
    let message = ours([("MOORLINE_ISSUER".into(), odd())]).unwrap_err().to_string();
    assert_eq!(message, "environment variable MOORLINE_ISSUER: must be Unicode text");
}

#[test]
fn a_variable_wins_over_the_file() {
    let file = format!("listen = \"127.0.0.1:1\"\n{GOOD}[limits]\nenabled = true\n");
    let config = read(
        &file,
        &[
            KEY,
            ("MOORLINE_LISTEN", "127.0.0.1:2"),
            ("MOORLINE_LIMITS_ENABLED", "false"),
            ("MOORLINE_LIMITS_API_PER_ACCOUNT", "7"),
            ("MOORLINE_TOKENS_SESSION_IDLE", "3d"),
            ("MOORLINE_HTTP_TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
            ("MOORLINE_LOG_FORMAT", "json"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    assert_eq!(config.listen.port(), 2);
    assert!(!config.limits.enabled);
    assert_eq!((config.limits.api_per_account, config.tokens.session_idle), (7, Span::seconds(3 * 86_400)));
    assert_eq!((config.http.trusted_proxies.len(), config.log.format), (2, LogFormat::Json));
}

#[test]
fn everything_can_come_from_variables() {
    let variables = [
        KEY,
        ("MOORLINE_ISSUER", "https://id.example.com"),
        ("MOORLINE_DATABASE", "m.db"),
        ("MOORLINE_TLS_CERTIFICATE_FILE", "c.pem"),
        ("MOORLINE_TLS_PRIVATE_KEY_FILE", "k.pem"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert!(from_sources(None, variables).is_ok());
}

#[test]
fn an_unknown_setting_names_its_line_or_variable_and_what_was_meant() {
    assert_eq!(
        wrong("\n# a comment\nlissten = \"127.0.0.1:1\"", &[]),
        "moorline.toml, line 3: lissten: there is no such setting (did you mean listen?)"
    );
    assert_eq!(
        wrong("[tokens]\naccess_life_time = \"1m\"", &[]),
        "moorline.toml, line 7: tokens.access_life_time: there is no such setting (did you mean tokens.access_lifetime?)"
    );
    assert_eq!(wrong("[colour]\nred = 1", &[]), "moorline.toml, line 6: colour: there is no such setting");
    assert_eq!(
        wrong("", &[("MOORLINE_ISUER", "x")]),
        "environment variable MOORLINE_ISUER: there is no such setting (did you mean MOORLINE_ISSUER?)"
    );
}

#[test]
fn a_bad_setting_names_its_line_or_variable_and_what_is_wrong() {
    for (toml, message) in [
        (
            "listen = \"here\"",
            "line 1: listen: is string \"here\", and must be an IP address and a port in quotes, such as \"0.0.0.0:8443\"",
        ),
        ("listen = \"localhost:8443\"", "and must be an IP address and a port in quotes"),
        (
            "listen = 8443",
            "line 1: listen: is signed int `8443`, and must be an IP address and a port in quotes",
        ),
        (
            "[tokens]\naccess_lifetime = \"soon\"",
            "line 7: tokens.access_lifetime: \"soon\" is not a span of time",
        ),
        ("[tokens]\naccess_lifetime = 15", "line 7: tokens.access_lifetime: is "),
        (
            "tokens.access_lifetime = \"2d\"",
            "line 1: tokens.access_lifetime: must be from 30s to 1d, and is 2d",
        ),
        ("[passwords]\nmemory_kib = 8", "line 7: passwords.memory_kib: must be at least 19456"),
        ("[limits]\nenabled = \"yes\"", "line 7: limits.enabled: is "),
        ("[limits]\napi_per_account = 0", "line 7: limits.api_per_account: must be at least 1"),
        ("[limits]\nsign_in_tries = 0", "line 7: limits.sign_in_tries: must be at least 1"),
        ("[limits]\nsign_in_tries = 2000000", "line 7: limits.sign_in_tries: must be at most 1000000"),
        (
            "[limits]\nsign_in_tries = -1",
            "limits.sign_in_tries: is signed int `-1`, and must be a whole number from 0 on",
        ),
        (
            "[limits]\nsign_in_tries = \"few\"",
            "limits.sign_in_tries: is string \"few\", and must be a whole number",
        ),
        ("[log]\nformat = \"xml\"", "line 7: log.format: is \"xml\", and must be one of text, json"),
        ("[http]\ntrusted_proxies = [\"proxy\"]", "line 7: http.trusted_proxies"),
        ("listen = \"x", "moorline.toml, line 1: "),
        ("listen = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"", "moorline.toml, line 2: "),
    ] {
        let said = wrong(toml, &[]);
        assert!(said.contains(message), "{toml:?} says {said:?}, not {message:?}");
    }
    for (variable, value) in [
        ("MOORLINE_LISTEN", "here"),
        ("MOORLINE_TOKENS_ACCESS_LIFETIME", "soon"),
        ("MOORLINE_TOKENS_CODE_LIFETIME", "1h"),
        ("MOORLINE_LIMITS_ENABLED", "perhaps"),
        ("MOORLINE_PASSWORDS_ITERATIONS", "-1"),
        ("MOORLINE_HTTP_TRUSTED_PROXIES", "1.2.3.4,proxy"),
        ("MOORLINE_ISSUER", "http://id.example.com"),
    ] {
        let said = wrong("", &[(variable, value)]);
        assert!(said.starts_with(&format!("environment variable {variable}: ")), "{said:?}");
    }
}

#[test]
fn several_mistakes_are_told_at_once() {
    let said = wrong("", &[("MOORLINE_ISUER", "x"), ("MOORLINE_LISTENN", "1")]);
    assert_eq!(said.lines().count(), 2, "{said}");
}

#[test]
fn variables_that_a_platform_sets_for_a_service_of_our_name_are_ignored() {
    let theirs = [
        ("MOORLINE_SERVICE_HOST", "10.96.0.9"),
        ("MOORLINE_SERVICE_PORT", "80"),
        ("MOORLINE_SERVICE_PORT_HTTPS", "443"),
        ("MOORLINE_PORT", "tcp://10.96.0.9:80"),
        ("MOORLINE_PORT_80_TCP", "tcp://10.96.0.9:80"),
        ("MOORLINE_PORT_80_TCP_PROTO", "tcp"),
        ("MOORLINE_PORT_80_TCP_PORT", "80"),
        ("MOORLINE_PORT_80_TCP_ADDR", "10.96.0.9"),
        // Of services that are called as a setting is.
        ("MOORLINE_DATABASE_PORT", "tcp://10.96.0.9:5432"),
        ("MOORLINE_ISSUER_SERVICE_HOST", "10.96.0.9"),
        ("MOORLINE_LISTEN_PORT", "tcp://10.96.0.9:80"),
        // Of another tool.
        ("MOORLINE_LOG", "debug"),
    ];
    read(GOOD, &[&[KEY], &theirs[..]].concat()).unwrap();
    let names = theirs.map(|(name, _)| name);
    let others = ["MOORLINE_ISSUER", "MOORLINE_CONFIG", "MOORLINE_LIMITS_ENABLED"];
    let ignored = ignored_variables(names.into_iter().chain(others));
    assert_eq!(ignored.len(), theirs.len(), "{ignored:?}");
    assert!(others.iter().all(|name| !ignored.iter().any(|ignored| ignored == name)), "{ignored:?}");
    // No setting is taken for one of theirs.
    for setting in SETTINGS {
        let variable = setting.variable();
        assert!(!variable.ends_with("_PORT") && !variable.contains("_SERVICE_"), "{variable}");
    }
}

#[test]
fn what_is_missing_names_both_ways_to_set_it() {
    let said =
        read("[tls]\ncertificate_file = \"c\"\nprivate_key_file = \"k\"", &[KEY]).unwrap_err().to_string();
    assert!(said.contains("issuer is not set") && said.contains("MOORLINE_ISSUER"), "{said}");
    let said = read(GOOD, &[]).unwrap_err().to_string();
    assert!(said.contains("master_key_file") && said.contains("MOORLINE_MASTER_KEY"), "{said}");
    let said =
        read("issuer = \"https://a.example\"\ndatabase = \"x\"\n[tls]\ncertificate_file = \"c\"", &[KEY]);
    assert!(said.unwrap_err().to_string().contains("tls.private_key_file is not set"));
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let tls = "[tls]\ncertificate_file = \"c.pem\"\nprivate_key_file = \"k.pem\"\n";
    let without_tls = GOOD.replace(tls, "");
    let plain =
        |listen: &str| read(&format!("listen = \"{listen}\"\n{without_tls}[http]\nplain = true"), &[KEY]);
    assert!(plain("127.0.0.1:8080").is_ok());
    assert!(
        plain("0.0.0.0:8080").unwrap_err().to_string().contains("line 5: http.plain: plain HTTP is only for")
    );
    assert!(read(&without_tls, &[KEY]).unwrap_err().to_string().contains("tls.certificate_file"));
    assert!(wrong("http.plain = true", &[]).contains("contradicts [tls]"));
    assert!(wrong("tokens.session_absolute = \"1d\"", &[]).contains("tokens.session_idle: is longer"));
    assert!(wrong("master_key_file = \"x\"", &[]).contains("contradicts master_key"));
    assert!(wrong("", &[("MOORLINE_ISSUER", "http://localhost")]).contains("must start with https://"));
}

#[test]
fn no_message_and_no_debug_output_holds_a_secret() {
    let secret = "c2VjcmV0c2VjcmV0";
    let said = read(GOOD, &[("MOORLINE_MASTER_KEY", secret)]).unwrap_err().to_string();
    assert!(
        said.starts_with("environment variable MOORLINE_MASTER_KEY: ") && !said.contains(secret),
        "{said}"
    );
    let said = read(&format!("master_key = 1234567\n{GOOD}"), &[]).unwrap_err().to_string();
    assert!(
        said.contains("line 1: master_key: must be text in quotes") && !said.contains("1234567"),
        "{said}"
    );
    let config = read(GOOD, &[KEY]).unwrap();
    assert!(!format!("{config:?}").contains("AQEB") && !format!("{config:?}").contains("1, 1, 1"));
}

#[test]
fn a_master_key_file_is_read_and_a_wrong_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let toml = format!("master_key_file = {path:?}\n{GOOD}");
    assert!(
        read(&toml, &[]).unwrap_err().to_string().starts_with("moorline.toml, line 1: master_key_file: ")
    );
    std::fs::write(&path, "short").unwrap();
    assert!(read(&toml, &[]).unwrap_err().to_string().contains("master.key: the master key must be"));
    std::fs::write(&path, format!("{}\n", KEY.1)).unwrap();
    assert_eq!(read(&toml, &[]).unwrap().master_keys().current().expose(), &[1; 32]);
}

#[test]
fn the_table_has_every_setting_and_its_true_default() {
    // What it prints is itself a valid file, once what is required is added; and it changes nothing.
    let defaults: String = describe()
        .lines()
        .filter(|line| !line.starts_with("[tls]"))
        .map(|line| format!("{line}\n"))
        .collect();
    let required = "issuer = \"https://id.example.com\"\ndatabase = \"/var/lib/moorline.db\"\n\
                    tls.certificate_file = \"c.pem\"\ntls.private_key_file = \"k.pem\"\n";
    let from_table = read(&format!("{required}{defaults}"), &[KEY]).unwrap();
    assert_eq!(format!("{from_table:?}"), format!("{:?}", read(GOOD, &[KEY]).unwrap()));
}

#[test]
fn every_field_of_the_configuration_is_in_the_table() {
    // A made-up value for each key of the table, so that a field without a row shows up as unset, and a row without
    // a field as unknown.
    for setting in SETTINGS {
        let value = match setting.kind {
            Kind::Number => "1",
            Kind::Switch => "true",
            Kind::List => "",
            Kind::Text => "x",
        };
        let said = match read(GOOD, &[(&setting.variable(), value)]) {
            Ok(_) => continue,
            Err(error) => error.to_string(),
        };
        assert!(!said.contains("no such setting"), "{said}");
    }
    let debug = format!("{:#?}", read(GOOD, &[KEY]).unwrap());
    let mut table = String::new();
    for line in debug.lines().filter(|line| line.contains(": ")) {
        let indent = line.len() - line.trim_start().len();
        let (name, value) = line.trim().split_once(": ").unwrap();
        if indent == 4 && value.ends_with('{') {
            name.clone_into(&mut table);
        } else if indent == 4 && name != "tls" && name != "ignored_variables" {
            assert!(SETTINGS.iter().any(|setting| setting.key == name), "{name}");
        } else if indent == 8 && table != "tls" {
            let key = format!("{table}.{name}");
            assert!(SETTINGS.iter().any(|setting| setting.key == key), "{key}");
        }
    }
}

#[test]
fn the_readme_has_the_table() {
    let message = "server/README.md is out of date: put in what `moorline-server config --markdown` prints";
    assert!(include_str!("../../../README.md").contains(&markdown()), "{message}");
}

#[test]
fn a_database_is_a_file_or_a_postgres_server_whose_password_never_prints() {
    let file = |text: &str| text.parse::<Database>().unwrap().file().map(Path::to_owned);
    assert_eq!(file("moorline.db"), Some("moorline.db".into()));
    assert_eq!(file("sqlite:/var/lib/moorline.db"), Some("/var/lib/moorline.db".into()));
    let url = "postgresql://m:the-password@db.example.com/m";
    assert_eq!(file(url), None);
    let config = read(GOOD, &[KEY, ("MOORLINE_DATABASE", url)]).unwrap();
    assert_eq!(config.revocation_log(), None);
    assert!(!format!("{config:?} {}", config.database).contains("the-password"));
    for bad in ["mysql://m:the-password@db.example.com/m", "sqlite:", ""] {
        let message = wrong("", &[("MOORLINE_DATABASE", bad)]);
        assert!(message.contains("MOORLINE_DATABASE") && !message.contains("the-password"), "{message}");
    }
    for (setting, value) in [("MOORLINE_STORE_ROLE", "replica"), ("MOORLINE_STORE_REVOCATION_LOG", "/ends")] {
        assert!(wrong("", &[("MOORLINE_DATABASE", url), (setting, value)]).contains("Postgres"));
    }
}

#[test]
fn the_shared_store_is_a_url_whose_password_never_prints() {
    let good = [KEY, ("MOORLINE_SHARED", "rediss://:the-password@cache.example.com/1")];
    let config = read(GOOD, &good).unwrap();
    assert!(!format!("{config:?}").contains("the-password"));
    assert_eq!(config.shared.unwrap().to_string(), "rediss://cache.example.com:6379/1");
    for bad in ["", "memcached://:the-password@localhost", "redis://:the-password@localhost/one"] {
        let message = wrong("", &[("MOORLINE_SHARED", bad)]);
        assert!(message.contains("MOORLINE_SHARED") && !message.contains("the-password"), "{message}");
    }
    let message = wrong("shared = 6379", &[]);
    assert!(message.contains("shared: must be text in quotes") && !message.contains("6379"), "{message}");
}

#[test]
fn a_file_that_can_not_be_read_is_named_with_the_reason_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("latin1.toml"), b"issuer = \"\xe9\"").unwrap();
    let said = |file: &Path| super::load(Some(file)).unwrap_err().to_string();
    let missing = path("missing.toml");
    assert_eq!(said(&missing), format!("{} does not exist: name the right file", missing.display()));
    assert!(said(folder.path()).ends_with("it is a folder: name the file in it"), "{}", said(folder.path()));
    assert!(said(&path("latin1.toml")).ends_with("latin1.toml: it is not text in UTF-8"));
    let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let denied = super::unreadable(Path::new("master.key"), &denied);
    assert!(denied.starts_with("can't read master.key: this account may not"), "{denied}");
    // A relative path says which folder it goes by.
    let relative = super::unreadable(Path::new("x.toml"), &std::io::ErrorKind::NotFound.into());
    assert!(relative.starts_with(&std::env::current_dir().unwrap().display().to_string()), "{relative}");
}
