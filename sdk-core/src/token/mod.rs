//! Tokens that the SDK reads: ID tokens, the keys that sign them, and userinfo. Access and refresh tokens aren't
//! among them: what is in those is the provider's business.

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
pub(crate) mod id_token;
pub(crate) mod json;
pub(crate) mod jwks;
mod jws;
pub(crate) mod userinfo;

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod quirks;
#[cfg(test)]
pub(crate) mod signer;
