//! A server without file descriptors left: a process of its own, since the limit is a process's.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use moorline_server_base::config::{self, Span};
use rustix::process::{Resource, getrlimit, setrlimit};

use super::Listener;

/// Set in the process that serves: it runs this very test.
const SERVES: &str = "TEST_SERVES_WITH_FEW_FILES";
const TEST: &str =
    "http::few_files_tests::without_file_descriptors_idle_connections_give_way_and_new_ones_are_served";
const FILES: u64 = 64;

/// The process that serves, until this is dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn without_file_descriptors_idle_connections_give_way_and_new_ones_are_served() {
    if std::env::var_os(SERVES).is_some() {
        return serve();
    }
    let mut server = Command::new(std::env::current_exe().unwrap());
    server.args([TEST, "--exact", "--nocapture"]).env(SERVES, "1");
    let mut server = Server(server.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    let mut log = BufReader::new(server.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let address =
        log.find_map(|line| line.split_once("address=")?.1.trim().parse::<SocketAddr>().ok()).unwrap();

    let mut streams = Vec::new();
    for _ in 0..2 * FILES {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let mut answer = [0; 15];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, *b"HTTP/1.1 200 OK");
        streams.push(stream);
    }
    // The first gave way.
    streams[0].read_to_end(&mut Vec::new()).unwrap();
    let line = log.find(|line| line.contains("a connection can't be accepted")).unwrap();
    assert!(line.contains("ERROR") && line.contains("Too many open files"), "{line}");
}

/// Serves until standard input ends.
fn serve() {
    let mut files = getrlimit(Resource::Nofile);
    files.current = Some(FILES);
    setrlimit(Resource::Nofile, files).unwrap();
    tracing_subscriber::fmt().with_ansi(false).init();
    let stop = async {
        let read = || std::io::stdin().read_to_end(&mut Vec::new());
        tokio::task::spawn_blocking(read).await.unwrap().unwrap();
    };
    // Time-outs that no loaded machine reaches.
    let long = Span::seconds(7200);
    let settings = config::Http {
        max_connections: 64,
        header_timeout: long,
        idle_timeout: long,
        ..config::Http::default()
    };
    let router = Router::new().route("/", get(|| async { "hello" }));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        tracing::info!(address = %listener.address(), "serving");
        listener.serve(None, router, &settings, stop).await.unwrap();
    });
}
