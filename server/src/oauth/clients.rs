//! The registered clients.

use std::collections::HashSet;

use moorline_server_base::clock::Timestamp;
use moorline_server_base::digest::sha256;
use moorline_server_base::policy::Scope;
use moorline_server_keys::Algorithm;
use moorline_server_store::{Row, StoreError, Tx, Value};

/// A registered client.
#[derive(Clone, Debug)]
pub struct Client {
    /// The client identifier.
    pub id: String,
    /// The name on the consent page.
    pub name: String,
    /// How its secret is checked; `None` for a public client.
    pub secret: Option<SecretHash>,
    /// Its redirect URIs: exact, but for the port of `http://127.0.0.1` and `http://[::1]`.
    pub redirect_uris: Vec<String>,
    /// The scopes that it may request.
    pub scopes: Scope,
    /// Browser origins from which it may call us (CORS).
    pub origins: Vec<String>,
    /// Whether users are asked for consent.
    pub consent: ConsentRule,
    /// Whether its token requests need a DPoP proof (RFC 9449 §5.2); others may send one.
    pub dpop_bound_access_tokens: bool,
    /// What its access tokens are signed with; its ID tokens always are with RS256.
    pub access_token_alg: Algorithm,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// Whether a client needs the user's consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentRule {
    /// Once for each set of scopes.
    Ask,
    /// Never: an app of the operator of this server.
    Skip,
}

/// The SHA-256 of a client secret. Secrets are random and long, so no slow hash is needed.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretHash([u8; 32]);

impl std::fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretHash([redacted])")
    }
}

impl SecretHash {
    /// The hash of `secret`.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self(sha256(secret.as_bytes()))
    }

    /// Whether `secret` is the one, in constant time.
    #[must_use]
    pub fn matches(&self, secret: &str) -> bool {
        use subtle::ConstantTimeEq as _;
        sha256(secret.as_bytes()).ct_eq(&self.0).into()
    }
}

/// The client of this identifier.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn find(tx: &mut dyn Tx, id: &str) -> Result<Option<Client>, StoreError> {
    tx.first(
        "SELECT id, name, secret_hash, redirect_uris, scopes, origins, consent, dpop_bound_access_tokens,
         access_token_alg, created_at FROM clients WHERE id = $1",
        &[id.into()],
    )?
    .as_ref()
    .map(read)
    .transpose()
}

/// How a client has to authenticate at the back channel, and what it gets there.
pub(super) struct ClientAuthPolicy {
    /// How its secret is checked; `None` for a public client.
    pub(super) secret: Option<SecretHash>,
    /// Whether its token requests need a proof.
    pub(super) dpop_bound_access_tokens: bool,
    /// What its access tokens are signed with.
    pub(super) access_token_alg: Algorithm,
}

/// The policy of this client; `None` if there is no such client.
pub(super) fn find_auth_policy(tx: &mut dyn Tx, id: &str) -> Result<Option<ClientAuthPolicy>, StoreError> {
    let row = tx.first(
        "SELECT secret_hash, dpop_bound_access_tokens, access_token_alg FROM clients WHERE id = $1",
        &[id.into()],
    )?;
    row.as_ref().map(ClientAuthPolicy::read).transpose()
}

impl ClientAuthPolicy {
    /// Reads a row that has these columns.
    pub(super) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            secret: secret(row)?,
            dpop_bound_access_tokens: row.boolean("dpop_bound_access_tokens")?,
            access_token_alg: access_token_alg(row)?,
        })
    }
}

/// All clients, by identifier.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn all(tx: &mut dyn Tx) -> Result<Vec<Client>, StoreError> {
    tx.query(
        "SELECT id, name, secret_hash, redirect_uris, scopes, origins, consent, dpop_bound_access_tokens,
         access_token_alg, created_at FROM clients ORDER BY id",
        &[],
    )?
    .iter()
    .map(read)
    .collect()
}

/// The browser origins from which any client may call us (CORS).
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn origins(tx: &mut dyn Tx) -> Result<HashSet<String>, StoreError> {
    let rows = tx.query("SELECT origins FROM clients WHERE origins <> '[]'", &[])?;
    let mut origins = HashSet::new();
    for row in &rows {
        origins.extend(list(row, "origins")?);
    }
    Ok(origins)
}

/// Registers `client`, or changes it to what is given here when it is registered already.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn put(tx: &mut dyn Tx, client: &Client) -> Result<(), StoreError> {
    let consent = match client.consent {
        ConsentRule::Ask => "ask",
        ConsentRule::Skip => "skip",
    };
    tx.execute(
        "INSERT INTO clients (id, name, secret_hash, redirect_uris, scopes, origins, consent,
         dpop_bound_access_tokens, access_token_alg, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, secret_hash = excluded.secret_hash,
         redirect_uris = excluded.redirect_uris, scopes = excluded.scopes, origins = excluded.origins,
         consent = excluded.consent, dpop_bound_access_tokens = excluded.dpop_bound_access_tokens,
         access_token_alg = excluded.access_token_alg",
        &[
            Value::from(&client.id),
            (&client.name).into(),
            client.secret.as_ref().map(|hash| hash.0).into(),
            serde_json::json!(client.redirect_uris).to_string().into(),
            client.scopes.to_string().into(),
            serde_json::json!(client.origins).to_string().into(),
            consent.into(),
            client.dpop_bound_access_tokens.into(),
            client.access_token_alg.name().into(),
            client.created_at.into(),
        ],
    )?;
    Ok(())
}

/// Removes a client with its consents and what is left of its sessions; end the live ones first.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn remove(tx: &mut dyn Tx, id: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM clients WHERE id = $1", &[id.into()]).map(drop)
}

fn list(row: &Row, column: &str) -> Result<Vec<String>, StoreError> {
    serde_json::from_str(row.text(column)?)
        .map_err(|_| StoreError::Defect(format!("clients.{column} is not a JSON array of text")))
}

fn read(row: &Row) -> Result<Client, StoreError> {
    Ok(Client {
        id: row.text("id")?.to_owned(),
        name: row.text("name")?.to_owned(),
        secret: secret(row)?,
        redirect_uris: list(row, "redirect_uris")?,
        scopes: Scope::parse(row.text("scopes")?)
            .map_err(|_| StoreError::Defect("clients.scopes is malformed".to_owned()))?,
        origins: list(row, "origins")?,
        consent: if row.text("consent")? == "skip" { ConsentRule::Skip } else { ConsentRule::Ask },
        dpop_bound_access_tokens: row.integer("dpop_bound_access_tokens")? != 0,
        access_token_alg: access_token_alg(row)?,
        created_at: row.timestamp("created_at")?,
    })
}

fn access_token_alg(row: &Row) -> Result<Algorithm, StoreError> {
    row.text("access_token_alg")?.parse().map_err(|_| {
        StoreError::Defect("clients.access_token_alg is not an algorithm of this server".to_owned())
    })
}

fn secret(row: &Row) -> Result<Option<SecretHash>, StoreError> {
    row.optional_blob("secret_hash")?
        .map(|hash| hash.try_into().map(SecretHash))
        .transpose()
        .map_err(|_| StoreError::Defect("clients.secret_hash is not 32 bytes".to_owned()))
}
