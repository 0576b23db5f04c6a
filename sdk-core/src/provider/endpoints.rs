//! The provider's endpoints, one function each.

mod ask_userinfo;
mod device;

use std::{fmt, sync::Arc, time::Duration};

use ::http::{Method, StatusCode};
use serde_json::{Map, Value};
use url::Url;

use super::{
    documents::{Documents, JwksError},
    id_token::{self, DEFAULT_LEEWAY, Expectations, IdTokenClaims, IdTokenError},
    jwks::Jwks,
    jws::{Jws, JwsError},
    metadata::Metadata,
    pushed_request::{self, Pushed},
    rate_limit::RateLimit,
    stored::StoredProvider,
    token_response::{TokenResponse, Tokens},
    userinfo::{self, ExpectedUserInfo, UserInfoError},
};
use crate::{
    configuration::Configuration,
    dpop::{Credentials, ProofKey, Sender},
    error::Error,
    net::{LONGEST_WAIT, NetError, Request, Response, Transport, wait_asked},
    platform::{BoundedSigner, KeyInUse, NetworkParts, SignerError},
    secret::{Secret, redact},
    time::{Clock, unix_seconds},
    token_options::Narrowing,
};

pub(crate) use self::ask_userinfo::userinfo_request;

/// One app's way to one provider, and to the APIs that take its tokens.
pub(crate) struct Provider {
    configuration: Configuration,
    clock: Arc<dyn Clock>,
    transport: Transport,
    /// For everything that carries tokens.
    sender: Sender,
    documents: Arc<Documents>,
    /// The provider's, for refreshes.
    rate_limit: RateLimit,
    /// The provider's, for the code of a sign-in: a refresh that has to wait does not stop the user.
    code_rate_limit: RateLimit,
}

/// A refresh token that is to be sent.
#[derive(Debug, Clone)]
pub(crate) struct RefreshRequest {
    pub(crate) token: Secret,
    /// `None` if the provider does not know attempts.
    pub(crate) attempt: Option<Secret>,
    /// What the token is bound to. If there is a key, the token is never sent without a proof, whatever the provider's
    /// metadata says by now.
    pub(crate) proof_key: Option<ProofKey>,
    /// The sign-in that the token's session came from, and its user.
    pub(crate) login_state: Secret,
    pub(crate) subject: String,
    /// What the access token is to be narrowed to.
    pub(crate) narrowing: Option<Arc<Narrowing>>,
    /// Whether the token had been refused already when the app's call began.
    pub(crate) refused_before: bool,
}

/// An authorization code that is to be exchanged, with what proves that this app asked for it.
#[derive(Debug)]
pub(crate) struct CodeExchange<'a> {
    pub(crate) code: &'a Secret,
    pub(crate) code_verifier: &'a Secret,
    pub(crate) redirect_uri: &'a str,
    pub(crate) proof_key: Option<&'a ProofKey>,
}

impl Provider {
    /// Sends nothing yet.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] if this machine has no certificate authority to trust.
    pub(crate) fn new(
        configuration: Configuration,
        clock: Arc<dyn Clock>,
        signer: Option<BoundedSigner>,
        parts: NetworkParts,
    ) -> Result<Self, Error> {
        let transport = Transport::new(&configuration, parts)?;
        Ok(Self {
            sender: Sender::new(transport.clone(), clock.clone(), signer),
            documents: Arc::new(Documents::new(configuration.clone(), transport.clone(), clock.clone())),
            transport,
            configuration,
            clock,
            rate_limit: RateLimit::default(),
            code_rate_limit: RateLimit::default(),
        })
    }

    pub(crate) const fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// The provider's metadata: from memory, what was [taken in](Self::adopt), or from the provider.
    pub(crate) async fn metadata(&self) -> Result<Arc<Metadata>, Error> {
        Ok(self.documents.metadata().await?)
    }

    /// The current metadata, for when the cached one does not allow what is asked.
    pub(crate) async fn newer_metadata(&self) -> Result<Arc<Metadata>, Error> {
        Ok(self.documents.newer_metadata().await?)
    }

    /// Whether there is metadata in memory.
    pub(crate) fn is_known(&self) -> bool {
        self.documents.are_known()
    }

    /// Takes in what was stored. A wait that is longer than any says that the device's clock was set: it is ignored.
    pub(crate) fn adopt(&self, stored: &StoredProvider) {
        self.documents.adopt(stored);
        let left = stored.retry_at.and_then(|at| at.checked_sub(unix_seconds(&*self.clock)));
        let left = left.map(Duration::from_secs).filter(|left| *left <= LONGEST_WAIT);
        if let Some(left) = left.filter(|_| stored.is_of(&self.configuration)) {
            self.rate_limit.record(self.clock.monotonic(), left);
        }
    }

    /// What to store with a session: the documents, and how long the provider asked to wait.
    pub(crate) fn to_store(&self) -> Option<StoredProvider> {
        let mut stored = self.documents.to_store()?;
        let left = self.rate_limit.remaining(self.clock.monotonic());
        stored.retry_at = left.map(|left| unix_seconds(&*self.clock).saturating_add(left.as_secs()));
        Some(stored)
    }

    /// See [`Transport::network_changed`]. What asked to wait may have been the network's.
    pub(crate) fn network_changed(&self) {
        self.transport.network_changed();
        self.documents.network_changed();
        self.rate_limit.clear();
        self.code_rate_limit.clear();
    }

    /// The user signs in: an act of theirs is one request, whatever was asked of the requests before.
    pub(crate) fn sign_in_begins(&self) {
        self.code_rate_limit.clear();
    }

    /// Exchanges an authorization code (RFC 6749 §4.1.3).
    pub(crate) async fn exchange_code(
        &self,
        metadata: &Metadata,
        exchange: &CodeExchange<'_>,
    ) -> Result<TokenResponse, NetError> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", exchange.code.expose()),
            ("redirect_uri", exchange.redirect_uri),
            ("client_id", self.configuration.client_id()),
            ("code_verifier", exchange.code_verifier.expose()),
        ];
        let sent = [exchange.code, exchange.code_verifier];
        self.ask_for_tokens(&self.code_rate_limit, metadata, fields, exchange.proof_key, &sent).await
    }

    /// The URL to open in the browser for an authorization request (RFC 6749 §4.1.1), given as the URL that would
    /// carry it: where the provider takes requests in advance (RFC 9126), one that refers to it.
    ///
    /// # Errors
    /// [`Error::Refused`] if the provider refuses the request, [`Error::Misconfigured`] if it wants requests in advance
    /// and has no endpoint for them, and those of the network.
    pub(crate) async fn authorization_url(
        &self,
        metadata: &Metadata,
        request: Url,
        proof_key: Option<&ProofKey>,
    ) -> Result<Url, Error> {
        let Some(endpoint) = &metadata.pushed_authorization_request_endpoint else {
            if metadata.requires_pushed_requests {
                return Err(Error::Misconfigured(NO_PUSH_ENDPOINT.into()));
            }
            return Ok(request);
        };
        let own = metadata.authorization_endpoint.query_pairs().count();
        let fields: Vec<_> = request.query_pairs().skip(own).collect();
        let form =
            Request::post_form(endpoint.clone(), fields.iter().map(|(name, value)| (&**name, &**value)));
        let response = self.sender.send(&form, Credentials { key: proof_key, access_token: None }).await?;
        if let Some(wait) = self.wait_asked(&response) {
            return Err(Error::RateLimited { retry_after: wait });
        }
        match Pushed::read(&response, metadata)? {
            Pushed::Accepted(uri) => {
                let endpoint = &metadata.authorization_endpoint;
                Ok(pushed_request::reference(endpoint, self.configuration.client_id(), &uri))
            }
            Pushed::NotForThisClient => {
                tracing::info!(
                    "the provider takes no pushed requests of this client; the browser carries it"
                );
                Ok(request)
            }
        }
    }

    /// Sends a refresh token (RFC 6749 §6), with its attempt if there is one.
    pub(crate) async fn refresh(
        &self,
        metadata: &Metadata,
        request: &RefreshRequest,
    ) -> Result<TokenResponse, NetError> {
        let mut fields = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", request.token.expose()),
            ("client_id", self.configuration.client_id()),
        ];
        let narrowing: Vec<_> =
            request.narrowing.iter().flat_map(|narrowing| narrowing.parameters()).collect();
        fields.extend(narrowing.iter().map(|(name, value)| (*name, value.as_str())));
        let mut secrets = vec![&request.token];
        if let Some(attempt) = &request.attempt {
            fields.push(("refresh_attempt", attempt.expose()));
            secrets.push(attempt);
        }
        self.ask_for_tokens(&self.rate_limit, metadata, fields, request.proof_key.as_ref(), &secrets).await
    }

    async fn ask_for_tokens<'a>(
        &self,
        rate_limit: &RateLimit,
        metadata: &Metadata,
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
        proof_key: Option<&ProofKey>,
        sent: &[&Secret],
    ) -> Result<TokenResponse, NetError> {
        let response = self.send_for_tokens(rate_limit, metadata, fields, proof_key).await?;
        Ok(self.read_tokens(rate_limit, &response, sent))
    }

    async fn send_for_tokens<'a>(
        &self,
        rate_limit: &RateLimit,
        metadata: &Metadata,
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
        proof_key: Option<&ProofKey>,
    ) -> Result<Response, NetError> {
        if let Some(left) = rate_limit.remaining(self.clock.monotonic()) {
            return Err(NetError::RateLimited(left));
        }
        let endpoint = self.documents.token_endpoint(&metadata.token_endpoint).await;
        let request = Request::post_form(endpoint, fields);
        let response = self.sender.send(&request, Credentials { key: proof_key, access_token: None }).await?;
        if has_moved(response.status) {
            tracing::info!(
                status = response.status.as_u16(),
                "no token endpoint there; the metadata is read again"
            );
            self.documents.token_endpoint_has_moved();
        }
        Ok(response)
    }

    fn read_tokens(&self, rate_limit: &RateLimit, response: &Response, sent: &[&Secret]) -> TokenResponse {
        let read = TokenResponse::read(response, sent, self.clock.wall());
        match &read {
            TokenResponse::Unclear { retry_after: Some(wait), .. } => {
                rate_limit.record(self.clock.monotonic(), *wait);
            }
            // It serves this app again.
            TokenResponse::Issued(_) => self.rate_limit.clear(),
            _ => {}
        }
        read
    }

    /// Asks the provider to revoke a token (RFC 7009 §2.1).
    pub(crate) async fn revoke(
        &self,
        endpoint: &Url,
        token: &Secret,
        token_type_hint: &str,
        proof_key: Option<&ProofKey>,
    ) -> Result<Response, NetError> {
        let fields = [
            ("token", token.expose()),
            ("token_type_hint", token_type_hint),
            ("client_id", self.configuration.client_id()),
        ];
        let request = Request::post_form(endpoint.clone(), fields);
        self.sender.send(&request, Credentials { key: proof_key, access_token: None }).await
    }

    /// Verifies the ID token of a sign-in (OpenID Connect Core §3.1.3.7). One that came for a device code has no
    /// `nonce`.
    pub(crate) async fn verify_id_token(
        &self,
        metadata: &Metadata,
        tokens: &Tokens,
        nonce: Option<&Secret>,
        max_age: Option<u64>,
    ) -> Result<IdTokenClaims, Error> {
        let Some(token) = &tokens.id_token else {
            return Err(Error::refused("invalid_id_token", "the provider sent no ID token"));
        };
        // What is behind it is no part of it.
        let token = token.expose().trim_ascii_end();
        let metadata = self.metadata_for(metadata, token).await?;
        let device_time = self.device_time();
        // From the response that the token came in: the device's time may be wrong by years.
        let provider_time = self.sender.time_at(&metadata.token_endpoint);
        let expected = Expectations {
            issuer: self.configuration.issuer(),
            client_id: self.configuration.client_id(),
            nonce: nonce.map(Secret::expose),
            access_token: Some(tokens.access_token.expose()),
            subject: None,
            max_age,
            now: provider_time.unwrap_or(device_time),
            leeway: DEFAULT_LEEWAY,
        };
        let clocks_agree = provider_time.is_some_and(|time| skew(device_time, time).is_none());
        let check = |keys: &Jwks, now| id_token::verify_with(token, keys, &Expectations { now, ..expected });
        let unknown = |verdict: &Result<_, _>| matches!(verdict, Err(IdTokenError::UnknownKey));
        let verdict = self.with_keys(
            &metadata,
            token,
            |keys| {
                match check(keys, expected.now) {
                    // There is no better time to set the device to: it is the token that is wrong.
                    Err(IdTokenError::Clock(_)) if clocks_agree => Err(IdTokenError::ProviderTime),
                    // The provider's `Date` may be wrong instead. Either clock will do: the token came straight
                    // for a code that is used once, so it is new.
                    Err(IdTokenError::Clock(_)) => check(keys, device_time),
                    verdict => verdict,
                }
            },
            unknown,
        );
        Ok(verdict.await??)
    }

    /// The metadata by which to judge an ID token. One that was read a while ago may not list its algorithm yet.
    async fn metadata_for(&self, metadata: &Metadata, token: &str) -> Result<Metadata, Error> {
        // A token that cannot be read, or is not signed, is no reason to ask anybody.
        let algorithm = Jws::parse(token).map_err(IdTokenError::from)?.algorithm;
        if metadata.signs_id_tokens_with(algorithm) {
            return Ok(metadata.clone());
        }
        let newer = self.newer_metadata().await?;
        if newer.signs_id_tokens_with(algorithm) {
            return Ok(Metadata::clone(&newer));
        }
        Err(IdTokenError::AlgorithmNotListed(algorithm.name()).into())
    }

    /// What `check` says of a JWS with the provider's keys; once more with newer ones if it knows no key.
    async fn with_keys<T>(
        &self,
        metadata: &Metadata,
        jws: &str,
        check: impl Fn(&Jwks) -> T,
        knows_no_key: impl Fn(&T) -> bool,
    ) -> Result<T, JwksError> {
        let address = &metadata.jwks_uri;
        let mut verdict = check(&*self.documents.keys(address).await?);
        if knows_no_key(&verdict) {
            verdict = check(&*self.documents.newer_keys(address).await?);
            if knows_no_key(&verdict) {
                log_unknown_key(jws, address);
            }
        }
        Ok(verdict)
    }

    /// The claims in a response of the userinfo endpoint (OpenID Connect Core §5.3.2), which must be about `subject`
    /// if the user is known already.
    pub(crate) async fn read_userinfo(
        &self,
        metadata: &Metadata,
        endpoint: &Url,
        response: &Response,
        subject: Option<&str>,
    ) -> Result<Map<String, Value>, Error> {
        if response.media_type().as_deref() != Some("application/jwt") {
            return Ok(userinfo::parse(&response.body, subject)?);
        }
        let text = std::str::from_utf8(response.body.trim_ascii());
        let text = text.map_err(|_| UserInfoError::Jws(JwsError::Malformed))?;
        Jws::parse(text).map_err(UserInfoError::from)?;
        let expected = ExpectedUserInfo {
            issuer: self.configuration.issuer(),
            client_id: self.configuration.client_id(),
            subject,
            now: self.sender.time_at(endpoint).unwrap_or_else(|| self.device_time()),
            leeway: DEFAULT_LEEWAY,
        };
        let unknown = |verdict: &Result<_, _>| matches!(verdict, Err(UserInfoError::UnknownKey));
        let check = |keys: &Jwks| userinfo::verify_signed(text, keys, &expected);
        Ok(self.with_keys(metadata, text, check, unknown).await??)
    }

    /// How long a response of the provider asks to wait.
    pub(crate) fn wait_asked(&self, response: &Response) -> Option<Duration> {
        wait_asked(response.status, &response.headers, self.clock.wall())
    }

    fn device_time(&self) -> i64 {
        i64::try_from(unix_seconds(&*self.clock)).unwrap_or(i64::MAX)
    }

    /// What [`skew`] says by the provider's last response.
    pub(crate) fn clock_skew(&self, metadata: &Metadata) -> Option<i64> {
        skew(self.device_time(), self.sender.time_at(&metadata.token_endpoint)?)
    }

    /// Sends a request that carries an access token.
    pub(crate) async fn send(
        &self,
        request: &Request,
        credentials: Credentials<'_>,
    ) -> Result<Response, NetError> {
        self.sender.send(request, credentials).await
    }

    /// The headers that carry an access token, for a request that the app itself sends: `Authorization`, and `DPoP` if
    /// the token is bound.
    pub(crate) async fn headers(
        &self,
        method: &Method,
        url: &Url,
        key: Option<&ProofKey>,
        access_token: &Secret,
    ) -> Result<(Secret, Option<Secret>), NetError> {
        self.sender.headers(method, url, key, access_token).await
    }

    /// See [`Sender::headers_now`].
    pub(crate) fn headers_now(
        &self,
        method: &Method,
        url: &Url,
        key: Option<&ProofKey>,
        access_token: &Secret,
    ) -> Option<(Secret, Option<Secret>)> {
        self.sender.headers_now(method, url, key, access_token)
    }

    /// See [`Sender::new_key`].
    pub(crate) async fn new_key(&self) -> Result<ProofKey, SignerError> {
        self.sender.new_key().await
    }

    /// See [`Sender::discard_key`].
    pub(crate) async fn discard_key(&self, key: &ProofKey) {
        self.sender.discard_key(key).await;
    }

    /// See [`Sender::keep_key`].
    pub(crate) fn keep_key(&self, key: Option<&ProofKey>) -> Option<KeyInUse> {
        self.sender.keep_key(key)
    }

    /// Takes in a `DPoP-Nonce` that the app itself received.
    pub(crate) fn learn_nonce(&self, url: &Url, nonce: &str) {
        self.sender.learn_nonce(url, nonce);
    }

    /// How long one request may take.
    pub(crate) const fn request_timeout(&self) -> Duration {
        self.configuration.request_timeout()
    }
}

/// By how many seconds the device's clock is ahead of the provider's, if that is far too much.
fn skew(device_time: i64, provider_time: i64) -> Option<i64> {
    let skew = device_time.saturating_sub(provider_time);
    (skew.abs() > DEFAULT_LEEWAY).then_some(skew)
}

/// The error says no more than that the call may succeed later.
fn log_unknown_key(jws: &str, address: &Url) {
    let Ok(jws) = Jws::parse(jws) else { return };
    let named = jws.key_id.map_or_else(String::new, |id| format!(" with the kid {:?}", redact(&id, &[])));
    let why = format!("the provider's key set has no key{named} for {}", jws.algorithm.name());
    tracing::info!(why, %address, "a signature cannot be checked; the provider may have replaced its keys just now");
}

/// Whether there is no endpoint (any more) at an address: the metadata that has it may be an old one.
const fn has_moved(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::GONE
            | StatusCode::MOVED_PERMANENTLY
            | StatusCode::PERMANENT_REDIRECT
    )
}

const NO_PUSH_ENDPOINT: &str = "the provider requires pushed authorization requests (RFC 9126), but its metadata \
                                names no endpoint for them";

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.configuration.issuer()).finish_non_exhaustive()
    }
}
