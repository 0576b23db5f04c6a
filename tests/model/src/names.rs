//! What the model's tokens and attempt keys are called: small numbers instead of the product's long random ones.

use std::fmt;
use std::num::NonZeroU8;

use moorline_server::oauth::rotation::AttemptHash;

/// So many generations a session can have here.
pub const GENERATIONS: usize = 8;
/// How many sessions a user can have one after the other.
pub const SESSIONS: usize = 2;

/// A refresh token. (The product derives it from the session's secret and the generation, so these two name it.)
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token {
    /// Which session.
    pub session: u8,
    /// Which generation of it.
    pub generation: u8,
}

impl Token {
    /// The token that takes its place.
    #[must_use]
    pub fn at(self, generation: u8) -> Self {
        Self { generation, ..self }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}g{}", self.session, self.generation)
    }
}

/// Who made an attempt key, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Maker {
    /// The owner, at random: the first, second … that was made for this token.
    Owner(u8),
    /// Anybody who holds the vault can derive it (a mutant's client).
    Derived,
    /// The thief, at random.
    Thief,
    /// Nobody has used it yet: to ask what would happen.
    Probe,
}

/// An attempt key: for which token, and by whom. One byte, since a state holds many.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(NonZeroU8);

/// The owner's keys for one token: more are never made within the bounds (a step that would is left out).
pub const OWNERS_KEYS: u8 = 4;

impl Key {
    /// The key that `maker` makes for `token`.
    #[must_use]
    pub fn of(token: Token, maker: Maker) -> Self {
        let maker = match maker {
            Maker::Owner(nth) => 1 + nth % OWNERS_KEYS,
            Maker::Derived => 5,
            Maker::Thief => 6,
            Maker::Probe => 7,
        };
        let packed = (maker << 5) | (token.session << 3) | token.generation;
        // Sessions take one bit of two, so that a generation of eight still fits.
        debug_assert!(token.session < 2 && token.generation < 8 && maker < 8);
        Self(NonZeroU8::new(packed).expect("a maker is never 0"))
    }

    /// A key that nobody has used, to ask what a token would be good for.
    pub(crate) fn probe(token: Token) -> Self {
        Self::of(token, Maker::Probe)
    }

    /// The token that it was made for.
    #[must_use]
    pub fn token(self) -> Token {
        let packed = self.0.get();
        Token { session: (packed >> 3) & 1, generation: packed & 7 }
    }

    fn maker(self) -> Maker {
        match self.0.get() >> 5 {
            5 => Maker::Derived,
            6 => Maker::Thief,
            7 => Maker::Probe,
            nth => Maker::Owner(nth - 1),
        }
    }

    /// The product's hash of it.
    #[must_use]
    pub const fn hash(self) -> AttemptHash {
        AttemptHash::from_bytes([self.0.get(); 32])
    }

    /// The key that [`Key::hash`] was made of.
    #[must_use]
    pub fn from_hash(hash: AttemptHash) -> Option<Self> {
        NonZeroU8::new(hash.bytes()[0]).map(Self)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.maker() {
            Maker::Owner(nth) => write!(f, "key {} for {:?}", nth + 1, self.token()),
            Maker::Derived => write!(f, "key derived from {:?}", self.token()),
            Maker::Thief => write!(f, "thief's key for {:?}", self.token()),
            Maker::Probe => write!(f, "new key for {:?}", self.token()),
        }
    }
}
