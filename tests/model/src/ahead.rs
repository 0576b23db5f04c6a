//! Proofs that were signed in advance, and what the product says of them as their nonce grows old.
//!
//! The rules are not written down here: real proofs by a real key are shown to the product's own [`Dpop`] at each
//! age.

use std::sync::OnceLock;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, Method};
use moorline_server_base::clock::{Clock, Timestamp};
use moorline_server_base::random::Random;
use moorline_server_dpop::{Checked, Claim, DPOP, Dpop};
use serde_json::{Value, json};

/// How old the nonce of a proof is: an index into `MINUTES`.
pub type Age = u8;

/// Good everywhere; good for a refresh alone; so at the end of an access token's life; good for nothing.
const MINUTES: [u64; AGES] = [0, 6, 15, 21];
/// How many ages there are.
pub const AGES: usize = 4;
/// The age at which everything accepts a nonce.
pub const FRESH: Age = 0;

/// What the product says of a proof.
#[derive(Debug)]
pub struct Worth {
    /// Whether a refresh accepts it, by its nonce's age; and again, when it was used at an earlier one.
    refresh: [bool; AGES],
    again: [[bool; AGES]; AGES],
    /// Whether the API accepts it with the access token that it was signed for, and with another.
    api: [[bool; 2]; AGES],
}

impl Worth {
    /// What the product says, asked once.
    pub fn of_the_product() -> &'static Self {
        static WORTH: OnceLock<Worth> = OnceLock::new();
        WORTH.get_or_init(Self::ask)
    }

    /// Whether a refresh accepts a proof whose nonce is so old, if it was not used before.
    #[must_use]
    pub fn refresh(&self, age: Age) -> bool {
        self.refresh[usize::from(age)]
    }

    /// Whether a refresh accepts it again, when it was used at the age `then`.
    #[must_use]
    pub fn refresh_again(&self, then: Age, age: Age) -> bool {
        self.again[usize::from(then)][usize::from(age)]
    }

    /// Whether the API accepts a proof whose nonce is so old, with the access token that it was signed for or
    /// another.
    #[must_use]
    pub fn api(&self, age: Age, same_token: bool) -> bool {
        self.api[usize::from(age)][usize::from(!same_token)]
    }

    fn ask() -> Self {
        let refresh = std::array::from_fn(|age| Guard::new().at([(age, Guard::refresh)]));
        let again = std::array::from_fn(|then| {
            std::array::from_fn(|age| {
                then <= age && Guard::new().at([(then, Guard::refresh), (age, Guard::refresh)])
            })
        });
        let api = std::array::from_fn(|age| {
            [Guard::new().at([(age, Guard::api_same)]), Guard::new().at([(age, Guard::api_other)])]
        });
        Self { refresh, again, api }
    }
}

const ISSUER: &str = "https://id.example.com";
const API: &str = "/v1/notes";
const LIFETIME: Duration = Duration::from_secs(15 * 60);
/// The access token that the thief took, and the one that the proof for a refresh buys.
const TOKENS: [&str; 2] = ["taken", "bought"];

/// What is done with a proof, and whether it is accepted.
type Use = fn(&Guard) -> bool;

/// The product's guard with a clock that the model sets, and the two proofs that were signed when it was zero.
struct Guard {
    dpop: Dpop,
    clock: Clock,
    for_refresh: HeaderMap,
    for_api: HeaderMap,
}

impl Guard {
    fn new() -> Self {
        let clock = Clock::manual(Timestamp::from_millis(0));
        let dpop = Dpop::new(ISSUER, LIFETIME, clock.clone(), &Random::system());
        let (for_refresh, for_api) = {
            let sign = |method, path, token| sign(&dpop.nonce(), method, path, token);
            (sign("POST", "/oauth/token", None), sign("GET", API, Some(TOKENS[0])))
        };
        Self { dpop, clock, for_refresh, for_api }
    }

    /// Does each of these at its age, in order; what the last said.
    fn at<const N: usize>(&self, steps: [(usize, Use); N]) -> bool {
        let mut now = 0;
        steps.into_iter().fold(false, |_, (age, step)| {
            self.clock.advance(Duration::from_secs(60 * (MINUTES[age] - now)));
            now = MINUTES[age];
            step(self)
        })
    }

    fn refresh(&self) -> bool {
        self.claims(&self.dpop.check_refresh(&self.for_refresh, &Method::POST))
    }

    fn api_same(&self) -> bool {
        self.claims(&self.dpop.check(&self.for_api, &Method::GET, API, Some(TOKENS[0])))
    }

    fn api_other(&self) -> bool {
        self.claims(&self.dpop.check(&self.for_api, &Method::GET, API, Some(TOKENS[1])))
    }

    fn claims(&self, checked: &Checked) -> bool {
        matches!(checked, Checked::Good(proof) if self.dpop.claim(proof).now() == Some(Claim::Fresh))
    }
}

fn sign(nonce: &str, method: &str, path: &str, token: Option<&str>) -> HeaderMap {
    let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("32 bytes are a seed");
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let x = URL_SAFE_NO_PAD.encode(key.public_key().as_ref());
    let header =
        json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": { "kty": "OKP", "crv": "Ed25519", "x": x } });
    let mut claims =
        json!({ "jti": path, "htm": method, "htu": format!("{ISSUER}{path}"), "iat": 0, "nonce": nonce });
    if let Some(token) = token {
        claims["ath"] = URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes())).into();
    }
    let signed = format!("{}.{}", part(&header), part(&claims));
    let proof = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes())));
    HeaderMap::from_iter([(DPOP, HeaderValue::try_from(proof).expect("a proof is base64url"))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_product_is_asked_at_ages_that_differ() {
        let worth = Worth::of_the_product();
        assert_eq!(worth.refresh, [true, true, true, false]);
        assert_eq!(worth.api, [[true, false], [false; 2], [false; 2], [false; 2]]);
        assert_eq!(worth.again, [[false; AGES]; AGES], "a proof is used once");
    }
}
