//! Responses of the token endpoint, with the quirks that providers have: `null` for absent, numbers as strings,
//! unknown members, a form for JSON, an error under 200.
//!
//! At a provider that rotates, the tokens in a response are the only ones that there are: the token that was sent is
//! spent. So whatever can be read as an access token is taken, and nothing beside it can spoil it.

use std::time::{Duration, SystemTime};

use ::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::refusal::{INVALID_GRANT, asks_to_retry, is_about_the_grant, is_error_status, is_protocol_error};
use crate::{
    dpop::{TokenType, refuses_proof},
    error::Error,
    json,
    net::{Response, retry_after},
    secret::{Secret, redact},
    wiped::WipedObject,
};

/// A response of the token endpoint.
#[derive(Debug)]
pub(crate) enum TokenResponse {
    Issued(Box<Tokens>),
    /// A parsed OAuth error (RFC 6749 §5.2).
    Refused(Refusal),
    /// Nothing that OAuth defines, or a request to come back later.
    Unclear {
        /// For the log, with the status.
        why: String,
        retry_after: Option<Duration>,
        /// The status says that it is a success: the token that was sent is probably spent.
        succeeded: bool,
    },
}

/// A token response (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Tokens {
    pub(crate) access_token: Secret,
    /// The access token's, where the provider says it: bound to the key that the request was proved with (RFC 9449
    /// §5), or not.
    pub(crate) token_type: Option<TokenType>,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) id_token: Option<Secret>,
    /// Zero where the provider says that the token has expired already.
    pub(crate) expires_in: Option<Duration>,
    pub(crate) scope: Option<Vec<String>>,
}

/// A parsed OAuth error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) description: String,
    /// By the code as it was sent: what is fit to be shown may look like another.
    of_the_grant: bool,
    /// By the code as it was sent, and the status.
    of_the_protocol: bool,
}

impl Refusal {
    /// Whether OAuth or OpenID Connect defines this error: then it is the provider's decision, not a gateway's.
    pub(crate) const fn is_of_the_protocol(&self) -> bool {
        self.of_the_protocol
    }

    /// Whether the grant itself was refused.
    pub(crate) const fn is_invalid_grant(&self) -> bool {
        self.of_the_grant
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { code: refusal.code, description: refusal.description }
    }
}

impl TokenResponse {
    /// Reads a response. What was `sent` is redacted from any text that the provider echoes. `now` is the device's
    /// time.
    pub(crate) fn read(response: &Response, sent: &[&Secret], now: SystemTime) -> Self {
        let status = response.status;
        if status.is_server_error()
            || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
        {
            let asked = retry_after(&response.headers, now);
            let asked = asked.or((status == StatusCode::TOO_MANY_REQUESTS).then_some(DEFAULT_RETRY_AFTER));
            return Self::unclear(status, "this asks to retry later", asked);
        }
        if status.is_success()
            && let Some(tokens) = read_tokens(&response.body)
        {
            return Self::Issued(Box::new(tokens));
        }
        match read_refusal(response, sent).or_else(|| unknown_refusal(response, sent)) {
            Some(refusal) if asks_to_retry(&refusal.code) => {
                Self::unclear(status, "the error asks to retry later", retry_after(&response.headers, now))
            }
            Some(refusal) if refusal.is_of_the_protocol() => Self::Refused(refusal),
            // It is about the proof, whatever it says beside that.
            Some(_) if refuses_proof(response) => Self::unclear(status, "the proof was refused", None),
            Some(refusal) if is_error_status(status) || is_about_the_grant(&refusal.code, status) => {
                Self::Refused(refusal)
            }
            Some(_) => Self::unclear(status, "the error is a gateway's, not OAuth's", None),
            None => Self::Unclear {
                why: said(
                    status,
                    "neither tokens nor an OAuth error, so perhaps the page of a network's sign-in",
                ),
                retry_after: None,
                succeeded: status.is_success(),
            },
        }
    }

    fn unclear(status: StatusCode, why: &str, retry_after: Option<Duration>) -> Self {
        Self::Unclear { why: said(status, why), retry_after, succeeded: false }
    }
}

/// What a response was, in words for the log.
fn said(status: StatusCode, why: &str) -> String {
    format!("the token endpoint answered {}: {why}", status.as_u16())
}

/// The OAuth error in a response (RFC 6749 §5.2), if there is one that can be read in one way only: it may end a
/// session. Some providers send it with a status of success.
pub(crate) fn read_refusal(response: &Response, sent: &[&Secret]) -> Option<Refusal> {
    if !response.status.is_client_error() && !response.status.is_success() {
        return None;
    }
    let body = json::read_unambiguous(&response.body).or_else(|| form(&response.body))?;
    let (code, description) = error_in(&body)?;
    Some(Refusal {
        code: redact(code, sent),
        description: redact(description.unwrap_or_default(), sent),
        of_the_grant: code == INVALID_GRANT && is_protocol_error(code, response.status),
        of_the_protocol: is_protocol_error(code, response.status),
    })
}

/// An error that is written in a way of the provider's own. RFC 6749 §5.2 has a JSON object with one of two statuses:
/// any such object counts, because the names of its members differ from vendor to vendor. With a status of success,
/// only an `error` object is an error.
///
/// `null` counts as absent, an object without members says nothing, and tokens are no error.
fn unknown_refusal(response: &Response, sent: &[&Secret]) -> Option<Refusal> {
    let body = json::read_unambiguous(&response.body)?;
    let error = body.get("error").and_then(Value::as_object);
    let is_error = match response.status {
        status if status.is_success() => error.is_some_and(|error| !error.is_empty()),
        status => is_error_status(status) && body.values().any(|value| !value.is_null()),
    };
    if !is_error || body.contains_key("access_token") {
        return None;
    }
    let code = CODE_NAMES.iter().find_map(|name| text(&body, name)).filter(|code| !code.is_empty());
    let code = code.map_or_else(|| format!("http_{}", response.status.as_u16()), |code| redact(code, sent));
    let objects = error.into_iter().chain([&body]);
    let description =
        objects.flat_map(|object| DESCRIPTION_NAMES.iter().find_map(|name| text(object, name))).next();
    Some(Refusal {
        code,
        description: redact(description.unwrap_or_default(), sent),
        of_the_grant: false,
        of_the_protocol: false,
    })
}

/// The code and the description. The error may be an object. Under other names than `error`, only the code that cannot
/// mean anything else is taken.
fn error_in(body: &Map<String, Value>) -> Option<(&str, Option<&str>)> {
    let description = text(body, "error_description");
    let (code, description) = match body.get("error") {
        Some(Value::String(code)) => (code.as_str(), description),
        Some(Value::Object(error)) => {
            let own = DESCRIPTION_NAMES.iter().find_map(|name| text(error, name));
            (["code", "error", "type"].iter().find_map(|name| text(error, name))?, own.or(description))
        }
        None | Some(Value::Null) => {
            let mut codes = CODE_NAMES.iter().filter_map(|name| text(body, name));
            (codes.find(|code| *code == INVALID_GRANT)?, description)
        }
        Some(_) => return None,
    };
    (!code.is_empty()).then_some((code, description))
}

/// The members of a form (`application/x-www-form-urlencoded`), as some providers send whatever was accepted. `None` if
/// it is none, or repeats a name. Neither JSON nor a page has only characters that a form has.
fn form(body: &[u8]) -> Option<Map<String, Value>> {
    let body = body.trim_ascii();
    let in_forms = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~*+%&=:/?,;@!$'()".contains(byte);
    if !body.contains(&b'=') || !body.iter().all(in_forms) {
        return None;
    }
    let mut members = Map::new();
    for (name, value) in form_urlencoded::parse(body) {
        if members.insert(name.into_owned(), value.into_owned().into()).is_some() {
            return None;
        }
    }
    Some(members)
}

/// The tokens in a document, or in a form. If a name is repeated in a document, the last counts. What precedes the
/// document says nothing.
fn read_tokens(body: &[u8]) -> Option<Tokens> {
    if let Some(object) = json::read::<WipedObject>(body) {
        return tokens(&object);
    }
    json::find(body, tokens).or_else(|| {
        let form = WipedObject::deserialize(Value::Object(form(body)?)).ok()?;
        tokens(&form)
    })
}

fn tokens(body: &Map<String, Value>) -> Option<Tokens> {
    let token_type =
        text(body, "token_type").map(str::trim).and_then(|kind| match kind.to_ascii_lowercase().as_str() {
            "bearer" => Some(TokenType::Bearer),
            "dpop" => Some(TokenType::DPoP),
            // It says nothing: a session goes on as before, and at a sign-in the token counts as not bound.
            _ => None,
        });
    Some(Tokens {
        access_token: secret(body, "access_token")?,
        token_type,
        refresh_token: secret(body, "refresh_token"),
        id_token: secret(body, "id_token"),
        expires_in: body.get("expires_in").and_then(seconds),
        scope: text(body, "scope").map(|scope| scope.split_ascii_whitespace().map(str::to_owned).collect()),
    })
}

/// A text, or a number as text. What is empty, or can be no token, is none.
pub(super) fn secret(body: &Map<String, Value>, name: &str) -> Option<Secret> {
    let token = match body.get(name)? {
        // What was replaced in it because it was no text is no token any more.
        Value::String(text) if !text.is_empty() && !text.contains(char::REPLACEMENT_CHARACTER) => {
            text.clone()
        }
        Value::Number(number) if number.is_u64() => number.to_string(),
        _ => return None,
    };
    (token.len() <= LONGEST).then(|| Secret::new(token))
}

pub(super) fn text<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str)
}

/// A number of seconds, also as a string or with a fraction; what is negative is zero. What is none says nothing.
pub(super) fn seconds(value: &Value) -> Option<Duration> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse::<f64>().ok(),
        _ => None,
    };
    let seconds = number.filter(|seconds| seconds.is_finite())?;
    Duration::try_from_secs_f64(seconds.clamp(0.0, MOST_SECONDS)).ok()
}

/// Where the code of an error may be, beside `error`.
const CODE_NAMES: [&str; 3] = ["error_code", "errorCode", "code"];
/// Where the text for a developer may be.
const DESCRIPTION_NAMES: [&str; 3] = ["error_description", "description", "message"];
/// How long to wait after a 429 that does not say: ten seconds.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(10);
/// Longer tokens cannot travel in a header.
const LONGEST: usize = 64 * 1024;
/// Ten years: nothing lives longer.
const MOST_SECONDS: f64 = 315_360_000.0;

#[cfg(test)]
mod tests;
