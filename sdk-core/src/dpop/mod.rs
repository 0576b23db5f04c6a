//! Tokens that are of use to this device alone (RFC 9449): a key for each session, and a fresh proof of it with
//! everything that is sent.
//!
//! The key is made when a sign-in starts and is sealed in the vault with it, then with the session, and with the
//! revocations that a sign-out leaves behind. A proof is signed anew for each send, also of the very same request: no two
//! share a `jti`.

mod key;
mod peers;
mod sender;
#[cfg(test)]
mod tests;
mod token_type;

pub(crate) use self::key::ProofKey;
#[cfg(test)]
pub(crate) use self::sender::secret_value;
pub(crate) use self::sender::{Credentials, Sender, is_about_the_proof, refuses_proof};
pub use self::token_type::TokenType;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use self::{key::Proven, peers::Peers};
