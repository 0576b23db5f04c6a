//! Everything that can happen next.

use stateright::{Model, Property};

use super::properties;
use super::scenario::Loot;
use super::state::{Device, Flight, Key, Proof, Reply, State};
use super::world::World;

/// A step of one of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// The device sends the exchange, with a new proof.
    Send,
    /// It has waited long enough, or is killed and started again.
    GiveUp,
    /// It stores the answer.
    Settle,
    /// It refreshes. (What may happen to that is the other model's.)
    Refresh,
    /// A request arrives at the server.
    Arrive(u8),
    /// It arrives, and the network keeps a copy for later.
    ArriveAndStay(u8),
    /// It arrives, and its nonce is too old.
    ArriveWithOldNonce(u8),
    /// A request is lost.
    Lose(u8),
    /// The code expires.
    Expire,
    /// The thief takes the code and its verifier.
    StealCode,
    /// The thief copies a request.
    CopyRequest(u8),
    /// The thief sends the code, with this proof.
    Thief(Proof),
}

/// A session is refreshed so often.
pub const REFRESHES: u8 = 1;

impl World {
    fn device_steps(&self, state: &State, steps: &mut Vec<Step>) {
        match state.device {
            Device::Pending if state.sent < self.scenario.sends => steps.push(Step::Send),
            Device::Waiting(_) => steps.push(Step::GiveUp),
            Device::Answered(Reply::Again) => steps.push(Step::GiveUp),
            Device::Answered(_) => steps.extend([Step::GiveUp, Step::Settle]),
            Device::SignedIn(generation) if generation < REFRESHES => steps.push(Step::Refresh),
            _ => {}
        }
    }

    fn network_steps(&self, state: &State, steps: &mut Vec<Step>) {
        for (index, _) in (0u8..).zip(&state.network).filter(|(_, flight)| flight.is_some()) {
            steps.extend([Step::Arrive(index), Step::ArriveAndStay(index), Step::Lose(index)]);
            if self.scenario.bound {
                steps.push(Step::ArriveWithOldNonce(index));
            }
        }
        if state.code_is_alive {
            steps.push(Step::Expire);
        }
    }

    fn thief_steps(&self, state: &State, steps: &mut Vec<Step>) {
        if !state.is_stolen {
            match self.scenario.loot {
                Loot::Nothing => {}
                Loot::Code => steps.push(Step::StealCode),
                Loot::Request => steps.extend(state.flights().map(|flight| Step::CopyRequest(flight.number))),
            }
            return;
        }
        let copied = state.copied.map(|number| self.proof(number));
        let all = [Some(Proof::Absent), Some(Proof::OfThief), copied];
        steps.extend(all.into_iter().flatten().map(Step::Thief));
    }

    fn arrive(&self, state: &mut State, index: u8, proof: Option<Proof>, stays: bool) -> Option<()> {
        let slot = &mut state.network[usize::from(index)];
        let flight = (*slot)?;
        *slot = stays.then_some(Flight { is_awaited: false, ..flight });
        let reply = state.serve(proof.unwrap_or_else(|| self.proof(flight.number)), &self.scenario);
        if flight.is_awaited {
            state.device = Device::Answered(reply);
        }
        Some(())
    }

    fn device_step(&self, state: &mut State, step: Step) -> Option<()> {
        match step {
            Step::Send => {
                let flight = Flight { number: state.sent, is_awaited: true };
                *state.network.iter_mut().find(|slot| slot.is_none())? = Some(flight);
                state.device = Device::Waiting(state.sent);
                state.sent += 1;
            }
            Step::GiveUp => {
                state.device = Device::Pending;
                state.network.iter_mut().flatten().for_each(|flight| flight.is_awaited = false);
            }
            Step::Settle => {
                state.device = match state.device {
                    Device::Answered(Reply::Tokens) => Device::SignedIn(0),
                    _ => Device::Refused,
                }
            }
            Step::Refresh => {
                let Device::SignedIn(generation) = state.device else { return None };
                let begun = state.begun.as_mut().filter(|begun| {
                    !begun.ended && begun.generation == generation && begun.key != Some(Key::Thief)
                })?;
                begun.generation += 1;
                state.device = Device::SignedIn(begun.generation);
            }
            _ => return None,
        }
        Some(())
    }
}

impl Model for World {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State::BEGIN]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        self.device_steps(state, steps);
        self.network_steps(state, steps);
        self.thief_steps(state, steps);
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = *last;
        match step {
            Step::Arrive(index) => self.arrive(&mut state, index, None, false)?,
            Step::ArriveAndStay(index) => self.arrive(&mut state, index, None, true)?,
            Step::ArriveWithOldNonce(index) => {
                self.arrive(&mut state, index, Some(Proof::OldNonce), false)?
            }
            Step::Lose(index) => state.network[usize::from(index)] = None,
            Step::Expire => state.code_is_alive = false,
            Step::StealCode => state.is_stolen = true,
            Step::CopyRequest(number) => (state.is_stolen, state.copied) = (true, Some(number)),
            Step::Thief(proof) => {
                let before = state.begun;
                state.thief_has_tokens |= state.serve(proof, &self.scenario) == Reply::Tokens;
                state.thief_has_acted |= state.begun != before;
            }
            _ => self.device_step(&mut state, step)?,
        }
        state.network.sort_unstable();
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::of(&self.scenario)
    }
}
