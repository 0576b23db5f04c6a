//! DPoP (RFC 9449): a bound token is of use only to the holder of its key, who signs a proof for each request.
//!
//! 1. [`Dpop::check`] reads and checks a proof. It is pure arithmetic, and runs before any transaction.
//! 2. [`Dpop::claim`] and [`Dpop::claim_within_share`] mark it as used, and detect one that was used before. They are
//!    called once the token or code that came with it was found to be good. So only owners of live tokens take up room
//!    in the memory of used proofs, and each has a share of it.
//!
//! `docs/adr/0005-dpop.md` gives the reasons.

mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod htu;
mod jwk;
mod nonce;
mod proof;

#[cfg(test)]
mod attacks;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod testing;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};

pub use error::ProofError;
pub use jwk::{ALGORITHMS, is_thumbprint};
pub use moorline_server_shared::{Answer, Claim};

use moorline_server_base::clock::Clock;
use moorline_server_base::digest::sha256;
use moorline_server_base::random::Random;
use moorline_server_shared::{InProcess, SHORT, Share, Shared, Trace};
use nonce::Nonces;

/// The header that carries a proof.
pub const DPOP: HeaderName = HeaderName::from_static("dpop");

/// The path of the token endpoint.
pub const TOKEN_ENDPOINT: &str = "/oauth/token";

/// The header that carries the nonce for the next proof.
pub const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// A holder's share of the used proofs in one window: three times what a session's rotation window leaves by default,
/// for retries.
pub const SHARE: u32 = 64;

/// Checks proofs, makes nonces, and asks the memory of used proofs. Nonces and memory have the same life: where one is
/// new, so is the other.
#[derive(Debug)]
pub struct Dpop {
    origin: String,
    /// For how many windows after its own a nonce is accepted for a refresh.
    windows_of_a_refresh: u64,
    memory: Arc<dyn Shared>,
    /// How many proofs of one window one holder may use; `None` for no limit but the memory.
    share: Option<u32>,
}

/// The result of checking the `DPoP` header of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// There is none.
    Absent,
    /// It is not a good proof for this request.
    Bad(ProofError),
    /// Its nonce is missing, not ours, or too old.
    NonceWanted,
    /// It is a good proof for this request; [`Dpop::claim`] says whether it was used before.
    Good(Proof),
}

/// A proof whose signature, address, method, token and nonce are right.
#[derive(Clone, PartialEq, Eq)]
pub struct Proof {
    jkt: String,
    hash: String,
    trace: Trace,
}

impl Proof {
    /// The thumbprint (RFC 7638) of the key that signed it.
    #[must_use]
    pub fn jkt(&self) -> &str {
        &self.jkt
    }

    /// The SHA-256 of the proof itself, in base64url: for the audit.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proof").field("jkt", &self.jkt).finish_non_exhaustive()
    }
}

impl Dpop {
    /// For a server whose clients reach it at `issuer`, with a memory of its own. The nonce of a refresh may be as old
    /// as an access token gets, and a little older.
    #[must_use]
    pub fn new(issuer: &str, access_token_lifetime: Duration, clock: Clock, random: &Random) -> Self {
        let windows = nonce::windows_of_a_refresh(access_token_lifetime);
        let memory = Arc::new(InProcess::new(windows, clock, random));
        Self { origin: issuer.to_owned(), windows_of_a_refresh: windows, memory, share: None }
    }

    /// With a memory that other nodes have too.
    #[must_use]
    pub fn with_memory(self, memory: Arc<dyn Shared>) -> Self {
        Self { memory, ..self }
    }

    /// Limits the proofs that one holder may use in a window of two minutes.
    #[must_use]
    pub fn with_share(self, share: u32) -> Self {
        Self { share: Some(share), ..self }
    }

    /// The nonce for the next proof.
    #[must_use]
    pub fn nonce(&self) -> String {
        self.nonces().current()
    }

    /// Checks the proof of a request to `path` (RFC 9449 §4.3), for this access token if it comes with one. Its nonce
    /// must not be older than four minutes.
    #[must_use]
    pub fn check(
        &self,
        headers: &HeaderMap,
        method: &Method,
        path: &str,
        access_token: Option<&str>,
    ) -> Checked {
        let expected = proof::Expected { method: method.as_str(), origin: &self.origin, path, access_token };
        self.check_for(headers, &expected, SHORT)
    }

    /// Checks the proof of a request with `grant_type=refresh_token` to the token endpoint. Its nonce may be as old
    /// as an access token gets, so that a client which was idle until then needs no challenge.
    #[must_use]
    pub fn check_refresh(&self, headers: &HeaderMap, method: &Method) -> Checked {
        let (method, origin) = (method.as_str(), self.origin.as_str());
        let expected = proof::Expected { method, origin, path: TOKEN_ENDPOINT, access_token: None };
        self.check_for(headers, &expected, self.windows_of_a_refresh)
    }

    fn check_for(&self, headers: &HeaderMap, expected: &proof::Expected<'_>, accepted: u64) -> Checked {
        let mut values = headers.get_all(DPOP).iter();
        let Some(value) = values.next() else { return Checked::Absent };
        if values.next().is_some() {
            return Checked::Bad(ProofError::Repeated);
        }
        let Ok(text) = value.to_str() else { return Checked::Bad(ProofError::Malformed) };
        match self.read(text, expected, accepted) {
            Ok(Some(proof)) => Checked::Good(proof),
            Ok(None) => Checked::NonceWanted,
            Err(error) => Checked::Bad(error),
        }
    }

    /// The proof, or `None` if it lacks a good nonce and nothing else was wrong so far. The signature is the costly
    /// part, so it is checked last: a client that only needs a nonce costs no check.
    fn read(
        &self,
        text: &str,
        expected: &proof::Expected<'_>,
        accepted: u64,
    ) -> Result<Option<Proof>, ProofError> {
        let parts = proof::Parts::split(text)?;
        let key = parts.key()?;
        let claims = parts.claims()?;
        claims.check(expected)?;
        let nonces = self.nonces();
        let Some(window) = claims.nonce().and_then(|nonce| nonces.window_of(nonce, accepted)) else {
            return Ok(None);
        };
        key.verify(parts.signed(), parts.signature())?;
        let jkt = key.thumbprint();
        let id = nonces.epoch().tag(&[b"jti", jkt.as_bytes(), claims.jti().as_bytes()]);
        let hash = URL_SAFE_NO_PAD.encode(sha256(text.as_bytes()));
        // A proof for the token endpoint that was used for a code would be good for a refresh as well, and for as
        // long.
        let remembered = if expected.path == TOKEN_ENDPOINT { self.windows_of_a_refresh } else { SHORT };
        let trace = Trace { epoch: nonces.epoch().id(), id, window, accepted, remembered };
        Ok(Some(Proof { jkt, hash, trace }))
    }

    /// Marks the proof as used, where requests are limited already. Cheap: no cryptography.
    pub fn claim(&self, proof: &Proof) -> Answer<'_, Claim> {
        self.memory.claim(&proof.trace, None)
    }

    /// Marks the proof as used, within the share of `holder`: bytes that name one key or session.
    pub fn claim_within_share(&self, proof: &Proof, holder: &[u8]) -> Answer<'_, Claim> {
        let holder = |most| Share { holder: self.memory.epoch().tag(&[b"holder", holder]), most };
        self.memory.claim(&proof.trace, self.share.map(holder))
    }

    /// Whether the proof was used before. Marks nothing: [`Claim::Fresh`] says that it can be claimed.
    pub fn look(&self, proof: &Proof) -> Answer<'_, Claim> {
        self.memory.look(&proof.trace)
    }

    /// How long until a holder whose share is used up has a new one.
    #[must_use]
    pub fn next_share(&self) -> Duration {
        self.nonces().rest_of_window()
    }

    fn nonces(&self) -> Nonces {
        Nonces::of(&*self.memory)
    }

    /// Leaves no room for another proof.
    #[cfg(any(test, feature = "testing"))]
    #[doc(hidden)]
    pub fn fill(&self) {
        self.memory.fill();
    }
}

/// Whether a request came with a proof, where proofs are accepted: every response to it, errors included, carries the
/// next nonce (RFC 9449 §8.2).
#[must_use]
pub fn is_proved<B>(request: &Request<B>) -> bool {
    request.headers().contains_key(DPOP) && takes_proofs(request.uri().path())
}

/// Adds the next nonce to a response.
pub fn next_nonce<B>(dpop: &Dpop, response: &mut Response<B>) {
    let nonce = HeaderValue::try_from(dpop.nonce()).expect("a nonce is base64url");
    response.headers_mut().insert(DPOP_NONCE, nonce);
}

/// Documents that caches keep must not carry a nonce. `/dev/faults/` exists on development servers only.
fn takes_proofs(path: &str) -> bool {
    matches!(path, TOKEN_ENDPOINT | "/oauth/revoke" | "/oauth/userinfo")
        || ["/v1/", "/dev/faults/"].iter().any(|folder| path.starts_with(folder))
}
