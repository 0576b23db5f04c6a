//! The OpenID provider: authorization, tokens, revocation, user information and discovery.

mod authorize;
mod back_channel;
mod client_auth;
pub mod clients;
mod code;
pub mod consent;
mod discovery;
mod error;
pub mod exchange;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod id_token;
mod issue;
mod params;
mod pkce;
mod proof;
mod provider;
mod redirect;
mod refresh;
mod requested_access;
pub mod requests;
mod revoke;
pub mod rotation;
mod sessions;
mod sweep;
mod token;
mod transaction;
mod userinfo;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};

pub use provider::Provider;
pub use revoke::revoke_session;
pub use sessions::{Of, end_all as end_sessions};
pub use sweep::{Overdue, overdue, sweep};

use moorline_server_dpop::TOKEN_ENDPOINT;

/// Every OAuth and OpenID Connect address.
pub fn routes<S>() -> Router<S>
where
    Arc<Provider>: FromRef<S>,
    S: Clone + Send + Sync + 'static,
{
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery::metadata))
        .route("/.well-known/oauth-authorization-server", get(discovery::metadata))
        .route("/oauth/jwks", get(discovery::jwks))
        .route("/oauth/authorize", get(authorize::by_query).post(authorize::by_form))
        .route("/oauth/authorize/continue", get(authorize::resume))
        .route(TOKEN_ENDPOINT, post(token::token))
        .route("/oauth/revoke", post(revoke::revoke))
        .route("/oauth/userinfo", get(userinfo::userinfo).post(userinfo::userinfo))
}
