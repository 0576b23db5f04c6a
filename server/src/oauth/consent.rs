//! Consent: asked once for a user, a client and a scope.

use super::clients::{self, Client, ConsentRule};
use super::requests::{self, Act, AuthorizationRequest, Decision};
use crate::accounts::users;
use crate::audit::{self, Event};
use moorline_server_base::clock::Timestamp;
use moorline_server_base::policy::Scope;
use moorline_server_keys::Keys;
use moorline_server_store::{StoreError, Tx, Value};

/// A consent could not be stored.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConsentError {
    /// The request has expired or was answered already: the user has to start again from the app.
    #[error("the authorization request is gone")]
    Gone,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether the user need not be asked about the scopes of this request: they allowed them before, or the operator did
/// for everybody.
#[must_use]
pub fn is_known(request: &AuthorizationRequest, client: &Client, granted: &Scope) -> bool {
    let known = client.consent == ConsentRule::Skip || request.scope.is_within(granted);
    known && !request.prompt.consent
}

/// The user allows what the request asks for; the consent is stored for the next request, if it is new. Returns the
/// request.
///
/// # Errors
/// [`ConsentError::Gone`] when there is no such request any more.
pub fn allow(
    tx: &mut dyn Tx,
    keys: &Keys,
    request_id: &str,
    user_id: &str,
    now: Timestamp,
) -> Result<AuthorizationRequest, ConsentError> {
    let request = decide(tx, request_id, user_id, Act::Allow, now)?;
    // Two consents of one user for one client are stored one after the other: neither loses the other's scope.
    users::lock_id(tx, user_id)?;
    let before = granted(tx, user_id, &request.client_id)?;
    let client = clients::find(tx, &request.client_id)?.ok_or(ConsentError::Gone)?;
    if is_known(&request, &client, &before) {
        let event = Event::new("consent.confirmed").actor(keys.pseudonym(user_id)).client(&request.client_id);
        audit::append(tx, now, event)?;
        return Ok(request);
    }
    let all = before.union(&request.scope);
    tx.execute(
        "INSERT INTO consents (user_id, client_id, scope, granted_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id, client_id) DO UPDATE SET scope = excluded.scope, granted_at = excluded.granted_at",
        &[Value::from(user_id), (&request.client_id).into(), all.to_string().into(), now.into()],
    )?;
    let event = Event::new("consent.granted")
        .actor(keys.pseudonym(user_id))
        .client(&request.client_id)
        .detail(serde_json::json!({ "scope": request.scope.to_string() }));
    audit::append(tx, now, event)?;
    Ok(request)
}

/// The user denies the request; the client gets `access_denied`. Returns the request.
///
/// # Errors
/// As [`allow`].
pub fn deny(
    tx: &mut dyn Tx,
    keys: &Keys,
    request_id: &str,
    user_id: &str,
    now: Timestamp,
) -> Result<AuthorizationRequest, ConsentError> {
    let request = decide(tx, request_id, user_id, Act::Deny, now)?;
    let event = Event::new("consent.denied").actor(keys.pseudonym(user_id)).client(&request.client_id);
    audit::append(tx, now, event)?;
    Ok(request)
}

fn decide(
    tx: &mut dyn Tx,
    request_id: &str,
    user_id: &str,
    act: Act,
    now: Timestamp,
) -> Result<AuthorizationRequest, ConsentError> {
    let request = requests::load(tx, request_id, now)?.ok_or(ConsentError::Gone)?;
    let decision = Decision { act, user_id: user_id.to_owned() };
    if requests::decide(tx, request_id, &decision)? { Ok(request) } else { Err(ConsentError::Gone) }
}

/// What the user has allowed this client so far.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn granted(tx: &mut dyn Tx, user_id: &str, client_id: &str) -> Result<Scope, StoreError> {
    let row = tx.first(
        "SELECT scope FROM consents WHERE user_id = $1 AND client_id = $2",
        &[Value::from(user_id), client_id.into()],
    )?;
    let Some(row) = row else { return Ok(Scope::default()) };
    Scope::parse(row.text("scope")?).map_err(|_| StoreError::Defect("consents.scope is malformed".to_owned()))
}
