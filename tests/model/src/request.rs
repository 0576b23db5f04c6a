//! What is sent to the server.

use crate::names::{Key, Token};

/// What reaches the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// The refresh token. All of the model's are authentic: a forged tag never gets past row 3.
    pub token: Token,
    /// The attempt key.
    pub attempt: Option<Key>,
    /// What its DPoP proof says, where the session is bound.
    pub proof: Proven,
}

/// What a proof says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proven {
    /// There is none.
    Nothing,
    /// It was used before.
    Replayed,
    /// It has no fresh nonce.
    NonceWanted,
    /// It is by the device's key.
    Device,
    /// It is by another key.
    Stranger,
}
