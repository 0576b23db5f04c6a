//! What a response of the revocation endpoint says (RFC 7009 §2.2), and what a sign-out reports.

use ::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::{
    dpop::refuses_proof,
    json::read,
    net::Response,
    provider::{asks_to_retry, read_refusal},
};

/// What became of the revocation of a session that was signed out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevocationOutcome {
    /// The provider answered in this call that it has revoked the token (RFC 7009 §2.2).
    Revoked,
    /// The provider refuses to revoke the token, and would refuse it again: it stays valid there until it expires.
    /// The OAuth error code or, after repeated refusals without one, the status: `http_404`.
    Refused(String),
    /// The provider could not be reached, or its answer says neither. The revocation is queued, and is sent again by
    /// the next sign-in, refresh or sign-out.
    Queued,
    /// The provider has no revocation endpoint: the token stays valid there until it expires.
    NotOffered,
    /// There was no token to revoke: nobody was signed in, or the token was lost with the vault or with its key.
    NothingToRevoke,
}

impl RevocationOutcome {
    /// A stable name: `revoked`, `refused`, `queued`, `not_offered` or `nothing_to_revoke`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Refused(_) => "refused",
            Self::Queued => "queued",
            Self::NotOffered => "not_offered",
            Self::NothingToRevoke => "nothing_to_revoke",
        }
    }

    /// Of several, the first is reported.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::Queued => 0,
            Self::Refused(_) => 1,
            Self::NotOffered => 2,
            Self::Revoked => 3,
            Self::NothingToRevoke => 4,
        }
    }
}

/// What a response says about a revocation.
pub(super) enum RevocationAnswer {
    Final(RevocationOutcome),
    /// A refusal that may not be the endpoint's last word: with its code.
    Unclear(String),
    /// An overloaded server, a gateway, or a captive portal: the same request may succeed later.
    Passing,
}

impl RevocationAnswer {
    pub(super) fn read(response: &Response) -> Self {
        let status = response.status;
        match status {
            StatusCode::OK if is_html(response) => Self::Passing,
            StatusCode::OK if names_an_error(response) => Self::refusal(response),
            // RFC 7009 §2.2: any other body says nothing. Some providers leave it out with a 204, which no portal has
            // for a POST.
            StatusCode::OK | StatusCode::NO_CONTENT => Self::Final(RevocationOutcome::Revoked),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Self::Passing,
            // The endpoint cannot revoke. But a gateway may have said so.
            StatusCode::NOT_IMPLEMENTED => Self::Unclear(name_of(status)),
            _ if !status.is_client_error() && !status.is_success() => Self::Passing,
            _ => Self::refusal(response),
        }
    }

    fn refusal(response: &Response) -> Self {
        let refusal = read_refusal(response, &[]);
        let code = refusal.map_or_else(|| name_of(response.status), |refusal| refusal.code);
        // The next proof may be accepted.
        if FINAL.contains(&code.as_str()) && !refuses_proof(response) {
            tracing::warn!(status = response.status.as_u16(), code, "the provider refuses to revoke a token");
            return Self::Final(RevocationOutcome::Refused(code));
        }
        if asks_to_retry(&code) {
            return Self::Passing;
        }
        Self::Unclear(code)
    }
}

/// A page for a person: that of a captive portal, for example.
fn is_html(response: &Response) -> bool {
    let says_so = response.media_type().is_some_and(|media_type| HTML.contains(&media_type.as_str()));
    let body = response.body.trim_ascii_start();
    says_so || body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start().starts_with(b"<")
}

/// Some providers answer 200 to everything, and say in the body what went wrong.
fn names_an_error(response: &Response) -> bool {
    let document = read::<Map<String, Value>>(&response.body);
    let error = document.as_ref().and_then(|document| document.get("error"));
    let none = [Value::Null, false.into(), 0.into(), "".into(), json!([]), json!({})];
    error.is_some_and(|error| !none.contains(error)) || read_refusal(response, &[]).is_some()
}

fn name_of(status: StatusCode) -> String {
    format!("http_{}", status.as_u16())
}

const HTML: [&str; 2] = ["text/html", "application/xhtml+xml"];
/// The provider would say the same again: it refused in the protocol's own words (RFC 6749 §4.1.2.1 and §5.2, RFC
/// 6750 §3.1, RFC 7009 §2.2.1).
const FINAL: [&str; 8] = [
    "access_denied",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_token",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_token_type",
];
