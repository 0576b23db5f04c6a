//! A Redis server of a test's own, where `MOORLINE_TEST_REDIS` names the program.

#![expect(clippy::unwrap_used, reason = "only tests are built with it")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use moorline_server_base::config::RedisUrl;
use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, RedisConnectionInfo};

/// A server on a socket in a folder of the test's; it stops with this.
#[derive(Debug)]
pub struct RedisServer {
    program: PathBuf,
    folder: PathBuf,
    options: Vec<String>,
    running: Option<Child>,
}

impl RedisServer {
    /// Starts one with these options beside its own; `None` where tests have no program to start.
    pub fn start(folder: &Path, options: &[&str]) -> Option<Self> {
        let program = std::env::var_os("MOORLINE_TEST_REDIS")?.into();
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let mut server = Self { program, folder: folder.to_owned(), options, running: None };
        server.resume();
        Some(server)
    }

    /// Where it is.
    pub fn url(&self) -> RedisUrl {
        self.url_with("")
    }

    /// The same with more parameters.
    pub fn url_with(&self, parameters: &str) -> RedisUrl {
        format!("redis+unix://{}?{parameters}", self.socket().display()).parse().unwrap()
    }

    /// Stops it: what it remembered is gone.
    pub fn stop(&mut self) {
        let Some(mut child) = self.running.take() else { return };
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts it again, and waits until it accepts connections.
    pub fn resume(&mut self) {
        self.stop();
        let mut command = Command::new(&self.program);
        command.args([
            "--port",
            "0",
            "--save",
            "",
            "--appendonly",
            "no",
            "--daemonize",
            "no",
            "--unixsocket",
        ]);
        command.arg(self.socket()).arg("--dir").arg(&self.folder).args(&self.options);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let is_ready = |line: &String| line.contains("ready to accept connections at");
        let ready = lines.find(is_ready);
        // Nobody reads on, but a full pipe would stop the server.
        std::thread::spawn(move || lines.for_each(drop));
        self.running = Some(child);
        ready.expect("redis-server stopped before it accepted connections");
    }

    /// Runs a command beside the nodes.
    pub async fn run<T: FromRedisValue>(&self, command: &[&str]) -> T {
        let stream = tokio::net::UnixStream::connect(self.socket()).await.unwrap();
        let login = RedisConnectionInfo::default();
        let config = redis::AsyncConnectionConfig::new();
        let (mut connection, driver) =
            MultiplexedConnection::new_with_config(&login, stream, config).await.unwrap();
        let driver = tokio::spawn(driver);
        let mut call = redis::cmd(command[0]);
        command[1..].iter().for_each(|argument| {
            call.arg(*argument);
        });
        let answer = call.query_async(&mut connection).await.unwrap();
        driver.abort();
        answer
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("redis.sock")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.stop();
    }
}
