//! `/oauth/authorize` (RFC 6749 §4.1.1, OAuth 2.1, OpenID Connect Core §3.1.2): the front door.
//!
//! A request is checked, stored, and then led through sign-in and consent, each of which comes back to `continue`.
//! Until client and redirect URI are known to be good, errors are shown here and never redirected (§4.1.2.1).

mod answer;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzzing;
mod step;
mod validate;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Uri};

use self::answer::{AnswerError, Refused, see_other};
use self::step::{Step, next_step};
use self::validate::Arrival;
use super::consent::granted;
use super::params::{KnownParams, Params, is_form};
use super::provider::Provider;
use super::requests::{self, AuthorizationRequest};
use super::{clients, code};
use crate::accounts::{BrowserSession, users};
use crate::audit::{self, Event};
use crate::limits::{ClientAddress, Limit};
use moorline_server_base::clock::Timestamp;
use moorline_server_keys::TokenType;
use moorline_server_store::Actor;

/// `GET /oauth/authorize`
pub(super) async fn by_query(
    State(provider): State<Arc<Provider>>,
    address: ClientAddress,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, AnswerError> {
    let query = uri.query().unwrap_or_default();
    begin(&provider, address, &headers, query.as_bytes()).await
}

/// `POST /oauth/authorize` (OpenID Connect Core §3.1.2.1)
pub(super) async fn by_form(
    State(provider): State<Arc<Provider>>,
    address: ClientAddress,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, AnswerError> {
    is_form(&headers)?;
    begin(&provider, address, &headers, &body).await
}

/// `GET /oauth/authorize/continue`: the person comes back from sign-in or consent.
pub(super) async fn resume(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, AnswerError> {
    let params = Params::parse(uri.query().unwrap_or_default().as_bytes())?;
    let id = params.value("request").ok_or(AnswerError::Gone)?.to_owned();
    let now = provider.clock.now();
    let request = provider.store.read(&ARRIVING, move |tx| requests::load(tx, &id, now)).await?;
    let session = provider.browsers.find(&headers).await?;
    proceed(&provider, session, request.ok_or(AnswerError::Gone)?).await
}

const ARRIVING: Actor = Actor::Anonymous("an authorization request comes before its person");

async fn begin(
    provider: &Provider,
    address: ClientAddress,
    headers: &HeaderMap,
    text: &[u8],
) -> Result<Response, AnswerError> {
    provider.limits.check_address(Limit::AuthorizeAddress, address).await?;
    let params = KnownParams::read(text, &validate::PARAMETERS);
    let client_id = validate::client_id(&params)?.to_owned();
    let client = provider.store.read(&ARRIVING, move |tx| clients::find(tx, &client_id)).await?;
    let client = client.ok_or(AnswerError::UnknownClient)?;
    let arrival = Arrival { id: provider.random.id(), at: provider.clock.now() };
    let request = validate::request(&provider.settings, arrival, &client, &params)?;
    let stored = request.clone();
    provider.store.write(&ARRIVING, move |tx| requests::insert(tx, &stored)).await?;
    let session = provider.browsers.find(headers).await?;
    let session = match params.value("id_token_hint").filter(|_| request.prompt.none) {
        Some(hint) => session.filter(|session| is_hinted_user(provider, hint, session)),
        None => session,
    };
    proceed(provider, session, request).await
}

/// Whether an ID token of ours, also an expired one, is about the user of this session: with `prompt=none` a client
/// must not get a code for somebody else (OpenID Connect Core §3.1.2.1).
fn is_hinted_user(provider: &Provider, hint: &str, session: &BrowserSession) -> bool {
    #[derive(serde::Deserialize)]
    struct Hint {
        iss: String,
        sub: String,
    }
    let hint = provider.keys.verify::<Hint>(TokenType::IdToken, hint);
    hint.is_ok_and(|hint| hint.iss == provider.settings.issuer && hint.sub == session.user_id())
}

/// Leads a valid request to its next step.
async fn proceed(
    provider: &Provider,
    session: Option<BrowserSession>,
    request: AuthorizationRequest,
) -> Result<Response, AnswerError> {
    let now = provider.clock.now();
    match next(provider, &request, session.as_ref(), now).await? {
        Step::SignIn => see_other(&format!("/sign-in?request={}", request.id)),
        Step::Consent => see_other(&format!("/consent?request={}", request.id)),
        Step::Refuse(refused) => refuse(provider, request, refused).await,
        Step::Grant { user_id, auth_time } => {
            let session = session.ok_or(AnswerError::Gone)?;
            grant(provider, request, session, (user_id, auth_time), now).await
        }
    }
}

async fn next(
    provider: &Provider,
    request: &AuthorizationRequest,
    session: Option<&BrowserSession>,
    now: Timestamp,
) -> Result<Step, AnswerError> {
    let (client_id, user_id) =
        (request.client_id.clone(), session.map(|session| session.user_id().to_owned()));
    let (client, granted) = provider
        .store
        .read(&ARRIVING, move |tx| -> Result<_, AnswerError> {
            let client = clients::find(tx, &client_id)?.ok_or(AnswerError::UnknownClient)?;
            let granted = user_id.map(|user_id| granted(tx, &user_id, &client_id)).transpose()?;
            Ok((client, granted.unwrap_or_default()))
        })
        .await?;
    let person = session.map(|session| (session.user_id(), session.authenticated_at()));
    Ok(next_step(request, &client, person, &granted, now))
}

/// The client gets its error, once.
async fn refuse(
    provider: &Provider,
    request: AuthorizationRequest,
    refused: Refused,
) -> Result<Response, AnswerError> {
    let id = request.id.clone();
    let consumed = provider.store.write(&ARRIVING, move |tx| requests::consume(tx, &id)).await?;
    if !consumed {
        return Err(AnswerError::Gone);
    }
    Err(AnswerError::refuse(&provider.settings, &request.redirect_uri, request.state.as_deref(), refused))
}

/// The client gets its code, once.
async fn grant(
    provider: &Provider,
    request: AuthorizationRequest,
    session: BrowserSession,
    (user_id, auth_time): (String, Timestamp),
    now: Timestamp,
) -> Result<Response, AnswerError> {
    let (redirect_uri, echoed) = (request.redirect_uri.clone(), request.state.clone());
    let (random, keys) = (provider.random.clone(), provider.keys.clone());
    let expires_at = now.after(provider.settings.code_lifetime);
    let code = provider
        .store
        .write(&ARRIVING, move |tx| -> Result<_, AnswerError> {
            // The browser's session was found in another transaction: it may have been ended since, with all of the
            // user's.
            let user = users::lock(tx, &user_id)?;
            if user.is_none_or(|user| user.is_disabled()) || !session.is_live(tx)? {
                return Err(AnswerError::Gone);
            }
            if !requests::consume(tx, &request.id)? {
                return Err(AnswerError::Gone);
            }
            let event = Event::new("code.issued").client(&request.client_id).actor(keys.pseudonym(&user_id));
            audit::append(tx, now, event)?;
            Ok(code::issue(tx, &random, &request, &user_id, auth_time, expires_at)?)
        })
        .await?;
    answer::granted(&provider.settings, &redirect_uri, echoed.as_deref(), &code)
}
