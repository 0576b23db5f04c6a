//! Who the client is: `none`, `client_secret_basic` or `client_secret_post` (RFC 6749 §2.3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use zeroize::Zeroizing;

use super::clients::{self, ClientAuthPolicy, SecretHash};
use super::error::OAuthError;
use super::params::{Params, decode};
use moorline_server_keys::Algorithm;
use moorline_server_store::{StoreError, Tx};

/// Longer client identifiers are refused: unauthenticated input is copied into the audit log.
const LONGEST_ID: usize = 256;

/// The client's credentials as they were sent; nothing is checked yet.
pub(super) struct Credentials {
    client_id: String,
    secret: Option<Zeroizing<String>>,
}

impl Credentials {
    /// Reads the `Authorization` header or the body; both at once is an error (RFC 6749 §2.3).
    pub(super) fn read(headers: &HeaderMap, params: &Params) -> Result<Self, OAuthError> {
        let credentials = Self::find(headers, params)?;
        if credentials.client_id.len() > LONGEST_ID {
            return Err(OAuthError::invalid_client());
        }
        Ok(credentials)
    }

    fn find(headers: &HeaderMap, params: &Params) -> Result<Self, OAuthError> {
        let mut authorizations = headers.get_all(AUTHORIZATION).iter();
        let authorization = authorizations.next();
        if authorizations.next().is_some() {
            return Err(OAuthError::invalid_request("There is more than one Authorization header."));
        }
        let client_id = params.value("client_id");
        let Some(authorization) = authorization else {
            let client_id = client_id.ok_or_else(OAuthError::invalid_client)?;
            let secret = params.value("client_secret").map(|secret| Zeroizing::new(secret.to_owned()));
            return Ok(Self { client_id: client_id.to_owned(), secret });
        };
        if params.raw("client_secret").is_some() {
            return Err(OAuthError::invalid_request("The client must authenticate in one way only."));
        }
        let credentials = basic(authorization.as_bytes()).ok_or_else(OAuthError::invalid_client)?;
        match client_id {
            Some(other) if other != credentials.client_id => {
                Err(OAuthError::invalid_request("The client identifiers differ."))
            }
            _ => Ok(credentials),
        }
    }

    /// The client's identifier, unauthenticated.
    pub(super) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The client, if it is authenticated: a public one without a secret, a confidential one with its own.
    pub(super) fn authenticate(&self, tx: &mut dyn Tx) -> Result<Option<Authenticated<'_>>, StoreError> {
        Ok(self.authenticate_by(clients::find_auth_policy(tx, &self.client_id)?))
    }

    /// The same by the policy of this client, which the caller has read; `None` if there is no such client.
    pub(super) fn authenticate_by(&self, found: Option<ClientAuthPolicy>) -> Option<Authenticated<'_>> {
        // An unknown client costs as much as a known one.
        let nobody = SecretHash::of("");
        let wanted = found.as_ref().map_or(Some(&nobody), |policy| policy.secret.as_ref());
        let good = match (wanted, &self.secret) {
            (None, None) => true,
            (Some(hash), Some(secret)) => hash.matches(secret),
            _ => false,
        };
        found.filter(|_| good).map(|policy| Authenticated {
            id: &self.client_id,
            is_public: policy.secret.is_none(),
            wants_dpop: policy.dpop_bound_access_tokens,
            access_token_alg: policy.access_token_alg,
        })
    }
}

/// A client that was authenticated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Authenticated<'a> {
    /// Its identifier.
    pub(super) id: &'a str,
    /// Whether it has no secret: only a key can bind its sessions to it.
    pub(super) is_public: bool,
    /// Whether it was registered to use bound access tokens only (RFC 9449 §5.2).
    pub(super) wants_dpop: bool,
    /// What its access tokens are signed with.
    pub(super) access_token_alg: Algorithm,
}

/// `Basic`, whose two halves are form-encoded before they are joined (RFC 6749 §2.3.1).
fn basic(header: &[u8]) -> Option<Credentials> {
    let (scheme, encoded) = header.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let text = Zeroizing::new(STANDARD.decode(encoded.trim_ascii()).ok()?);
    let colon = text.iter().position(|byte| *byte == b':')?;
    let client_id = decode(&text[..colon]).ok().filter(|id| !id.is_empty())?;
    let secret = Zeroizing::new(decode(&text[colon + 1..]).ok()?);
    Some(Credentials { client_id, secret: Some(secret) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(authorization: Option<&str>, body: &str) -> Result<(String, Option<String>), OAuthError> {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value.parse().unwrap());
        }
        Credentials::read(&headers, &Params::parse(body.as_bytes()).unwrap())
            .map(|found| (found.client_id, found.secret.map(|secret| secret.to_string())))
    }

    #[test]
    fn basic_halves_are_form_encoded() {
        let header = format!("basic {}", STANDARD.encode("a%20b:c%3Ad+e"));
        assert_eq!(read(Some(&header), ""), Ok(("a b".to_owned(), Some("c:d e".to_owned()))));
    }

    #[test]
    fn two_ways_at_once_are_refused() {
        let header = format!("Basic {}", STANDARD.encode("app:secret"));
        assert!(read(Some(&header), "client_id=app").is_ok());
        assert_ne!(read(Some(&header), "client_id=other"), read(Some(&header), "client_id=app"));
        assert_eq!(
            read(Some(&header), "client_secret=secret"),
            Err(OAuthError::invalid_request("The client must authenticate in one way only."))
        );
    }

    #[test]
    fn a_malformed_header_or_no_client_at_all_is_an_invalid_client() {
        for header in ["Basic", "Basic ***", "Basic YXBw", "Bearer abc"] {
            assert_eq!(read(Some(header), "client_id=app"), Err(OAuthError::invalid_client()), "{header}");
        }
        assert_eq!(read(None, "client_secret=x"), Err(OAuthError::invalid_client()));
        assert_eq!(read(None, &format!("client_id={}", "x".repeat(257))), Err(OAuthError::invalid_client()));
    }
}
