//! The thief: what it steals, and what it can do with that.

use crate::names::{GENERATIONS, Key, Maker, SESSIONS, Token};
use crate::request::{Proven, Request};
use crate::scenario::{Loot, Scenario};

/// What the thief has, and how it fares.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Thief {
    /// The refresh tokens that it holds, a bit a generation.
    tokens: [u8; SESSIONS],
    /// An attempt key of the owner's that it has seen.
    key: Option<Key>,
    /// Whether it has stolen yet (it does so once).
    pub has_stolen: bool,
    /// Whether it has made the server do anything.
    pub has_acted: bool,
    /// How often the lead has changed since its first gain: 1 the thief, 2 then the owner, 3 then the thief again …
    pub pace: u8,
}

impl Thief {
    /// One that has nothing yet.
    pub const IDLE: Self =
        Self { tokens: [0; SESSIONS], key: None, has_stolen: false, has_acted: false, pace: 0 };

    /// Takes a token, and an attempt key where one is with it.
    pub fn steal(&mut self, token: Token, key: Option<Key>) {
        self.has_stolen = true;
        self.tokens[usize::from(token.session)] |= 1 << token.generation;
        self.key = key;
    }

    /// The tokens that it holds.
    pub fn tokens(&self) -> impl Iterator<Item = Token> {
        let tokens = self.tokens;
        (0u8..).zip(tokens).flat_map(|(session, bits)| {
            (0..GENERATIONS as u8)
                .filter(move |generation| bits >> generation & 1 == 1)
                .map(move |generation| Token { session, generation })
        })
    }

    /// All that it can send: each token it holds with each key that it can have, and with none.
    pub fn requests(&self, scenario: &Scenario) -> impl Iterator<Item = Request> {
        let (key, derives) = (self.key, scenario.mutant.is_some_and(|mutant| mutant.derives_keys()));
        let derives = derives && scenario.loot == Loot::Vault;
        let proofs: &[Proven] = match (scenario.bound, scenario.thief_has_device_key) {
            (false, _) => &[Proven::Nothing],
            (true, true) => &[Proven::Device],
            (true, false) => &[Proven::Nothing, Proven::Replayed, Proven::Stranger],
        };
        let most = scenario.thiefs_generations;
        self.tokens().filter(move |token| token.generation < most).flat_map(move |token| {
            let own = Key::of(token, Maker::Thief);
            let derived = derives.then(|| Key::of(token, Maker::Derived));
            [Some(None), Some(Some(own)), key.map(Some), derived.map(Some)]
                .into_iter()
                .flatten()
                .flat_map(move |attempt| proofs.iter().map(move |&proof| Request { token, attempt, proof }))
        })
    }

    /// A token has come. The lead is its own if the token is new to it.
    pub fn gain(&mut self, token: Token) {
        let bits = &mut self.tokens[usize::from(token.session)];
        let new = *bits >> token.generation & 1 == 0;
        *bits |= 1 << token.generation;
        if new && self.pace.is_multiple_of(2) {
            self.pace += 1;
        }
    }

    /// The owner has stored a successor.
    pub fn lose_the_lead(&mut self) {
        if !self.pace.is_multiple_of(2) {
            self.pace += 1;
        }
    }
}
