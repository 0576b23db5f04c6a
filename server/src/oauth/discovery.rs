//! Metadata (OpenID Connect Discovery, RFC 8414) and public keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use serde_json::json;

use super::provider::Provider;
use moorline_server_base::policy;

/// `GET /.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`: one document serves both.
pub(super) async fn metadata(State(provider): State<Arc<Provider>>) -> Response {
    let issuer = &provider.settings.issuer;
    let client_authentication = json!(["none", "client_secret_basic", "client_secret_post"]);
    let document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/oauth/authorize"),
        "token_endpoint": format!("{issuer}/oauth/token"),
        "userinfo_endpoint": format!("{issuer}/oauth/userinfo"),
        "revocation_endpoint": format!("{issuer}/oauth/revoke"),
        "jwks_uri": format!("{issuer}/oauth/jwks"),
        "scopes_supported": policy::SUPPORTED,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": client_authentication,
        "revocation_endpoint_auth_methods_supported": client_authentication,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "refresh_attempt_supported": true,
        "dpop_signing_alg_values_supported": moorline_server_dpop::ALGORITHMS,
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claim_types_supported": ["normal"],
        "claims_supported": [
            "sub", "name", "preferred_username", "updated_at", "email", "email_verified",
            "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid",
        ],
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "protected_resources": [provider.settings.api],
    });
    ([(CACHE_CONTROL, "public, max-age=3600")], Json(document)).into_response()
}

/// `GET /oauth/jwks`. Keys are published two days before their first use, so a cache of an hour never lacks one.
pub(super) async fn jwks(State(provider): State<Arc<Provider>>) -> Response {
    ([(CACHE_CONTROL, "public, max-age=3600")], Json(provider.keys.jwks())).into_response()
}
