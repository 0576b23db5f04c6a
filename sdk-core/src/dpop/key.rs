//! The key of a session, and what it signs.

use std::{fmt, sync::Arc};

use ::http::Method;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;
use zeroize::Zeroizing;

use crate::{
    crypto::{self, Es256Key},
    secret::Secret,
};

/// An ES256 key that tokens are bound to. Cheap to clone; its `Debug` never shows it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Secret", into = "Secret")]
pub(crate) struct ProofKey(Arc<Inner>);

struct Inner {
    /// PKCS #8 in base64url: what the vault keeps.
    stored: Secret,
    key: Es256Key,
}

/// What a proof is for.
pub(crate) struct Proven<'a> {
    pub(crate) method: &'a Method,
    pub(crate) url: &'a Url,
    /// The access token in the same request.
    pub(crate) access_token: Option<&'a Secret>,
    /// The nonce that the server wants to see.
    pub(crate) nonce: Option<&'a str>,
    /// Unix seconds, by the server's clock as far as that is known.
    pub(crate) issued_at: i64,
}

impl ProofKey {
    /// Generates a key.
    pub(crate) fn generate() -> Self {
        let stored = Secret::new(URL_SAFE_NO_PAD.encode(&*Es256Key::generate()));
        Self::try_from(stored).expect("a key that was just made can be read")
    }

    /// The public key's thumbprint, `jkt` (RFC 7638, RFC 9449 §6).
    pub(crate) fn thumbprint(&self) -> String {
        let [x, y] = self.coordinates();
        thumbprint_of(&x, &y)
    }

    /// A fresh proof (RFC 9449 §4.2), for the `DPoP` header.
    pub(crate) fn prove(&self, proven: &Proven<'_>) -> Secret {
        let [x, y] = self.coordinates();
        let header = json!({
            "typ": "dpop+jwt", "alg": "ES256", "jwk": { "kty": "EC", "crv": "P-256", "x": x, "y": y },
        });
        let mut claims = json!({
            "jti": URL_SAFE_NO_PAD.encode(crypto::random::<16>()),
            "htm": proven.method.as_str(),
            "htu": target(proven.url),
            "iat": proven.issued_at,
        });
        if let Some(token) = proven.access_token {
            claims["ath"] = URL_SAFE_NO_PAD.encode(crypto::sha256(as_sent(token).as_bytes())).into();
        }
        if let Some(nonce) = proven.nonce {
            claims["nonce"] = nonce.into();
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.0.key.sign(signed.as_bytes());
        Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn coordinates(&self) -> [String; 2] {
        let point = self.0.key.point();
        [&point[1..33], &point[33..]].map(|coordinate| URL_SAFE_NO_PAD.encode(coordinate))
    }
}

/// An access token as a header can carry it: some providers issue one with a line break at its end.
pub(super) fn as_sent(token: &Secret) -> &str {
    token.expose().trim_ascii()
}

/// RFC 7638 §3.2: the required members, in this order, with nothing between them.
pub(crate) fn thumbprint_of(x: &str, y: &str) -> String {
    let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    URL_SAFE_NO_PAD.encode(crypto::sha256(members.as_bytes()))
}

/// `htu`: the address without query and fragment.
fn target(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

/// The text in the vault is not a key.
#[derive(Debug, thiserror::Error)]
#[error("it is not a key")]
pub(crate) struct NoKey;

impl TryFrom<Secret> for ProofKey {
    type Error = NoKey;

    fn try_from(stored: Secret) -> Result<Self, NoKey> {
        let pkcs8 = Zeroizing::new(URL_SAFE_NO_PAD.decode(stored.expose()).map_err(|_| NoKey)?);
        let key = Es256Key::from_pkcs8(&pkcs8).ok_or(NoKey)?;
        Ok(Self(Arc::new(Inner { stored, key })))
    }
}

impl From<ProofKey> for Secret {
    fn from(key: ProofKey) -> Self {
        key.0.stored.clone()
    }
}

impl PartialEq for ProofKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.stored == other.0.stored
    }
}

impl Eq for ProofKey {}

impl fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted key]")
    }
}
