//! What must hold in every state, and what must happen in some.

use moorline::decision::Action;
use moorline_server::oauth::rotation::{Again, Decision, Late, Refusal};
use stateright::Property;

use crate::client::{Process, Standing, Vault};
use crate::names::{Key, SESSIONS, Token};
use crate::promises::{ALIVE, ENDED, MINT, ONCE, ONE_LEAF, OUTSIDE, OVER, PACE, UNTOUCHED};
use crate::request::{Proven, Request};
use crate::scenario::{Loot, Scenario};
use crate::server::{Reply, Row};
use crate::sight::Sight;
use crate::state::State;
use crate::world::World;

/// The properties of a scenario.
pub(crate) fn of(scenario: &Scenario) -> Vec<Property<World>> {
    let mut properties = vec![
        Property::always(ALIVE, |world: &World, state: &State| {
            state.thief.has_acted || can_go_on(&world.scenario, state)
        }),
        Property::always(ONE_LEAF, one_leaf),
        Property::always(MINT, |_: &World, state: &State| !state.minted),
        Property::always(ENDED, ended_at_the_provider_too),
    ];
    if scenario.loot != Loot::Nothing {
        let is_untouched =
            scenario.bound && !scenario.thief_has_device_key && scenario.loot != Loot::SignedAhead;
        properties.push(if is_untouched {
            Property::always(UNTOUCHED, |_: &World, state: &State| !state.thief.has_acted)
        } else {
            Property::always(PACE, |world: &World, state: &State| state.thief.pace <= world.scenario.pace)
        });
    }
    if scenario.loot == Loot::SignedAhead {
        properties.extend([
            Property::always(ONCE, |_: &World, state: &State| state.thief.answers <= 1),
            Property::always(OVER, |world: &World, state: &State| {
                state.thief.answers == 0 || is_overtaken(&world.scenario, state)
            }),
            Property::always(OUTSIDE, |_: &World, state: &State| !state.thief.entered),
        ]);
    }
    properties
        .extend(scenario.shows.iter().map(|sight| Property::sometimes(sight.name(), sight.condition())));
    properties
}

/// Kills both processes, empties the network, and lets one new process refresh over a network that works: it must get
/// a successor. After a sign-out, there is no session to go on with.
fn can_go_on(scenario: &Scenario, state: &State) -> bool {
    match state.vault.contents.standing {
        Standing::SignedOut => true,
        Standing::Ended => false,
        Standing::SignedIn(token) => {
            let (mut vault, mut rows) = (state.vault, state.rows);
            refreshes(scenario, state.says, &mut vault, &mut rows) == Some(true)
                && vault.contents.standing.held() != Some(&token)
        }
    }
}

/// Lets one new process of the owner's refresh: it has the current token then, or the session has ended for the thief
/// too.
fn is_overtaken(scenario: &Scenario, state: &State) -> bool {
    let Some(token) = state.vault.contents.standing.held().copied() else { return true };
    let (mut vault, mut rows) = (state.vault, state.rows);
    let stored = refreshes(scenario, state.says, &mut vault, &mut rows);
    let row = rows[usize::from(token.session)];
    // Beyond the model's bounds there is no next refresh.
    let Some(stored) = stored else { return true };
    let holds_current = vault.contents.standing.held().is_some_and(|held| held.generation == row.generation);
    row.ended || (stored && holds_current)
}

/// One refresh from end to end; `None` if the model's bounds cut it off.
fn refreshes(scenario: &Scenario, says: bool, vault: &mut Vault, rows: &mut [Row; SESSIONS]) -> Option<bool> {
    let mut process = Process::Idle;
    process.begin(vault, says, scenario)?;
    if !scenario.locks {
        process.journal(vault, says, scenario)?;
    }
    process.look(vault)?;
    let sending = process.send()?;
    let proof = if scenario.bound { Proven::Device } else { Proven::Nothing };
    let request = Request { token: sending.token, attempt: sending.attempt, proof };
    let reply = rows[usize::from(sending.token.session)].serve(&request, scenario);
    process = Process::Answered(sending, reply);
    let stored = process.settle(vault, says, scenario)? == Action::Store;
    if let Process::Writing(_) = process {
        process.write(vault)?;
    }
    Some(stored)
}

/// Of all refresh tokens that anybody holds, at most one makes a new generation; one more for each lost commit that
/// was not healed yet.
fn one_leaf(world: &World, state: &State) -> bool {
    let mut held: Vec<Token> =
        state.thief.tokens().chain(state.vault.contents.standing.held().copied()).collect();
    held.extend(state.processes.iter().flat_map(Process::tokens));
    held.sort_unstable();
    held.dedup();
    (0..SESSIONS).all(|session| {
        let leaves = held
            .iter()
            .filter(|token| usize::from(token.session) == session && is_leaf(world, state, **token));
        leaves.count() <= 1 + usize::from(state.lost)
    })
}

fn is_leaf(world: &World, state: &State, token: Token) -> bool {
    let request = Request { token, attempt: Some(Key::probe(token)), proof: Proven::Device };
    matches!(state.row(token).decision(&request, &world.scenario), Decision::Rotate | Decision::Heal)
}

/// A session that the vault has left is ended at the server, or its revocation is still queued on the device.
fn ended_at_the_provider_too(_: &World, state: &State) -> bool {
    let held = state.vault.contents.standing.held();
    (0..=state.session).all(|session| {
        held.is_some_and(|token| token.session == session)
            || state.rows[usize::from(session)].ended
            || state.vault.contents.told_later[usize::from(session)]
    })
}

impl Sight {
    fn condition(self) -> fn(&World, &State) -> bool {
        match self {
            Self::Retried => |w, s| w.once(Self::Retried, || meets(w, s, Decision::Same(Again::Retried))),
            Self::RetriedByProof => {
                |w, s| w.once(Self::RetriedByProof, || meets(w, s, Decision::Same(Again::Proved)))
            }
            Self::Heal => |w, s| w.once(Self::Heal, || meets(w, s, Decision::Heal)),
            Self::LateDuplicate => {
                |w, s| w.once(Self::LateDuplicate, || meets(w, s, Decision::Superseded(Late::Duplicate)))
            }
            Self::InHole => |w, s| w.once(Self::InHole, || meets(w, s, Decision::Superseded(Late::InHole))),
            Self::LateByProof => {
                |w, s| w.once(Self::LateByProof, || meets(w, s, Decision::Superseded(Late::Proved)))
            }
            Self::ProofRefused => |w, s| w.once(Self::ProofRefused, || s.flights().any(|flight| flight.copy)),
            Self::SameAttempt => |w, s| w.once(Self::SameAttempt, || sends_twice(s)),
            Self::SendsLate => |w, s| w.once(Self::SendsLate, || sends_late(s)),
            Self::AnswersLate => |w, s| w.once(Self::AnswersLate, || settles(w, s, Action::StartOver)),
            Self::AnswersAfterSignOut => {
                |w, s| w.once(Self::AnswersAfterSignOut, || settles(w, s, Action::DropAndRevoke))
            }
            Self::OwnerTold => |w, s| w.once(Self::OwnerTold, || settles(w, s, Action::End)),
            Self::ThiefGains => |w, s| w.once(Self::ThiefGains, || s.thief.pace > 0),
            Self::ThiefCaught => |w, s| w.once(Self::ThiefCaught, || thief_meets(w, s, Decision::Revoke)),
            Self::OwnerForked => {
                |w, s| w.once(Self::OwnerForked, || s.thief.pace > 0 && meets(w, s, Decision::Revoke))
            }
            Self::ThiefRefused => |w, s| {
                w.once(Self::ThiefRefused, || {
                    thief_meets(w, s, Decision::Refuse(Refusal::WrongKey))
                        && thief_meets(w, s, Decision::Refuse(Refusal::ProofFailed))
                })
            },
            Self::ThiefsProofRefused => |w, s| {
                w.once(Self::ThiefsProofRefused, || {
                    s.thief.answers > 0 && thief_meets(w, s, Decision::Refuse(Refusal::NonceWanted))
                })
            },
            Self::ThiefShutOut => |w, s| {
                w.once(Self::ThiefShutOut, || {
                    s.thief.answers > 0
                        && s.thief.calls().all(|token| s.thief.is_let_in(token, &w.scenario).is_none())
                })
            },
        }
    }
}

/// Whether a request of the owner's, on its way, would meet this decision.
fn meets(world: &World, state: &State, decision: Decision) -> bool {
    state.flights().any(|flight| {
        let proof = match (world.scenario.bound, flight.copy) {
            (false, _) => Proven::Nothing,
            (true, copy) => {
                if copy {
                    Proven::Replayed
                } else {
                    Proven::Device
                }
            }
        };
        let request = Request { token: flight.sending.token, attempt: flight.sending.attempt, proof };
        state.row(request.token).decision(&request, &world.scenario) == decision
    })
}

fn thief_meets(world: &World, state: &State, decision: Decision) -> bool {
    state
        .thief
        .requests(&world.scenario)
        .any(|request| state.row(request.token).decision(&request, &world.scenario) == decision)
}

fn settles(world: &World, state: &State, action: Action) -> bool {
    let contents = &state.vault.contents;
    state.processes.iter().any(|process| {
        matches!(process, Process::Answered(_, Reply::Issued { .. } | Reply::InvalidGrant))
            && process.settled(contents, state.says, &world.scenario).is_some_and(|(next, _)| next == action)
    })
}

fn sends_twice(state: &State) -> bool {
    matches!(state.processes, [Process::Waiting(one), Process::Waiting(other)]
        if one == other && one.attempt.is_some())
}

fn sends_late(state: &State) -> bool {
    let held = state.vault.contents.standing.held();
    state.processes.iter().any(|process| {
        matches!(process, Process::AboutToSend(sending) if held.is_some_and(|held| *held != sending.token))
    })
}
