//! Where a request ends (RFC 9112 §6), by raw sockets: a proxy in front may read an ambiguous one otherwise, and what
//! it takes for the body would be a request of its own here.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::{get, post};
use moorline_server_base::config;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::testing::TestServer;
use super::{Listener, layers};

/// What follows each request. It is answered where the request was read as it was meant, and the connection stays.
const NEXT: &str = "GET /next HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

/// What became of a request, and of what came behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen<'a> {
    /// It had this body, and the next one was answered.
    Both(&'a str),
    /// It had this body, and the connection was closed behind the answer.
    Alone(&'a str),
    /// This status, no handler, and the connection was closed.
    Refused(u16),
}

/// A server that writes down what its handlers are asked.
struct Server {
    address: std::net::SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _server: TestServer,
}

impl Server {
    async fn start() -> Self {
        let server = TestServer::start().await;
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (echo, next) = (Arc::clone(&asked), Arc::clone(&asked));
        let routes = Router::new()
            .route("/echo", post(async move |body: String| echo.lock().unwrap().push(body)))
            .route("/next", get(async move || next.lock().unwrap().push("next".to_owned())));
        let router = layers::finish(routes, server.state.clone());
        let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = listener.address();
        tokio::spawn(async move {
            listener.serve(None, router, &config::Http::default(), std::future::pending()).await.unwrap();
        });
        Self { address, asked, _server: server }
    }

    /// Sends the bytes and [`NEXT`], and reads until the server closes the connection.
    async fn send(&self, request: &str) -> (Vec<u16>, Vec<String>) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(format!("{request}{NEXT}").as_bytes()).await.unwrap();
        let mut answers = Vec::new();
        // What was not read makes the end a reset.
        let _ = stream.read_to_end(&mut answers).await;
        let answers = String::from_utf8(answers).unwrap();
        let statuses =
            answers.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].parse().unwrap()).collect();
        (statuses, std::mem::take(&mut *self.asked.lock().unwrap()))
    }
}

#[tokio::test]
async fn no_request_can_be_read_as_two() {
    let server = Server::start().await;
    let mut wrong = Vec::new();
    for (what, head, body, expected) in ROWS {
        let request = format!("POST /echo HTTP/1.1\r\nhost: a\r\n{head}\r\n{body}");
        let (statuses, asked) = server.send(&request).await;
        let asked: Vec<_> = asked.iter().map(String::as_str).collect();
        let seen = match (&statuses[..], &asked[..]) {
            ([200, 200], [body, "next"]) => Some(Seen::Both(body)),
            ([200], [body]) => Some(Seen::Alone(body)),
            ([status], []) => Some(Seen::Refused(*status)),
            _ => None,
        };
        if seen != Some(*expected) {
            wrong.push(format!("{what}: {statuses:?} {asked:?}, expected {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

const CHUNKED: &str = "transfer-encoding: chunked\r\n";
const HELLO: &str = "5\r\nhello\r\n0\r\n\r\n";

/// What is sent, the headers, the body, and what has to become of it.
const ROWS: &[(&str, &str, &str, Seen<'_>)] = &[
    ("a length", "content-length: 5\r\n", "hello", Seen::Both("hello")),
    ("chunks", CHUNKED, HELLO, Seen::Alone("hello")),
    ("chunks, in capitals", "Transfer-Encoding: CHUNKED\r\n", HELLO, Seen::Alone("hello")),
    ("neither", "", "", Seen::Both("")),
    // RFC 9112 §6.1: by chunks, and the connection ends.
    (
        "a length before chunks",
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        HELLO,
        Seen::Alone("hello"),
    ),
    (
        "a length behind chunks",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        HELLO,
        Seen::Alone("hello"),
    ),
    (
        "a wrong length behind chunks",
        "transfer-encoding: chunked\r\ncontent-length: x\r\n",
        HELLO,
        Seen::Alone("hello"),
    ),
    // RFC 9112 §6.3, RFC 9110 §8.6.
    ("two lengths that differ", "content-length: 5\r\ncontent-length: 6\r\n", "hello", Seen::Refused(400)),
    ("two lengths that agree", "content-length: 5\r\ncontent-length: 5\r\n", "hello", Seen::Both("hello")),
    ("a list of lengths", "content-length: 5, 5\r\n", "hello", Seen::Refused(400)),
    ("a length with a sign", "content-length: +5\r\n", "hello", Seen::Refused(400)),
    ("a negative length", "content-length: -5\r\n", "hello", Seen::Refused(400)),
    ("a length in hexadecimal", "content-length: 0x5\r\n", "hello", Seen::Refused(400)),
    ("an empty length", "content-length:\r\n", "", Seen::Refused(400)),
    ("a length beyond 64 bits", "content-length: 18446744073709551621\r\n", "hello", Seen::Refused(400)),
    // RFC 9112 §6.1.
    ("chunks in chunks", "transfer-encoding: chunked, chunked\r\n", HELLO, Seen::Refused(400)),
    (
        "chunks twice",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        HELLO,
        Seen::Refused(400),
    ),
    ("another coding", "transfer-encoding: gzip\r\n", HELLO, Seen::Refused(400)),
    ("another coding in chunks", "transfer-encoding: gzip, chunked\r\n", HELLO, Seen::Refused(400)),
    ("a coding around chunks", "transfer-encoding: chunked, gzip\r\n", HELLO, Seen::Refused(400)),
    ("no coding", "transfer-encoding: identity\r\n", "", Seen::Refused(400)),
    (
        "an unknown coding and a length",
        "transfer-encoding: xchunked\r\ncontent-length: 5\r\n",
        "hello",
        Seen::Refused(400),
    ),
    ("chunks with a parameter", "transfer-encoding: chunked;q=1\r\n", HELLO, Seen::Refused(400)),
    // RFC 9112 §3.2.
    ("a second host", "host: b\r\n", "", Seen::Refused(400)),
    ("a second host, and a body", "host: b\r\ncontent-length: 5\r\n", "hello", Seen::Refused(400)),
    // RFC 9112 §5.
    ("a folded line", "x: 1\r\n content-length: 5\r\n", "", Seen::Refused(400)),
    ("a folded coding", "transfer-encoding:\r\n chunked\r\n", HELLO, Seen::Refused(400)),
    ("a space before the colon", "content-length : 5\r\n", "hello", Seen::Refused(400)),
    ("a space before the name", " content-length: 5\r\n", "hello", Seen::Refused(400)),
    ("a NUL in a value", "x: a\0b\r\n", "", Seen::Refused(400)),
    ("a NUL in a name", "x\0: a\r\n", "", Seen::Refused(400)),
    ("a CR alone", "x: a\rcontent-length: 5\r\n", "", Seen::Refused(400)),
    // RFC 9112 §2.2: it may end a line, and does so in hyper.
    ("a LF alone", "x: a\ncontent-length: 5\r\n", "hello", Seen::Both("hello")),
    ("a vertical tab in a coding", "transfer-encoding: \u{b}chunked\r\n", HELLO, Seen::Refused(400)),
    ("a name of another alphabet", "content-lengt\u{125}: 5\r\n", "", Seen::Refused(400)),
    // RFC 9112 §7.1.
    ("an extension of a chunk", CHUNKED, "5;a=b\r\nhello\r\n0\r\n\r\n", Seen::Alone("hello")),
    ("a LF in an extension", CHUNKED, "5;a\nb\r\nhello\r\n0\r\n\r\n", Seen::Refused(400)),
    ("a size with LF alone", CHUNKED, "5\nhello\r\n0\r\n\r\n", Seen::Refused(400)),
    ("a size with a sign", CHUNKED, "+5\r\nhello\r\n0\r\n\r\n", Seen::Refused(400)),
    ("a size with 0x", CHUNKED, "0x5\r\nhello\r\n0\r\n\r\n", Seen::Refused(400)),
    ("a size beyond 64 bits", CHUNKED, "10000000000000005\r\nhello\r\n0\r\n\r\n", Seen::Refused(400)),
    ("a chunk longer than its size", CHUNKED, "4\r\nhello\r\n0\r\n\r\n", Seen::Refused(400)),
    (
        "a trailer that is a length",
        CHUNKED,
        "5\r\nhello\r\n0\r\ncontent-length: 9\r\n\r\n",
        Seen::Alone("hello"),
    ),
    // hyper takes them, and what comes next, for trailers.
    ("a LF behind the last chunk", CHUNKED, "5\r\nhello\r\n0\r\n\n", Seen::Alone("hello")),
    ("a trailer that ends in LF", CHUNKED, "5\r\nhello\r\n0\r\nx: y\n\n", Seen::Alone("hello")),
    ("a trailer before a LF", CHUNKED, "5\r\nhello\r\n0\r\nx: y\n\r\n", Seen::Alone("hello")),
];

#[tokio::test]
async fn http_1_0_has_no_chunks_and_ends_the_connection() {
    let server = Server::start().await;
    let chunks =
        "POST /echo HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    assert_eq!(server.send(chunks).await, (vec![400], vec![]));
    let length = "POST /echo HTTP/1.0\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello";
    assert_eq!(server.send(length).await.1, ["hello"]);
}
