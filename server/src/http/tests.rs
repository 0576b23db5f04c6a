//! The edge, through the router.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::Method;
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, HOST, ORIGIN};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use super::testing::{TestServer, ask};
use super::{Listener, ServeError, layers};
use crate::web::{HEALTHZ, ICON_PATH, READYZ, STYLE_PATH};
use moorline_server_base::config::Span;
use moorline_server_store::{Actor, Store, StoreError};

const PATHS: [&str; 9] = [
    "/",
    "/sign-in",
    "/nothing",
    "/healthz",
    "/readyz",
    "/v1/notes",
    "/v1/nothing",
    "/oauth/nothing",
    "/.well-known/openid-configuration",
];

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let server = TestServer::start().await;
    let mut ids = std::collections::BTreeSet::new();
    for path in PATHS {
        let answer = server.get(path).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("strict-transport-security", "max-age=31536000"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("x-frame-options", "DENY"),
        ] {
            assert_eq!(answer.header(name), value, "{path} {name}");
        }
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self'; img-src 'self'; form-action "),
            "{policy}"
        );
        assert!(policy.ends_with("; frame-ancestors 'none'; base-uri 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(answer.header("permissions-policy").contains("camera=()"));
        assert!(!answer.header("cache-control").is_empty(), "{path}");
        ids.insert(answer.header("x-request-id").to_owned());
    }
    assert_eq!(ids.len(), PATHS.len());
}

#[tokio::test]
async fn a_server_on_localhost_does_not_keep_its_neighbours_from_plain_http() {
    let server = TestServer::with(|config| config.issuer = "https://localhost:8443".parse().unwrap()).await;
    assert_eq!(server.get("/").await.header("strict-transport-security"), "", "it would be for every port");
}

#[tokio::test]
async fn a_request_id_of_the_senders_own_is_not_accepted() {
    let server = TestServer::start().await;
    let request = ask(Method::GET, "/healthz").header("x-request-id", "forged").body("".into()).unwrap();
    assert_ne!(server.send(request).await.header("x-request-id"), "forged");
}

#[tokio::test]
async fn pages_are_never_kept_and_assets_always_are() {
    let server = TestServer::start().await;
    assert_eq!(server.get("/sign-in").await.header("cache-control"), "no-store");
    let style = server.get(&STYLE_PATH).await;
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    assert_eq!(style.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(server.get(&ICON_PATH).await.header("content-type"), "image/svg+xml");
    server.get("/assets/0000000000000000.css").await.is_page(404);
}

#[tokio::test]
async fn each_surface_answers_errors_in_its_own_form() {
    let server = TestServer::start().await;
    server.get("/nothing").await.is_page(404);
    // Only `moorline-server dev` plays faults.
    server.get("/dev/faults/revoke-session").await.is_page(404);
    server.get("/v1/nothing").await.is_problem(404, "not-found");
    let oauth = server.get("/oauth/nothing").await;
    assert_eq!((oauth.status.as_u16(), &oauth.json()["error"]), (404, &"invalid_request".into()));
    let wrong_method = server.send(ask(Method::DELETE, "/sign-in").body("".into()).unwrap()).await;
    wrong_method.is_page(405);
    assert_eq!(wrong_method.header("allow"), "GET,HEAD,POST");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_in_the_surfaces_form() {
    let server = TestServer::start().await;
    let send = async |path: &str, kind: &str, size: usize| {
        let request =
            ask(Method::POST, path).header(CONTENT_TYPE, kind).body("x".repeat(size).into()).unwrap();
        server.send(request).await
    };
    let form = "application/x-www-form-urlencoded";
    send("/sign-in", form, 65 * 1024).await.is_page(413);
    let oauth = send("/oauth/token", form, 65 * 1024).await;
    assert_eq!(oauth.status, 413);
    assert_eq!(oauth.json()["error"], "invalid_request");
    let announced =
        ask(Method::POST, "/v1/notes").header("content-length", "262145").body("".into()).unwrap();
    server.send(announced).await.is_problem(413, "too-large");
    send("/sign-in", "text/plain", 10).await.is_page(415);
}

#[tokio::test]
async fn a_panic_is_an_error_of_ours_that_tells_nothing() {
    let server = TestServer::start().await;
    async fn broken() {
        panic!("a secret")
    }
    let routes = Router::new().route("/v1/broken", get(broken)).route("/broken", get(broken));
    let router = layers::finish(routes, server.state.clone());
    for (path, words) in
        [("/v1/broken", "urn:moorline:problem:internal"), ("/broken", "Something went wrong")]
    {
        let request = ask(Method::GET, path).body(axum::body::Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 500);
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains(words) && !body.contains("secret"), "{body}");
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let server = TestServer::with(|config| config.http.request_timeout = Span::seconds(0)).await;
    let routes = Router::new().route("/v1/slow", get(std::future::pending::<()>));
    let router = layers::finish(routes, server.state.clone());
    let request = ask(Method::GET, "/v1/slow").body(axum::body::Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 408);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn an_origin_that_was_added_beside_the_server_counts_within_seconds() {
    let server = TestServer::start().await;
    let allowed = async || {
        let request = ask(Method::GET, "/v1/notes").header(ORIGIN, "https://new.example.com");
        let answer = server.send(request.body(axum::body::Body::empty()).unwrap()).await;
        !answer.header("access-control-allow-origin").is_empty()
    };
    assert!(!allowed().await);
    server.client("id=new,redirect=https://new.example.com/cb,origin=https://new.example.com").await;
    // Thousands of requests read the clients once.
    assert!(!allowed().await);
    server.state.clock.advance(Duration::from_secs(5));
    assert!(allowed().await);
    server.sql("DELETE FROM clients WHERE id = 'new'", Vec::new()).await;
    assert!(allowed().await);
    server.state.clock.advance(Duration::from_secs(5));
    assert!(!allowed().await);
}

#[tokio::test]
async fn another_origin_may_call_only_what_its_client_is_registered_for() {
    let server = TestServer::start().await;
    server.client("id=spa,redirect=https://spa.example.com/cb,origin=https://spa.example.com").await;
    let preflight = async |path: &str, origin: &str| {
        let request =
            ask(Method::OPTIONS, path).header(ORIGIN, origin).header(ACCESS_CONTROL_REQUEST_METHOD, "POST");
        server.send(request.body("".into()).unwrap()).await
    };
    for path in ["/oauth/token", "/oauth/userinfo", "/v1/notes", "/.well-known/openid-configuration"] {
        let answer = preflight(path, "https://spa.example.com").await;
        assert_eq!(answer.header("access-control-allow-origin"), "https://spa.example.com", "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), "");
        assert!(answer.header("access-control-allow-headers").contains("dpop"), "{path}");
        assert_eq!(preflight(path, "https://evil.example").await.header("access-control-allow-origin"), "");
    }
    for path in ["/", "/sign-in", "/consent", "/oauth/authorize", HEALTHZ, READYZ] {
        let answer = preflight(path, "https://spa.example.com").await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
    }
    let asked = ask(Method::GET, "/v1/notes").header(ORIGIN, "https://spa.example.com").header("dpop", "x");
    let answer = server.send(asked.body("".into()).unwrap()).await;
    assert!(answer.header("access-control-expose-headers").contains("dpop-nonce"));
    assert_eq!(answer.header("dpop-nonce"), server.state.dpop().nonce(), "whoever tried gets the next nonce");
}

#[tokio::test]
async fn a_server_whose_writer_is_dead_is_neither_alive_nor_ready() {
    let server = TestServer::start().await;
    for path in [HEALTHZ, READYZ] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
    if server.state.config.database.file().is_none() {
        // On Postgres there is no one writer, and a lane survives what its requests do.
        return;
    }
    kill_writer(&server.state.store).await;
    let answer = server.get(READYZ).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["error"].as_str()),
        (503, Some("temporarily_unavailable"))
    );
    // The thread unwinds, and has ended a moment after its last answer.
    while server.get(HEALTHZ).await.status == 200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_database_that_does_not_answer_makes_a_server_unready_and_no_reason_to_restart_it() {
    let server = TestServer::with(|config| config.http.request_timeout = Span::seconds(1)).await;
    if server.state.config.database.file().is_none() {
        return;
    }
    let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let actor = Actor::System("test");
    let held = server.state.store.write(&actor, move |_| {
        begun.send(()).unwrap();
        let _ = wait.lock().unwrap().recv();
        Ok::<_, StoreError>(())
    });
    let asked = async {
        has_begun.recv().await.unwrap();
        assert!(!server.get(READYZ).await.status.is_success());
        assert_eq!(server.get(HEALTHZ).await.status, 200);
        release.send(()).unwrap();
    };
    let (held, ()) = tokio::join!(held, asked);
    held.unwrap();
    assert_eq!(server.get(READYZ).await.status, 200);
}

#[tokio::test]
async fn a_server_that_is_about_to_stop_is_not_ready_and_serves_until_the_delay_is_over() {
    let server = TestServer::with(|config| config.http.drain_delay = Span::seconds(2)).await;
    let (address, stop, running) = listen(&server);
    let ask = |path| format!("GET {path} HTTP/1.1\r\n{HOST}: x\r\nconnection: close\r\n\r\n");
    assert_eq!(status_line(address, &ask(READYZ)).await, "HTTP/1.1 200");
    stop.send(()).unwrap();
    while status_line(address, &ask(READYZ)).await != "HTTP/1.1 503" {}
    assert_eq!(status_line(address, &ask(HEALTHZ)).await, "HTTP/1.1 200");
    assert_eq!(status_line(address, &ask("/oauth/jwks")).await, "HTTP/1.1 200");
    running.await.unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_request_without_one_host_is_refused() {
    let server = TestServer::start().await;
    let (address, stop, running) = listen(&server);
    for path in [HEALTHZ, "/v1/notes", "/oauth/token", "/"] {
        for fields in ["", "host: a\r\nhost: a\r\n", "host: a/b c\r\n"] {
            let request = format!("GET {path} HTTP/1.1\r\n{fields}\r\n");
            assert_eq!(status_line(address, &request).await, "HTTP/1.1 400", "{path} {fields:?}");
        }
    }
    assert_eq!(status_line(address, "GET /healthz HTTP/1.0\r\n\r\n").await, "HTTP/1.0 200");
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
}

/// The writer's thread panics: it drops the result of a request whose caller has gone.
async fn kill_writer(store: &Store) {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("the writer dies");
        }
    }
    let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let actor = Actor::System("test");
    let abandoned = store.write(&actor, move |_| {
        begun.send(()).unwrap();
        let _ = wait.lock().unwrap().recv();
        Ok::<_, StoreError>(Bomb)
    });
    tokio::select! {
        biased;
        _ = abandoned => panic!("the writer was held"),
        begun = has_begun.recv() => begun.unwrap(),
    }
    release.send(()).unwrap();
}

#[tokio::test]
async fn a_document_that_caches_keep_carries_no_nonce() {
    let server = TestServer::start().await;
    for path in ["/.well-known/openid-configuration", "/oauth/jwks", "/sign-in"] {
        let asked = ask(Method::GET, path).header("dpop", "x");
        let answer = server.send(asked.body("".into()).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.header("dpop-nonce")), (200, ""), "{path}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_that_says_what_to_do() {
    let taken = Listener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let error = Listener::bind(taken.address()).unwrap_err();
    assert!(matches!(error, ServeError::InUse(_)));
    let message = error.to_string();
    assert!(message.contains(&taken.address().to_string()) && message.contains("--port"), "{message}");
}

/// The server on a socket of its own, until the sender is used or dropped.
fn listen(server: &TestServer) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<Result<(), ServeError>>) {
    let listener = Listener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let address = listener.address();
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(crate::start::run(server.state.clone(), listener, None, async {
        let _ = stopped.await;
    }));
    (address, stop, running)
}

/// Writes a request as a whole, little by little, before it reads anything; returns how the answer begins, or nothing
/// after a reset.
async fn status_line(address: SocketAddr, request: &str) -> String {
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    for part in request.as_bytes().chunks(32 * 1024) {
        if socket.write_all(part).await.is_err() {
            return String::new();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut start = [0; 12];
    socket
        .read_exact(&mut start)
        .await
        .map_or(String::new(), |_| String::from_utf8_lossy(&start).into_owned())
}

#[tokio::test]
async fn who_sends_a_body_over_the_limit_is_answered_and_not_cut_off() {
    let server = TestServer::start().await;
    let (address, _stop, _running) = listen(&server);
    for path in ["/oauth/token", "/sign-in", "/v1/notes"] {
        for size in [300_000, 2_000_000] {
            let body = "x".repeat(size);
            let request =
                format!("POST {path} HTTP/1.1\r\n{HOST}: x\r\ncontent-length: {size}\r\n\r\n{body}");
            assert_eq!(status_line(address, &request).await, "HTTP/1.1 413", "{path} {size}");
        }
    }
}

#[tokio::test]
async fn headers_are_read_up_to_a_limit() {
    let server = TestServer::start().await;
    let (address, _stop, _running) = listen(&server);
    let request = |size| format!("GET /healthz HTTP/1.1\r\n{HOST}: x\r\nx: {}\r\n\r\n", "y".repeat(size));
    assert_eq!(status_line(address, &request(16_000)).await, "HTTP/1.1 200");
    assert_eq!(status_line(address, &request(33_000)).await, "HTTP/1.1 431");
}

#[tokio::test]
async fn a_server_that_is_stopping_answers_what_it_has_begun() {
    let server = TestServer::start().await;
    let (address, stop, running) = listen(&server);
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    socket.write_all(format!("GET /healthz HTTP/1.1\r\n{HOST}: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut start = [0; 15];
    socket.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
