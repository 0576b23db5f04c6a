//! Proxies of the environment. A process reads them once, so each case is a process of its own: this test program
//! again, which then runs [`a_process_asks`] alone.

use std::process::{Command, Output};

use super::{connect_proxy::Proxy, *};

/// Asks for an address in a process with this environment, with the pins of `leaf`, and returns the result.
async fn ask(url: url::Url, ca: &Authority, pin: &str, environment: &[(&str, &str)]) -> String {
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args(["--exact", "net::tests::proxies::a_process_asks", "--nocapture"]);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        process.env_remove(name).env_remove(name.to_ascii_lowercase());
    }
    process.env("ASK", url.as_str()).env("ASK_CA", ca.pem()).env("ASK_PIN", pin);
    process.envs(environment.iter().copied());
    let output: Output = tokio::task::spawn_blocking(move || process.output()).await.unwrap().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let line = output.lines().find_map(|line| line.split_once("outcome: "));
    line.unwrap_or_else(|| panic!("{output}")).1.to_owned()
}

#[tokio::test]
async fn a_process_asks() {
    let Ok(url) = std::env::var("ASK") else { return };
    let configuration = configuration()
        .allow_http_on_loopback()
        .extra_root_pem(&std::env::var("ASK_CA").unwrap())
        .pins(pins(&std::env::var("ASK_PIN").unwrap()));
    let outcome = transport(configuration).send(Request::new(Method::GET, url.parse().unwrap())).await;
    println!("outcome: {:?}", outcome.map(|response| response.status.as_u16()));
}

#[tokio::test]
async fn https_goes_through_the_proxy_of_the_environment_and_the_pins_hold() {
    let (ca, other) = (Authority::root("CA"), Authority::root("Other CA"));
    let leaf = ca.leaf();
    let server = Server::tls(&leaf, &[], ok).await;
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let proxy = Proxy::start(None).await;
        assert_eq!(
            ask(server.url("/"), &ca, &leaf.pin(), &[(name, &proxy.address)]).await,
            "Ok(200)",
            "{name}"
        );
        let heads = proxy.heads();
        assert_eq!(heads.len(), 1, "{name}");
        assert!(
            heads[0].starts_with(&format!("CONNECT localhost:{} HTTP/1.1\r\n", server.port)),
            "{heads:?}"
        );
        assert!(heads[0].to_ascii_lowercase().contains("proxy-authorization: basic "), "{heads:?}");
    }
    // A proxy that reads along shows a certificate of its own.
    for (reader, named) in [(ca.leaf(), "PinMismatch"), (other.leaf(), "Untrusted")] {
        let own = Server::tls(&reader, &[], ok).await;
        let proxy = Proxy::start(Some(own.port)).await;
        let outcome = ask(server.url("/"), &ca, &leaf.pin(), &[("HTTPS_PROXY", &proxy.address)]).await;
        assert!(outcome.contains(named), "{outcome}");
        assert_eq!(own.seen().requests.len(), 0);
    }
}

#[tokio::test]
async fn no_proxy_and_plain_http_on_loopback_go_straight() {
    let ca = Authority::root("CA");
    let leaf = ca.leaf();
    let (tls, plain) = (Server::tls(&leaf, &[], ok).await, Server::plain(ok).await);
    let proxy = Proxy::start(None).await;
    let address = proxy.address.as_str();
    let straight = [("HTTPS_PROXY", address), ("NO_PROXY", "example.com,localhost")];
    assert_eq!(ask(tls.url("/"), &ca, &leaf.pin(), &straight).await, "Ok(200)");
    let all = [("HTTP_PROXY", address), ("HTTPS_PROXY", address), ("ALL_PROXY", address)];
    assert_eq!(ask(plain.plain_url("/"), &ca, &leaf.pin(), &all).await, "Ok(200)");
    assert_eq!(proxy.heads(), Vec::<String>::new());
}

#[tokio::test]
async fn a_proxy_that_is_down_is_being_offline() {
    let ca = Authority::root("CA");
    let leaf = ca.leaf();
    let server = Server::tls(&leaf, &[], ok).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let outcome = ask(server.url("/"), &ca, &leaf.pin(), &[("HTTPS_PROXY", &address)]).await;
    let named = address.replace("http://", "the proxy ") + " refused the connection";
    assert!(outcome.contains("Offline { maybe_sent: false") && outcome.contains(&named), "{outcome}");
    assert_eq!(server.seen().requests.len(), 0);
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_without_its_password() {
    let ca = Authority::root("CA");
    let leaf = ca.leaf();
    let server = Server::tls(&leaf, &[], ok).await;
    for (status, named) in
        [(407, "answered 407"), (403, "refused to connect to localhost:"), (502, "refused to")]
    {
        let proxy = Server::plain(move |_, _| answer(status, "")).await;
        let address = format!("http://ada:secret@127.0.0.1:{}", proxy.port);
        let outcome = ask(server.url("/"), &ca, &leaf.pin(), &[("HTTPS_PROXY", &address)]).await;
        assert!(outcome.contains(&format!("the proxy 127.0.0.1:{} {named}", proxy.port)), "{outcome}");
        assert!(outcome.contains("maybe_sent: false") && !outcome.contains("secret"), "{outcome}");
    }
}

#[tokio::test]
async fn a_proxy_that_cannot_be_used_stops_the_request() {
    let ca = Authority::root("CA");
    let leaf = ca.leaf();
    let server = Server::tls(&leaf, &[], ok).await;
    for address in ["ftp://ada:secret@127.0.0.1", "http://ada:secret@[::1", "not an address: secret"] {
        let outcome = ask(server.url("/"), &ca, &leaf.pin(), &[("HTTPS_PROXY", address)]).await;
        assert!(outcome.contains("NotAllowed") && outcome.contains("HTTPS_PROXY"), "{outcome}");
        assert!(!outcome.contains("secret"), "{outcome}");
    }
    assert_eq!(server.seen().requests.len(), 0);
}

#[tokio::test]
async fn a_star_in_no_proxy_is_every_host_and_every_address() {
    let ca = Authority::root("CA");
    let leaf = ca.leaf_with(leaf_params(&["localhost", "127.0.0.1"]));
    let server = Server::tls(&leaf, &[], ok).await;
    let proxy = Proxy::start(None).await;
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("https://{host}:{}/", server.port).parse().unwrap();
        let star = [("HTTPS_PROXY", proxy.address.as_str()), ("NO_PROXY", "*")];
        assert_eq!(ask(url, &ca, &leaf.pin(), &star).await, "Ok(200)", "{host}");
    }
    assert_eq!(proxy.heads(), Vec::<String>::new());
}
