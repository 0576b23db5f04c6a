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

async fn got_json(coding: &'static str, body: Vec<u8>) -> Result<Response, NetError> {
    let server = server(200, coding, body).await;
    received(&server, Request::get_json(server.plain_url("/")).limit(1000)).await
}

#[tokio::test]
async fn gzip_that_is_cut_is_a_response_that_was_cut_off() {
    let whole = gzip(b"some text that is long enough to be cut");
    for body in [whole[..whole.len() - 9].to_vec(), whole[..whole.len() - 1].to_vec(), whole[..4].to_vec()] {
        assert_eq!(got(200, "gzip", body.clone()).await.unwrap_err(), NetError::BodyCut, "{body:?}");
    }
}

#[tokio::test]
async fn what_follows_gzip_is_padding_and_what_is_none_is_plain() {
    for body in [&[0; 512][..], b"\n", b"<!-- -->"] {
        let padded = [&gzip(b"text")[..], body].concat();
        assert_eq!(*got(200, "gzip", padded).await.unwrap().body, b"text");
    }
    let plain = got(200, "gzip", b"{\"a\":1}".to_vec()).await.unwrap();
    assert_eq!(*plain.body, b"{\"a\":1}");
    assert!(!plain.headers.contains_key(header::CONTENT_ENCODING));
}

#[tokio::test]
async fn a_document_is_decoded_whatever_its_headers_say_and_an_apps_file_is_not() {
    let (text, encoded) = (b"{\"a\":1}", gzip(b"{\"a\":1}"));
    for coding in ["", "identity", "br", "gzip, br"] {
        assert_eq!(*got_json(coding, encoded.clone()).await.unwrap().body, text, "{coding}");
        assert_eq!(*got_json(coding, text.to_vec()).await.unwrap().body, text, "{coding}");
        assert_eq!(*got(200, coding, encoded.clone()).await.unwrap().body, *encoded, "{coding}");
    }
    for length in encoded.len() - 8..encoded.len() {
        assert_eq!(*got_json("gzip", encoded[..length].to_vec()).await.unwrap().body, text, "{length}");
    }
}

#[tokio::test]
async fn bombs_stay_small_however_they_are_labelled() {
    let bomb = gzip(&vec![b' '; 900_000]);
    assert!(bomb.len() < 1000);
    let mut deflate = flate2::write::ZlibEncoder::new(Vec::new(), Compression::best());
    deflate.write_all(&vec![b' '; 900_000]).unwrap();
    let deflate = deflate.finish().unwrap();
    // A thousand small ones are one.
    let small = gzip(&[b' '; 100]).repeat(11);
    for (coding, bomb) in
        [("gzip", &bomb), ("", &bomb), ("x-gzip", &bomb), ("deflate", &deflate), ("gzip", &small)]
    {
        // Nobody says that it is JSON, so it is left out.
        assert_eq!(*got_json(coding, bomb.clone()).await.unwrap().body, b"", "{coding}");
    }
}

#[tokio::test]
async fn a_whole_document_is_taken_though_more_was_announced() {
    let (open, mut closed) = tokio::sync::watch::channel(());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: url::Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 X\r\nContent-Length: 5000\r\n\r\n{\"a\":{}}").await;
            // The connection stays open.
            let _ = closed.changed().await;
        }
    });
    let transport = transport(configuration().allow_http_on_loopback());
    let response = transport.send(Request::get_json(url)).await.unwrap();
    assert_eq!(*response.body, b"{\"a\":{}}");
    drop(open);
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
