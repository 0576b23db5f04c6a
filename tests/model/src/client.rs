//! The owner's device: two processes that share a vault, each step of a refresh by the product's own decision.

use moorline::decision::{Action, Event, Failure, Verdict, decide};

use crate::names::{Key, Maker, OWNERS_KEYS, SESSIONS, Token};
use crate::scenario::Scenario;
use crate::server::Reply;

/// What the vault's file says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Contents {
    /// The state of the account.
    pub standing: Standing,
    /// Whether the token is sent with attempts: what the metadata said when it came.
    pub keyed: bool,
    /// Which sessions the provider must still revoke.
    pub told_later: [bool; SESSIONS],
}

/// The state of the account.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Standing {
    /// A user is signed in.
    SignedIn(Token),
    /// The user has signed out.
    SignedOut,
    /// The provider has ended the session.
    Ended,
}

impl Standing {
    /// The refresh token that the vault holds.
    #[must_use]
    pub const fn held(&self) -> Option<&Token> {
        match self {
            Self::SignedIn(token) => Some(token),
            Self::SignedOut | Self::Ended => None,
        }
    }
}

/// More pending records than two processes ever leave.
const RECORDS: usize = 4;

/// The vault: its file, and the pending records beside it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Vault {
    /// The file.
    pub contents: Contents,
    /// The records; a key's own name says for which token.
    journal: [Option<Key>; RECORDS],
    /// How many keys were made for each token, two bits each: a new one is never an old one.
    made: [u16; SESSIONS],
}

impl Vault {
    /// The vault after a sign-in.
    #[must_use]
    pub fn signed_in(token: Token, keyed: bool) -> Self {
        let contents = Contents { standing: Standing::SignedIn(token), keyed, told_later: [false; SESSIONS] };
        Self { contents, journal: [None; RECORDS], made: [0; SESSIONS] }
    }

    /// The attempt key that is journalled for the token.
    #[must_use]
    pub fn journalled(&self, token: Token) -> Option<Key> {
        self.journal.iter().flatten().copied().find(|key| key.token() == token)
    }

    /// Exclusive creation: the record that is there, or else a new one. Nothing beyond the model's bounds.
    fn journal(&mut self, token: Token, scenario: &Scenario) -> Option<Key> {
        let forgets = scenario.mutant.is_some_and(|mutant| mutant.forgets_the_journal());
        if let Some(key) = self.journalled(token).filter(|_| !forgets) {
            return Some(key);
        }
        let (made, shift) = (&mut self.made[usize::from(token.session)], 2 * token.generation);
        let nth = u8::try_from(*made >> shift & 3).expect("two bits");
        if nth + 1 == OWNERS_KEYS {
            return None;
        }
        *made += 1 << shift;
        let key = Key::of(token, Maker::Owner(nth));
        self.journal
            .iter_mut()
            .filter(|key| key.is_some_and(|key| key.token() == token))
            .for_each(|key| *key = None);
        *self.journal.iter_mut().find(|key| key.is_none())? = Some(key);
        self.journal.sort_unstable();
        Some(key)
    }

    /// Replaces the file as a whole, and removes the records of tokens that no session holds any more.
    pub fn replace(&mut self, contents: Contents) {
        self.contents = contents;
        let held = contents.standing.held().copied();
        self.journal.iter_mut().filter(|key| key.map(Key::token) != held).for_each(|key| *key = None);
        self.journal.sort_unstable();
    }

    /// The user signs out: a tombstone first, the revocation later.
    #[must_use]
    pub fn after_sign_out(&self) -> Contents {
        self.contents.buried(Standing::SignedOut)
    }

    /// The user signs in again, whatever was there before.
    #[must_use]
    pub fn after_sign_in(&self, token: Token, keyed: bool) -> Contents {
        Contents { keyed, ..self.contents.buried(Standing::SignedIn(token)) }
    }
}

impl Contents {
    fn buried(self, standing: Standing) -> Self {
        let mut contents = Self { standing, keyed: false, ..self };
        if let Some(token) = self.standing.held() {
            contents.told_later[usize::from(token.session)] = true;
        }
        contents
    }
}

/// A refresh token that is to be sent, with its attempt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Sending {
    /// The token.
    pub token: Token,
    /// Its attempt; `None` if the client knows none.
    pub attempt: Option<Key>,
}

/// How far a process is with its refresh.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Process {
    /// It does nothing, or has just been started.
    Idle,
    /// It has read the vault, and has no record yet. (Without locks alone: else it is one step with the next.)
    Read(Token),
    /// The attempt is durable.
    Journalled(Sending),
    /// It has looked into the vault again and is about to send; it may stay like this for days.
    AboutToSend(Sending),
    /// It has sent, and nothing has come.
    Waiting(Sending),
    /// The server has answered; the answer is on its way, or here.
    Answered(Sending, Reply),
    /// It has decided what to write. (Only where writes are torn: else it is one step with the decision.)
    Writing(Contents),
}

impl Process {
    /// The refresh tokens that it has in memory.
    pub fn tokens(&self) -> impl Iterator<Item = Token> {
        let two = match *self {
            Self::Idle => [None, None],
            Self::Read(token) => [Some(token), None],
            Self::Journalled(sending) | Self::AboutToSend(sending) | Self::Waiting(sending) => {
                [Some(sending.token), None]
            }
            Self::Answered(sending, Reply::Issued { token, .. }) => [Some(sending.token), Some(token)],
            Self::Answered(sending, _) => [Some(sending.token), None],
            Self::Writing(contents) => [contents.standing.held().copied(), None],
        };
        two.into_iter().flatten()
    }

    /// Steps 2 and 3: reads the vault and journals an attempt. What the metadata `says` of attempts just now doesn't
    /// matter.
    pub fn begin(&mut self, vault: &mut Vault, says: bool, scenario: &Scenario) -> Option<()> {
        match decide(Event::Begun { held: vault.contents.standing.held() }) {
            Action::Journal => {
                let token = *vault.contents.standing.held()?;
                *self = Self::Read(token);
                if scenario.locks { self.journal(vault, says, scenario) } else { Some(()) }
            }
            _ => None,
        }
    }

    /// Step 3 for itself.
    pub fn journal(&mut self, vault: &mut Vault, says: bool, scenario: &Scenario) -> Option<()> {
        let Self::Read(token) = *self else { return None };
        let fickle = scenario.mutant.is_some_and(|mutant| mutant.goes_by_the_moment());
        let keyed = if fickle { says } else { vault.contents.keyed };
        let derives = scenario.mutant.is_some_and(|mutant| mutant.derives_keys());
        let attempt = match () {
            () if !keyed => None,
            () if derives => Some(Key::of(token, Maker::Derived)),
            () => Some(vault.journal(token, scenario)?),
        };
        *self = Self::Journalled(Sending { token, attempt });
        Some(())
    }

    /// Step 4: looks into the vault again before it sends.
    pub fn look(&mut self, vault: &Vault) -> Option<()> {
        let Self::Journalled(sending) = *self else { return None };
        let event = Event::Journalled { token: &sending.token, held: vault.contents.standing.held() };
        *self = match decide(event) {
            Action::Send => Self::AboutToSend(sending),
            _ => Self::Idle,
        };
        Some(())
    }

    /// Step 5.
    pub fn send(&mut self) -> Option<Sending> {
        let Self::AboutToSend(sending) = *self else { return None };
        *self = Self::Waiting(sending);
        Some(sending)
    }

    /// Step 6: no answer, or none that counts.
    pub fn fail(&mut self, sends_left: bool) -> Option<()> {
        if let Self::Answered(_, Reply::Refused) = self {
            // The client is refused, not the session: it is reported, and nothing changes.
            *self = Self::Idle;
            return Some(());
        }
        let (sending, failure) = match *self {
            Self::Waiting(sending) => (sending, Failure::Unclear),
            Self::Answered(sending, _) => (sending, Failure::Unclear),
            _ => return None,
        };
        *self = match decide::<Token>(Event::Failed { failure, sends_left }) {
            Action::SendAgain => Self::Journalled(sending),
            _ => Self::Idle,
        };
        Some(())
    }

    /// Steps 7, 10 and 12: what an answer makes of the vault. `None` if it says nothing about the session.
    #[must_use]
    pub fn settled(
        &self,
        contents: &Contents,
        says: bool,
        scenario: &Scenario,
    ) -> Option<(Action, Contents)> {
        let Self::Answered(sending, reply) = self else { return None };
        let verdict = match reply {
            Reply::Issued { .. } => Verdict::Issued,
            Reply::InvalidGrant => Verdict::InvalidGrant,
            Reply::Again | Reply::Refused => return None,
        };
        let careless = scenario.mutant.is_some_and(|mutant| mutant.trusts_its_memory());
        let held = if careless { Some(&sending.token) } else { contents.standing.held() };
        let action = decide(Event::Answered { sent: &sending.token, verdict, held, refused: None });
        let after = match (action, reply) {
            (Action::Store, Reply::Issued { token, .. }) => {
                Contents { standing: Standing::SignedIn(*token), keyed: says, ..*contents }
            }
            (Action::End, _) if scenario.mutant.is_some_and(|mutant| mutant.ends_in_silence()) => {
                Contents { standing: Standing::Ended, keyed: false, ..*contents }
            }
            (Action::End, _) => contents.buried(Standing::Ended),
            (Action::DropAndRevoke, _) => {
                let mut contents = *contents;
                contents.told_later[usize::from(sending.token.session)] = true;
                contents
            }
            _ => *contents,
        };
        Some((action, after))
    }

    /// The same, done: at once, or in two steps where writes are torn.
    pub fn settle(&mut self, vault: &mut Vault, says: bool, scenario: &Scenario) -> Option<Action> {
        let (action, after) = self.settled(&vault.contents, says, scenario)?;
        if scenario.torn_writes && after != vault.contents {
            *self = Self::Writing(after);
            return Some(action);
        }
        if after != vault.contents {
            vault.replace(after);
        }
        *self = Self::Idle;
        Some(action)
    }

    /// The second of two steps.
    pub fn write(&mut self, vault: &mut Vault) -> Option<()> {
        let Self::Writing(contents) = *self else { return None };
        vault.replace(contents);
        *self = Self::Idle;
        Some(())
    }
}
