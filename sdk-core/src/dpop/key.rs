//! The key of a session, and what it signs.

use std::{fmt, sync::Arc};

use ::http::Method;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;
use zeroize::Zeroizing;

use crate::{
    crypto::{self, Es256Key, P256Point},
    secret::Secret,
};

/// An ES256 key that tokens are bound to. Cheap to clone; its `Debug` never shows it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Secret", into = "Secret")]
pub(crate) struct ProofKey(Arc<Inner>);

struct Inner {
    /// What the vault keeps: PKCS #8 in base64url, or a [reference](SignerKey::stored).
    stored: Secret,
    key: Key,
}

enum Key {
    /// It is here.
    Software(Es256Key),
    /// It is in the platform's signer.
    InSigner(SignerKey),
}

/// A key in the platform's signer, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignerKey {
    pub(crate) id: String,
    pub(crate) point: P256Point,
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

/// A proof, as far as this process can make it.
pub(crate) enum Proof<'a> {
    /// For the `DPoP` header.
    Signed(Secret),
    /// The platform's signer has to sign it.
    ToSign(UnsignedProof, &'a SignerKey),
}

/// A proof without its signature.
pub(crate) struct UnsignedProof(String);

impl ProofKey {
    /// Generates a key in this process.
    pub(crate) fn generate() -> Self {
        let stored = Secret::new(URL_SAFE_NO_PAD.encode(&*Es256Key::generate()));
        Self::try_from(stored).expect("a key that was just made can be read")
    }

    /// The key of this name and public key, which the platform's signer has generated.
    pub(crate) fn in_signer(id: String, point: P256Point) -> Self {
        let key = SignerKey { id, point };
        Self(Arc::new(Inner { stored: key.stored(), key: Key::InSigner(key) }))
    }

    /// The key in the platform's signer, if it is there.
    pub(crate) fn of_signer(&self) -> Option<&SignerKey> {
        match &self.0.key {
            Key::Software(_) => None,
            Key::InSigner(key) => Some(key),
        }
    }

    /// The public key's thumbprint, `jkt` (RFC 7638, RFC 9449 §6).
    pub(crate) fn thumbprint(&self) -> String {
        let [x, y] = self.coordinates();
        thumbprint_of(&x, &y)
    }

    /// A fresh proof (RFC 9449 §4.2).
    pub(crate) fn prove(&self, proven: &Proven<'_>) -> Proof<'_> {
        let unsigned = self.unsigned(proven);
        match &self.0.key {
            Key::Software(key) => {
                let signature = key.sign(unsigned.message());
                Proof::Signed(unsigned.signed(&signature))
            }
            Key::InSigner(key) => Proof::ToSign(unsigned, key),
        }
    }

    fn unsigned(&self, proven: &Proven<'_>) -> UnsignedProof {
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
        UnsignedProof(format!("{}.{}", part(&header), part(&claims)))
    }

    fn coordinates(&self) -> [String; 2] {
        let point = match &self.0.key {
            Key::Software(key) => key.point(),
            Key::InSigner(key) => key.point,
        };
        [&point[1..33], &point[33..]].map(|coordinate| URL_SAFE_NO_PAD.encode(coordinate))
    }
}

impl UnsignedProof {
    /// What is signed (RFC 7515 §5.1).
    pub(crate) fn message(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The proof, for the `DPoP` header.
    pub(crate) fn signed(self, signature: &[u8; 64]) -> Secret {
        Secret::new(format!("{}.{}", self.0, URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl SignerKey {
    /// A name for a new key.
    pub(crate) fn new_id() -> String {
        format!("moorline-proof-{}", URL_SAFE_NO_PAD.encode(crypto::random::<16>()))
    }

    /// What the vault keeps: `signer:`, the public key and the name. No PKCS #8 text begins like this: base64url has no
    /// colon.
    fn stored(&self) -> Secret {
        Secret::new(format!("{IN_SIGNER}{}:{}", URL_SAFE_NO_PAD.encode(self.point), self.id))
    }

    fn read(reference: &str) -> Option<Self> {
        let (point, id) = reference.split_once(':')?;
        let point = crypto::p256_point(&URL_SAFE_NO_PAD.decode(point).ok()?)?;
        (!id.is_empty()).then(|| Self { id: id.to_owned(), point })
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
        if let Some(reference) = stored.expose().strip_prefix(IN_SIGNER) {
            let key = Key::InSigner(SignerKey::read(reference).ok_or(NoKey)?);
            return Ok(Self(Arc::new(Inner { stored, key })));
        }
        let pkcs8 = Zeroizing::new(URL_SAFE_NO_PAD.decode(stored.expose()).map_err(|_| NoKey)?);
        let key = Key::Software(Es256Key::from_pkcs8(&pkcs8).ok_or(NoKey)?);
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

/// What a reference to a key in the platform's signer begins with.
const IN_SIGNER: &str = "signer:";
