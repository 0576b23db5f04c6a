//! What an operator does to clients. Each change is one transaction with its audit row.

use serde_json::json;

use super::ManageError;
use super::registration::{ClientSecret, ClientSpec, Consent};
use crate::audit::{self, Event};
use crate::oauth::clients::{self, Client, ConsentRule, SecretHash};
use crate::oauth::{Of, end_sessions};
use moorline_server_base::clock::Timestamp;
use moorline_server_keys::Algorithm;
use moorline_server_store::Tx;

/// What changes of a client; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ClientUpdate {
    /// The name on the consent page.
    pub name: Option<String>,
    /// All redirect URIs from now on.
    pub redirect_uris: Option<Vec<String>>,
    /// All scopes that it may request from now on. Sessions that have begun keep theirs.
    pub scopes: Option<Vec<String>>,
    /// All browser origins from now on.
    pub origins: Option<Vec<String>>,
    /// Whether users are asked for their consent.
    pub consent: Option<Consent>,
    /// Whether its token requests need a DPoP proof.
    pub dpop_bound_access_tokens: Option<bool>,
    /// What its access tokens are signed with from now on.
    pub access_token_alg: Option<Algorithm>,
}

/// Registers a client.
///
/// # Errors
/// [`ManageError::ClientExists`] when its identifier is taken.
pub fn add(tx: &mut dyn Tx, now: Timestamp, client: &Client) -> Result<(), ManageError> {
    if clients::find(tx, &client.id)?.is_some() {
        return Err(ManageError::ClientExists(client.id.clone()));
    }
    clients::put(tx, client)?;
    record(tx, now, "operator.client_added", client)
}

/// Changes a client. It is checked as a new one is.
///
/// # Errors
/// [`ManageError`] when there is no such client, or what it would become is not valid.
pub fn update(tx: &mut dyn Tx, now: Timestamp, id: &str, change: ClientUpdate) -> Result<(), ManageError> {
    let old = find(tx, id)?;
    let consent = match old.consent {
        ConsentRule::Ask => Consent::Ask,
        ConsentRule::Skip => Consent::Skip,
    };
    let spec = ClientSpec {
        client_id: old.id,
        client_secret: None,
        name: Some(change.name.unwrap_or(old.name)),
        redirect_uris: change.redirect_uris.unwrap_or(old.redirect_uris),
        scopes: change.scopes.unwrap_or_else(|| old.scopes.names().map(str::to_owned).collect()),
        origins: change.origins.unwrap_or(old.origins),
        consent: change.consent.unwrap_or(consent),
        dpop_bound_access_tokens: change.dpop_bound_access_tokens.unwrap_or(old.dpop_bound_access_tokens),
        access_token_alg: change.access_token_alg.unwrap_or(old.access_token_alg),
    };
    let checked = spec.client(old.created_at).map_err(ManageError::Invalid)?;
    let client = Client { secret: old.secret, ..checked };
    clients::put(tx, &client)?;
    record(tx, now, "operator.client_updated", &client)
}

/// Removes a client; its sessions end first. Returns how many.
///
/// # Errors
/// [`ManageError`] when there is no such client.
pub fn remove(tx: &mut dyn Tx, now: Timestamp, id: &str) -> Result<u64, ManageError> {
    let client = find(tx, id)?;
    let ended = end_sessions(tx, Of::Client(id), now)?;
    clients::remove(tx, id)?;
    let event = Event::new("operator.client_removed").client(client.id);
    audit::append(tx, now, event.detail(json!({ "sessions": ended })))?;
    Ok(ended)
}

/// Replaces the secret of a confidential client: the old one is worth nothing from now on.
///
/// # Errors
/// [`ManageError`] when there is no such client, or it is public.
pub fn rotate_secret(
    tx: &mut dyn Tx,
    now: Timestamp,
    id: &str,
    secret: &ClientSecret,
) -> Result<(), ManageError> {
    let mut client = find(tx, id)?;
    if client.secret.is_none() {
        return Err(ManageError::Public(id.to_owned()));
    }
    client.secret = Some(SecretHash::of(secret.expose()));
    clients::put(tx, &client)?;
    record(tx, now, "operator.client_secret_rotated", &client)
}

fn find(tx: &mut dyn Tx, id: &str) -> Result<Client, ManageError> {
    clients::find(tx, id)?.ok_or_else(|| ManageError::NoClient(id.to_owned()))
}

fn record(tx: &mut dyn Tx, now: Timestamp, event: &'static str, client: &Client) -> Result<(), ManageError> {
    let detail = json!({
        "redirect_uris": client.redirect_uris,
        "scopes": client.scopes.to_string(),
        "origins": client.origins,
        "dpop_bound_access_tokens": client.dpop_bound_access_tokens,
        "access_token_alg": client.access_token_alg,
    });
    audit::append(tx, now, Event::new(event).client(&client.id).detail(detail))?;
    Ok(())
}
