//! The keys that sign tokens: published before their first use, and until what they signed is dead.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::jws::{self, TokenType};
use super::{Keys, KeysError, Place};
use crate::clock::Timestamp;
use crate::random::Random;
use crate::store::{Actor, Row, Store, StoreError, Tx, Value};

/// When keys come and go.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    /// For how long a key signs.
    pub lifetime: Duration,
    /// For how long a key is published before it signs: longer than anybody caches our JWK set.
    pub lead: Duration,
    /// For how long a key stays published after its last signature: longer than any token lives.
    pub afterlife: Duration,
}

impl Default for Rotation {
    fn default() -> Self {
        const DAY: u64 = 24 * 3600;
        Self {
            lifetime: Duration::from_secs(90 * DAY),
            lead: Duration::from_secs(2 * DAY),
            afterlife: Duration::from_secs(2 * DAY),
        }
    }
}

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningKeyState {
    /// In the JWK set, signs nothing yet.
    Published {
        /// From when on it signs.
        active_at: Timestamp,
    },
    /// Signs.
    Active,
    /// Signs no more; in the JWK set until its last token is dead.
    Retired {
        /// Since when.
        at: Timestamp,
    },
}

/// One key pair with its place in life.
pub struct SigningKey {
    kid: String,
    pair: RsaKeyPair,
    public: ParsedPublicKey,
    jwk: serde_json::Value,
    access_token_header: String,
    id_token_header: String,
    active_at: Timestamp,
    retired_at: Option<Timestamp>,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl SigningKey {
    fn new(pair: RsaKeyPair, active_at: Timestamp, retired_at: Option<Timestamp>) -> Result<Self, KeysError> {
        let components = Components::of(&pair).ok_or(KeysError::Unusable)?;
        let kid = components.thumbprint();
        let jwk = components.jwk(&kid);
        let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref())
            .map_err(|_| KeysError::Unusable)?;
        Ok(Self {
            access_token_header: jws::header(&kid, TokenType::AccessToken),
            id_token_header: jws::header(&kid, TokenType::IdToken),
            kid,
            pair,
            public,
            jwk,
            active_at,
            retired_at,
        })
    }

    /// Where the key is in its life at `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> SigningKeyState {
        match self.retired_at {
            Some(at) => SigningKeyState::Retired { at },
            None if self.active_at <= now => SigningKeyState::Active,
            None => SigningKeyState::Published { active_at: self.active_at },
        }
    }

    pub(super) fn header(&self, typ: TokenType) -> &str {
        match typ {
            TokenType::AccessToken => &self.access_token_header,
            TokenType::IdToken => &self.id_token_header,
        }
    }

    pub(super) const fn pair(&self) -> &RsaKeyPair {
        &self.pair
    }

    pub(super) const fn public(&self) -> &ParsedPublicKey {
        &self.public
    }
}

/// Modulus and exponent, as a JWK writes them: without leading zeros.
struct Components<'a> {
    n: &'a [u8],
    e: &'a [u8],
}

impl<'a> Components<'a> {
    /// Reads a DER `RSAPublicKey` (RFC 8017 §A.1.1), which is what the library gives for its own keys.
    fn of(pair: &'a RsaKeyPair) -> Option<Self> {
        let (sequence, rest) = der_value(pair.public_key().as_ref(), 0x30)?;
        let (n, exponent) = der_value(sequence, 0x02)?;
        let (e, end) = der_value(exponent, 0x02)?;
        let unsigned = |integer: &'a [u8]| integer.strip_prefix(&[0]).unwrap_or(integer);
        (rest.is_empty() && end.is_empty()).then_some(Self { n: unsigned(n), e: unsigned(e) })
    }

    /// The SHA-256 thumbprint of RFC 7638: the same key has the same name everywhere.
    fn thumbprint(&self) -> String {
        let json = format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode(self.e), encode(self.n));
        encode(digest(&SHA256, json.as_bytes()).as_ref())
    }

    fn jwk(&self, kid: &str) -> serde_json::Value {
        serde_json::json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": encode(self.n), "e": encode(self.e),
        })
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The contents of the DER value of this tag that `input` begins with, and what comes after it.
fn der_value(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = input.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81 | 0x82 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length)).flatten()
}

/// All keys that are published, the newest first.
#[derive(Debug, Default)]
pub(super) struct KeySet(Vec<SigningKey>);

impl KeySet {
    /// The key that signs: the newest of the active ones. Setting the machine's clock may leave none; then the one
    /// that is next, since it is published and better than no answers at all.
    pub(super) fn active(&self, now: Timestamp) -> Option<&SigningKey> {
        let waits = |key: &&SigningKey| matches!(key.state(now), SigningKeyState::Published { .. });
        self.0
            .iter()
            .find(|key| key.state(now) == SigningKeyState::Active)
            .or_else(|| self.0.iter().rfind(waits))
    }

    pub(super) fn published(&self, kid: &str) -> Option<&SigningKey> {
        self.0.iter().find(|key| key.kid == kid)
    }

    pub(super) fn jwks(&self) -> serde_json::Value {
        serde_json::json!({ "keys": self.0.iter().map(|key| &key.jwk).collect::<Vec<_>>() })
    }
}

/// What has to be done to the keys now.
#[derive(Debug, PartialEq, Eq)]
struct Due {
    /// Make a key that signs from here on.
    make: Option<Timestamp>,
}

/// Decides by the newest key's first day, so several nodes decide alike.
fn due(newest_active_at: Option<Timestamp>, rotation: &Rotation, now: Timestamp) -> Due {
    let make = match newest_active_at {
        // The very first key has nobody who could have cached a set without it.
        None => Some(now),
        Some(active_at) if active_at.after(rotation.lifetime) <= now.after(rotation.lead) => {
            Some(now.after(rotation.lead))
        }
        Some(_) => None,
    };
    Due { make }
}

pub(super) async fn rotate(
    keys: &Keys,
    store: &Store,
    rotation: &Rotation,
    random: &Random,
    now: Timestamp,
) -> Result<KeySet, KeysError> {
    let actor = Actor::System("rotation of the signing keys");
    let (newest, known) =
        store.read(&actor, |tx| -> Result<_, StoreError> { Ok((newest_active_at(tx)?, all(tx)?)) }).await?;
    // A wrong master key is found out before anything is sealed with it.
    let known = known.iter().map(|row| unseal(keys, row)).collect::<Result<_, _>>().map(KeySet)?;
    if store.is_replica() {
        return Ok(known);
    }
    let fresh = match due(newest, rotation, now).make {
        Some(active_at) => Some((make_key(keys, random).await?, active_at)),
        None => None,
    };
    let rotation = *rotation;
    let rows = store
        .write(&actor, move |tx| -> Result<_, StoreError> {
            if let Some((key, active_at)) = &fresh
                // Another node may have made one meanwhile.
                && newest_active_at(tx)? == newest
            {
                insert(tx, key, *active_at, now)?;
            }
            retire(tx, &rotation, now)?;
            all(tx)
        })
        .await?;
    rows.iter().map(|row| unseal(keys, row)).collect::<Result<_, _>>().map(KeySet)
}

fn newest_active_at(tx: &mut dyn Tx) -> Result<Option<Timestamp>, StoreError> {
    let row = tx.first("SELECT MAX(active_at) AS newest_at FROM signing_keys", &[])?;
    row.map_or(Ok(None), |row| row.optional_timestamp("newest_at"))
}

/// Every key, the newest first.
fn all(tx: &mut dyn Tx) -> Result<Vec<Row>, StoreError> {
    tx.query(
        "SELECT kid, private_key, active_at, retired_at FROM signing_keys ORDER BY active_at DESC, kid",
        &[],
    )
}

struct Sealed {
    kid: String,
    private_key: Vec<u8>,
}

async fn make_key(keys: &Keys, random: &Random) -> Result<Sealed, KeysError> {
    // A new RSA key takes a tenth of a second or more.
    let pair = tokio::task::spawn_blocking(|| RsaKeyPair::generate(KeySize::Rsa2048))
        .await
        .map_err(|_| KeysError::Unusable)?
        .map_err(|_| KeysError::Unusable)?;
    let der = pair.as_der().map_err(|_| KeysError::Unusable)?;
    let kid = Components::of(&pair).ok_or(KeysError::Unusable)?.thumbprint();
    Ok(Sealed { private_key: keys.seal(place(&kid), der.as_ref(), random), kid })
}

fn insert(tx: &mut dyn Tx, key: &Sealed, active_at: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO signing_keys (kid, alg, private_key, published_at, active_at) VALUES ($1, 'RS256', $2, $3, $4)",
        &[Value::from(&key.kid), key.private_key.clone().into(), now.into(), active_at.into()],
    )?;
    Ok(())
}

/// Retires every key that a newer one has taken over from, and forgets those whose tokens are dead.
fn retire(tx: &mut dyn Tx, rotation: &Rotation, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE signing_keys SET retired_at = $1 WHERE retired_at IS NULL AND active_at <
         (SELECT MAX(newer.active_at) FROM signing_keys AS newer WHERE newer.active_at <= $1)",
        &[now.into()],
    )?;
    tx.execute("DELETE FROM signing_keys WHERE retired_at < $1", &[now.before(rotation.afterlife).into()])?;
    Ok(())
}

fn unseal(keys: &Keys, row: &Row) -> Result<SigningKey, KeysError> {
    let kid = row.text("kid")?;
    let der: Zeroizing<Vec<u8>> =
        keys.open_sealed(place(kid), row.blob("private_key")?).map_err(|_| KeysError::WrongMasterKey)?;
    let pair = RsaKeyPair::from_pkcs8(&der).map_err(|_| KeysError::Unusable)?;
    SigningKey::new(pair, row.timestamp("active_at")?, row.optional_timestamp("retired_at")?)
}

const fn place(kid: &str) -> Place<'_> {
    Place { table: "signing_keys", column: "private_key", row: kid }
}
