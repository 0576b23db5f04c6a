//! Responses of the token endpoint, with the quirks that providers have: `null` for absent, numbers as strings,
//! unknown members.

use std::time::{Duration, SystemTime};

use ::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::refusal::{is_error_status, is_protocol_error};
use crate::{
    dpop::TokenType,
    error::Error,
    json::read_unambiguous,
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
        /// For the log.
        why: &'static str,
        retry_after: Option<Duration>,
    },
}

/// A token response (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3).
#[derive(Debug, Serialize, Deserialize)]
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
            return Self::Unclear { why: "the status asks to retry later", retry_after: asked };
        }
        if status == StatusCode::OK {
            // If a name is repeated, the last counts: a provider that rotates would not issue its tokens again.
            return match response.json::<WipedObject>().as_deref().and_then(tokens) {
                Some(tokens) => Self::Issued(Box::new(tokens)),
                None => Self::Unclear { why: "the body is no token response", retry_after: None },
            };
        }
        match read_refusal(response, sent) {
            Some(refusal)
                if matches!(&*refusal.code, "temporarily_unavailable" | "server_error" | "slow_down") =>
            {
                let asked = retry_after(&response.headers, now);
                Self::Unclear { why: "the error asks to retry later", retry_after: asked }
            }
            Some(refusal) if refusal.is_of_the_protocol() || is_error_status(status) => {
                Self::Refused(refusal)
            }
            Some(_) => Self::Unclear { why: "the error is a gateway's, not OAuth's", retry_after: None },
            None => {
                Self::Unclear { why: "the response is neither tokens nor an OAuth error", retry_after: None }
            }
        }
    }
}

/// The OAuth error in a 4xx response (RFC 6749 §5.2), if there is one that can be read in one way only: it may end a
/// session.
pub(crate) fn read_refusal(response: &Response, sent: &[&Secret]) -> Option<Refusal> {
    if !response.status.is_client_error() {
        return None;
    }
    let body = read_unambiguous(&response.body)?;
    let code = text(&body, "error")?;
    Some(Refusal {
        code: redact(code, sent),
        description: redact(text(&body, "error_description").unwrap_or_default(), sent),
        of_the_grant: code == "invalid_grant",
        of_the_protocol: is_protocol_error(code, response.status),
    })
}

fn tokens(body: &Map<String, Value>) -> Option<Tokens> {
    let token_type = match body.get("token_type") {
        None | Some(Value::Null) => None,
        Some(Value::String(kind)) if kind.eq_ignore_ascii_case("bearer") => Some(TokenType::Bearer),
        Some(Value::String(kind)) if kind.eq_ignore_ascii_case("dpop") => Some(TokenType::DPoP),
        Some(_) => return None,
    };
    Some(Tokens {
        access_token: secret(body, "access_token").ok()??,
        token_type,
        refresh_token: secret(body, "refresh_token").ok()?,
        // A provider that rotates wouldn't give the tokens again for the sake of these.
        id_token: secret(body, "id_token").ok().flatten(),
        expires_in: body.get("expires_in").and_then(seconds),
        scope: text(body, "scope").map(|scope| scope.split_ascii_whitespace().map(str::to_owned).collect()),
    })
}

struct Malformed;

/// A text that may be absent, `null` or empty, and is nothing then.
fn secret(body: &Map<String, Value>, name: &str) -> Result<Option<Secret>, Malformed> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        // What was replaced in it because it was no UTF-8 is no token any more.
        Some(Value::String(text)) if text.len() <= LONGEST && !text.contains(char::REPLACEMENT_CHARACTER) => {
            Ok(Some(Secret::new(text.clone())))
        }
        Some(_) => Err(Malformed),
    }
}

fn text<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str)
}

/// A number of seconds, also as a string or with a fraction; what is negative is zero. What is none says nothing.
fn seconds(value: &Value) -> Option<Duration> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse::<f64>().ok(),
        _ => None,
    };
    let seconds = number.filter(|seconds| seconds.is_finite())?;
    Duration::try_from_secs_f64(seconds.clamp(0.0, MOST_SECONDS)).ok()
}

/// How long to wait after a 429 that does not say: ten seconds.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(10);
/// Longer tokens cannot travel in a header.
const LONGEST: usize = 64 * 1024;
/// Ten years: nothing lives longer.
const MOST_SECONDS: f64 = 315_360_000.0;

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use ::http::HeaderMap;

    use super::*;

    fn read(status: u16, body: &str) -> TokenResponse {
        let status = StatusCode::from_u16(status).unwrap();
        let response = Response { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec().into() };
        TokenResponse::read(&response, &[&Secret::new("sent-token".into())], UNIX_EPOCH)
    }

    fn issued(body: &str) -> Tokens {
        match read(200, body) {
            TokenResponse::Issued(tokens) => *tokens,
            other => panic!("{other:?} from {body}"),
        }
    }

    #[test]
    fn the_quirks_of_providers_are_accepted() {
        let plain =
            issued(r#"{"access_token":"a","token_type":"Bearer","expires_in":60,"refresh_token":"r"}"#);
        assert_eq!(plain.expires_in, Some(Duration::from_secs(60)));
        assert_eq!(plain.refresh_token.unwrap().expose(), "r");
        for (body, seconds) in [
            (r#"{"access_token":"a","expires_in":"60"}"#, Some(60)),
            (r#"{"access_token":"a","expires_in":null}"#, None),
            (r#"{"access_token":"a","expires_in":60.9}"#, Some(60)),
            (r#"{"access_token":"a","expires_in":-5}"#, Some(0)),
            (
                r#"{"access_token":"a","expires_in":0,"refresh_token":null,"scope":null,"id_token":null}"#,
                Some(0),
            ),
            (r#"{"access_token":"a","token_type":"bearer","unknown":{"x":[1]},"refresh_token":""}"#, None),
            (r#"{"access_token":"a","expires_in":1e300}"#, Some(315_360_000)),
        ] {
            let tokens = issued(body);
            assert_eq!(tokens.expires_in.map(|expires_in| expires_in.as_secs()), seconds, "{body}");
            assert_eq!(tokens.refresh_token, None, "{body}");
        }
        assert_eq!(issued(r#"{"access_token":"a","scope":" a  b "}"#).scope.unwrap(), ["a", "b"]);
    }

    #[test]
    fn nonsense_beside_the_tokens_does_not_cost_them() {
        for beside in [
            r#""expires_in":"soon""#,
            r#""expires_in":"NaN""#,
            r#""expires_in":[60]"#,
            r#""expires_in":true,"scope":7"#,
            r#""id_token":{"not":"text"}"#,
        ] {
            let tokens = issued(&format!(r#"{{"access_token":"a","refresh_token":"r",{beside}}}"#));
            assert_eq!(tokens.refresh_token.unwrap().expose(), "r", "{beside}");
            assert!(tokens.expires_in.is_none() && tokens.id_token.is_none() && tokens.scope.is_none());
        }
    }

    #[test]
    fn what_is_no_token_response_is_unclear_and_no_panic() {
        for body in [
            "",
            "null",
            "[]",
            "{}",
            "<html>",
            r#"{"access_token":""}"#,
            r#"{"access_token":7}"#,
            r#"{"access_token":null}"#,
            r#"{"access_token":"a","token_type":"mac"}"#,
            r#"{"access_token":"a","refresh_token":["r"]}"#,
            r#"{"error":"invalid_grant"}"#,
        ] {
            assert!(matches!(read(200, body), TokenResponse::Unclear { .. }), "{body}");
        }
    }

    #[test]
    fn only_a_parsed_client_error_is_a_refusal() {
        assert!(
            matches!(read(400, r#"{"error":"invalid_grant"}"#), TokenResponse::Refused(r) if r.is_invalid_grant())
        );
        assert!(
            matches!(read(403, r#"{"error":"invalid_grant"}"#), TokenResponse::Refused(r) if r.is_of_the_protocol())
        );
        assert!(
            matches!(read(400, r#"{"error":"expired"}"#), TokenResponse::Refused(r) if !r.is_of_the_protocol())
        );
        assert!(
            matches!(read(401, r#"{"error":"invalid_client"}"#), TokenResponse::Refused(r) if !r.is_invalid_grant())
        );
        for (status, body) in [
            (500, r#"{"error":"invalid_grant"}"#),
            (503, r#"{"error":"invalid_grant"}"#),
            (429, r#"{"error":"invalid_grant"}"#),
            (408, r#"{"error":"invalid_grant"}"#),
            (302, r#"{"error":"invalid_grant"}"#),
            (204, r#"{"error":"invalid_grant"}"#),
            (400, "<html>invalid_grant</html>"),
            (400, r#"{"error":["invalid_grant"]}"#),
            (400, r#"{"error":"temporarily_unavailable"}"#),
            (403, ""),
            (403, r#"{"error":"Forbidden"}"#),
            (404, r#"{"error":"Not Found"}"#),
            (404, r#"{"error":"invalid_grant"}"#),
        ] {
            assert!(matches!(read(status, body), TokenResponse::Unclear { .. }), "{status} {body}");
        }
    }

    #[test]
    fn each_member_may_be_null_or_missing_but_the_access_token() {
        for name in ["token_type", "expires_in", "refresh_token", "id_token", "scope"] {
            let tokens = issued(&format!(r#"{{"access_token":"a","{name}":null}}"#));
            assert!(tokens.expires_in.is_none() && tokens.refresh_token.is_none(), "{name}");
            assert!(tokens.id_token.is_none() && tokens.scope.is_none(), "{name}");
        }
        assert!(matches!(
            read(200, r#"{"access_token":null,"refresh_token":"r"}"#),
            TokenResponse::Unclear { .. }
        ));
        let refused = read(400, r#"{"error":"invalid_grant","error_description":null,"error_uri":null}"#);
        assert!(matches!(refused, TokenResponse::Refused(refusal) if refusal.description.is_empty()));
        assert!(matches!(read(400, r#"{"error":null}"#), TokenResponse::Unclear { .. }));
    }

    #[test]
    fn a_lifetime_is_read_from_a_number_or_its_text_and_kept_within_ten_years() {
        for (expires_in, seconds) in [
            ("3600", Some(3600)),
            ("3600.0", Some(3600)),
            ("3.6e3", Some(3600)),
            ("-1", Some(0)),
            ("-0.5", Some(0)),
            ("0", Some(0)),
            ("18446744073709551615", Some(315_360_000)),
            ("99999999999999999999999999999999", Some(315_360_000)),
            ("-99999999999999999999999999999999", Some(0)),
        ] {
            for written in [expires_in.to_owned(), format!("\"{expires_in}\""), format!("\" {expires_in} \"")]
            {
                let tokens = issued(&format!(r#"{{"access_token":"a","expires_in":{written}}}"#));
                assert_eq!(tokens.expires_in.map(|expires_in| expires_in.as_secs()), seconds, "{written}");
            }
        }
        for nothing in [r#""""#, r#""inf""#, r#""-NaN""#, r#""0x10""#, r#""1 hour""#, "[]", "{}", "false"] {
            let tokens = issued(&format!(r#"{{"access_token":"a","expires_in":{nothing}}}"#));
            assert_eq!(tokens.expires_in, None, "{nothing}");
        }
    }

    #[test]
    fn what_is_not_quite_json_is_unclear_and_no_panic() {
        let token = r#"{"access_token":"a"}"#;
        let deep = format!(r#"{{"access_token":"a","deep":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
        for body in [
            &b"{\"access_token\":\"\xff\"}"[..],
            br#"{"access_token":"\ud800"}"#,
            br#"{"access_token":"a","expires_in":1e999}"#,
            br#"{"access_token":"a","expires_in":Infinity}"#,
            br#"{"access_token":"a",}"#,
            format!("{token}{token}").as_bytes(),
            format!("{token}\0").as_bytes(),
            deep.as_bytes(),
            format!(r#"{{"access_token":"{}"}}"#, "a".repeat(LONGEST + 1)).as_bytes(),
        ] {
            let response =
                Response { status: StatusCode::OK, headers: HeaderMap::new(), body: body.to_vec().into() };
            assert!(
                matches!(TokenResponse::read(&response, &[], UNIX_EPOCH), TokenResponse::Unclear { .. }),
                "{body:?}"
            );
        }
    }

    #[test]
    fn an_error_that_says_two_things_never_ends_a_session() {
        for body in [
            r#"{"error":"temporarily_unavailable","error":"invalid_grant"}"#,
            r#"{"error":"invalid_grant","error":"invalid_grant"}"#,
            r#"{"error":"invalid_grant","more":{"a":1,"a":2}}"#,
        ] {
            assert!(matches!(read(400, body), TokenResponse::Unclear { .. }), "{body}");
        }
        let tokens = issued(r#"{"access_token":"a","scope":"x","scope":"y","refresh_token":"r"}"#);
        assert_eq!(
            (tokens.refresh_token.unwrap().expose(), tokens.scope.unwrap()),
            ("r", vec!["y".to_owned()])
        );
    }

    #[test]
    fn only_the_very_text_invalid_grant_means_it() {
        for code in ["invalid_grant\\u0007", "\\u0000invalid_grant", "Invalid_Grant", "invalid_grant "] {
            let answer = read(400, &format!(r#"{{"error":"{code}"}}"#));
            assert!(
                matches!(answer, TokenResponse::Refused(refusal) if !refusal.is_invalid_grant()),
                "{code}"
            );
        }
        // Also where a token happens to be part of the word.
        let body = br#"{"error":"invalid_grant"}"#.to_vec().into();
        let response = Response { status: StatusCode::BAD_REQUEST, headers: HeaderMap::new(), body };
        let answer = TokenResponse::read(&response, &[&Secret::new("grant".into())], UNIX_EPOCH);
        assert!(matches!(answer, TokenResponse::Refused(refusal) if refusal.is_invalid_grant()));
    }

    #[test]
    fn an_echoed_token_is_wiped_also_with_control_characters_in_it() {
        let body = r#"{"error":"invalid_grant","error_description":"sent-\u0000token\u0009 is old"}"#;
        let TokenResponse::Refused(refusal) = read(400, body) else { panic!("a refusal") };
        assert_eq!(refusal.description, "[redacted] is old");
    }

    #[test]
    fn an_echoed_token_is_wiped_from_the_description() {
        let TokenResponse::Refused(refusal) = read(
            400,
            r#"{"error":"invalid_grant","error_description":"sent-token is \u0007 old, \"eyJ0.e30.x\""}"#,
        ) else {
            panic!("a refusal")
        };
        assert_eq!(refusal.description, "[redacted] is  old, [redacted]");
    }

    #[test]
    fn nothing_secret_shows_in_debug() {
        let tokens = issued(r#"{"access_token":"seen-a","refresh_token":"seen-r","id_token":"seen-i"}"#);
        assert!(!format!("{tokens:?}").contains("seen"));
    }
}
