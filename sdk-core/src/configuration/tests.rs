//! What a configuration may say, and the errors for everything else.

use std::time::Duration;

use super::ConfigurationError as E;
use super::*;

fn builder() -> ConfigurationBuilder {
    Configuration::builder("https://id.example.com", "notes")
}

fn pin(byte: u8) -> String {
    SpkiHash::of(&[byte][..].into()).to_string()
}

fn pins() -> HostPins {
    HostPins::new("id.example.com").primary(&pin(1)).backup(&pin(2)).expires("2027-06-01")
}

fn refused(builder: ConfigurationBuilder) -> ConfigurationError {
    let error = builder.clone().check().unwrap_err();
    assert!(matches!(builder.build(), Err(Error::Misconfigured(message)) if message == error.to_string()));
    error
}

#[test]
fn a_whole_configuration_is_accepted_and_kept_to_the_letter() {
    let configuration = Configuration::builder("https://id.example.com/tenant/", "notes-android")
        .redirect_uri("com.example.notes:/signed-in")
        .scopes(["openid", "profile", "offline_access", "profile"])
        .pins(pins())
        .api_origin("https://api.example.com")
        .account("work")
        .connect_timeout(Duration::from_secs(1))
        .request_timeout(Duration::from_secs(2))
        .authorization_parameter("audience", "notes api")
        .build()
        .unwrap();
    assert_eq!(configuration.issuer(), "https://id.example.com/tenant/");
    assert_eq!(configuration.client_id(), "notes-android");
    assert_eq!(configuration.redirect_uri(), Some("com.example.notes:/signed-in"));
    assert_eq!(configuration.scopes(), ["openid", "profile", "offline_access"]);
    assert_eq!(configuration.account(), "work");
}

#[test]
fn openid_is_always_asked_for() {
    assert_eq!(builder().build().unwrap().scopes(), ["openid"]);
    assert_eq!(builder().scopes(["notes.read"]).build().unwrap().scopes(), ["openid", "notes.read"]);
}

#[test]
fn an_issuer_that_is_not_https_is_refused() {
    for issuer in
        ["http://id.example.com", "ftp://id.example.com", "http://localhost:8443", "http://127.0.0.1"]
    {
        assert!(matches!(refused(Configuration::builder(issuer, "x")), E::NotHttps { .. }), "{issuer}");
    }
    for issuer in
        ["", "id.example.com", "https:id.example.com", "https://", " https://id.example.com", "https:\\\\id"]
    {
        assert!(matches!(refused(Configuration::builder(issuer, "x")), E::NotAUrl { .. }), "{issuer}");
    }
    for issuer in ["https://a.example?x=1", "https://a.example#x", "https://ada:pw@a.example"] {
        assert!(matches!(refused(Configuration::builder(issuer, "x")), E::Surplus { .. }), "{issuer}");
    }
}

#[test]
fn plain_http_is_allowed_to_loopback_alone() {
    for issuer in ["http://localhost:8443", "http://127.0.0.1:1", "http://[::1]:1/x"] {
        assert!(Configuration::builder(issuer, "x").allow_http_on_loopback().build().is_ok(), "{issuer}");
    }
    for issuer in
        ["http://10.0.2.2:8443", "http://id.example.com", "http://localhost.example.com", "http://0.0.0.0:1"]
    {
        assert!(matches!(
            refused(Configuration::builder(issuer, "x").allow_http_on_loopback()),
            E::NotHttps { .. }
        ));
    }
}

#[test]
fn the_message_about_an_address_shows_neither_password_nor_query() {
    let message =
        refused(Configuration::builder("https://ada:hunter2@a.example/x?token=s3cret", "x")).to_string();
    assert!(!message.contains("hunter2") && !message.contains("s3cret"), "{message}");
}

#[test]
fn redirect_uris_follow_rfc_8252() {
    for uri in [
        "com.example.notes:/signed-in",
        "https://app.example.com/signed-in",
        "http://127.0.0.1:4321/callback",
        "http://[::1]/callback",
        "http://localhost/callback",
        "myapp://callback",
    ] {
        assert!(builder().redirect_uri(uri).build().is_ok(), "{uri}");
    }
    for uri in [
        "",
        "signed-in",
        "http://app.example.com/x",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "https://app.example.com/x#y",
        "https://ada@app.example.com/x",
        "com.example.notes:/signed in",
    ] {
        assert!(matches!(refused(builder().redirect_uri(uri)), E::RedirectUri { .. }), "{uri}");
    }
}

#[test]
fn pins_must_be_whole() {
    let with = |pins: HostPins| refused(builder().pins(pins));
    let host = || HostPins::new("id.example.com");
    assert!(matches!(with(host().backup(&pin(2)).expires("2027-06-01")), E::NoPrimaryPin(_)));
    assert!(matches!(with(host().primary(&pin(1)).expires("2027-06-01")), E::NoBackupPin(_)));
    assert!(matches!(with(host().primary(&pin(1)).backup(&pin(2))), E::NoPinExpiry(_)));
    assert!(matches!(with(pins().expires("next year")), E::PinExpiry { .. }));
    assert!(matches!(with(pins().backup(&pin(1))), E::DuplicatePin { .. }));
    assert!(matches!(refused(builder().pins(pins()).pins(pins())), E::PinsTwice(_)));
    for name in ["", "https://id.example.com", "id.example.com:443", "*.example.com", "a/b", "."] {
        let pins = HostPins::new(name).primary(&pin(1)).backup(&pin(2)).expires("2027-06-01");
        assert!(matches!(with(pins), E::PinHost(_)), "{name}");
    }
}

#[test]
fn pins_for_a_name_that_no_server_can_have_are_refused() {
    for name in ["id.example.com..", ".example.com", "id..example.com", "..", "102.07.."] {
        let pins = HostPins::new(name).primary(&pin(1)).backup(&pin(2)).expires("2027-06-01");
        assert!(matches!(refused(builder().pins(pins)), E::PinHost(_)), "{name}");
    }
}

#[test]
fn pins_must_be_well_formed() {
    let good = pin(1);
    for bad in [
        "",
        "sha256/",
        good.trim_start_matches("sha256/"),
        good.trim_end_matches('='),
        &good.replace("sha256/", "sha1/"),
        &format!("{good}="),
        &format!("{good} "),
        "sha256/AAAA",
        "sha256/_____________________________________________w==",
    ] {
        let error = refused(builder().pins(pins().backup(bad)));
        assert!(matches!(error, E::Pin { .. }), "{bad}: {error}");
    }
}

#[test]
fn an_extra_root_must_be_a_certificate() {
    let not_der = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for text in ["", "hello", not_der, "-----BEGIN CERTIFICATE-----\nAAAA"] {
        assert!(matches!(refused(builder().extra_root_pem(text)), E::ExtraRoot(_)), "{text}");
    }
}

#[test]
fn odd_scopes_parameters_accounts_and_time_outs_are_refused() {
    for scope in ["", "a b", "a\"b", "a\\b", "ü"] {
        assert_eq!(refused(builder().scopes([scope])), E::Scope(scope.to_owned()));
    }
    for name in ["", "state", "request_uri", "code_challenge"] {
        assert_eq!(
            refused(builder().authorization_parameter(name, "x")),
            E::ReservedParameter(name.to_owned())
        );
    }
    let twice = builder().authorization_parameter("audience", "a").authorization_parameter("audience", "b");
    assert_eq!(refused(twice), E::ParameterTwice("audience".to_owned()));
    assert_eq!(refused(builder().account("")), E::Account);
    assert_eq!(refused(builder().account("a\nb")), E::Account);
    assert_eq!(refused(builder().request_timeout(Duration::ZERO)), E::ZeroTimeout);
    assert_eq!(refused(Configuration::builder("https://id.example.com", "")), E::ClientId);
    assert_eq!(refused(Configuration::builder("https://id.example.com", "nötes")), E::ClientId);
}

#[test]
fn tokens_go_to_the_issuers_origin_and_to_those_that_were_named() {
    let configuration = builder().api_origin("https://api.example.com:8443").build().unwrap();
    let may = |url: &str| configuration.may_receive_tokens(&url.parse().unwrap());
    assert!(may("https://id.example.com/v1/notes") && may("https://api.example.com:8443/x"));
    for url in [
        "https://api.example.com/x",
        "https://id.example.com:8443/",
        "http://id.example.com/",
        "https://id.example.com.evil.example/",
        "https://evil.example/?https://id.example.com",
        "https://id.example.com@evil.example/",
        "data:text/plain,x",
    ] {
        assert!(!may(url), "{url}");
    }
}

/// What a client of the app's asks with: text, of which parsers think differently.
#[test]
fn the_text_of_a_url_may_receive_tokens_only_if_every_client_finds_the_same_host() {
    let configuration = builder()
        .api_origin("https://api.example.com:8443")
        .api_origin("https://bücher.example")
        .api_origin("https://[2001:db8::1]")
        .build()
        .unwrap();
    for url in [
        "https://id.example.com",
        "https://id.example.com/v1/notes?q=a b&x=%5C#\\",
        "HTTPS://ID.Example.COM:443/",
        "https://id.example.com/../..//%2e%2e/",
        "https://id.example.com/https://evil.example/",
        "https://api.example.com:08443/",
        "https://bücher.example/",
        "https://BÜCHER.example/",
        "https://xn--bcher-kva.example/",
        "https://[2001:DB8:0:0::1]/",
    ] {
        assert!(configuration.may_receive_tokens_at(url), "{url}");
    }
    for url in [
        "",
        "notes",
        "/v1/notes",
        "//id.example.com/",
        "https:",
        "https://",
        "https:id.example.com/",
        "https:/id.example.com/",
        "https:///id.example.com/",
        "https:\\\\id.example.com/",
        // Another scheme, port or host.
        "http://id.example.com/",
        "http://localhost/",
        "wss://id.example.com/",
        "https://id.example.com:8443/",
        "https://id.example.com:0/",
        "https://id.example.com:70000/",
        "https://api.example.com/",
        "https://example.com/",
        "https://a.id.example.com/",
        "https://id.example.com./",
        "https://id.example.com.evil.example/",
        "https://bucher.example/",
        "https://[2001:db8::2]/",
        "https://[2001:db8::1%25eth0]/",
        "https://2001:db8::1/",
        // A user name, and what hides one.
        "https://id.example.com@evil.example/",
        "https://ada@id.example.com/",
        "https://ada:secret@id.example.com/",
        "https://evil.example\\@id.example.com/",
        "https://id.example.com\\@evil.example/",
        "https://evil.example#@id.example.com/",
        "https://evil.example?@id.example.com/",
        // What some parsers take out, and others keep.
        " https://id.example.com/",
        "https://id.exam\tple.com/",
        "ht\ntps://id.example.com/",
        "https://id.example.com\u{0}/",
        "https://id.example.com /",
        "https://id%2Eexample.com/",
        "https://evil.example%2F@id.example.com/",
    ] {
        assert!(!configuration.may_receive_tokens_at(url), "{url:?}");
    }
}

#[test]
fn plain_http_may_receive_tokens_on_loopback_alone_and_only_if_that_is_allowed() {
    let builder = |origin: &str| builder().allow_http_on_loopback().api_origin(origin);
    for origin in ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"] {
        let allowed = builder(origin).build().unwrap();
        assert!(allowed.may_receive_tokens_at(&format!("{origin}/notes")), "{origin}");
        assert!(!allowed.may_receive_tokens_at("http://id.example.com/"));
        assert!(!allowed.may_receive_tokens_at("http://127.0.0.1/"));
    }
}

/// The chains that an app's HTTP client brings.
mod pins_of_another_client {
    use std::time::SystemTime;

    use super::*;
    use crate::testing::tls_server::{self, Authority, Leaf};

    const HOST: &str = "localhost";

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_900_000_000)
    }

    fn configuration(pin: &str) -> ConfigurationBuilder {
        builder().pins(tls_server::pins(pin))
    }

    fn chain(leaf: &Leaf, rest: &[&Authority]) -> Vec<Vec<u8>> {
        let rest = rest.iter().map(|authority| authority.der().to_vec());
        std::iter::once(leaf.certificate.to_vec()).chain(rest).collect()
    }

    #[test]
    fn a_chain_through_the_servers_key_or_an_issuers_passes_for_the_host_in_any_spelling() {
        let root = Authority::root("CA");
        let middle = root.intermediate("Middle");
        let leaf = middle.leaf();
        for pin in [leaf.pin(), middle.pin(), root.pin()] {
            let configuration = configuration(&pin).build().unwrap();
            for host in [HOST, "LOCALHOST", "localhost."] {
                let chain = chain(&leaf, &[&middle, &root]);
                assert_eq!(configuration.check_pins(host, &chain, now()), Ok(()), "{host}");
            }
        }
        // A root that the server does not send along, and that the configuration names.
        let named = configuration(&root.pin()).extra_root_pem(&root.pem()).build().unwrap();
        assert_eq!(named.check_pins(HOST, &chain(&leaf, &[&middle]), now()), Ok(()));
    }

    #[test]
    fn another_key_a_pinned_key_that_is_only_sent_along_and_a_chain_that_cannot_be_read_are_refused() {
        let (ca, other) = (Authority::root("CA"), Authority::root("Other"));
        let (leaf, thief) = (ca.leaf(), other.leaf());
        let configuration = configuration(&ca.pin()).build().unwrap();
        let mismatch = Err(Error::PinMismatch(HOST.to_owned()));
        assert_eq!(configuration.check_pins("LocalHost.", &[], now()), mismatch);
        for chain in [
            chain(&thief, &[&other]),
            chain(&thief, &[&other, &ca]),
            chain(&leaf, &[]),
            vec![],
            vec![vec![]],
            vec![b"no certificate".to_vec(), ca.der().to_vec()],
        ] {
            assert_eq!(configuration.check_pins(HOST, &chain, now()), mismatch, "{} long", chain.len());
        }
        assert_eq!(configuration.check_pins(HOST, &chain(&leaf, &[&ca]), now()), Ok(()));
    }

    #[test]
    fn a_host_without_pins_and_one_whose_pins_have_expired_pass_with_any_chain() {
        let leaf = Authority::root("CA").leaf();
        let pins = tls_server::pins(&pin(1)).expires("2030-03-17T17:46:40Z");
        let configuration = builder().pins(pins).build().unwrap();
        for chain in [chain(&leaf, &[]), vec![]] {
            assert_eq!(configuration.check_pins("other.example", &chain, now()), Ok(()));
            assert_eq!(configuration.check_pins("a.localhost", &chain, now()), Ok(()));
            assert_eq!(configuration.check_pins(HOST, &chain, now()), Ok(()), "they have just expired");
            let before = now() - Duration::from_secs(1);
            let mismatch = Err(Error::PinMismatch(HOST.to_owned()));
            assert_eq!(configuration.check_pins(HOST, &chain, before), mismatch);
        }
    }

    #[test]
    fn an_ipv6_address_is_the_same_host_with_brackets_and_without() {
        let pins = HostPins::new("::1").primary(&pin(1)).backup(&pin(2)).expires("9999-01-01");
        let configuration = builder().pins(pins).build().unwrap();
        for host in ["::1", "[::1]", "[0:0::1]"] {
            let refused = configuration.check_pins(host, &[], now());
            assert_eq!(refused, Err(Error::PinMismatch("::1".to_owned())), "{host}");
        }
    }
}

#[test]
fn an_api_origin_is_an_origin() {
    assert!(matches!(refused(builder().api_origin("https://api.example.com/v1")), E::Surplus { .. }));
    assert!(matches!(refused(builder().api_origin("http://api.example.com")), E::NotHttps { .. }));
    assert!(matches!(refused(builder().api_origin("api.example.com")), E::NotAUrl { .. }));
}
