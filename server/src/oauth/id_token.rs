//! ID tokens (OpenID Connect Core §2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use moorline_server_base::digest::sha256;

/// The claims of an ID token. What `profile` and `email` allow is for the UserInfo endpoint, since an access token is
/// always issued with it (§5.4): names don't travel where only a proof of the sign-in is needed.
#[derive(Debug, Serialize)]
pub(super) struct Claims<'a> {
    pub(super) iss: &'a str,
    /// One audience, so no `azp` is needed.
    pub(super) aud: &'a str,
    pub(super) sub: &'a str,
    pub(super) sid: &'a str,
    pub(super) auth_time: i64,
    pub(super) iat: i64,
    pub(super) exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nonce: Option<&'a str>,
    pub(super) at_hash: String,
}

/// The left half of the access token's hash (§3.1.3.6).
pub(super) fn at_hash(access_token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&sha256(access_token.as_bytes())[..16])
}

#[cfg(test)]
mod tests {
    #[test]
    fn at_hash_is_that_of_the_openid_connect_examples() {
        // OpenID Connect Core, appendix A.4.
        assert_eq!(super::at_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), "77QmUPtjPfzWtF2AnpK9RQ");
    }
}
