//! Each promise, over every state of every scenario in the smaller bounds; `cargo xtask model` takes the larger ones.

use std::sync::OnceLock;

use moorline_model::check::{self, Outcome};
use moorline_model::exchange;
use moorline_model::promises::{ALIVE, ENDED, MINT, ONCE, ONE_LEAF, OUTSIDE, OVER, PACE, UNTOUCHED};
use moorline_model::scenario::Scenario;
use moorline_model::scenarios::{self, Size};

/// Every scenario is run once, for all tests.
fn outcomes() -> &'static [(Scenario, Outcome)] {
    static OUTCOMES: OnceLock<Vec<(Scenario, Outcome)>> = OnceLock::new();
    OUTCOMES.get_or_init(|| {
        let run = |scenario| (scenario, check::run(scenario, 2, |_| {}));
        scenarios::all(Size::Small).into_iter().map(run).collect()
    })
}

fn holds(promise: &str) {
    for (scenario, outcome) in outcomes() {
        let broken = outcome.broken.iter().find(|broken| broken.property == promise);
        assert!(broken.is_none(), "{}: {broken:#?}", scenario.name);
    }
}

#[test]
fn the_owner_can_always_go_on_unless_a_thief_has_used_a_token() {
    holds(ALIVE);
}

#[test]
fn a_thief_never_keeps_pace_for_more_than_a_step() {
    holds(PACE);
}

#[test]
fn a_thief_without_the_devices_key_changes_nothing_and_gets_nothing() {
    holds(UNTOUCHED);
}

#[test]
fn a_proof_signed_in_advance_buys_one_rotation() {
    holds(ONCE);
}

#[test]
fn what_a_proof_signed_in_advance_has_bought_is_over_with_the_owners_next_refresh() {
    holds(OVER);
}

#[test]
fn a_proof_signed_in_advance_opens_no_api_once_its_nonce_is_old() {
    holds(OUTSIDE);
}

#[test]
fn at_most_one_leaf_is_live() {
    holds(ONE_LEAF);
}

#[test]
fn there_is_no_fresh_access_token_without_a_rotation() {
    holds(MINT);
}

#[test]
fn a_sign_out_by_the_owner_ends_the_session() {
    holds(ENDED);
}

#[test]
fn every_scenario_shows_what_it_is_about() {
    for (scenario, outcome) in outcomes() {
        assert!(outcome.unseen.is_empty(), "{}: {:?}", scenario.name, outcome.unseen);
        assert!(outcome.states > 100, "{}: {} states", scenario.name, outcome.states);
    }
}

#[test]
fn every_promise_of_the_code_exchange_holds_and_every_scenario_shows_what_it_is_about() {
    for scenario in exchange::all() {
        let outcome = check::run_exchange(scenario, 2, |_| {});
        assert!(outcome.broken.is_empty(), "{}: {:#?}", scenario.name, outcome.broken);
        assert!(outcome.unseen.is_empty(), "{}: {:?}", scenario.name, outcome.unseen);
    }
}
