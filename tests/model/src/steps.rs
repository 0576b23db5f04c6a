//! Everything that can happen next.

use stateright::{Model, Property};

use crate::client::{Process, Standing};
use crate::names::{SESSIONS, Token};
use crate::properties;
use crate::request::{Proven, Request};
use crate::scenario::Loot;
use crate::server::Reply;
use crate::state::{Flight, State};
use crate::world::World;

/// A step of one of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A process reads the vault and journals an attempt (without locks, the first alone).
    Begin(u8),
    /// Without locks: it journals an attempt for what it has read.
    Journal(u8),
    /// It looks into the vault again.
    Look(u8),
    /// It sends.
    Send(u8),
    /// It has waited long enough, and will send again.
    TimeOut(u8),
    /// It has, and gives up, or is killed: the next caller starts again.
    GiveUp(u8),
    /// It settles the answer in the vault.
    Settle(u8),
    /// Where writes are torn: it writes what it has decided.
    Write(u8),
    /// It is killed, and started again.
    Crash(u8),
    /// A request arrives at the server.
    Arrive(u8),
    /// It arrives, and the network keeps a copy for later.
    ArriveAndStay(u8),
    /// It arrives, and the server wants a fresh nonce.
    Challenge(u8),
    /// A request that nobody waits for is lost.
    Lose(u8),
    /// The server comes back without its last commit.
    LoseCommit,
    /// Time passes.
    Wait,
    /// The user signs out.
    SignOut,
    /// The user signs in, with or without a session.
    SignIn,
    /// The queued revocations are sent; the provider answers, or its answer is lost.
    Tell {
        /// Whether it is.
        answer_is_lost: bool,
    },
    /// The thief takes a token out of the vault, or out of what was in it.
    Steal(Token),
    /// The thief copies a request on its way.
    CopyRequest(u8),
    /// The provider's metadata says otherwise from now on of attempt keys.
    MetadataChanges,
    /// The thief copies the vault with its records.
    CopyVault,
    /// The thief has the device for a moment: it copies the vault, and has proofs signed.
    SignAhead,
    /// The nonce of those proofs grows old.
    NonceAges,
    /// The thief sends a request.
    Thief(Request),
    /// The thief asks the API, with the access token that came with this token and the proof that was signed for the
    /// API.
    Enter(Token),
}

impl World {
    fn process_steps(&self, state: &State, number: u8, steps: &mut Vec<Step>) {
        let process = &state.processes[usize::from(number)];
        match process {
            Process::Idle => {
                let held = state.vault.contents.standing.held();
                if held.is_some_and(|token| token.generation < self.scenario.generations) {
                    steps.push(Step::Begin(number));
                }
                return;
            }
            Process::Read(_) => steps.push(Step::Journal(number)),
            Process::Journalled(_) => steps.push(Step::Look(number)),
            Process::AboutToSend(_) if state.has_room(&self.scenario) => steps.push(Step::Send(number)),
            Process::AboutToSend(_) => {}
            Process::Waiting(_) => steps.extend([Step::TimeOut(number), Step::GiveUp(number)]),
            Process::Answered(_, reply) => {
                if matches!(reply, Reply::Issued { .. } | Reply::InvalidGrant) {
                    steps.push(Step::Settle(number));
                }
                steps.extend([Step::TimeOut(number), Step::GiveUp(number)]);
            }
            Process::Writing(_) => steps.push(Step::Write(number)),
        }
        // Giving up is the same: nothing of a process is left but what it has made durable.
        if !matches!(process, Process::Waiting(_) | Process::Answered(..)) {
            steps.push(Step::Crash(number));
        }
    }

    fn network_steps(&self, state: &State, steps: &mut Vec<Step>) {
        for (index, flight) in (0..).zip(&state.network) {
            let Some(flight) = flight else { continue };
            steps.extend([Step::Arrive(index), Step::ArriveAndStay(index)]);
            match flight.waits {
                Some(_) if self.scenario.bound => steps.push(Step::Challenge(index)),
                Some(_) => {}
                None => steps.push(Step::Lose(index)),
            }
        }
        if state.before.is_some() {
            steps.push(Step::LoseCommit);
        }
        if self.scenario.metadata_changes {
            steps.push(Step::MetadataChanges);
        }
        if self.scenario.time && state.rows.iter().any(|row| row.age == 0 && row.generation > 0) {
            steps.push(Step::Wait);
        }
    }

    fn user_steps(&self, state: &State, steps: &mut Vec<Step>) {
        let standing = state.vault.contents.standing;
        if self.scenario.signs_out && standing.held().is_some() {
            steps.push(Step::SignOut);
        }
        if self.scenario.signs_in && usize::from(state.session) + 1 < SESSIONS && standing != Standing::Ended
        {
            steps.push(Step::SignIn);
        }
        if state.vault.contents.told_later.contains(&true) {
            steps.extend([Step::Tell { answer_is_lost: false }, Step::Tell { answer_is_lost: true }]);
        }
    }

    fn thief_steps(&self, state: &State, steps: &mut Vec<Step>) {
        let held = state.vault.contents.standing.held().copied();
        if !state.thief.has_stolen {
            match (self.scenario.loot, held) {
                (Loot::Token, Some(token)) => steps.push(Step::Steal(token)),
                (Loot::OldToken, Some(token)) => {
                    steps.extend((0..token.generation).map(|generation| Step::Steal(token.at(generation))));
                }
                (Loot::Vault, Some(_)) => steps.push(Step::CopyVault),
                (Loot::SignedAhead, Some(_)) => steps.push(Step::SignAhead),
                (Loot::Request, _) => {
                    steps.extend(
                        (0..)
                            .zip(&state.network)
                            .filter_map(|(index, flight)| flight.map(|_| Step::CopyRequest(index))),
                    );
                }
                _ => {}
            }
        }
        if state.thief.can_age() {
            steps.push(Step::NonceAges);
        }
        steps.extend(state.thief.requests(&self.scenario).map(Step::Thief));
        steps.extend(state.thief.calls().map(Step::Enter));
    }

    /// A request reaches the server.
    fn serve(&self, state: &mut State, request: &Request) -> Reply {
        let index = usize::from(request.token.session);
        let before = state.rows[index];
        let reply = state.rows[index].serve(request, &self.scenario);
        let now = state.rows[index];
        let is_last = index == usize::from(state.session);
        if is_last && state.lost < self.scenario.lost_commits && before.generation != now.generation {
            state.before = Some(before);
        }
        state.minted |= matches!(reply, Reply::Issued { age, .. } if age < now.age);
        reply
    }

    fn arrive(&self, state: &mut State, index: u8, stays: bool, proof: Proven) -> Option<()> {
        let slot = usize::from(index);
        let flight = state.network[slot]?;
        let proof = match (self.scenario.bound, flight.copy) {
            (false, _) => Proven::Nothing,
            (true, true) => Proven::Replayed,
            (true, false) => proof,
        };
        state.network[slot] = None;
        if stays {
            state.network[slot] = Some(Flight { waits: None, copy: self.scenario.bound, ..flight });
        }
        let sending = flight.sending;
        let reply = self.serve(state, &Request { token: sending.token, attempt: sending.attempt, proof });
        if let Some(process) = flight.waits {
            state.processes[usize::from(process)] = Process::Answered(sending, reply);
        }
        Some(())
    }

    fn thief_acts(&self, state: &mut State, request: &Request) -> Option<()> {
        let before = *state.row(request.token);
        // A proof is used up when it comes with a token of a live session, whatever is decided then.
        if request.proof == Proven::Device && !before.ended {
            state.thief.use_up();
        }
        match self.serve(state, request) {
            Reply::Issued { token, .. } => {
                state.thief.has_acted = true;
                state.thief.gain(token);
            }
            _ if *state.row(request.token) == before => {}
            _ => state.thief.has_acted = true,
        }
        Some(())
    }

    fn process_step(&self, state: &mut State, step: Step) -> Option<()> {
        let scenario = &self.scenario;
        let number = match step {
            Step::Begin(p) | Step::Journal(p) | Step::Look(p) | Step::Send(p) | Step::TimeOut(p) => p,
            Step::GiveUp(p) | Step::Settle(p) | Step::Write(p) | Step::Crash(p) => p,
            _ => return None,
        };
        let mut process = state.processes[usize::from(number)];
        match step {
            Step::Begin(_) => process.begin(&mut state.vault, state.says, scenario)?,
            Step::Journal(_) => process.journal(&mut state.vault, state.says, scenario)?,
            Step::Look(_) => process.look(&state.vault)?,
            Step::Send(_) => {
                let sending = process.send()?;
                state.launch(Flight { waits: Some(number), sending, copy: false })?;
            }
            Step::TimeOut(_) | Step::GiveUp(_) => {
                process.fail(matches!(step, Step::TimeOut(_)))?;
                state.abandon(number);
            }
            Step::Settle(_) | Step::Write(_) => {
                let before = state.vault.contents.standing;
                if matches!(step, Step::Settle(_)) {
                    process.settle(&mut state.vault, state.says, scenario)?;
                } else {
                    process.write(&mut state.vault)?;
                }
                let now = state.vault.contents.standing;
                if now != before && now.held().is_some() {
                    state.thief.lose_the_lead();
                }
            }
            _ => {
                process = Process::Idle;
                state.abandon(number);
            }
        }
        state.processes[usize::from(number)] = process;
        Some(())
    }

    fn world_step(&self, state: &mut State, step: Step) -> Option<()> {
        let current = usize::from(state.session);
        match step {
            Step::Arrive(index) => self.arrive(state, index, false, Proven::Device)?,
            Step::ArriveAndStay(index) => self.arrive(state, index, true, Proven::Device)?,
            Step::Challenge(index) => self.arrive(state, index, false, Proven::NonceWanted)?,
            Step::Lose(index) => state.network[usize::from(index)] = None,
            Step::LoseCommit => {
                state.lost += 1;
                let mut row = state.before.take()?;
                // What ended since the back-up is replayed before the server starts.
                if state.rows[current].ended {
                    row.revoke();
                }
                state.rows[current] = row;
            }
            Step::Wait => {
                let rows = state.rows.iter_mut().chain(&mut state.before);
                rows.filter(|row| row.generation > 0).for_each(|row| row.grow_old());
            }
            Step::MetadataChanges => state.says = !state.says,
            _ => return self.user_step(state, step),
        }
        Some(())
    }

    fn user_step(&self, state: &mut State, step: Step) -> Option<()> {
        match step {
            Step::SignOut => {
                let contents = state.vault.after_sign_out();
                state.vault.replace(contents);
            }
            Step::SignIn => {
                state.session += 1;
                state.before = None;
                let contents =
                    state.vault.after_sign_in(Token { session: state.session, generation: 0 }, state.says);
                state.vault.replace(contents);
            }
            Step::Tell { answer_is_lost } => {
                let mut contents = state.vault.contents;
                for (row, told_later) in state.rows.iter_mut().zip(&mut contents.told_later) {
                    if *told_later {
                        row.revoke();
                    }
                    *told_later &= answer_is_lost;
                }
                state.vault.replace(contents);
            }
            _ => return self.thief_step(state, step),
        }
        Some(())
    }

    fn thief_step(&self, state: &mut State, step: Step) -> Option<()> {
        match step {
            Step::Steal(token) => state.thief.steal(token, None),
            Step::CopyRequest(index) => {
                let sending = state.network[usize::from(index)]?.sending;
                state.thief.steal(sending.token, sending.attempt);
            }
            Step::CopyVault => {
                let token = *state.vault.contents.standing.held()?;
                state.thief.steal(token, state.vault.journalled(token));
            }
            Step::SignAhead => {
                let token = *state.vault.contents.standing.held()?;
                state.thief.have_signed(token, state.vault.journalled(token));
            }
            Step::NonceAges => state.thief.grow_old(),
            Step::Enter(token) => {
                let should = state.thief.is_let_in(token, &self.scenario)?;
                // A proof for the API serves once; nothing else of this world depends on it.
                state.thief.entered |= !should && !state.row(token).ended;
            }
            Step::Thief(request) => self.thief_acts(state, &request)?,
            _ => return self.process_step(state, step),
        }
        Some(())
    }
}

impl Model for World {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State::begun(&self.scenario)]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        for process in 0..2 {
            self.process_steps(state, process, steps);
        }
        self.network_steps(state, steps);
        self.user_steps(state, steps);
        self.thief_steps(state, steps);
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = *last;
        self.world_step(&mut state, step)?;
        let state = state.canonical();
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::of(&self.scenario)
    }
}
