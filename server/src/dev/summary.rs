//! What a development server reports about itself: `moorline-dev.json` for programs, a few lines for people.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The content of `moorline-dev.json`. The folder is its owner's alone, and so may hold passwords.
#[derive(Clone, Serialize, Deserialize)]
pub struct Summary {
    /// The issuer.
    pub issuer: String,
    /// Where the API is.
    pub api: String,
    /// The socket.
    pub listen: SocketAddr,
    /// The server's process.
    pub pid: u32,
    /// Whether it speaks plain HTTP.
    pub http: bool,
    /// Whether it plays faults on request: only this machine reaches it then.
    pub faults: bool,
    /// The CA's certificate file; nothing in plain HTTP.
    pub ca_file: Option<PathBuf>,
    /// The CA's certificate; nothing in plain HTTP.
    pub ca_pem: Option<String>,
    /// Pins for the SDK; nothing in plain HTTP.
    pub pins: Option<Pins>,
    /// The clients that `dev` registered.
    pub clients: Vec<ClientSummary>,
    /// The people that `dev` added.
    pub users: Vec<UserSummary>,
}

/// The pins of the server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pins {
    /// The host that they are for.
    pub host: String,
    /// The leaf's key.
    pub primary: String,
    /// The CA's key.
    pub backup: String,
    /// The day on which the leaf ends.
    pub expires: String,
}

/// A registered client.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClientSummary {
    /// Its identifier.
    pub client_id: String,
    /// Where answers may go.
    pub redirect_uris: Vec<String>,
    /// What it may ask for.
    pub scopes: Vec<String>,
}

/// A person to sign in as.
#[derive(Clone, Serialize, Deserialize)]
pub struct UserSummary {
    /// What they type.
    pub username: String,
    /// What they type next.
    pub password: String,
    /// Their roles.
    pub roles: Vec<String>,
}

impl std::fmt::Debug for UserSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserSummary").field("roles", &self.roles).finish_non_exhaustive()
    }
}

impl Summary {
    /// The file's name in its folder.
    pub const FILE: &'static str = "moorline-dev.json";

    /// The file's content.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("text and numbers are JSON") + "\n"
    }

    /// The lines for people; `style` puts colour in, or leaves it out.
    pub fn for_people(&self, file: &std::path::Path, style: Style) -> String {
        let mut out = String::new();
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(out, "  {}{value}", style.dim(&format!("{name:<10}")));
        };
        line("URL", &style.bold(&self.issuer));
        for user in &self.users {
            let roles = user.roles.join(", ");
            line(
                "user",
                &format!(
                    "{} / {}  {}",
                    style.bold(&user.username),
                    user.password,
                    style.dim(&format!("({roles})"))
                ),
            );
        }
        for client in &self.clients {
            line("client", &client.client_id);
        }
        if let Some(ca_file) = &self.ca_file {
            line("CA", &ca_file.display().to_string());
        }
        if let Some(pins) = &self.pins {
            line("pins", &format!("{}  {}", pins.primary, style.dim("(leaf)")));
            line("", &format!("{}  {}", pins.backup, style.dim("(CA, backup)")));
        }
        if self.faults {
            let faults = format!("{}/dev/faults/…", self.issuer);
            line("faults", &format!("{faults}  {}", style.dim("(see the server's README)")));
        }
        line("all in", &file.display().to_string());
        let kind = if self.http {
            "Plain HTTP, on loopback only: for tests of clients that can't be given a CA. "
        } else {
            ""
        };
        format!(
            "\n{}\n{out}\n{kind}Development only. Ctrl-C stops it.\n{}",
            style.bold("Moorline development server"),
            self.samples(style)
        )
    }

    /// The lines that start each sample, as they are typed in the folder of the repository.
    fn samples(&self, style: Style) -> String {
        let title = style.bold("The notes app, in the folder of the repository");
        let row = |name: &str, value: &str| format!("  {}{value}\n", style.dim(&format!("{name:<10}")));
        if !self.http {
            let start = format!("moorline-server dev --http --port {SAMPLES_PORT}");
            let why = style.dim("(then it prints the lines that start the app)");
            return format!("\n{title}\n{}", row("", &format!("{}  {why}", style.bold(&start))));
        }
        let port = self.listen.port();
        let mut out = format!("\n{title}\n");
        out += &row("Android", &style.bold("cargo xtask bindings kotlin && cargo xtask android"));
        out += &row("", &style.bold(&format!("adb reverse tcp:{port} tcp:{port}")));
        out += &row(
            "",
            "Android Studio: open the folder android-sample, choose the variant serverDebug, run it",
        );
        out += &row("iOS", &style.bold("cargo xtask ios --out bindings/swift/build"));
        out += &row("", &style.bold("open ios-sample/Notes.xcodeproj"));
        out += &row("", "Xcode: choose the scheme Notes and a simulator, run it");
        out += &row(
            "both",
            "the lines with xtask build the library, once: each sample's README says what they need",
        );
        if port != SAMPLES_PORT {
            let how = format!(
                "the app expects port {SAMPLES_PORT}: start with --port {SAMPLES_PORT}, or see its README"
            );
            out += &row("port", &how);
        }
        out
    }
}

/// The port that the samples' settings name.
const SAMPLES_PORT: u16 = 8420;

/// Whether there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// On a terminal.
    Colour,
    /// Elsewhere.
    Plain,
}

impl Style {
    fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        match self {
            Self::Colour => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Self::Plain => text.to_owned(),
        }
    }
}
