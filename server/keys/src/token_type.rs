//! The two types of tokens that this server signs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::algorithm::Algorithm;

/// What a token is for: an ID token is not an access token (RFC 8725 §3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// An access token of RFC 9068.
    AccessToken,
    /// An ID token of OpenID Connect.
    IdToken,
}

impl TokenType {
    /// The `typ` header.
    #[must_use]
    pub const fn header(self) -> &'static str {
        match self {
            Self::AccessToken => "at+jwt",
            Self::IdToken => "JWT",
        }
    }

    /// The first part of each token of this type that the key `kid` signs.
    pub(super) fn jws_header(self, algorithm: Algorithm, kid: &str) -> String {
        let json = serde_json::json!({ "alg": algorithm.name(), "kid": kid, "typ": self.header() });
        URL_SAFE_NO_PAD.encode(json.to_string())
    }
}
