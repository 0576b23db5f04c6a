//! The transport against real servers on loopback: what it lets through, and what it calls the rest.

mod connect_proxy;
mod foreign_trust;
mod gzip;
mod names;
mod proxies;
mod quiet;
mod selected_proxies;

use std::time::Duration;

use ::http::{HeaderValue, Method, StatusCode, header};
use rustls::ProtocolVersion;
use tokio::net::TcpListener;

use super::{NetError, Request, Response, Transport};
use crate::testing::tls_server::{
    Authority, Server, answer, configuration, leaf_params, ok, pins, unused_pin,
};
use crate::{ConfigurationBuilder, Error, HostPins, platform::NetworkParts};

fn transport(configuration: ConfigurationBuilder) -> Transport {
    Transport::new(&configuration.build().unwrap(), NetworkParts::default()).unwrap()
}

async fn get(configuration: ConfigurationBuilder, server: &Server) -> Result<Response, NetError> {
    transport(configuration).send(Request::new(Method::GET, server.url("/x"))).await
}

fn why(result: Result<Response, NetError>) -> String {
    match result {
        Err(NetError::Untrusted { reason, .. }) => reason,
        other => panic!("not refused by TLS but {other:?}"),
    }
}

#[tokio::test]
async fn a_trusted_server_is_talked_to_over_both_tls_versions() {
    let ca = Authority::root("CA");
    for (version, expected) in [
        (&rustls::version::TLS13, ProtocolVersion::TLSv1_3),
        (&rustls::version::TLS12, ProtocolVersion::TLSv1_2),
    ] {
        let leaf = ca.leaf();
        let server = Server::tls_version(&leaf, &[], &[version], ok).await;
        let answer =
            get(configuration().extra_root_pem(&ca.pem()).pins(pins(&leaf.pin())), &server).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(server.seen().version, Some(expected));
    }
}

#[cfg(feature = "aws-lc-rs")]
#[tokio::test]
async fn the_key_exchange_is_x25519_with_ml_kem_768() {
    let ca = Authority::root("CA");
    let server = Server::tls(&ca.leaf(), &[], ok).await;
    get(configuration().extra_root_pem(&ca.pem()), &server).await.unwrap();
    assert_eq!(server.seen().group, Some(rustls::NamedGroup::X25519MLKEM768));
}

#[test]
fn http_2_is_offered_before_http_1_1() {
    let ca = Authority::root("CA");
    let configuration = configuration().extra_root_pem(&ca.pem()).build().unwrap();
    let tls = super::tls::client_config(&configuration, None).unwrap();
    assert_eq!(tls.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
}

#[tokio::test]
async fn a_root_is_trusted_only_where_the_configuration_names_it() {
    let (ca, other) = (Authority::root("CA"), Authority::root("Other CA"));
    let server = Server::tls(&ca.leaf(), &[], ok).await;
    assert!(why(get(configuration().extra_root_pem(&other.pem()), &server).await).contains("neither"));
    assert!(get(configuration().extra_root_pem(&ca.pem()), &server).await.is_ok());
    assert_eq!(server.seen().requests.len(), 1);
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let ca = Authority::root("CA");
    let server = Server::tls(&ca.leaf_with(leaf_params(&["other.example"])), &[], ok).await;
    assert!(why(get(configuration().extra_root_pem(&ca.pem()), &server).await).contains("another host"));
    assert_eq!(server.seen().requests.len(), 0);
}

#[tokio::test]
async fn an_expired_certificate_and_one_from_the_future_are_refused() {
    let ca = Authority::root("CA");
    let mut expired = leaf_params(&["localhost"]);
    expired.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let server = Server::tls(&ca.leaf_with(expired), &[], ok).await;
    assert!(why(get(configuration().extra_root_pem(&ca.pem()), &server).await).contains("expired"));

    let mut future = leaf_params(&["localhost"]);
    future.not_before = rcgen::date_time_ymd(4000, 1, 1);
    let server = Server::tls(&ca.leaf_with(future), &[], ok).await;
    assert!(why(get(configuration().extra_root_pem(&ca.pem()), &server).await).contains("not valid yet"));
}

#[tokio::test]
async fn an_authority_does_not_pass_for_a_server() {
    let ca = Authority::root("CA");
    let mut params = leaf_params(&["localhost"]);
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let server = Server::tls(&ca.leaf_with(params), &[], ok).await;
    why(get(configuration().extra_root_pem(&ca.pem()), &server).await);
}

#[tokio::test]
async fn pins_never_replace_the_platforms_trust() {
    let (ca, other) = (Authority::root("CA"), Authority::root("Other CA"));
    let leaf = ca.leaf();
    let server = Server::tls(&leaf, &[ca.der()], ok).await;
    why(get(configuration().extra_root_pem(&other.pem()).pins(pins(&leaf.pin())), &server).await);
    why(get(configuration().extra_root_pem(&other.pem()).pins(pins(&ca.pin())), &server).await);
}

#[tokio::test]
async fn a_wrong_pin_is_an_error_of_its_own_and_nothing_is_sent() {
    let ca = Authority::root("CA");
    let other = SOME_PIN;
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let server = Server::tls_version(&ca.leaf(), &[ca.der()], &[version], ok).await;
        let error =
            get(configuration().extra_root_pem(&ca.pem()).pins(pins(other)), &server).await.unwrap_err();
        assert_eq!(error, NetError::PinMismatch("localhost".to_owned()));
        assert_eq!(Error::from(error), Error::PinMismatch("localhost".to_owned()));
        assert_eq!(server.seen().requests.len(), 0);
    }
}

#[tokio::test]
async fn a_backup_pin_is_as_good_as_the_primary() {
    let ca = Authority::root("CA");
    let leaf = ca.leaf();
    let server = Server::tls(&leaf, &[], ok).await;
    let pins = HostPins::new("LocalHost.").primary(&unused_pin()).backup(&leaf.pin()).expires("9999-01-01");
    assert!(get(configuration().extra_root_pem(&ca.pem()).pins(pins), &server).await.is_ok());
}

#[tokio::test]
async fn a_pin_may_be_an_issuers() {
    let root = Authority::root("Root");
    let middle = root.intermediate("Middle");
    let server = Server::tls(&middle.leaf(), &[middle.der()], ok).await;
    for pin in [middle.pin(), root.pin()] {
        let answer = get(configuration().extra_root_pem(&root.pem()).pins(pins(&pin)), &server).await;
        assert!(answer.is_ok(), "{answer:?}");
    }
}

#[tokio::test]
async fn pins_of_one_host_say_nothing_about_another() {
    let ca = Authority::root("CA");
    let server = Server::tls(&ca.leaf(), &[], ok).await;
    let elsewhere =
        HostPins::new("other.example").primary(SOME_PIN).backup(&unused_pin()).expires("9999-01-01");
    assert!(get(configuration().extra_root_pem(&ca.pem()).pins(elsewhere), &server).await.is_ok());
}

#[tokio::test]
async fn expired_pins_leave_the_platforms_trust_and_no_less() {
    let (ca, other) = (Authority::root("CA"), Authority::root("Other CA"));
    let server = Server::tls(&ca.leaf(), &[], ok).await;
    let old = || HostPins::new("localhost").primary(SOME_PIN).backup(&unused_pin()).expires("2020-01-01");
    assert!(get(configuration().extra_root_pem(&ca.pem()).pins(old()), &server).await.is_ok());
    why(get(configuration().extra_root_pem(&other.pem()).pins(old()), &server).await);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_whether_it_is_declared_or_not() {
    let server = Server::plain(|line, _| {
        if line.contains("declared") {
            answer(200, &"x".repeat(101))
        } else {
            let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for _ in 0..11 {
                bytes.extend(b"a\r\n0123456789\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
            bytes
        }
    })
    .await;
    let transport = transport(configuration().allow_http_on_loopback());
    for path in ["/declared", "/chunked"] {
        let request = Request::new(Method::GET, server.plain_url(path)).limit(100);
        assert_eq!(transport.send(request).await.unwrap_err(), NetError::TooLarge, "{path}");
        let request = Request::new(Method::GET, server.plain_url(path)).limit(110);
        assert!(transport.send(request).await.is_ok(), "{path}");
    }
}

#[tokio::test]
async fn a_page_in_the_place_of_a_document_may_have_any_size_and_a_document_may_not() {
    let sent = |status: u16, kind: &'static str| {
        Server::plain(move |_, _| {
            let head = format!("HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nRetry-After: 7\r\n");
            let body = " ".repeat(2 << 20);
            format!("{head}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).into_bytes()
        })
    };
    for (status, kind, is_read) in [
        (200, "text/html; charset=utf-8", true),
        (503, "text/html", true),
        (503, "application/json", true),
        (200, "application/json", false),
        (200, "Application/JWT", false),
    ] {
        let server = sent(status, kind).await;
        let transport = transport(configuration().allow_http_on_loopback());
        for request in [
            Request::get_json(server.plain_url("/")),
            Request::post_form(server.plain_url("/"), []),
            Request::new(Method::GET, server.plain_url("/")).document(),
        ] {
            let outcome = transport.send(request).await;
            let read = outcome.as_ref().map(|answer| (answer.status.as_u16(), answer.body.len()));
            let expected = if is_read { Ok((status, 0)) } else { Err(&NetError::TooLarge) };
            assert_eq!(read, expected, "{status} {kind}");
        }
        let app = transport.send(Request::new(Method::GET, server.plain_url("/"))).await;
        assert_eq!(app.unwrap_err(), NetError::TooLarge, "an app's response is reported as what it is");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_distinguished_from_a_whole_one() {
    let ca = Authority::root("CA");
    let cut = |_: &str, _: usize| b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nonly this".to_vec();
    let server = Server::tls(&ca.leaf(), &[], cut).await;
    let error = get(configuration().extra_root_pem(&ca.pem()), &server).await.unwrap_err();
    assert_eq!(error, NetError::BodyCut);
    assert!(Error::from(error).is_passing());
}

#[tokio::test]
async fn a_head_that_breaks_off_and_a_closed_port_are_being_offline() {
    let server = Server::plain(|_, _| b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()).await;
    let plain = || transport(configuration().allow_http_on_loopback());
    let error = plain().send(Request::new(Method::GET, server.plain_url("/"))).await.unwrap_err();
    let reason = format!("127.0.0.1:{} closed the connection before it answered", server.port);
    assert_eq!(error, NetError::Offline { maybe_sent: true, reason });

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://{address}/secret?secret").parse().unwrap();
    assert_eq!(
        plain().send(Request::new(Method::GET, url)).await.unwrap_err(),
        NetError::Offline { maybe_sent: false, reason: format!("{address} refused the connection") }
    );
}

#[tokio::test]
async fn a_server_that_never_answers_runs_into_the_time_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("http://{address}/").parse().unwrap();
    let short = configuration().allow_http_on_loopback().request_timeout(Duration::from_millis(20));
    let error = transport(short).send(Request::new(Method::GET, url)).await.unwrap_err();
    let reason = format!("{address} did not answer within 1 s");
    assert_eq!(error, NetError::Timeout { maybe_sent: true, reason });
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_nothing_is_sent_on_its_own() {
    let server = Server::plain(|_, _| {
        b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\
          Connection: close\r\n\r\n"
            .to_vec()
    })
    .await;
    let transport = transport(configuration().allow_http_on_loopback());
    for _ in 0..2 {
        let request = Request::get_json(server.plain_url("/here"))
            .header(header::AUTHORIZATION, HeaderValue::from_static("Bearer token"));
        assert_eq!(transport.send(request).await.unwrap().status, StatusCode::FOUND);
    }
    let requests = server.seen().requests;
    assert_eq!(requests.len(), 2);
    for request in requests.iter().map(|request| request.to_ascii_lowercase()) {
        assert!(request.starts_with("get /here http/1.1\r\n"));
        assert!(request.contains(concat!("user-agent: moorline/", env!("CARGO_PKG_VERSION"), "\r\n")));
        assert!(request.contains("authorization: bearer token\r\n"));
        assert!(request.contains("accept-encoding: gzip\r\n"));
        for absent in ["cookie:", "referer:"] {
            assert!(!request.contains(absent), "{absent} in {request}");
        }
    }
}

#[tokio::test]
async fn form_fields_are_escaped_and_come_as_a_form() {
    let server = Server::plain(ok).await;
    let request = Request::post_form(server.plain_url("/token"), [("code", "a b&c=d"), ("state", "ü")])
        .header(header::IF_MATCH, HeaderValue::from_static("\"1\""));
    transport(configuration().allow_http_on_loopback()).send(request).await.unwrap();
    let request = server.seen().requests.remove(0);
    assert!(request.to_ascii_lowercase().contains("content-type: application/x-www-form-urlencoded\r\n"));
    assert!(request.ends_with("\r\n\r\ncode=a+b%26c%3Dd&state=%C3%BC"));
}

#[tokio::test]
async fn plain_http_goes_to_loopback_alone_and_only_where_it_is_allowed() {
    let server = Server::plain(ok).await;
    let ca = Authority::root("CA");
    let strict = transport(configuration().extra_root_pem(&ca.pem()));
    let error = strict.send(Request::new(Method::GET, server.plain_url("/"))).await.unwrap_err();
    assert!(matches!(&error, NetError::NotAllowed(why) if why.contains("https")), "{error:?}");
    let lax = transport(configuration().allow_http_on_loopback());
    let elsewhere = "http://example.com/".parse().unwrap();
    let error = lax.send(Request::new(Method::GET, elsewhere)).await.unwrap_err();
    assert!(matches!(error, NetError::NotAllowed(_)));
    assert_eq!(server.seen().requests.len(), 0);
}

#[test]
fn neither_requests_nor_answers_show_what_they_carry() {
    let url = "https://id.example.com/token?code=SECRET".parse().unwrap();
    let request = Request::post_form(url, [("refresh_token", "SECRET")])
        .header(header::AUTHORIZATION, HeaderValue::from_static("Bearer SECRET"));
    assert!(!format!("{request:?}").contains("SECRET"));
    let response =
        Response { status: StatusCode::OK, headers: Default::default(), body: b"SECRET".to_vec().into() };
    assert!(!format!("{response:?}").contains("SECRET"));
}

const SOME_PIN: &str = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
