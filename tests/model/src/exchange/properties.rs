//! What must hold in every state, and what must happen in some.

use moorline_server::oauth::exchange::Decision;
use stateright::Property;

use super::promises::{ENDS, FINISH, GETS_NOTHING, SHARED};
use super::scenario::{Loot, Scenario, Sight};
use super::state::{Device, Key, Proof, Reply, State};
use super::world::World;

/// The properties of a scenario.
pub(super) fn of(scenario: &Scenario) -> Vec<Property<World>> {
    let mut properties = Vec::new();
    // Without a key, a copy of the device's own request ends the session: that is one of the limits.
    if scenario.bound || scenario.loot == Loot::Nothing {
        properties.push(Property::always(FINISH, |world: &World, state: &State| {
            (!world.scenario.names_key && state.thief_has_acted) || can_go_on(world, state)
        }));
    }
    if scenario.loot != Loot::Nothing {
        properties.push(Property::always(SHARED, |_: &World, state: &State| {
            !(state.thief_has_a_session() && matches!(state.device, Device::SignedIn(_)))
        }));
        properties.push(if scenario.names_key {
            Property::always(GETS_NOTHING, |world: &World, state: &State| {
                let got = match world.scenario.loot {
                    // A request that the server has not seen may bring tokens, which are the device's alone.
                    Loot::Request => state.thief_has_a_session(),
                    _ => state.thief_has_tokens,
                };
                !got && !state.begun.is_some_and(|begun| begun.ended)
            })
        } else {
            Property::always(ENDS, ends_with_the_devices_exchange)
        });
    }
    properties
        .extend(scenario.shows.iter().map(|sight| Property::sometimes(sight.name(), sight.condition())));
    properties
}

/// The proof of a request that was never sent before.
const NEW: u8 = 7;

/// Kills the device's process, empties the network, and lets a new process go on.
fn can_go_on(world: &World, state: &State) -> bool {
    match state.device {
        Device::SignedIn(generation) => state.begun.is_some_and(|begun| {
            !begun.ended && begun.generation == generation && begun.key != Some(Key::Thief)
        }),
        // After the code's life, the user signs in again.
        _ if !state.code_is_alive => true,
        Device::Refused => false,
        Device::Pending | Device::Waiting(_) | Device::Answered(_) => {
            let mut next = *state;
            next.serve(world.proof(NEW), &world.scenario) == Reply::Tokens
        }
    }
}

fn ends_with_the_devices_exchange(world: &World, state: &State) -> bool {
    if !state.thief_has_a_session() || !matches!(state.device, Device::Pending) {
        return true;
    }
    let mut next = *state;
    next.serve(world.proof(NEW), &world.scenario);
    !next.thief_has_a_session()
}

impl Sight {
    fn condition(self) -> fn(&World, &State) -> bool {
        match self {
            Self::AnsweredAgain => |world, state| meets(world, state, |it| it == Decision::AnswerAgain),
            Self::Late => |world, state| meets(world, state, |it| it == Decision::Late),
            Self::ProofRefused => {
                |world, state| meets(world, state, |it| matches!(it, Decision::Unproved(_)))
            }
            Self::SessionEnded => |_, state| state.begun.is_some_and(|begun| begun.ended),
            Self::ThiefFirst => |_, state| state.thief_has_a_session(),
        }
    }
}

/// Whether a request of the device's, on its way, would meet such a decision.
fn meets(world: &World, state: &State, wanted: impl Fn(Decision) -> bool) -> bool {
    state.flights().any(|flight| {
        let proof: Proof = world.proof(flight.number);
        wanted(state.decision(proof, &world.scenario))
    })
}
