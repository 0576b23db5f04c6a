//! Sends what carries tokens: with the token and a fresh proof, and again where the server wants another proof.

use std::{fmt, sync::Arc};

use ::http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Map, Value};
use url::Url;
use zeroize::Zeroizing;

use super::{
    key::{Proof, ProofKey, Proven, SignerKey, as_sent},
    peers::Peers,
};
use crate::{
    net::{NetError, Request, Response, Transport, challenges},
    platform::{BoundedSigner, KeyInUse, SignerError},
    secret::Secret,
    time::{Clock, unix_seconds},
    wiped,
};

/// The way to the network for everything that carries a token.
pub(crate) struct Sender {
    transport: Transport,
    clock: Arc<dyn Clock>,
    peers: Peers,
    signer: Option<BoundedSigner>,
}

/// Who sends: nothing of this is sent without the rest.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Credentials<'a> {
    /// Proves itself with each send. Nothing in a bearer session.
    pub(crate) key: Option<&'a ProofKey>,
    /// Goes into `Authorization`.
    pub(crate) access_token: Option<&'a Secret>,
}

/// What a proof says that depends on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    nonce: Option<String>,
    time: i64,
}

impl Sender {
    pub(crate) fn new(transport: Transport, clock: Arc<dyn Clock>, signer: Option<BoundedSigner>) -> Self {
        Self { transport, clock, peers: Peers::default(), signer }
    }

    /// Generates a key for a new session: in the platform's signer if it has one.
    pub(crate) async fn new_key(&self) -> Result<ProofKey, SignerError> {
        let Some(signer) = &self.signer else { return Ok(ProofKey::generate()) };
        let id = SignerKey::new_id();
        let point = signer.generate(&id).await?;
        Ok(ProofKey::in_signer(id, point))
    }

    /// Deletes a key that nothing refers to.
    pub(crate) async fn discard_key(&self, key: &ProofKey) {
        if let (Some(signer), Some(key)) = (&self.signer, key.of_signer()) {
            signer.discard(&key.id).await;
        }
    }

    /// Keeps a key from being deleted while the result lives. `None` if it is not in the signer.
    pub(crate) fn keep_key(&self, key: Option<&ProofKey>) -> Option<KeyInUse> {
        Some(self.signer.as_ref()?.keep(&key?.of_signer()?.id))
    }

    /// Sends `request` and reads its answer. Where that refuses the proof, and says something new to put into one (a
    /// nonce, the time), the request is sent again at once: twice at most.
    pub(crate) async fn send(
        &self,
        request: &Request,
        credentials: Credentials<'_>,
    ) -> Result<Response, NetError> {
        let mut left = SENDS_AGAIN;
        loop {
            let known = self.known(request.url());
            let signed = self.signed(request.clone(), credentials, &known).await?;
            let answer = self.transport.send(signed).await?;
            self.peers.learn(request.url(), &answer, &*self.clock);
            let again = credentials.key.is_some() && left > 0 && refuses_proof(&answer);
            if !(again && self.known(request.url()).differs_from(&known)) {
                return Ok(answer);
            }
            left -= 1;
        }
    }

    /// The values of the headers for a request that the app itself sends: `Authorization`, and `DPoP` if the token is
    /// bound.
    pub(crate) async fn headers(
        &self,
        method: &Method,
        url: &Url,
        key: Option<&ProofKey>,
        access_token: &Secret,
    ) -> Result<(Secret, Option<Secret>), NetError> {
        let proof = match key {
            Some(key) => Some(self.proof(key, method, url, Some(access_token), &self.known(url)).await?),
            None => None,
        };
        Ok((authorization(key, access_token), proof))
    }

    /// The same without waiting. `None` if the key is in the signer.
    pub(crate) fn headers_now(
        &self,
        method: &Method,
        url: &Url,
        key: Option<&ProofKey>,
        access_token: &Secret,
    ) -> Option<(Secret, Option<Secret>)> {
        let Some(signing) = key else { return Some((authorization(key, access_token), None)) };
        match self.known(url).prove(signing, method, url, Some(access_token)) {
            Proof::Signed(proof) => Some((authorization(key, access_token), Some(proof))),
            Proof::ToSign(..) => None,
        }
    }

    /// Takes in a nonce that the app itself received.
    pub(crate) fn learn_nonce(&self, url: &Url, nonce: &str) {
        self.peers.learn_nonce(url, nonce);
    }

    /// The time at the server of `url`, in Unix seconds, where it has said so.
    pub(crate) fn time_at(&self, url: &Url) -> Option<i64> {
        self.peers.time(url, &*self.clock)
    }

    async fn signed(
        &self,
        mut request: Request,
        Credentials { key, access_token }: Credentials<'_>,
        known: &Known,
    ) -> Result<Request, NetError> {
        if let Some(key) = key {
            let proof = self.proof(key, request.method(), request.url(), access_token, known).await?;
            request = request.header(DPOP, secret_value(&proof));
        }
        if let Some(token) = access_token {
            request = request.header(header::AUTHORIZATION, secret_value(&authorization(key, token)));
        }
        Ok(request)
    }

    /// A key of this process signs at once, where its caller is; one in the signer on another thread.
    async fn proof(
        &self,
        key: &ProofKey,
        method: &Method,
        url: &Url,
        access_token: Option<&Secret>,
        known: &Known,
    ) -> Result<Secret, NetError> {
        match known.prove(key, method, url, access_token) {
            Proof::Signed(proof) => Ok(proof),
            Proof::ToSign(unsigned, key) => {
                let Some(signer) = &self.signer else { return Err(NetError::NotAllowed(NO_SIGNER.into())) };
                let signature = signer.sign(&key.id, key.point, unsigned.message().to_vec()).await?;
                Ok(unsigned.signed(&signature))
            }
        }
    }

    fn known(&self, url: &Url) -> Known {
        let by_the_device = || i64::try_from(unix_seconds(&*self.clock)).unwrap_or(i64::MAX);
        Known { nonce: self.peers.nonce(url), time: self.time_at(url).unwrap_or_else(by_the_device) }
    }
}

impl Known {
    /// A proof that says this.
    fn prove<'a>(
        &self,
        key: &'a ProofKey,
        method: &Method,
        url: &Url,
        access_token: Option<&Secret>,
    ) -> Proof<'a> {
        key.prove(&Proven { method, url, access_token, nonce: self.nonce.as_deref(), issued_at: self.time })
    }

    /// Whether a proof that says this may fare better than one that said `other`.
    fn differs_from(&self, other: &Self) -> bool {
        self.nonce != other.nonce || self.time.abs_diff(other.time) > NO_MATTER
    }
}

/// A bound token goes by the scheme that asks for its proof (RFC 9449 §7.1), and never by another.
fn authorization(key: Option<&ProofKey>, token: &Secret) -> Secret {
    let scheme = if key.is_some() { "DPoP " } else { "Bearer " };
    let token = as_sent(token);
    let mut text = String::with_capacity(scheme.len() + token.len());
    text.push_str(scheme);
    text.push_str(token);
    Secret::new(text)
}

/// A text that no header may have is left out, so the server refuses the request.
pub(crate) fn secret_value(secret: &Secret) -> HeaderValue {
    let bytes = wiped::shared(Zeroizing::new(secret.expose().as_bytes().to_vec()));
    let mut value =
        HeaderValue::from_maybe_shared(bytes).unwrap_or_else(|_| HeaderValue::from_static("invalid"));
    value.set_sensitive(true);
    value
}

/// Whether an answer says that the proof is the trouble (RFC 9449 §5 and §7.1, §8 and §9): in its body at the token
/// endpoint, in `WWW-Authenticate` elsewhere.
pub(crate) fn refuses_proof(answer: &Response) -> bool {
    if !matches!(answer.status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED) {
        return false;
    }
    let challenged =
        challenges(&answer.headers).iter().any(|challenge| challenge.error().is_some_and(is_about_the_proof));
    let body = || answer.json::<Map<String, Value>>();
    challenged
        || body()
            .is_some_and(|body| body.get("error").and_then(Value::as_str).is_some_and(is_about_the_proof))
}

/// Whether an OAuth error says that the proof is the trouble.
pub(crate) fn is_about_the_proof(code: &str) -> bool {
    ABOUT_THE_PROOF.contains(&code)
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// Once for the nonce, and once more where it was renewed just then.
const SENDS_AGAIN: u32 = 2;
const NO_SIGNER: &str = "the key of this session is in a signer, and the SDK was opened without one: open it with the \
                         signer that the session began with, or sign in again";
/// Seconds that no server cares about.
const NO_MATTER: u64 = 5;
const DPOP: ::http::HeaderName = ::http::HeaderName::from_static("dpop");
/// RFC 9449 §12.2.
const ABOUT_THE_PROOF: [&str; 2] = ["use_dpop_nonce", "invalid_dpop_proof"];
