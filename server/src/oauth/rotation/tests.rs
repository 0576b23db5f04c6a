//! One test for each row of the decision table, and what holds for all of them together.

use std::time::Duration;

use super::*;
use moorline_server_base::policy::Scope;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const HOUR: Duration = Duration::from_secs(3600);
const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

fn key(name: &str) -> AttemptHash {
    AttemptHash::of(name.as_bytes())
}

/// A bearer session at generation 5, made by the attempts "1" to "5", an hour after its last rotation.
fn record() -> SessionRecord {
    SessionRecord {
        id: "sid".to_owned(),
        locator: Locator::from_bytes([1; 16]),
        client_id: "app".to_owned(),
        user_id: "ada".to_owned(),
        scope: Scope::parse("offline_access").unwrap(),
        answered_scope: Scope::parse("offline_access").unwrap(),
        generation: 5,
        attempt: Some(key("5")),
        history: (0..4)
            .fold(History::default(), |history, g| history.and(g, Some(key(&(g + 1).to_string())))),
        holes: Holes::default(),
        dpop_jkt: None,
        rotated_at: NOW.before(HOUR),
        window: RotationWindow { minute_at: NOW.before(HOUR), rotations: 1 },
        idle_end_at: NOW.after(HOUR),
        absolute_end_at: NOW.after(2 * HOUR),
        auth_time: NOW.before(9 * HOUR),
        created_at: NOW.before(9 * HOUR),
    }
}

/// The same without any attempt key: a client that does not know them.
fn keyless() -> SessionRecord {
    let history = (0..4).fold(History::default(), |history, g| history.and(g, None));
    SessionRecord { attempt: None, history, ..record() }
}

fn bound(record: SessionRecord) -> SessionRecord {
    SessionRecord { dpop_jkt: Some(JKT.to_owned()), ..record }
}

const CONTEXT: Context = Context {
    now: NOW,
    service: Service::Ready,
    rotation_grace: Duration::ZERO,
    rotations_per_minute: Some(10),
};

fn presented(generation: u32, attempt: Option<&str>) -> Presented<'static> {
    Presented {
        client_id: Some("app"),
        token: Some(PresentedToken { generation, authentic: true }),
        attempt: attempt.map_or(Attempt::Absent, |name| Attempt::Key(key(name))),
        proof: Proof::Absent,
    }
}

fn proved(generation: u32, attempt: Option<&str>) -> Presented<'static> {
    Presented { proof: Proof::By(JKT), ..presented(generation, attempt) }
}

fn on(record: SessionRecord, presented: &Presented<'_>) -> Decision {
    decide(Some(&Session::Live(record)), presented, &CONTEXT)
}

#[test]
fn row_0_a_store_that_is_down_or_a_limit_refuses_before_anything_is_looked_at() {
    let nothing = Presented { client_id: None, token: None, ..presented(5, None) };
    let down = Context { service: Service::Down, ..CONTEXT };
    assert_eq!(decide(None, &nothing, &down), Decision::Refuse(Refusal::Unavailable));
    let limited = Context { service: Service::Limited, ..CONTEXT };
    assert!(matches!(decide(None, &nothing, &limited), Decision::Refuse(Refusal::Limited(_))));
}

#[test]
fn row_0_a_session_rotates_ten_times_a_minute_and_retries_as_often_as_it_likes() {
    let minute_at = NOW.before(Duration::from_secs(20));
    let fast = SessionRecord { window: RotationWindow { minute_at, rotations: 10 }, ..record() };
    let wait = Decision::Refuse(Refusal::Limited(Duration::from_secs(40)));
    assert_eq!(on(fast.clone(), &presented(5, Some("6"))), wait);
    assert_eq!(on(fast.clone(), &presented(6, Some("6"))), wait);
    assert_eq!(on(fast.clone(), &presented(4, Some("5"))), Decision::Same(Again::Retried));
    assert_eq!(on(fast.clone(), &presented(4, Some("x"))), Decision::Revoke);
    let nine = SessionRecord { window: RotationWindow { minute_at, rotations: 9 }, ..record() };
    assert_eq!(on(nine, &presented(5, Some("6"))), Decision::Rotate);
    let off = Context { rotations_per_minute: None, ..CONTEXT };
    assert_eq!(decide(Some(&Session::Live(fast)), &presented(5, Some("6")), &off), Decision::Rotate);
}

#[test]
fn row_1_a_client_that_fails_to_authenticate_changes_nothing() {
    let stranger = Presented { client_id: None, ..presented(4, Some("x")) };
    assert_eq!(on(record(), &stranger), Decision::Refuse(Refusal::InvalidClient));
}

#[test]
fn row_2_a_malformed_token_or_one_without_a_session_is_unknown() {
    let malformed = Presented { token: None, ..presented(5, None) };
    assert_eq!(on(record(), &malformed), Decision::Refuse(Refusal::Unknown));
    assert_eq!(decide(None, &presented(5, None), &CONTEXT), Decision::Refuse(Refusal::Unknown));
}

#[test]
fn row_3_a_bad_tag_changes_nothing_whatever_generation_it_claims() {
    for generation in [0, 4, 5, 6, u32::MAX] {
        let token = Some(PresentedToken { generation, authentic: false });
        let forged = Presented { token, ..presented(generation, None) };
        assert_eq!(on(record(), &forged), Decision::Refuse(Refusal::Forged));
    }
}

#[test]
fn row_4_another_client_changes_nothing() {
    let other = Presented { client_id: Some("other"), ..presented(2, Some("x")) };
    assert_eq!(on(record(), &other), Decision::Refuse(Refusal::WrongClient));
}

#[test]
fn row_5_a_bound_session_without_a_good_proof_is_unchanged() {
    for proof in [Proof::Absent, Proof::Bad] {
        let unproved = Presented { proof, ..presented(2, Some("x")) };
        assert_eq!(on(bound(record()), &unproved), Decision::Refuse(Refusal::ProofFailed));
    }
}

#[test]
fn row_6_a_bound_session_without_a_fresh_nonce_is_unchanged() {
    let stale = Presented { proof: Proof::NonceWanted, ..presented(5, Some("6")) };
    assert_eq!(on(bound(record()), &stale), Decision::Refuse(Refusal::NonceWanted));
}

#[test]
fn row_7_a_good_proof_by_another_key_changes_nothing() {
    let foreign = Presented { proof: Proof::By("another"), ..presented(2, Some("x")) };
    assert_eq!(on(bound(record()), &foreign), Decision::Refuse(Refusal::WrongKey));
}

#[test]
fn row_8_an_ended_session_stays_ended() {
    let ended = Session::Live(record()).end(EndedBecause::Reuse, NOW).unwrap();
    for generation in [0, 4, 5, 6] {
        assert_eq!(
            decide(Some(&ended), &presented(generation, Some("5")), &CONTEXT),
            Decision::Refuse(Refusal::AfterEnd)
        );
    }
    assert_eq!(ended.end(EndedBecause::Revoked, NOW).unwrap_err(), InvalidTransition);
}

#[test]
fn row_9_a_session_ends_at_its_idle_or_absolute_end() {
    let idle = SessionRecord { idle_end_at: NOW, ..record() };
    let old = SessionRecord { absolute_end_at: NOW, ..record() };
    for record in [idle, old] {
        for (generation, attempt) in [(5, "6"), (4, "5"), (2, "x")] {
            assert_eq!(
                on(record.clone(), &presented(generation, Some(attempt))),
                Decision::End(EndedBecause::Expired)
            );
        }
    }
}

#[test]
fn row_10_a_malformed_attempt_changes_nothing() {
    for generation in [2, 4, 5, 6] {
        let malformed = Presented { attempt: Attempt::Malformed, ..presented(generation, None) };
        assert_eq!(on(record(), &malformed), Decision::Refuse(Refusal::MalformedAttempt));
    }
}

#[test]
fn row_10_an_attempt_key_is_good_for_one_token() {
    for (generation, used) in [(5, "5"), (5, "2"), (6, "5")] {
        assert_eq!(
            on(record(), &presented(generation, Some(used))),
            Decision::Refuse(Refusal::MalformedAttempt)
        );
    }
}

#[test]
fn row_11_the_current_token_rotates_with_an_attempt_or_without() {
    assert_eq!(on(record(), &presented(5, Some("6"))), Decision::Rotate);
    assert_eq!(on(record(), &presented(5, None)), Decision::Rotate);
    assert_eq!(on(bound(record()), &proved(5, Some("6"))), Decision::Rotate);
}

#[test]
fn row_12_a_token_ahead_of_the_row_heals_it() {
    assert_eq!(on(record(), &presented(6, Some("7"))), Decision::Heal);
    assert_eq!(on(record(), &presented(900, None)), Decision::Heal);
}

#[test]
fn the_last_generation_ends_the_session() {
    let last = SessionRecord { generation: u32::MAX, ..record() };
    assert_eq!(on(last.clone(), &presented(u32::MAX, Some("x"))), Decision::End(EndedBecause::Exhausted));
    let rotated = Session::Live(last).rotate(None, Scope::default(), HOUR, NOW);
    assert_eq!(rotated.unwrap_err(), InvalidTransition);
}

#[test]
fn row_13_a_retry_with_the_same_attempt_gets_the_same_successor_at_any_age() {
    for age in [Duration::from_secs(1), 30 * 24 * HOUR, 300 * 24 * HOUR] {
        let old = SessionRecord { rotated_at: NOW.before(age), ..record() };
        assert_eq!(on(old, &presented(4, Some("5"))), Decision::Same(Again::Retried));
    }
}

#[test]
fn row_14_a_keyless_bound_client_retries_late() {
    assert_eq!(on(bound(keyless()), &proved(4, None)), Decision::Same(Again::Proved));
}

#[test]
fn row_15_a_keyless_bearer_client_retries_within_the_grace_alone() {
    let grace = |seconds| Context { rotation_grace: Duration::from_secs(seconds), ..CONTEXT };
    let aged = |seconds| {
        Session::Live(SessionRecord { rotated_at: NOW.before(Duration::from_secs(seconds)), ..keyless() })
    };
    assert_eq!(decide(Some(&aged(60)), &presented(4, None), &grace(60)), Decision::Same(Again::Grace));
    assert_eq!(decide(Some(&aged(61)), &presented(4, None), &grace(60)), Decision::Revoke);
    assert_eq!(decide(Some(&aged(0)), &presented(4, None), &grace(0)), Decision::Revoke);
    // A clock that was set back by a moment makes no theft of a lost answer; one that had leapt leaves no grace without
    // end.
    let ahead = |seconds| {
        Session::Live(SessionRecord { rotated_at: NOW.after(Duration::from_secs(seconds)), ..keyless() })
    };
    assert_eq!(decide(Some(&ahead(60)), &presented(4, None), &grace(60)), Decision::Same(Again::Grace));
    assert_eq!(decide(Some(&ahead(61)), &presented(4, None), &grace(60)), Decision::Revoke);
}

#[test]
fn row_16_the_token_before_with_another_attempt_or_with_one_missing_is_reuse() {
    let grace = Context { rotation_grace: Duration::from_secs(60), ..CONTEXT };
    let fresh = |record| Session::Live(SessionRecord { rotated_at: NOW, ..record });
    // A thief who leaves the parameter out gets no grace where the owner sent one.
    assert_eq!(decide(Some(&fresh(record())), &presented(4, None), &grace), Decision::Revoke);
    assert_eq!(decide(Some(&fresh(record())), &presented(4, Some("x")), &grace), Decision::Revoke);
    assert_eq!(decide(Some(&fresh(keyless())), &presented(4, Some("x")), &grace), Decision::Revoke);
    assert_eq!(on(bound(record()), &proved(4, None)), Decision::Revoke);
}

#[test]
fn row_17_a_late_duplicate_with_its_own_attempt_is_superseded() {
    for generation in 0..4 {
        let own = (generation + 1).to_string();
        assert_eq!(on(record(), &presented(generation, Some(&own))), Decision::Superseded(Late::Duplicate));
    }
    assert_eq!(on(record(), &presented(1, Some("3"))), Decision::Revoke);
}

#[test]
fn row_18_a_token_in_a_hole_is_superseded() {
    let healed = Session::Live(record()).heal(9, Some(key("10")), Scope::default(), HOUR, NOW).unwrap();
    assert_eq!(healed.record().generation, 10);
    for generation in 5..9 {
        assert_eq!(
            decide(Some(&healed), &presented(generation, Some("x")), &CONTEXT),
            Decision::Superseded(Late::InHole)
        );
    }
    assert_eq!(decide(Some(&healed), &presented(9, Some("10")), &CONTEXT), Decision::Same(Again::Retried));
    assert_eq!(
        decide(Some(&healed), &presented(4, Some("5")), &CONTEXT),
        Decision::Superseded(Late::Duplicate)
    );
    assert_eq!(decide(Some(&healed), &presented(4, Some("x")), &CONTEXT), Decision::Revoke);
}

#[test]
fn row_19_a_keyless_bound_clients_late_duplicate_is_superseded_for_five_minutes() {
    let aged = |seconds| SessionRecord { rotated_at: NOW.before(Duration::from_secs(seconds)), ..keyless() };
    assert_eq!(on(bound(aged(299)), &proved(2, None)), Decision::Superseded(Late::Proved));
    assert_eq!(on(bound(aged(300)), &proved(2, None)), Decision::Revoke);
    assert_eq!(on(aged(1), &presented(2, None)), Decision::Revoke);
    let ahead = |seconds| SessionRecord { rotated_at: NOW.after(Duration::from_secs(seconds)), ..keyless() };
    assert_eq!(on(bound(ahead(299)), &proved(2, None)), Decision::Superseded(Late::Proved));
    assert_eq!(on(bound(ahead(300)), &proved(2, None)), Decision::Revoke);
    let keyed = SessionRecord { rotated_at: NOW, ..record() };
    assert_eq!(on(bound(keyed), &proved(2, None)), Decision::Revoke);
}

#[test]
fn row_20_any_other_old_token_is_reuse() {
    assert_eq!(on(record(), &presented(2, Some("x"))), Decision::Revoke);
    assert_eq!(on(record(), &presented(2, None)), Decision::Revoke);
    assert_eq!(on(keyless(), &presented(2, Some("x"))), Decision::Revoke);
    assert_eq!(on(bound(record()), &proved(2, Some("x"))), Decision::Revoke);
}

#[test]
fn a_process_frozen_for_1_5_and_17_rotations_is_recognised_and_only_what_is_deleted_is_reuse() {
    for (rotations, expected) in [
        (1, Decision::Same(Again::Retried)),
        (5, Decision::Superseded(Late::Duplicate)),
        (17, Decision::Superseded(Late::Duplicate)),
        (18, Decision::Revoke),
    ] {
        let mut session = Session::Live(record());
        for generation in 0..rotations {
            let attempt = key(&format!("later {generation}"));
            session = session.rotate(Some(attempt), Scope::default(), HOUR, NOW).unwrap();
        }
        assert_eq!(decide(Some(&session), &presented(5, Some("later 0")), &CONTEXT), expected, "{rotations}");
    }
}

#[test]
fn a_rotation_moves_the_idle_end_but_never_past_the_absolute_one() {
    let rotated = Session::Live(record()).rotate(Some(key("6")), Scope::default(), 90 * HOUR, NOW).unwrap();
    assert_eq!(rotated.record().idle_end_at, record().absolute_end_at);
    assert_eq!((rotated.record().generation, rotated.record().rotated_at), (6, NOW));
    assert_eq!(rotated.record().history.of(4), Some(Some(key("5"))));
}

/// Every combination of a small world: where the table leaves a choice to chance, one of these would fall.
#[test]
fn in_every_small_world_the_promises_hold() {
    let attempts = [None, Some("1"), Some("5"), Some("6"), Some("x")];
    let proofs = [Proof::Absent, Proof::Bad, Proof::NonceWanted, Proof::By("another"), Proof::By(JKT)];
    for base in [record(), keyless(), bound(record()), bound(keyless())] {
        for (generation, attempt, proof, grace, authentic) in worlds(&attempts, &proofs) {
            let token = Some(PresentedToken { generation, authentic });
            let presented = Presented { token, proof, ..presented(generation, attempt) };
            let context = Context { rotation_grace: Duration::from_secs(grace), ..CONTEXT };
            let live = Session::Live(SessionRecord { rotated_at: NOW, ..base.clone() });
            let decision = decide(Some(&live), &presented, &context);
            let harmless = matches!(decision, Decision::Refuse(_));
            let issues = matches!(decision, Decision::Rotate | Decision::Heal | Decision::Same(_));
            let trusted = base.dpop_jkt.is_none() || proof == Proof::By(JKT);
            assert!(harmless || (authentic && trusted), "a thief without the device's key changes nothing");
            assert_eq!(
                decision == Decision::Rotate,
                harmless_rotation(&base, &presented, decision),
                "row 11"
            );
            assert!(!issues || generation + 1 >= base.generation, "an older token issues nothing");
            assert!(
                !matches!(decision, Decision::Same(_)) || base.attempt == attempt.map(key),
                "a retry is answered only if it is the same attempt, or if there never was one"
            );
            assert_eq!(decision, decide(Some(&live), &presented, &context), "the decision is a function");
        }
    }
}

fn harmless_rotation(base: &SessionRecord, presented: &Presented<'_>, decision: Decision) -> bool {
    presented.token.is_some_and(|token| token.generation == base.generation)
        && !matches!(decision, Decision::Refuse(_))
}

fn worlds<'a>(
    attempts: &'a [Option<&'static str>],
    proofs: &'a [Proof<'static>],
) -> impl Iterator<Item = (u32, Option<&'static str>, Proof<'static>, u64, bool)> + 'a {
    (0..8).flat_map(move |generation| {
        attempts.iter().flat_map(move |attempt| {
            proofs.iter().flat_map(move |proof| {
                [0, 60].into_iter().flat_map(move |grace| {
                    [true, false].into_iter().map(move |good| (generation, *attempt, *proof, grace, good))
                })
            })
        })
    })
}
