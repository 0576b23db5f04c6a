//! Each mutant breaks the promise that it is about: so the model would notice if the product's rules did.

use moorline_model::mutant::Mutant;
use moorline_model::scenario::Scenario;
use moorline_model::scenarios;
use moorline_model::{check, exchange};

fn is_caught(mutant: Mutant) {
    let mutants = scenarios::mutants();
    let scenario =
        mutants.iter().find(|scenario| scenario.mutant == Some(mutant)).expect("a scenario for each mutant");
    let outcome = check::run(*scenario, 2, |_| {});
    let broken: Vec<_> = outcome.broken.iter().map(|broken| broken.property).collect();
    assert!(broken.contains(&mutant.breaks()), "{mutant:?} breaks {broken:?}");
    // It is the mutant that breaks it: without it, everything holds in the very same world.
    let product = check::run(Scenario { mutant: None, ..*scenario }, 2, |_| {});
    assert!(product.broken.is_empty(), "{:#?}", product.broken);
}

#[test]
fn no_attempt_key_is_caught() {
    is_caught(Mutant::NoAttemptKey);
}

#[test]
fn a_grace_that_ignores_a_stored_attempt_is_caught() {
    is_caught(Mutant::GraceIgnoresAttempt);
}

#[test]
fn a_key_derived_from_the_vault_is_caught() {
    is_caught(Mutant::DerivedKey);
}

#[test]
fn no_history_is_caught() {
    is_caught(Mutant::NoHistory);
}

#[test]
fn revoking_on_a_future_generation_is_caught() {
    is_caught(Mutant::FutureRevoked);
}

#[test]
fn a_fresh_access_token_on_a_retry_is_caught() {
    is_caught(Mutant::FreshRetry);
}

#[test]
fn an_old_token_that_may_rotate_is_caught() {
    is_caught(Mutant::Fork);
}

#[test]
fn a_proof_that_is_not_asked_for_is_caught() {
    is_caught(Mutant::ProofIgnored);
}

#[test]
fn a_client_that_ends_a_session_without_a_revocation_is_caught() {
    is_caught(Mutant::EndsInSilence);
}

#[test]
fn a_client_that_does_not_read_the_vault_again_is_caught() {
    is_caught(Mutant::TrustsMemory);
}

#[test]
fn an_api_that_accepts_nonces_as_old_as_a_refresh_does_is_caught() {
    is_caught(Mutant::AgesAlike);
}

#[test]
fn a_proof_that_is_forgotten_before_its_nonce_is_too_old_is_caught() {
    is_caught(Mutant::ForgetsProofs);
}

#[test]
fn a_client_that_makes_a_new_key_after_a_crash_is_caught() {
    is_caught(Mutant::ForgetsJournal);
}

#[test]
fn each_mutant_of_the_exchange_is_caught() {
    for scenario in exchange::mutants() {
        let mutant = scenario.mutant.expect("a mutant");
        let outcome = check::run_exchange(scenario, 2, |_| {});
        let broken: Vec<_> = outcome.broken.iter().map(|broken| broken.property).collect();
        assert!(broken.contains(&mutant.breaks()), "{mutant:?} breaks {broken:?}");
        let product = check::run_exchange(exchange::Scenario { mutant: None, ..scenario }, 2, |_| {});
        assert!(product.broken.is_empty(), "{:#?}", product.broken);
    }
}

#[test]
fn what_cannot_be_had_of_an_exchange_is_known_and_no_more_than_that() {
    for (scenario, promise) in exchange::limits() {
        let outcome = check::run_exchange(scenario, 2, |_| {});
        let broken: Vec<_> = outcome.broken.iter().map(|broken| broken.property).collect();
        assert_eq!(broken, [promise], "{}", scenario.name);
    }
}

#[test]
fn what_cannot_be_had_is_known_and_no_more_than_that() {
    for (scenario, promise) in scenarios::limits() {
        let outcome = check::run(scenario, 2, |_| {});
        let broken: Vec<_> = outcome.broken.iter().map(|broken| broken.property).collect();
        assert_eq!(broken, [promise], "{}", scenario.name);
    }
}
