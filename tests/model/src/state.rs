//! A state of the whole world, small enough to be kept by the million.

use crate::client::{Process, Sending, Vault};
use crate::names::{SESSIONS, Token};
use crate::scenario::Scenario;
use crate::server::Row;
use crate::thief::Thief;

/// The network holds at most so many requests.
pub const NETWORK: usize = 3;

/// A request on its way, or late, for as long as anybody likes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Flight {
    /// Who waits for its answer: a process, or nobody any more.
    pub waits: Option<u8>,
    /// What is in it.
    pub sending: Sending,
    /// Whether the server has seen its proof already: this is the network's own copy.
    pub copy: bool,
}

/// The world.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct State {
    /// The server's rows, a session each.
    pub rows: [Row; SESSIONS],
    /// The row of the last session as it was before its last commit, while that can still be lost.
    pub before: Option<Row>,
    /// How many commits the server has lost.
    pub lost: u8,
    /// What the two processes share.
    pub vault: Vault,
    /// Whether the provider's metadata says just now that it knows attempts.
    pub says: bool,
    /// The two processes.
    pub processes: [Process; 2],
    /// What is under way.
    pub network: [Option<Flight>; NETWORK],
    /// The thief.
    pub thief: Thief,
    /// Which session is the last that was begun.
    pub session: u8,
    /// Whether an answer had an access token that was younger than its generation.
    pub minted: bool,
}

impl State {
    /// A user has just signed in.
    #[must_use]
    pub fn begun(scenario: &Scenario) -> Self {
        let token = Token { session: 0, generation: 0 };
        Self {
            rows: [Row::begun(); SESSIONS],
            before: None,
            lost: 0,
            vault: Vault::signed_in(token, scenario.keyed),
            says: scenario.keyed,
            processes: [Process::Idle; 2],
            network: [None; NETWORK],
            thief: Thief::IDLE,
            session: 0,
            minted: false,
        }
    }

    /// The row of the session that a token is of.
    #[must_use]
    pub fn row(&self, token: Token) -> &Row {
        &self.rows[usize::from(token.session)]
    }

    /// The requests under way.
    pub fn flights(&self) -> impl Iterator<Item = &Flight> {
        self.network.iter().flatten()
    }

    /// Room for one more request.
    #[must_use]
    pub fn has_room(&self, scenario: &Scenario) -> bool {
        self.flights().count() < usize::from(scenario.network)
    }

    /// A request goes out.
    pub fn launch(&mut self, flight: Flight) -> Option<()> {
        *self.network.iter_mut().find(|slot| slot.is_none())? = Some(flight);
        Some(())
    }

    /// Nobody waits for this process's request any more; the request stays under way.
    pub fn abandon(&mut self, process: u8) {
        for flight in self.network.iter_mut().flatten() {
            flight.waits = flight.waits.filter(|waiting| *waiting != process);
        }
    }

    /// The one state instead of all that differ only in the numbering of the processes, and in the order in which
    /// requests are written down. The processes run the same program and share everything, so nothing can tell these
    /// apart.
    #[must_use]
    pub fn canonical(mut self) -> Self {
        if self.processes[0] > self.processes[1] {
            self.processes.swap(0, 1);
            for flight in self.network.iter_mut().flatten() {
                flight.waits = flight.waits.map(|process| 1 - process);
            }
        }
        self.network.sort_unstable();
        self
    }
}
