//! The provider's endpoints, one function each.

use std::{fmt, sync::Arc, time::Duration};

use ::http::Method;
use url::Url;

use super::{
    id_token::{self, DEFAULT_LEEWAY, Expectations, IdTokenClaims, IdTokenError, KeySource},
    jwks::JwksCache,
    metadata::{Metadata, MetadataCache},
    rate_limit::RateLimit,
    token_response::{TokenResponse, Tokens},
};
use crate::{
    configuration::Configuration,
    dpop::{Credentials, ProofKey, Sender},
    error::Error,
    net::{NetError, Request, Response, Transport},
    secret::Secret,
    time::{Clock, unix_seconds},
};

/// One app's way to one provider, and to the APIs that take its tokens.
pub(crate) struct Provider {
    configuration: Configuration,
    clock: Arc<dyn Clock>,
    /// For public documents.
    transport: Transport,
    /// For everything that carries tokens.
    sender: Sender,
    keys: JwksCache,
    metadata: MetadataCache,
    rate_limit: RateLimit,
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
    pub(crate) fn new(configuration: Configuration, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let transport = Transport::new(&configuration)?;
        Ok(Self {
            sender: Sender::new(transport.clone(), clock.clone()),
            transport,
            configuration,
            clock,
            keys: JwksCache::default(),
            metadata: MetadataCache::default(),
            rate_limit: RateLimit::default(),
        })
    }

    pub(crate) const fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// The provider's metadata, from memory or from the provider.
    pub(crate) async fn metadata(&self) -> Result<Arc<Metadata>, Error> {
        let found =
            self.metadata.metadata(&self.transport, &self.configuration, self.clock.monotonic()).await;
        found.map_err(|error| {
            tracing::info!(%error, "no provider metadata");
            error.into()
        })
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
        self.ask_for_tokens(metadata, fields, exchange.proof_key, &sent).await
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
        let mut secrets = vec![&request.token];
        if let Some(attempt) = &request.attempt {
            fields.push(("refresh_attempt", attempt.expose()));
            secrets.push(attempt);
        }
        self.ask_for_tokens(metadata, fields, request.proof_key.as_ref(), &secrets).await
    }

    async fn ask_for_tokens<'a>(
        &self,
        metadata: &Metadata,
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
        proof_key: Option<&ProofKey>,
        sent: &[&Secret],
    ) -> Result<TokenResponse, NetError> {
        if let Some(left) = self.rate_limit.remaining(self.clock.monotonic()) {
            return Err(NetError::RateLimited(left));
        }
        let request = Request::post_form(metadata.token_endpoint.clone(), fields);
        let response = self.sender.send(&request, Credentials { key: proof_key, access_token: None }).await?;
        let read = TokenResponse::read(&response, sent, self.clock.wall());
        if let TokenResponse::Unclear { retry_after: Some(wait), .. } = &read {
            self.rate_limit.record(self.clock.monotonic(), *wait);
        }
        Ok(read)
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

    /// Verifies the ID token that came for an authorization code (OpenID Connect Core §3.1.3.7).
    pub(crate) async fn verify_id_token(
        &self,
        metadata: &Metadata,
        tokens: &Tokens,
        nonce: &Secret,
        max_age: Option<u64>,
    ) -> Result<IdTokenClaims, Error> {
        let Some(token) = &tokens.id_token else {
            return Err(Error::refused("invalid_id_token", "the provider sent no ID token"));
        };
        let keys = KeySource {
            cache: &self.keys,
            transport: &self.transport,
            jwks_uri: &metadata.jwks_uri,
            now: self.clock.monotonic(),
        };
        let device_time = i64::try_from(unix_seconds(&*self.clock)).unwrap_or(i64::MAX);
        // The provider's own time, from the response that the token came in: the device's may be wrong by years.
        let provider_time = self.sender.time_at(&metadata.token_endpoint).unwrap_or(device_time);
        let expected = Expectations {
            issuer: self.configuration.issuer(),
            client_id: self.configuration.client_id(),
            nonce: Some(nonce.expose()),
            access_token: Some(tokens.access_token.expose()),
            subject: None,
            max_age,
            now: provider_time,
            leeway: DEFAULT_LEEWAY,
        };
        match id_token::verify(token.expose(), keys, &expected).await {
            // The provider's `Date` may be wrong instead. Either clock will do: the nonce says that the token is new.
            Err(IdTokenError::Clock(_)) => {
                let expected = Expectations { now: device_time, ..expected };
                Ok(id_token::verify(token.expose(), keys, &expected).await?)
            }
            verdict => Ok(verdict?),
        }
    }

    /// By how many seconds the device's clock is ahead of the provider's, if that is far too much.
    pub(crate) fn clock_skew(&self, metadata: &Metadata) -> Option<i64> {
        let device_time = i64::try_from(unix_seconds(&*self.clock)).unwrap_or(i64::MAX);
        let skew = device_time.saturating_sub(self.sender.time_at(&metadata.token_endpoint)?);
        (skew.abs() > DEFAULT_LEEWAY).then_some(skew)
    }

    /// Sends a request that carries an access token.
    pub(crate) async fn send(
        &self,
        request: &Request,
        credentials: Credentials<'_>,
    ) -> Result<Response, NetError> {
        self.sender.send(request, credentials).await
    }

    /// The headers that carry an access token, for a request that somebody else sends: `Authorization`, and `DPoP` if the
    /// token is bound.
    pub(crate) fn headers(
        &self,
        method: &Method,
        url: &Url,
        key: Option<&ProofKey>,
        access_token: &Secret,
    ) -> (Secret, Option<Secret>) {
        self.sender.headers(method, url, key, access_token)
    }

    /// Takes in a `DPoP-Nonce` that somebody else received.
    pub(crate) fn learn_nonce(&self, url: &Url, nonce: &str) {
        self.sender.learn_nonce(url, nonce);
    }

    /// How long one request may take.
    pub(crate) const fn request_timeout(&self) -> Duration {
        self.configuration.request_timeout()
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.configuration.issuer()).finish_non_exhaustive()
    }
}
