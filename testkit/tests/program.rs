//! The program, as a test in another language uses it.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_moorline-testkit");

/// The running program: it ends when this does.
struct Running {
    program: Child,
    address: String,
}

impl Running {
    fn start() -> Self {
        let mut program = Command::new(PROGRAM)
            .args(["serve", "--with-parent"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").expect("an address").to_owned();
        Self { program, address }
    }

    fn post(&self, content_type: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "POST / HTTP/1.1\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
    }

    fn command(&self, command: &Value) -> (u16, Value) {
        self.post("application/json", &command.to_string())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.program.stdin.take());
        let _ = self.program.wait();
    }
}

#[test]
fn the_program_starts_providers_and_counts_what_they_see() {
    let running = Running::start();
    for number in 0..2 {
        let (status, started) = running.command(&json!({ "do": "start" }));
        assert_eq!((status, &started["provider"]), (200, &json!(number)));
        assert!(started["issuer"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{started}");
    }
    let (status, seen) = running.command(&json!({ "do": "seen", "provider": 1 }));
    assert_eq!((status, &seen["sessions"], &seen["requests"]), (200, &json!(0), &json!({})));
}

#[test]
fn the_program_ends_with_the_one_that_has_started_it() {
    let mut running = Running::start();
    drop(running.program.stdin.take());
    assert!(running.program.wait().unwrap().success());
}

#[test]
fn what_is_no_command_is_refused_and_says_why() {
    let running = Running::start();
    assert_eq!(running.command(&json!({ "do": "start" })).0, 200);
    for (bad, why) in [
        (json!({ "do": "loses_answers", "provider": 0 }), "unknown variant"),
        (json!({ "do": "lose_answers", "provider": 0, "cuont": 3 }), "unknown field"),
        (json!({ "do": "lose_answers", "provider": 7 }), "no provider 7"),
        (json!({ "do": "lose_answers", "provider": 0, "path": "/tokens" }), "no path /tokens"),
        (json!({ "do": "set", "provider": 0, "colour": "red" }), "unknown field"),
        (json!({ "do": "set", "provider": 0, "claims": 3 }), "claims are an object"),
        (
            json!({ "do": "authorize", "provider": 0, "url": "https://id.example/authorize" }),
            "code_challenge_method",
        ),
        (json!({ "do": "challenge", "provider": 0, "status": 401, "header": "a\r\nb: c" }), "line break"),
        (json!({ "do": "vault", "folder": "/nowhere", "becomes": "damaged" }), "/nowhere"),
        (json!([]), "no command"),
        (json!({}), "missing field"),
    ] {
        let (status, answer) = running.command(&bad);
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(status == 400 && error.contains(why), "{bad}: {status} {answer}");
    }
    assert_eq!(running.post("application/json", "{").0, 400);
    // A web page can send this to another origin without asking.
    assert_eq!(running.post("text/plain", r#"{"do":"start"}"#).0, 400);
}

#[test]
fn the_program_listens_on_loopback_alone() {
    for elsewhere in ["0.0.0.0:0", "192.0.2.1:0", "[::]:0"] {
        let refused = Command::new(PROGRAM).args(["serve", "--listen", elsewhere]).output().unwrap();
        assert!(!refused.status.success() && refused.stdout.is_empty());
        let error = String::from_utf8(refused.stderr).unwrap();
        assert!(error.contains("is not on loopback"), "{error}");
    }
}

#[test]
fn the_program_explains_itself_and_prints_the_rows() {
    let help = Command::new(PROGRAM).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("serve") && help.contains("rows") && help.contains("Loopback only"), "{help}");
    let rows = Command::new(PROGRAM).arg("rows").output().unwrap();
    let rows: Vec<Value> = serde_json::from_slice(&rows.stdout).unwrap();
    assert!(rows.len() >= moorline_testkit::rows::LEAST);
}
