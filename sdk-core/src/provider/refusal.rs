//! Which errors are the provider's decision, and which are a gateway's in front of it.

use ::http::StatusCode;

/// Whether an error response of this status and code is defined by OAuth or OpenID Connect. A gateway, a firewall or a
/// web server answers with JSON of its own, such as 403 `{"error":"Forbidden"}`: that passes, and says nothing about
/// the grant.
///
/// RFC 6749 §5.2 has 400 and 401. Some providers use 200 or, as RFC 6750 §3.1 does, 403.
pub(super) fn is_protocol_error(code: &str, status: StatusCode) -> bool {
    (is_error_status(status) || status == StatusCode::FORBIDDEN) && CODES.contains(&code)
}

/// Whether the token endpoint reports errors with this status (RFC 6749 §5.2; some providers do with 200, or another
/// success). With one, a code of the provider's own may be a decision, too: at a refresh, a second one later shows it.
pub(super) fn is_error_status(status: StatusCode) -> bool {
    status.is_success() || matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED)
}

/// Whether an error says of the grant, with a status of the provider's own (404, 410, 422), that it is of no use: no
/// gateway has this code. Like any other code of a provider's own, it needs a second one later.
pub(super) fn is_about_the_grant(code: &str, status: StatusCode) -> bool {
    code == INVALID_GRANT && status.is_client_error()
}

pub(super) const INVALID_GRANT: &str = "invalid_grant";

/// Whether an error of this code asks to come back later.
pub(crate) fn asks_to_retry(code: &str) -> bool {
    matches!(code, "server_error" | "slow_down" | "temporarily_unavailable")
}

/// RFC 6749 §5.2, RFC 6750 §3.1, RFC 8707 §2, RFC 9449 §5 and §12.2, RFC 9470 §3, OpenID Connect Core §3.1.2.6.
const CODES: [&str; 17] = [
    "account_selection_required",
    "consent_required",
    "insufficient_scope",
    "insufficient_user_authentication",
    "interaction_required",
    "invalid_client",
    "invalid_dpop_proof",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "invalid_target",
    "invalid_token",
    "login_required",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_token_type",
    "use_dpop_nonce",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_code_of_the_protocol_with_a_status_of_the_protocol_is_the_providers_decision() {
        let is = |status, code| is_protocol_error(code, StatusCode::from_u16(status).unwrap());
        for status in [200, 203, 400, 401, 403] {
            for code in CODES {
                assert!(is(status, code), "{status} {code}");
            }
            for code in [
                "Forbidden",
                "Not Found",
                "Unauthorized",
                "Bad Request",
                "access denied",
                "Invalid_Grant",
                "",
            ] {
                assert!(!is(status, code), "{status} {code}");
            }
        }
        for status in [404, 405, 408, 410, 413, 421, 429, 451, 500, 503] {
            assert!(!is(status, "invalid_grant"), "{status}");
        }
    }
}
