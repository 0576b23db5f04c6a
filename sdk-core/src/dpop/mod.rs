//! Tokens that only this device can use (RFC 9449): a key for each session, and a fresh proof of it with every
//! request.
//!
//! The key is generated when a sign-in starts and is sealed in the vault with it, then with the session, and with the
//! revocations that a sign-out leaves behind. Where the platform has a signer, the key is generated there and never
//! leaves it: the vault then holds its name and its public key. Each send has a new proof, also of the same request: no
//! two share a `jti`.

pub(crate) mod key;
pub(crate) mod peers;
mod sender;
#[cfg(test)]
mod tests;
mod token_type;

pub(crate) use self::key::ProofKey;
#[cfg(test)]
pub(crate) use self::sender::secret_value;
pub(crate) use self::sender::{Credentials, Sender, is_about_the_proof, refuses_proof};
pub use self::token_type::TokenType;
