//! Runs the real program, in a home of its own, against a provider of a few lines.

pub(crate) mod idp;

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

/// A machine without a key store, and with nothing remembered.
pub(crate) struct Desk {
    pub(crate) home: TempDir,
}

/// What the program said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        // A program in the background may inherit signals that are ignored, which the command line leaves so.
        let mut command = Command::new("env");
        command
            .args(["--default-signal", env!("CARGO_BIN_EXE_moorline")])
            .args(arguments)
            .env("MOORLINE_HOME", self.home.path())
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
            .env_remove("MOORLINE_PROFILE")
            .env_remove("MOORLINE_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        Said::from(self.command(arguments).output().unwrap())
    }

    /// Runs it by a line of shell, as `"$@"`.
    #[cfg(unix)]
    pub(crate) fn in_shell(&self, line: &str, arguments: &[&str]) -> Said {
        let moorline = self.command(arguments);
        let mut shell = Command::new("sh");
        shell
            .args(["-c", line, "sh"])
            .arg(moorline.get_program())
            .args(moorline.get_args())
            .stdin(Stdio::null());
        for (name, value) in moorline.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        Said::from(shell.output().unwrap())
    }

    /// Stores settings as a sign-in that has succeeded does.
    pub(crate) fn remember(&self, provider: &Provider, more: &Value) {
        let mut settings = json!({
            "issuer": provider.issuer,
            "client_id": "notes",
            "scopes": ["openid"],
            "allow_http": true,
            "insecure_file_key": true,
        });
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let folder = self.profile("default");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("profile.json"), settings.to_string()).unwrap();
    }

    pub(crate) fn profile(&self, name: &str) -> std::path::PathBuf {
        self.home.path().join("profiles").join(name)
    }

    /// Starts a sign-in at `provider` and waits until it says where to go.
    pub(crate) fn start_login(&self, provider: &Provider, more: &[&str]) -> Waiting {
        self.start(&[&provider.login()[..], &["--no-browser"], more].concat())
    }

    /// Starts a command that signs in, and waits until it says where to go.
    pub(crate) fn start(&self, arguments: &[&str]) -> Waiting {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let (sender, messages) = mpsc::channel();
        let stderr = child.stderr.take().unwrap();
        thread::spawn(move || forward_lines(stderr, &sender));
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let open = line.trim().to_owned();
        if open.is_empty() {
            panic!("no address: {}", messages.iter().collect::<String>());
        }
        Waiting { child, out, open, messages, err: String::new() }
    }
}

/// Sends each line, with its end.
pub(crate) fn forward_lines(stream: impl Read, sender: &mpsc::Sender<String>) {
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        let _ = sender.send(line + "\n");
    }
}

/// Waits for a message with this text.
pub(crate) fn hear(messages: &mpsc::Receiver<String>, err: &mut String, text: &str) {
    loop {
        let Ok(line) = messages.recv() else { panic!("no message with {text:?}:\n{err}") };
        err.push_str(&line);
        if line.contains(text) {
            return;
        }
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Said {
    /// The one JSON object on standard output.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.out.lines().count(), 1, "{}", self.out);
        serde_json::from_str(&self.out).unwrap()
    }

    /// Asserts the class of the error, in a text that the user can act on.
    pub(crate) fn failed_with(&self, code: i32, text: &str) {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        assert!(self.out.is_empty(), "{}", self.out);
        self.failed_after_code(code, text);
    }

    /// The same, after something was printed.
    pub(crate) fn failed_after_code(&self, code: i32, text: &str) {
        assert_eq!(self.code, code, "{}", self.err);
        assert!(self.err.contains("error: ") && self.err.contains(text), "{}", self.err);
        assert!(!self.err.contains('\x1b') && !self.err.contains("panicked"), "{}", self.err);
    }
}

/// A sign-in that waits for its callback.
pub(crate) struct Waiting {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    /// The first line of standard output.
    pub(crate) open: String,
    messages: mpsc::Receiver<String>,
    err: String,
}

impl Waiting {
    /// A parameter of the address that it printed.
    pub(crate) fn parameter(&self, name: &str) -> String {
        let address = self.open.split('"').find(|text| text.starts_with("http")).unwrap();
        let url = url::Url::parse(address).unwrap();
        let found = url.query_pairs().find(|(found, _)| found == name);
        found.unwrap_or_else(|| panic!("no {name} in {address}")).1.into_owned()
    }

    /// The callback that the provider would send the browser to, with this query.
    pub(crate) fn callback(&self, query: &str) -> String {
        format!("{}?{query}&state={}", self.parameter("redirect_uri"), self.parameter("state"))
    }

    /// Types a line into it.
    pub(crate) fn paste(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Ends its standard input.
    pub(crate) fn close(&mut self) {
        drop(self.child.stdin.take());
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a message with this text.
    pub(crate) fn hears(&mut self, text: &str) {
        hear(&self.messages, &mut self.err, text);
    }

    pub(crate) fn end(mut self) -> Said {
        let mut out = String::new();
        self.out.read_to_string(&mut out).unwrap();
        let output = self.child.wait_with_output().unwrap();
        self.err.extend(self.messages.iter());
        Said { out, err: self.err, ..Said::from(output) }
    }
}

/// Opens an address, as a browser would, and returns the answer.
pub(crate) fn browse(address: &str) -> String {
    let url = url::Url::parse(address).unwrap();
    let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    browse_through(TcpStream::connect(host).unwrap(), &url)
}

pub(crate) fn browse_through(mut stream: TcpStream, url: &url::Url) -> String {
    let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let target = &url[url::Position::BeforePath..];
    write!(stream, "GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A provider over plain HTTP that knows how to describe itself and nothing more.
pub(crate) struct Provider {
    pub(crate) issuer: String,
}

impl Provider {
    pub(crate) fn new() -> Self {
        Self::describing_itself_with(json!({}))
    }

    pub(crate) fn describing_itself_with(changes: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let mut document = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/jwks"),
            "dpop_signing_alg_values_supported": ["ES256"],
        });
        document.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let body = document.to_string();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let first = lines.next().unwrap_or_default();
                lines.take_while(|line| !line.is_empty()).for_each(drop);
                let (status, body) =
                    if first.contains("/.well-known/") { (200, body.as_str()) } else { (404, "{}") };
                let _ = write!(
                    &stream,
                    "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                     Connection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Self { issuer }
    }

    /// The options of a sign-in here, on a machine without a key store.
    pub(crate) fn login(&self) -> Vec<&str> {
        vec!["login", "--issuer", &self.issuer, "--client-id", "notes", "--allow-http", "--insecure-file-key"]
    }
}

/// The permissions of a file.
#[cfg(unix)]
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
