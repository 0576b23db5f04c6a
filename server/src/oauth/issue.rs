//! The response of the token endpoint, made after the transaction that decided it is durable.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, PRAGMA};
use serde::Serialize;
use zeroize::Zeroizing;

use super::error::OAuthError;
use super::id_token;
use super::provider::Provider;
use super::rotation::{SessionRecord, SessionSecret};
use crate::tokens::{Claims, Confirmation};
use moorline_server_base::clock::Timestamp;
use moorline_server_base::policy::Scope;
use moorline_server_keys::{Algorithm, TokenType};

/// What is to be signed and issued. Everything in it but the algorithm comes from the session's row, so that the same
/// generation gives the same claims whenever it is asked for.
pub(super) struct Issue {
    algorithm: Algorithm,
    sid: String,
    client_id: String,
    user_id: String,
    roles: Vec<String>,
    scope: Scope,
    jti: String,
    jkt: Option<String>,
    auth_time: Timestamp,
    issued_at: Timestamp,
    session_ends_at: Timestamp,
    refresh_token: Option<Zeroizing<String>>,
    id_token: Option<WithIdToken>,
}

/// An ID token is wanted, too.
#[derive(Debug)]
pub(super) struct WithIdToken {
    /// The nonce of the authorization request; a refresh has none.
    pub(super) nonce: Option<String>,
}

impl Issue {
    /// The answer for the session's current generation; the access token is signed with `algorithm`, allows `scope`,
    /// and is bound to `key` if one was proved.
    pub(super) fn new(
        record: &SessionRecord,
        secret: &SessionSecret,
        roles: Vec<String>,
        scope: Scope,
        key: Option<&str>,
        algorithm: Algorithm,
    ) -> Self {
        let text = key.map_or_else(|| scope.to_string(), |key| format!("{scope} {key}"));
        let offline = record.scope.contains("offline_access");
        Self {
            algorithm,
            jti: secret.jti(record.locator, record.generation, &text),
            jkt: key.map(str::to_owned),
            refresh_token: offline.then(|| secret.refresh_token(record.locator, record.generation).expose()),
            sid: record.id.clone(),
            client_id: record.client_id.clone(),
            user_id: record.user_id.clone(),
            roles,
            scope,
            auth_time: record.auth_time,
            issued_at: record.rotated_at,
            // Never later than the absolute end.
            session_ends_at: record.idle_end_at,
            id_token: None,
        }
    }

    /// The same with an ID token.
    pub(super) fn with_id_token(mut self, id_token: Option<WithIdToken>) -> Self {
        self.id_token = id_token;
        self
    }

    /// Signs. This is the costly step, and comes after the commit so that the writer never waits for it.
    pub(super) fn sign(self, provider: &Provider, now: Timestamp) -> Result<Answer, OAuthError> {
        let settings = &provider.settings;
        let expires_at = self.issued_at.after(settings.access_token_lifetime).min(self.session_ends_at);
        let scope = self.scope.to_string();
        let access_token = provider.keys.sign(
            self.algorithm,
            TokenType::AccessToken,
            &Claims {
                iss: settings.issuer.as_str().into(),
                sub: self.user_id.as_str().into(),
                aud: settings.api.as_str().into(),
                client_id: self.client_id.as_str().into(),
                sid: self.sid.as_str().into(),
                scope: scope.as_str().into(),
                roles: self.roles.as_slice().into(),
                jti: self.jti.as_str().into(),
                cnf: self.jkt.as_deref().map(Confirmation::of),
                auth_time: self.auth_time.seconds(),
                iat: self.issued_at.seconds(),
                exp: expires_at.seconds(),
            },
            now,
        )?;
        let id_token_ends_at = self.issued_at.after(settings.id_token_lifetime);
        // A retry long after its answer was lost gets no fresher ID token either, and has no use for an expired one.
        let id_token = self.id_token.as_ref().filter(|_| id_token_ends_at > now).map(|wanted| {
            provider.keys.sign(
                Algorithm::Rs256,
                TokenType::IdToken,
                &id_token::Claims {
                    iss: &settings.issuer,
                    aud: &self.client_id,
                    sub: &self.user_id,
                    sid: &self.sid,
                    auth_time: self.auth_time.seconds(),
                    iat: self.issued_at.seconds(),
                    exp: id_token_ends_at.seconds(),
                    nonce: wanted.nonce.as_deref(),
                    at_hash: id_token::at_hash(&access_token),
                },
                now,
            )
        });
        Ok(Answer {
            access_token,
            token_type: if self.jkt.is_some() { "DPoP" } else { "Bearer" },
            expires_in: (expires_at.seconds() - now.seconds()).max(0),
            refresh_token: self.refresh_token.map(|token| token.to_string()),
            scope,
            id_token: id_token.transpose()?,
        })
    }
}

/// A successful response of the token endpoint (RFC 6749 §5.1).
#[derive(Serialize)]
pub(super) struct Answer {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Json(self).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
        response
    }
}
