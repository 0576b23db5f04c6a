//! The thief: what it steals, and what it can do with that.

use crate::ahead::{AGES, Age, FRESH, Worth};
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
    /// The proofs that the device has signed for it.
    ahead: Option<Ahead>,
    /// How many answers with tokens it has got.
    pub answers: u8,
    /// Whether the API has let it in when it should not have: with an old nonce, or with an access token that it has
    /// bought.
    pub entered: bool,
}

/// Proofs that were signed in advance, with one nonce.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Ahead {
    /// How old the nonce is.
    age: Age,
    /// How old it was when the proof for a refresh was used.
    used: Option<Age>,
    /// The token of the moment: the proof for the API is for the access token that came with it.
    token: Token,
}

impl Thief {
    /// One that has nothing yet.
    pub const IDLE: Self = Self {
        tokens: [0; SESSIONS],
        key: None,
        has_stolen: false,
        has_acted: false,
        pace: 0,
        ahead: None,
        answers: 0,
        entered: false,
    };

    /// Takes a token, and an attempt key where one is with it.
    pub fn steal(&mut self, token: Token, key: Option<Key>) {
        self.has_stolen = true;
        self.tokens[usize::from(token.session)] |= 1 << token.generation;
        self.key = key;
    }

    /// Takes what the vault has, and has the device sign.
    pub fn have_signed(&mut self, token: Token, key: Option<Key>) {
        self.steal(token, key);
        self.ahead = Some(Ahead { age: FRESH, used: None, token });
    }

    /// Whether the nonce of its proofs can grow older.
    pub fn can_age(&self) -> bool {
        self.ahead.is_some_and(|ahead| usize::from(ahead.age) + 1 < AGES)
    }

    /// Minutes pass.
    pub fn grow_old(&mut self) {
        if let Some(ahead) = &mut self.ahead {
            ahead.age += 1;
        }
    }

    /// What its proof for a refresh is worth just now.
    fn signed_ahead(&self, scenario: &Scenario) -> Option<Proven> {
        let Ahead { age, used, .. } = self.ahead?;
        let worth = Worth::of_the_product();
        let forgotten =
            used.is_some_and(|then| scenario.mutant.is_some_and(|mutant| mutant.forgets_proof(then, age)));
        Some(match used {
            _ if !worth.refresh(age) => Proven::NonceWanted,
            Some(then) if !forgotten && !worth.refresh_again(then, age) => Proven::Replayed,
            _ => Proven::Device,
        })
    }

    /// A live session was shown its proof for a refresh.
    pub fn use_up(&mut self) {
        if let Some(ahead) = &mut self.ahead {
            ahead.used = Some(ahead.age);
        }
    }

    /// The access tokens that it can show the API with its proof for that: each by the refresh token that it came
    /// with.
    pub fn calls(&self) -> impl Iterator<Item = Token> {
        self.tokens().filter(|_| self.ahead.is_some())
    }

    /// Whether the API takes its proof with the access token of this moment, and whether it should: in the nonce's
    /// four minutes, with the token that it was signed for.
    pub fn is_let_in(&self, token: Token, scenario: &Scenario) -> Option<bool> {
        let ahead = self.ahead?;
        let same = token == ahead.token;
        let ages = scenario.mutant.is_some_and(|mutant| mutant.ages_alike());
        let worth = Worth::of_the_product();
        let fresh_enough = worth.api(ahead.age, same) || (ages && same && worth.refresh(ahead.age));
        fresh_enough.then_some(same && ahead.age == FRESH)
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
        let without: &[Proven] = match (scenario.bound, scenario.thief_has_device_key) {
            (false, _) => &[Proven::Nothing],
            (true, true) => &[Proven::Device],
            (true, false) => &[Proven::Nothing, Proven::Replayed, Proven::Stranger],
        };
        let signed = self.signed_ahead(scenario);
        let most = scenario.thiefs_generations;
        self.tokens().filter(move |token| token.generation < most).flat_map(move |token| {
            let own = Key::of(token, Maker::Thief);
            let derived = derives.then(|| Key::of(token, Maker::Derived));
            [Some(None), Some(Some(own)), key.map(Some), derived.map(Some)].into_iter().flatten().flat_map(
                move |attempt| {
                    let proofs = without.iter().copied().chain(signed);
                    proofs.map(move |proof| Request { token, attempt, proof })
                },
            )
        })
    }

    /// A token has come. The lead is its own if the token is new to it.
    pub fn gain(&mut self, token: Token) {
        self.answers += u8::from(self.ahead.is_some());
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
