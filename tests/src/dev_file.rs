//! `moorline-dev.json`: what `moorline-server dev` tells the programs beside it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// The file's members, as `server/README.md` has them.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "the members are described where the file is, in server/README.md")]
pub struct DevFile {
    pub issuer: String,
    pub api: String,
    pub listen: String,
    pub pid: u32,
    #[serde(default)]
    pub http: bool,
    pub ca_file: Option<PathBuf>,
    pub ca_pem: Option<String>,
    pub pins: Option<Pins>,
    pub clients: Vec<Client>,
    pub users: Vec<User>,
}

/// The server's SPKI pins.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "the members are described where the file is, in server/README.md")]
pub struct Pins {
    pub host: String,
    pub primary: String,
    pub backup: String,
    pub expires: String,
}

/// A client that the server knows.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "the members are described where the file is, in server/README.md")]
pub struct Client {
    pub client_id: String,
    pub redirect_uris: Vec<String>,
    pub scopes: Vec<String>,
}

/// A user who can sign in.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "the members are described where the file is, in server/README.md")]
pub struct User {
    pub username: String,
    pub password: String,
    #[serde(default)]
    pub roles: Vec<String>,
}

impl DevFile {
    /// Reads the file.
    ///
    /// Errors: when it is not there, or not what this version writes.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not a moorline-dev.json", path.display()))
    }

    /// The user of that name.
    ///
    /// Errors: when there is none.
    pub fn user(&self, username: &str) -> Result<&User> {
        self.users
            .iter()
            .find(|user| user.username == username)
            .with_context(|| format!("no user {username}"))
    }

    /// The client of that id.
    ///
    /// Errors: when there is none.
    pub fn client(&self, client_id: &str) -> Result<&Client> {
        self.clients
            .iter()
            .find(|client| client.client_id == client_id)
            .with_context(|| format!("no client {client_id}"))
    }
}
