//! What talks to the provider: its metadata, its keys, its endpoints, and the readers of what it answers.

mod cache;
mod device_grant;
mod discovery;
mod discovery_error;
mod documents;
mod endpoints;
mod id_token;
mod jwks;
mod jws;
mod metadata;
mod pushed_request;
mod rate_limit;
mod refusal;
mod stored;
mod token_response;
mod userinfo;

pub(crate) use self::device_grant::{DeviceAnswer, DeviceGrant};
pub(crate) use self::endpoints::{CodeExchange, Provider, RefreshRequest};
#[cfg(any(test, feature = "fuzzing"))]
#[cfg_attr(not(test), expect(unused_imports, reason = "some are for the tests alone"))]
pub(crate) use self::{
    device_grant::DeviceCodes,
    discovery_error::DiscoveryError,
    id_token::{Expectations, IdTokenError, verify_with},
    jwks::Jwks,
    jws::{Jws, JwsError},
    userinfo::{ExpectedUserInfo, UserInfoError, parse as parse_userinfo, verify_signed as verify_userinfo},
};
pub(crate) use self::{
    id_token::{IdTokenClaims, about_the_user, claims_of_verified, names_another_user},
    metadata::Metadata,
    refusal::asks_to_retry,
    stored::StoredProvider,
    token_response::{Refusal, TokenResponse, Tokens, read_refusal},
};
