//! Every setting in one table: what `moorline-server config` prints, and which variables there are.

use std::fmt::Write as _;

/// The beginning of every variable's name.
pub const PREFIX: &str = "MOORLINE_";

/// Variables with that beginning that are not the server's: where its file is, and what the command line tool and the
/// repository's own tests go by.
pub(super) const NOT_SETTINGS: &[&str] = &[
    "MOORLINE_CONFIG",
    "MOORLINE_HOME",
    "MOORLINE_PROFILE",
    "MOORLINE_BIN",
    "MOORLINE_BROWSE_BIN",
    "MOORLINE_CHROMIUM",
    "MOORLINE_DEV_JSON",
    "MOORLINE_SCREENSHOTS",
    "MOORLINE_SDK_SHELL_BIN",
    "MOORLINE_SERVER_BIN",
    "MOORLINE_TEST_POSTGRES",
    "MOORLINE_TEST_REDIS",
];

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its place in the file: the part before a dot is the table.
    pub key: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What it is when nobody sets it, as TOML writes it; `None` where it has to be set or has no value then.
    pub default: Option<&'static str>,
    /// Its type.
    pub kind: Kind,
}

/// The type of a setting's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text, a path, or a span of time.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Switch,
    /// Texts; in a variable, with commas between.
    List,
}

impl Setting {
    /// The variable that sets it.
    pub fn variable(&self) -> String {
        variable_of(self.key)
    }
}

/// The variable that sets this key: `tokens.access_lifetime` is `MOORLINE_TOKENS_ACCESS_LIFETIME`.
pub(super) fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_uppercase())
}

/// Whether messages must not repeat the value.
pub(super) fn is_secret(key: &str) -> bool {
    matches!(key, "master_key" | "database" | "shared")
}

const fn text(key: &'static str, default: Option<&'static str>, meaning: &'static str) -> Setting {
    Setting { key, meaning, default, kind: Kind::Text }
}

const fn number(key: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting { key, meaning, default: Some(default), kind: Kind::Number }
}

const fn switch(key: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting { key, meaning, default: Some(default), kind: Kind::Switch }
}

/// The table.
pub const SETTINGS: &[Setting] = &[
    text(
        "issuer",
        None,
        "The public address of this server: an https:// URL without a path. It is in every token; another one needs `change-issuer`. Required.",
    ),
    text("listen", Some("\"127.0.0.1:8443\""), "Address and port to listen on; port 0 takes a free one."),
    text(
        "database",
        None,
        "The SQLite database file, created if it does not exist; or the postgres:// URL of a database that several nodes share. Required.",
    ),
    text(
        "shared",
        None,
        "The redis:// or rediss:// URL of the Redis or Valkey that the nodes of one database share: used DPoP proofs, nonces and counts for rate limits. Required on Postgres for a second node; a node that is alone needs none.",
    ),
    text(
        "master_key_file",
        None,
        "A file with the key that seals secrets in the database: 32 random bytes in base64. This or master_key is required. Losing it ends every session. Further lines are keys that still open what they sealed, for `master-key rotate`.",
    ),
    text("master_key", None, "The key itself. Set it by its variable rather than in the file."),
    text(
        "api_identifier",
        None,
        "What access tokens name as their audience. By default the issuer followed by /v1.",
    ),
    text(
        "store.role",
        Some("\"primary\""),
        "\"primary\" writes the database: one node on SQLite, every node on Postgres. \"replica\" reads a SQLite database that another node writes, and answers 503 to requests that would write.",
    ),
    text(
        "store.revocation_log",
        None,
        "A file that revocations are exported to, so that a revoked session stays revoked when the database is restored from a backup. Only of use on other storage than the database. SQLite only. By default there is none.",
    ),
    number(
        "store.lanes",
        "16",
        "Connections to Postgres that this node opens at most: 1 to 128. SQLite does not use it.",
    ),
    text(
        "store.clock_jump",
        Some("\"7d\""),
        "Largest forward clock jump accepted: 1h to 3660d. After a larger one the server answers 503 until the clock is right, or until `moorline-server clock accept` confirms it.",
    ),
    text(
        "tls.certificate_file",
        None,
        "The certificate (PEM): the leaf, then its chain. Required, unless http.plain is set.",
    ),
    text("tls.private_key_file", None, "The leaf's private key (PEM). Required, unless http.plain is set."),
    text("tokens.access_lifetime", Some("\"15m\""), "Lifetime of an access token: 30s to 1d."),
    text("tokens.id_lifetime", Some("\"15m\""), "Lifetime of an ID token: 30s to 1d."),
    text("tokens.code_lifetime", Some("\"60s\""), "Lifetime of an authorization code: 10s to 10m."),
    text(
        "tokens.authorization_lifetime",
        Some("\"10m\""),
        "Time that a user has for sign-in and consent: 60s to 1h.",
    ),
    text(
        "tokens.session_idle",
        Some("\"90d\""),
        "A session expires when it was not refreshed for this long.",
    ),
    text(
        "tokens.session_absolute",
        Some("\"365d\""),
        "A session expires this long after sign-in, even if it is in use.",
    ),
    text(
        "tokens.rotation_grace",
        Some("\"0s\""),
        "How long a client that sends no refresh_attempt may reuse its previous refresh token: 0s to 5m. A longer time loses fewer sessions to lost responses, and detects theft later.",
    ),
    text(
        "browser.session_lifetime",
        Some("\"12h\""),
        "How long a browser stays signed in to these pages: 1m to 90d.",
    ),
    number(
        "passwords.memory_kib",
        "19456",
        "Argon2id's memory in KiB, at least 19456. A stored hash keeps its cost until its user signs in next.",
    ),
    number("passwords.iterations", "2", "Argon2id's passes over the memory, at least 2."),
    number("passwords.parallelism", "1", "Argon2id's lanes."),
    number("passwords.concurrent", "4", "How many passwords are hashed at once; further ones wait."),
    text(
        "retention.sessions",
        Some("\"90d\""),
        "How long a session is kept after it was revoked or reached its absolute end: 1h to 3660d. As long, the reuse of its refresh tokens is detected.",
    ),
    text("retention.audit", Some("\"400d\""), "How long a row of the audit log is kept: 1d to 3660d."),
    switch("limits.enabled", "true", "Whether there are rate limits."),
    number(
        "limits.sign_in_per_account",
        "10",
        "Sign-in attempts a minute for one user name from one address.",
    ),
    number(
        "limits.sign_in_tries",
        "5",
        "Wrong passwords at one account from one address, or from a browser that the user knows, before further tries have to wait; four times as many from everywhere.",
    ),
    number(
        "limits.sign_in_per_address",
        "120",
        "Sign-in attempts a minute from one address (IPv6: from one /64). Many users may share one address.",
    ),
    number("limits.token_per_address", "6000", "Token requests a minute from one address."),
    number("limits.authorize_per_address", "600", "Authorization requests a minute from one address."),
    number("limits.rotation_per_session", "10", "Refreshes a minute of one session."),
    number(
        "limits.api_per_account",
        "600",
        "API requests a minute of one user through one client, including those for user information.",
    ),
    switch(
        "http.plain",
        "false",
        "Plain HTTP, on a loopback address only: for a TLS proxy on the same machine.",
    ),
    Setting {
        key: "http.trusted_proxies",
        meaning: "Proxies whose X-Forwarded-For is accepted, as addresses or networks (\"10.0.0.0/8\"); that of others is ignored. Required behind a proxy, which otherwise hides who sends too much.",
        default: Some("[]"),
        kind: Kind::List,
    },
    text(
        "http.header_timeout",
        Some("\"30s\""),
        "Time for the TLS handshake, for a request's headers, and for an idle HTTP/1.1 connection.",
    ),
    text("http.idle_timeout", Some("\"75s\""), "Time that a connection may have no request on its way."),
    text("http.write_timeout", Some("\"30s\""), "Time that a client may take nothing of what is sent to it."),
    number(
        "http.max_connections",
        "16384",
        "Open connections. When there are as many, those that were idle longest give way to new ones, but active ones last.",
    ),
    number(
        "http.connections_per_address",
        "1024",
        "Idle connections from one address (IPv6: one /64): over it, those that were idle longest give way. One that had a request within half of http.idle_timeout is not idle, and a proxy has no such limit.",
    ),
    number(
        "http.max_requests",
        "1024",
        "Requests that are on their way at once; further ones are answered 503. Token requests have half as many more to themselves, so that refreshes go on.",
    ),
    text("http.request_timeout", Some("\"30s\""), "Time for a whole request."),
    text(
        "http.drain_delay",
        Some("\"0s\""),
        "How long the server goes on serving while it is stopping and /readyz answers 503: 0s to 5m. Behind a load balancer, as long as that one needs to notice.",
    ),
    text(
        "http.shutdown_grace",
        Some("\"20s\""),
        "Time for running requests to end when the server is stopped.",
    ),
    number("http.oauth_body_limit", "65536", "The largest body of an OAuth or page request, in bytes."),
    number("http.api_body_limit", "262144", "The largest body of an API request, in bytes."),
    text(
        "log.filter",
        Some("\"info\""),
        "What is logged, such as \"info\" or \"warn,moorline_server::oauth=debug\".",
    ),
    text("log.format", Some("\"text\""), "\"text\" for people, \"json\" for machines."),
];

/// The table for people: what `moorline-server config` prints.
pub fn describe() -> String {
    let mut out = String::from(
        "# Settings of moorline-server: a TOML file (serve --config FILE), and variables, which win over it.\n\
         # Spans of time are a number and a unit: \"60s\", \"15m\", \"12h\", \"30d\".\n",
    );
    let mut table = "";
    for setting in SETTINGS {
        let (group, name) = setting.key.split_once('.').unwrap_or(("", setting.key));
        if group != table {
            let _ = write!(out, "\n[{group}]\n");
            table = group;
        }
        out.push('\n');
        for line in wrap(setting.meaning, 100) {
            let _ = writeln!(out, "# {line}");
        }
        let _ = writeln!(out, "# Variable: {}", setting.variable());
        let _ = match setting.default {
            Some(default) => writeln!(out, "{name} = {default}"),
            None => writeln!(out, "# {name} ="),
        };
    }
    out
}

/// The table as Markdown, for the documentation.
pub fn markdown() -> String {
    let mut out = String::from("| setting | variable | default | meaning |\n| --- | --- | --- | --- |\n");
    for setting in SETTINGS {
        let default = setting.default.map_or("–".to_owned(), |default| format!("`{default}`"));
        let _ = writeln!(
            out,
            "| `{}` | `{}` | {default} | {} |",
            setting.key,
            setting.variable(),
            setting.meaning
        );
    }
    out
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always a last line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.len() + 1 + word.len() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}
