//! The OpenID provider: authorization, tokens, revocation, user information and discovery.

pub mod access_token;
mod authorize;
mod back_channel;
mod client_auth;
pub mod clients;
mod code;
pub mod consent;
mod discovery;
pub mod dpop;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod id_token;
mod issue;
mod params;
mod pkce;
mod redirect;
mod refresh;
pub mod requests;
mod revoke;
pub mod rotation;
pub mod scope;
mod sessions;
mod settings;
mod sweep;
mod token;
mod userinfo;

#[cfg(test)]
mod tests;

use axum::Router;
use axum::routing::{get, post};

pub(crate) use revoke::revoke_session;
pub use settings::Settings;
pub use sweep::sweep;

use crate::state::AppState;

/// Every OAuth and OpenID Connect address.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery::metadata))
        .route("/.well-known/oauth-authorization-server", get(discovery::metadata))
        .route("/oauth/jwks", get(discovery::jwks))
        .route("/oauth/authorize", get(authorize::by_query).post(authorize::by_form))
        .route("/oauth/authorize/continue", get(authorize::resume))
        .route(dpop::TOKEN_ENDPOINT, post(token::token))
        .route("/oauth/revoke", post(revoke::revoke))
        .route("/oauth/userinfo", get(userinfo::userinfo).post(userinfo::userinfo))
}
