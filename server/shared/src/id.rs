//! Names of what is remembered.

/// The first 128 bits of an HMAC: a name that a stranger can neither choose nor read.
pub type Id = [u8; 16];
