//! What talks to the provider: its metadata, its keys, its endpoints, and the readers of what it answers.

mod cache;
pub(crate) mod device_grant;
mod discovery;
pub(crate) mod discovery_error;
mod documents;
mod endpoints;
pub(crate) mod id_token;
pub(crate) mod jwks;
pub(crate) mod jws;
mod metadata;
mod pushed_request;
mod rate_limit;
mod refusal;
mod stored;
mod token_response;
pub(crate) mod userinfo;

pub(crate) use self::device_grant::{DeviceAnswer, DeviceGrant};
pub(crate) use self::endpoints::{CodeExchange, Provider, RefreshRequest, userinfo_request};
pub(crate) use self::{
    id_token::{IdTokenClaims, about_the_user, claims_of_verified, names_another_user},
    metadata::Metadata,
    refusal::asks_to_retry,
    stored::StoredProvider,
    token_response::{Refusal, TokenResponse, Tokens, read_refusal},
};
