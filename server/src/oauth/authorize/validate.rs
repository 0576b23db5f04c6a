//! From parameters to a valid authorization request.

use std::time::Duration;

use super::answer::{AnswerError, Refused};
use crate::oauth::clients::Client;
use crate::oauth::params::KnownParams;
use crate::oauth::requests::{AuthorizationRequest, Prompt};
use crate::oauth::{pkce, redirect};
use crate::tokens::Settings;
use moorline_server_base::clock::Timestamp;
use moorline_server_base::policy::Scope;

/// Longer values are refused: they come back in an address, or in a token.
const LONGEST_STATE: usize = 2048;
const LONGEST_NONCE: usize = 512;
const LONGEST_HINT: usize = 256;

/// The parameters that mean something here; others are ignored (RFC 6749 §3.1).
pub(super) const PARAMETERS: [&str; 17] = [
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
    "id_token_hint",
    "login_hint",
    "max_age",
    "nonce",
    "prompt",
    "redirect_uri",
    "request",
    "request_uri",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

/// The name that a request gets, and when it came.
pub(super) struct Arrival {
    pub(super) id: String,
    pub(super) at: Timestamp,
}

/// The identifier of the client. Until it and the redirect URI are known to be good, no error is redirected.
pub(super) fn client_id(params: &KnownParams) -> Result<&str, AnswerError> {
    match params.fault(|name| name == "client_id") {
        Some((_, fault)) => Err(AnswerError::Malformed(fault)),
        None => params.value("client_id").ok_or(AnswerError::UnknownClient),
    }
}

/// Checks the redirect URI first: every later error is sent there.
pub(super) fn request(
    settings: &Settings,
    arrival: Arrival,
    client: &Client,
    params: &KnownParams,
) -> Result<AuthorizationRequest, AnswerError> {
    if let Some((_, fault)) = params.fault(|name| name == "redirect_uri") {
        return Err(AnswerError::Malformed(fault));
    }
    let redirect_uri = params.value("redirect_uri").ok_or(AnswerError::UnknownRedirect)?;
    if !client.redirect_uris.iter().any(|registered| redirect::matches(registered, redirect_uri)) {
        return Err(AnswerError::UnknownRedirect);
    }
    let echoed = params.value("state").filter(|value| value.len() <= LONGEST_STATE);
    let checked = check(settings, client, params)
        .map_err(|refused| AnswerError::refuse(settings, redirect_uri, echoed, refused))?;
    Ok(AuthorizationRequest {
        id: arrival.id,
        client_id: client.id.clone(),
        redirect_uri: redirect_uri.to_owned(),
        scope: checked.scope,
        state: echoed.map(str::to_owned),
        nonce: params.value("nonce").map(str::to_owned),
        code_challenge: checked.code_challenge,
        dpop_jkt: params.value("dpop_jkt").map(str::to_owned),
        prompt: checked.prompt,
        max_age: checked.max_age,
        login_hint: params.value("login_hint").filter(|hint| hint.len() <= LONGEST_HINT).map(str::to_owned),
        created_at: arrival.at,
        expires_at: arrival.at.after(settings.request_lifetime),
        decision: None,
    })
}

struct Checked {
    scope: Scope,
    code_challenge: String,
    prompt: Prompt,
    max_age: Option<Duration>,
}

fn check(settings: &Settings, client: &Client, params: &KnownParams) -> Result<Checked, Refused> {
    if params.fault(|name| name == "resource").is_some() {
        return Err(Refused::new("invalid_target", "There is one resource here: send it once."));
    }
    if let Some((_, fault)) = params.fault(|_| true) {
        return Err(Refused::invalid_request(fault.text()));
    }
    for (unsupported, error) in
        [("request", "request_not_supported"), ("request_uri", "request_uri_not_supported")]
    {
        if params.value(unsupported).is_some() {
            return Err(Refused::new(error, "Send the parameters themselves."));
        }
    }
    match params.value("response_type") {
        Some("code") => {}
        Some(_) => return Err(Refused::new("unsupported_response_type", "The response_type must be code.")),
        None => return Err(Refused::invalid_request("response_type is missing.")),
    }
    if params.value("response_mode").is_some_and(|mode| mode != "query") {
        return Err(Refused::invalid_request("The response_mode must be query."));
    }
    if params.value("state").is_some_and(|value| value.len() > LONGEST_STATE) {
        return Err(Refused::invalid_request("state is longer than 2048 bytes."));
    }
    if params.value("nonce").is_some_and(|value| value.len() > LONGEST_NONCE) {
        return Err(Refused::invalid_request("nonce is longer than 512 bytes."));
    }
    if params.value("dpop_jkt").is_some_and(|jkt| !moorline_server_dpop::is_thumbprint(jkt)) {
        return Err(Refused::invalid_request("dpop_jkt must be a SHA-256 thumbprint in base64url."));
    }
    if params.value("resource").is_some_and(|resource| resource != settings.api) {
        return Err(Refused::new("invalid_target", "There is no such resource here."));
    }
    Ok(Checked {
        scope: scope(client, params)?,
        code_challenge: code_challenge(params)?,
        prompt: params
            .value("prompt")
            .map_or(Some(Prompt::default()), Prompt::parse)
            .ok_or(Refused::invalid_request("prompt has a value that is not supported."))?,
        max_age: params.value("max_age").map(max_age).transpose()?,
    })
}

fn scope(client: &Client, params: &KnownParams) -> Result<Scope, Refused> {
    let invalid = |description| Refused::new("invalid_scope", description);
    let asked = params.value("scope").ok_or(invalid("scope is missing."))?;
    let asked = Scope::parse(asked).map_err(|_| invalid("scope is malformed."))?.known();
    if asked.is_empty() {
        return Err(invalid("scope has no name that is known here."));
    }
    if !asked.is_within(&client.scopes) {
        return Err(invalid("scope goes beyond what the client is registered for."));
    }
    Ok(asked)
}

/// PKCE is required, and S256 is the only way: a missing method would mean `plain` (RFC 7636 §4.3).
fn code_challenge(params: &KnownParams) -> Result<String, Refused> {
    let challenge = params
        .value("code_challenge")
        .ok_or(Refused::invalid_request("code_challenge is missing (PKCE)."))?;
    if params.value("code_challenge_method") != Some("S256") {
        return Err(Refused::invalid_request("code_challenge_method must be S256."));
    }
    if !pkce::is_challenge(challenge) {
        return Err(Refused::invalid_request("code_challenge must be 32 bytes in base64url."));
    }
    Ok(challenge.to_owned())
}

fn max_age(text: &str) -> Result<Duration, Refused> {
    let digits = text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse().ok().filter(|_| digits);
    seconds.map(Duration::from_secs).ok_or(Refused::invalid_request("max_age must be a number of seconds."))
}
