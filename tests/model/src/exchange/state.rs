//! A state of the world in which a code is exchanged.

/// Whose key it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Key {
    /// The device's.
    Device,
    /// The thief's.
    Thief,
}

/// What comes with an exchange as its proof.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Proof {
    /// None.
    Absent,
    /// By the device's key, without a nonce that is still good.
    OldNonce,
    /// By the device's key, for the request of this number: good once.
    OfRequest(u8),
    /// By the thief's key: a new one each time.
    OfThief,
}

/// The session that the code has begun.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Begun {
    /// The key that it is bound to.
    pub key: Option<Key>,
    /// Its generation: 0 until its first refresh.
    pub generation: u8,
    /// Whether it has ended.
    pub ended: bool,
}

/// What the server says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reply {
    /// The tokens of generation 0.
    Tokens,
    /// `invalid_grant`.
    InvalidGrant,
    /// A nonce is wanted, or the proof is refused: send again.
    Again,
}

/// How far the device is. Code, verifier and key are durable from the start.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Device {
    /// It has the callback, and has no answer yet.
    Pending,
    /// It waits for the answer to the request of this number.
    Waiting(u8),
    /// The answer has come, and is not stored.
    Answered(Reply),
    /// It holds the token of this generation.
    SignedIn(u8),
    /// The server has refused the code.
    Refused,
}

/// A request under way, or late.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Flight {
    /// Which of the device's requests it is.
    pub number: u8,
    /// Whether the device waits for its answer.
    pub is_awaited: bool,
}

/// How many requests the device sends at most.
pub const SENDS: usize = 4;

/// The world.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct State {
    /// Whether the code has not expired.
    pub code_is_alive: bool,
    /// What its first use has begun.
    pub begun: Option<Begun>,
    /// The proofs that were used, one bit for each request.
    pub used: u8,
    /// The device.
    pub device: Device,
    /// How many requests it has sent.
    pub sent: u8,
    /// What is under way.
    pub network: [Option<Flight>; SENDS],
    /// Whether the thief has the code.
    pub is_stolen: bool,
    /// The request that the thief has copied.
    pub copied: Option<u8>,
    /// Whether the thief has got tokens.
    pub thief_has_tokens: bool,
    /// Whether the thief has changed anything.
    pub thief_has_acted: bool,
}

impl State {
    /// The browser has just come back with the code.
    pub const BEGIN: Self = Self {
        code_is_alive: true,
        begun: None,
        used: 0,
        device: Device::Pending,
        sent: 0,
        network: [None; SENDS],
        is_stolen: false,
        copied: None,
        thief_has_tokens: false,
        thief_has_acted: false,
    };

    /// The requests under way.
    pub fn flights(&self) -> impl Iterator<Item = &Flight> {
        self.network.iter().flatten()
    }

    /// Whether the thief holds tokens of a live session that it can use: it has the key, or none is asked for.
    pub fn thief_has_a_session(&self) -> bool {
        self.thief_has_tokens
            && self.begun.is_some_and(|begun| !begun.ended && begun.key != Some(Key::Device))
    }
}
