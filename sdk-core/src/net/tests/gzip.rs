//! Content codings.

use std::io::Write as _;

use ::http::{HeaderValue, Method, header};
use flate2::{Compression, write::GzEncoder};

use super::*;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

async fn server(status: u16, coding: &'static str, body: Vec<u8>) -> Server {
    Server::plain(move |_, _| {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Encoding: {coding}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        [head.as_bytes(), &body].concat()
    })
    .await
}

async fn received(server: &Server, request: Request) -> Result<Response, NetError> {
    let response = transport(configuration().allow_http_on_loopback()).send(request).await;
    assert_eq!(server.seen().requests.len(), 1);
    response
}

async fn got(status: u16, coding: &'static str, body: Vec<u8>) -> Result<Response, NetError> {
    let server = server(status, coding, body).await;
    received(&server, Request::new(Method::GET, server.plain_url("/")).limit(1000)).await
}

#[tokio::test]
async fn gzip_is_read_however_it_is_named() {
    for coding in ["gzip", "x-gzip", "GZip", "identity, gzip", " gzip ,"] {
        let response = got(200, coding, gzip(b"{\"a\":1}")).await.unwrap();
        assert_eq!(*response.body, b"{\"a\":1}", "{coding}");
        let left = [header::CONTENT_ENCODING, header::CONTENT_LENGTH];
        assert!(left.iter().all(|name| !response.headers.contains_key(name)), "{coding}");
    }
    let two = [gzip(b"{\"a\""), gzip(b":1}")].concat();
    assert_eq!(*got(200, "gzip", two).await.unwrap().body, b"{\"a\":1}");
}

#[tokio::test]
async fn the_limit_counts_decoded_bytes() {
    let bomb = gzip(&vec![b' '; 10_000_000]);
    assert!(bomb.len() < 20_000);
    let server = server(200, "gzip", bomb).await;
    let request = Request::new(Method::GET, server.plain_url("/")).limit(20_000);
    assert_eq!(received(&server, request).await.unwrap_err(), NetError::TooLarge);
    assert!(got(200, "gzip", gzip(&[b' '; 1000])).await.is_ok());
    assert_eq!(got(200, "gzip", gzip(&[b' '; 1001])).await.unwrap_err(), NetError::TooLarge);
}

#[tokio::test]
async fn what_is_not_the_gzip_that_it_says_is_a_response_that_was_cut_off() {
    let whole = gzip(b"some text that is long enough to be cut");
    for body in
        [whole[..whole.len() - 9].to_vec(), whole[..4].to_vec(), b"{\"a\":1}".to_vec(), vec![0x1f, 0x8b]]
    {
        assert_eq!(got(200, "gzip", body.clone()).await.unwrap_err(), NetError::BodyCut, "{body:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_decoded_is_left_as_it_is() {
    assert_eq!(*got(200, "gzip", Vec::new()).await.unwrap().body, b"", "no body, whatever its headers say");
    for (status, coding) in [(200, "br"), (200, "gzip, br"), (206, "gzip")] {
        let response = got(status, coding, b"as it is".to_vec()).await.unwrap();
        assert_eq!(*response.body, b"as it is");
        assert_eq!(response.headers[header::CONTENT_ENCODING], coding);
    }
}

#[tokio::test]
async fn an_app_may_ask_for_another_coding_and_a_part_is_never_encoded() {
    for (name, value, expected) in
        [(header::ACCEPT_ENCODING, "br", Some("accept-encoding: br\r\n")), (header::RANGE, "bytes=0-9", None)]
    {
        let server = Server::plain(ok).await;
        let request = Request::new(Method::GET, server.plain_url("/"));
        received(&server, request.header(name, HeaderValue::from_static(value))).await.unwrap();
        let sent = server.seen().requests[0].to_ascii_lowercase();
        assert_eq!(sent.contains("accept-encoding"), expected.is_some());
        assert!(sent.contains(expected.unwrap_or_default()));
    }
}
