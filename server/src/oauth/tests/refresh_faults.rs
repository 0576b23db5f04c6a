//! Rotation when something goes wrong: the store, the network, the client, or the day.

use std::time::Duration;

use super::*;
use moorline_server_store::testing::{hold, started_then_released};

#[tokio::test]
async fn a_lost_commit_is_healed_and_a_late_duplicate_in_the_hole_is_superseded() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let second = world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    let backup = world.sql("SELECT * FROM sessions", vec![]).await;
    let third = world.refresh(&second.refresh, Some(&attempt(2))).await.tokens();
    let fourth = world.refresh(&third.refresh, Some(&attempt(3))).await.tokens();
    // The database goes back in time to just after the first refresh.
    world
        .sql(
            "UPDATE sessions SET generation = $1, attempt = $2, history = $3, rotated_at = $4",
            vec![
                backup[0].integer("generation").unwrap().into(),
                backup[0].blob("attempt").unwrap().into(),
                backup[0].blob("history").unwrap().into(),
                backup[0].integer("rotated_at").unwrap().into(),
            ],
        )
        .await;
    let healed = world.refresh(&fourth.refresh, Some(&attempt(4))).await.tokens();
    assert_eq!(world.events("refresh.rollback_healed").await, 1);
    for (lost, number) in [(&second, 2), (&third, 3)] {
        world.refresh(&lost.refresh, Some(&attempt(number))).await.is_superseded();
    }
    assert_eq!(world.events("refresh.in_hole").await, 2);
    world.refresh(&first.refresh, Some(&attempt(1))).await.is_superseded();
    assert_eq!(world.refresh(&fourth.refresh, Some(&attempt(4))).await.tokens().refresh, healed.refresh);
    world.refresh(&healed.refresh, Some(&attempt(5))).await.tokens();
}

#[tokio::test]
async fn re_sealing_between_an_answer_and_its_retry_leaves_the_token_as_it_was() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let answer = world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    let row = &world.sql("SELECT id, secret FROM sessions", vec![]).await[0];
    let context = moorline_server_keys::AeadContext {
        table: "sessions",
        column: "secret",
        row: row.text("id").unwrap(),
    };
    let secret = world.state.keys.open_sealed(context, row.blob("secret").unwrap()).unwrap();
    let sealed = world.state.keys.seal(context, &secret, &world.state.random);
    assert_ne!(sealed, row.blob("secret").unwrap());
    world.sql("UPDATE sessions SET secret = $1", vec![sealed.into()]).await;
    assert_eq!(world.refresh(&first.refresh, Some(&attempt(1))).await.tokens().refresh, answer.refresh);
}

#[tokio::test]
async fn a_restart_between_an_answer_and_its_retry_changes_nothing() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let answer = world.refresh(&first.refresh, Some(&attempt(1))).await;
    let world = world.restarted(|config| config.limits.enabled = false).await;
    assert_eq!(world.refresh(&first.refresh, Some(&attempt(1))).await.body, answer.body);
}

#[tokio::test]
async fn a_power_cut_between_the_commit_and_the_answer_leaves_the_answer_to_the_retry() {
    let world = World::on_sqlite().await;
    let first = world.sign_in().await;
    let answer = world.refresh(&first.refresh, Some(&attempt(1))).await;
    // What was on the disk when the answer would have gone out: nothing is closed in order.
    let cut = Home::on_sqlite();
    for file in ["moorline.db", "moorline.db-wal", "moorline.ends"] {
        std::fs::copy(world.folder.path().join(file), cut.path().join(file)).unwrap();
    }
    let state = open(&cut, &world.clock, |config| config.limits.enabled = false).await;
    let after = World { folder: cut, router: crate::http::router(state.clone()), state, ..world };
    assert_eq!(after.refresh(&first.refresh, Some(&attempt(1))).await.body, answer.body);
    after.refresh(&answer.tokens().refresh, Some(&attempt(2))).await.tokens();
}

#[tokio::test]
async fn parameter_and_header_are_alike_and_differing_ones_change_nothing() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let (key, other) = (attempt(1), attempt(2));
    let params =
        [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", first.refresh.as_str())];
    let both = changed(&params, &[("refresh_attempt", &key)]);
    let header = http::HeaderName::from_static("idempotency-key");

    let row = world.row().await;
    let differ = world.form("/oauth/token", &both, &[(header.clone(), &other)]).await;
    differ.refuses(400, "invalid_request");
    let twice = world.form("/oauth/token", &params, &[(header.clone(), &key), (header.clone(), &key)]).await;
    twice.refuses(400, "invalid_request");
    assert_eq!(world.row().await, row);

    let quoted = format!("\"{key}\"");
    let by_header = world.form("/oauth/token", &params, &[(header.clone(), &quoted)]).await.tokens();
    let by_parameter = world.refresh(&first.refresh, Some(&key)).await.tokens();
    let by_both = world.form("/oauth/token", &both, &[(header, &key)]).await.tokens();
    assert_eq!((&by_header.refresh, &by_header.refresh), (&by_parameter.refresh, &by_both.refresh));
}

#[tokio::test]
async fn a_constant_short_or_oversized_attempt_changes_nothing() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let row = world.row().await;
    for malformed in
        ["short", &"x".repeat(129), "twenty-two characters and a space", "ä-ä-ä-ä-ä-ä-ä-ä-ä-ä-ä-ä"]
    {
        world.refresh(&first.refresh, Some(malformed)).await.refuses(400, "invalid_request");
    }
    assert_eq!(world.row().await, row);
    let constant = attempt(0);
    let second = world.refresh(&first.refresh, Some(&constant)).await.tokens();
    let row = world.row().await;
    world.refresh(&second.refresh, Some(&constant)).await.refuses(400, "invalid_request");
    assert_eq!(world.row().await, row);
    world.refresh(&second.refresh, Some(&attempt(1))).await.tokens();
}

#[tokio::test]
async fn a_wrong_client_id_changes_nothing() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let second = world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    let row = world.row().await;
    for token in [&first.refresh, &second.refresh] {
        world.refresh_with(token, &[("client_id", "other")]).await.refuses(400, "invalid_grant");
        world.refresh_with(token, &[("client_id", "nobody")]).await.refuses(401, "invalid_client");
    }
    assert_eq!(world.row().await, row);
    assert_eq!(world.events("refresh.wrong_client").await, 2);
    assert_eq!(world.events("client.auth_failed").await, 0);
}

#[tokio::test]
async fn a_malformed_unknown_or_forged_token_changes_nothing() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let second = world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    let row = world.row().await;
    // The same locator and generation with another tag; and another locator.
    let forged = format!("{}AAAAAAAAAAAAAAA{}", &first.refresh[..45], &first.refresh[60..]);
    let unknown = format!("mrt1_AAAA{}", &first.refresh[9..]);
    for token in ["nonsense", "mrt1_", &second.access, &forged, &unknown] {
        world.refresh(token, Some(&attempt(9))).await.refuses(400, "invalid_grant");
    }
    assert_eq!(world.row().await, row);
    assert_eq!(world.events("refresh.unknown").await, 0, "what nobody proved is counted, not kept");
}

#[tokio::test]
async fn the_generation_at_its_end_ends_the_session() {
    let world = World::new().await;
    world.sign_in().await;
    world.sql("UPDATE sessions SET generation = 4294967294", vec![]).await;
    let row = &world.sql("SELECT id, locator, secret FROM sessions", vec![]).await[0];
    let context = moorline_server_keys::AeadContext {
        table: "sessions",
        column: "secret",
        row: row.text("id").unwrap(),
    };
    let secret = world.state.keys.open_sealed(context, row.blob("secret").unwrap()).unwrap();
    let secret = crate::oauth::rotation::SessionSecret::from_bytes(secret.as_slice().try_into().unwrap());
    let locator =
        crate::oauth::rotation::Locator::from_bytes(row.blob("locator").unwrap().try_into().unwrap());

    let last_but_one = secret.refresh_token(locator, u32::MAX - 1).expose();
    let last = world.refresh(&last_but_one, Some(&attempt(1))).await.tokens();
    assert_eq!(world.refresh(&last_but_one, Some(&attempt(1))).await.tokens().refresh, last.refresh);
    world.refresh(&last.refresh, Some(&attempt(2))).await.refuses(400, "invalid_grant");
    assert!(!world.is_alive().await);
    assert_eq!(world.events("session.exhausted").await, 1);
}

#[tokio::test]
async fn more_than_ten_rotations_a_minute_are_429_and_change_nothing() {
    let world = World::with(|_| {}).await;
    let first = world.sign_in().await;
    let mut current = first.refresh;
    let mut before = String::new();
    for number in 0..10 {
        before = std::mem::take(&mut current);
        current = world.refresh(&before, Some(&attempt(number))).await.tokens().refresh;
    }
    let row = world.row().await;
    let limited = world.refresh(&current, Some(&attempt(10))).await;
    limited.refuses(429, "temporarily_unavailable");
    assert_eq!(limited.headers["retry-after"], "60");
    assert_eq!(world.row().await, row);
    assert_eq!(
        world.refresh(&before, Some(&attempt(9))).await.tokens().refresh,
        current,
        "a retry is no rotation"
    );
    world.clock.advance(Duration::from_secs(60));
    world.refresh(&current, Some(&attempt(10))).await.tokens();
}

#[tokio::test]
async fn a_logout_with_a_concurrent_rotation_leaves_nothing_that_works() {
    for revoke_first in [true, false] {
        let world = World::new().await;
        let first = world.sign_in().await;
        let key = attempt(1);
        let (refreshed, revoked) = if revoke_first {
            let (revoked, refreshed) =
                tokio::join!(world.revoke(&first.refresh), world.refresh(&first.refresh, Some(&key)));
            (refreshed, revoked)
        } else {
            tokio::join!(world.refresh(&first.refresh, Some(&key)), world.revoke(&first.refresh))
        };
        assert_eq!(revoked.status, StatusCode::OK);
        assert!(!world.is_alive().await);
        if refreshed.status == StatusCode::OK {
            let late = refreshed.tokens();
            assert_eq!(world.userinfo(&late.access).await.status, StatusCode::UNAUTHORIZED);
            world.refresh(&late.refresh, Some(&attempt(2))).await.refuses(400, "invalid_grant");
        }
        world.refresh(&first.refresh, Some(&key)).await.refuses(400, "invalid_grant");
        assert_eq!(world.userinfo(&first.access).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_copied_sealed_secret_opens_in_no_other_row() {
    let world = World::new().await;
    let first = world.sign_in().await;
    world.sql("UPDATE sessions SET id = 'moved'", vec![]).await;
    let reply = world.refresh(&first.refresh, Some(&attempt(1))).await;
    reply.refuses(503, "temporarily_unavailable");
}

#[tokio::test]
async fn a_person_who_is_deleted_has_no_session() {
    let world = World::new().await;
    let first = world.sign_in().await;
    world.sql("DELETE FROM users", vec![]).await;
    world.refresh(&first.refresh, Some(&attempt(1))).await.refuses(400, "invalid_grant");
    assert_eq!(world.userinfo(&first.access).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_server_clock_that_was_years_behind_for_a_while_costs_no_session() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let past = World { clock: Clock::manual(START.before(Duration::from_secs(3650 * 86_400))), ..world };
    let past = past.restarted(|config| config.limits.enabled = false).await;
    let lost = past.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    let back = World { clock: Clock::manual(START), ..past };
    let back = back.restarted(|config| config.limits.enabled = false).await;
    let second = back.refresh(&first.refresh, Some(&attempt(1))).await;
    assert_eq!((&second.json()["expires_in"], second.tokens().refresh), (&Json::from(0), lost.refresh));
    back.refresh(&second.tokens().refresh, Some(&attempt(2))).await.tokens();
}

#[tokio::test]
async fn the_group_commit_fails_so_all_are_5xx_and_none_is_revoked() {
    let world = World::on_sqlite().await;
    let first = world.sign_in().await;
    let second = world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    let row = world.row().await;
    let release = hold(&world.state.store).await;
    // A reference that is checked at the commit, and fails there, takes the whole group with it.
    let poison = world.state.store.write(&TEST, |tx| {
        tx.execute("PRAGMA defer_foreign_keys = ON", &[])?;
        tx.execute(
            "INSERT INTO consents (user_id, client_id, scope, granted_at) VALUES ('no', 'one', '', 1)",
            &[],
        )
    });
    let (rotation_key, stolen_key) = (attempt(2), attempt(666));
    let requests = async {
        tokio::join!(
            world.refresh(&second.refresh, Some(&rotation_key)),
            world.refresh(&first.refresh, Some(&stolen_key)),
            world.revoke(&second.refresh),
            poison,
        )
    };
    let (rotated, reuse, logout, poisoned) = started_then_released(requests, release).await;
    assert!(poisoned.is_err());
    for reply in [rotated, reuse, logout] {
        reply.refuses(503, "temporarily_unavailable");
        assert_eq!(reply.headers["retry-after"], "1");
    }
    assert_eq!(world.row().await, row);
    assert_eq!(world.events("refresh.reuse").await, 0);
    world.refresh(&second.refresh, Some(&rotation_key)).await.tokens();
}

#[tokio::test]
async fn a_full_disk_is_503_and_changes_nothing_until_there_is_room() {
    let world = World::on_sqlite().await;
    let first = world.sign_in().await;
    let row = world.row().await;
    world.sql("PRAGMA max_page_count = 1", vec![]).await;
    // Rows of some size use up what is left of the pages there are.
    let fill = |tx: &mut dyn moorline_server_store::Tx| {
        tx.execute("INSERT INTO migrations (version, name) SELECT MAX(version) + 1, hex(zeroblob(500)) FROM migrations", &[])
    };
    while world.state.store.write(&TEST, fill).await.is_ok() {}
    let full = |tx: &mut dyn moorline_server_store::Tx| {
        tx.execute("INSERT INTO audit (seq, at, event, severity, detail) SELECT MAX(seq) + 1, 1, 'x', 'info', hex(zeroblob(500)) FROM audit", &[])
    };
    while world.state.store.write(&TEST, full).await.is_ok() {}
    let mut refused = 0;
    let mut current = first.refresh.clone();
    for number in 0..50 {
        let reply = world.refresh(&current, Some(&attempt(number))).await;
        if reply.status == StatusCode::OK {
            current = reply.tokens().refresh;
            continue;
        }
        reply.refuses(503, "temporarily_unavailable");
        refused += 1;
    }
    assert!(refused > 0 && world.is_alive().await);
    assert!(refused < 50 || world.row().await == row);
    world.sql("PRAGMA max_page_count = 1000000", vec![]).await;
    world.refresh(&current, Some(&attempt(99))).await.tokens();
}
