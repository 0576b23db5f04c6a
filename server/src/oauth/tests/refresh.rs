//! Rotation as a client sees it: the sentences of the design, over the wire.

use std::time::Duration;

use super::*;

const DAY: Duration = Duration::from_secs(24 * 3600);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn an_access_token_does_not_outlive_the_idle_end_of_its_session() {
    let idle = moorline_server_base::config::Span::seconds(300);
    let world = World::with(|config| config.tokens.session_idle = idle).await;
    let code = world.code("app", ALL).await;
    let reply = world.exchange(&code, &[]).await;
    assert_eq!(reply.json()["expires_in"], 300);
    world.clock.advance(Duration::from_secs(200));
    let reply = world.refresh(&reply.tokens().refresh, None).await;
    assert_eq!(reply.json()["expires_in"], 300, "a refresh moves the end");
    world.clock.advance(Duration::from_secs(299));
    assert!(world.userinfo(&reply.tokens().access).await.status.is_success());
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.userinfo(&reply.tokens().access).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_refresh_rotates_and_signs_once() {
    let world = World::new().await;
    let first = world.sign_in().await;
    world.clock.advance(DAY);
    let reply = world.refresh(&first.refresh, Some(&attempt(1))).await;
    let second = reply.tokens();
    assert_ne!((&second.refresh, &second.access), (&first.refresh, &first.access));
    assert!(second.id.is_empty(), "no new ID token unless asked");
    assert_eq!(reply.json()["expires_in"], 900);
    let (old, new) = (claims(&first.access), claims(&second.access));
    for same in ["iss", "sub", "aud", "client_id", "sid", "scope", "roles", "auth_time"] {
        assert_eq!(old[same], new[same], "{same}");
    }
    assert_ne!(old["jti"], new["jti"]);
    assert_eq!(new["exp"].as_i64().unwrap() - new["iat"].as_i64().unwrap(), 900);
    assert_eq!(world.events("refresh.rotated").await, 1);
    assert!(world.userinfo(&second.access).await.status.is_success());
}

#[tokio::test]
async fn an_id_token_comes_with_a_refresh_that_names_openid() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let second = world.refresh_with(&first.refresh, &[("scope", "openid notes.read")]).await.tokens();
    let (id, before) = (claims(&second.id), claims(&first.id));
    for same in ["iss", "sub", "aud", "auth_time", "sid"] {
        assert_eq!(id[same], before[same], "{same}");
    }
    assert!(id.get("nonce").is_none() && id["at_hash"] == crate::oauth::id_token::at_hash(&second.access));
}

#[tokio::test]
async fn a_retry_mints_no_fresh_id_token() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let attempt = attempt(1);
    let asks = [("scope", "openid notes.read"), ("refresh_attempt", &*attempt)];
    let lost = world.refresh_with(&first.refresh, &asks).await.tokens();
    world.clock.advance(899 * SECOND);
    let again = world.refresh_with(&first.refresh, &asks).await.tokens();
    assert_eq!(again.id, lost.id, "the very same claims, signed again");
    world.clock.advance(SECOND);
    let late = world.refresh_with(&first.refresh, &asks).await.tokens();
    assert!(late.id.is_empty(), "its time is over");
    assert_eq!(late.refresh, lost.refresh);
}

#[tokio::test]
async fn a_lost_answer_is_answered_again_with_the_same_successor_after_a_second_and_after_30_days() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let lost = world.refresh(&first.refresh, Some(&attempt(1))).await;
    for wait in [Duration::ZERO, SECOND, 30 * DAY] {
        world.clock.advance(wait);
        let again = world.refresh(&first.refresh, Some(&attempt(1))).await;
        assert_eq!(again.tokens().refresh, lost.tokens().refresh);
        assert_eq!(again.tokens().access, lost.tokens().access, "the very same claims, signed again");
    }
    let late = world.refresh(&first.refresh, Some(&attempt(1))).await;
    assert_eq!(late.json()["expires_in"], 0, "the first answer's lifetime is over");
    let next = world.refresh(&late.tokens().refresh, Some(&attempt(2))).await;
    assert_eq!(next.json()["expires_in"], 900, "its successor goes on at once");
    assert_eq!(world.events("refresh.retried").await, 4);
}

#[tokio::test]
async fn the_body_of_a_retry_is_the_same_to_the_byte_within_the_same_second() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let one = world.refresh(&first.refresh, Some(&attempt(1))).await;
    let other = world.refresh(&first.refresh, Some(&attempt(1))).await;
    assert_eq!(one.body, other.body);
}

#[tokio::test]
async fn two_at_once_with_the_journalled_attempt_get_one_successor() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let key = attempt(1);
    let (one, other) =
        tokio::join!(world.refresh(&first.refresh, Some(&key)), world.refresh(&first.refresh, Some(&key)));
    assert_eq!(one.tokens().refresh, other.tokens().refresh);
    assert_eq!((world.events("refresh.rotated").await, world.events("refresh.retried").await), (1, 1));
}

#[tokio::test]
async fn a_late_duplicate_after_two_rotations_leaves_the_session_alive() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let second = world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    let third = world.refresh(&second.refresh, Some(&attempt(2))).await.tokens();
    world.refresh(&first.refresh, Some(&attempt(1))).await.is_superseded();
    assert!(world.is_alive().await);
    world.refresh(&third.refresh, Some(&attempt(3))).await.tokens();
    assert_eq!(world.events("refresh.late_duplicate").await, 1);
}

#[tokio::test]
async fn a_process_frozen_before_sending_while_the_other_rotates_1_5_and_17_times() {
    for rotations in [1, 5, 17] {
        let world = World::new().await;
        let first = world.sign_in().await;
        let mut current = first.refresh.clone();
        for number in 0..rotations {
            current = world.refresh(&current, Some(&attempt(number))).await.tokens().refresh;
        }
        let frozen = world.refresh(&first.refresh, Some(&attempt(0))).await;
        if rotations == 1 {
            assert_eq!(frozen.tokens().refresh, current);
        } else {
            frozen.is_superseded();
        }
        world.refresh(&current, Some(&attempt(99))).await.tokens();
    }
}

#[tokio::test]
async fn a_thief_uses_the_current_token_and_the_owner_is_next_so_the_session_is_revoked() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let thief = world.refresh(&first.refresh, Some(&attempt(666))).await.tokens();
    world.refresh(&first.refresh, Some(&attempt(1))).await.refuses(400, "invalid_grant");
    assert!(!world.is_alive().await);
    world.refresh(&thief.refresh, Some(&attempt(667))).await.refuses(400, "invalid_grant");
    assert_eq!(world.userinfo(&thief.access).await.status, StatusCode::UNAUTHORIZED, "at once");
    assert_eq!(world.userinfo(&first.access).await.status, StatusCode::UNAUTHORIZED);
    let alert =
        world.sql("SELECT severity, actor, detail FROM audit WHERE event = 'refresh.reuse'", vec![]).await;
    assert_eq!(alert.len(), 1);
    assert_eq!(alert[0].text("severity").unwrap(), "alert");
    assert_eq!(alert[0].text("actor").unwrap(), world.state.keys.pseudonym(&world.ada));
    assert_eq!(world.events("refresh.after_end").await, 1);
}

#[tokio::test]
async fn a_thief_with_a_stale_bearer_token_has_the_session_revoked() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let second = world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    let third = world.refresh(&second.refresh, Some(&attempt(2))).await.tokens();
    world.refresh(&first.refresh, Some(&attempt(666))).await.refuses(400, "invalid_grant");
    world.refresh(&third.refresh, Some(&attempt(3))).await.refuses(400, "invalid_grant");
    assert!(!world.is_alive().await);
}

#[tokio::test]
async fn a_thief_who_leaves_the_parameter_out_on_a_keyed_session_with_a_grace_of_60_is_caught() {
    let world = World::with(|config| config.tokens.rotation_grace = "60s".parse().unwrap()).await;
    let first = world.sign_in().await;
    world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    world.refresh(&first.refresh, None).await.refuses(400, "invalid_grant");
    assert!(!world.is_alive().await);
}

#[tokio::test]
async fn a_grace_is_for_keyless_clients_and_not_extended_by_retries() {
    let world = World::with(|config| config.tokens.rotation_grace = "60s".parse().unwrap()).await;
    let first = world.sign_in().await;
    let second = world.refresh(&first.refresh, None).await.tokens();
    for _ in 0..3 {
        world.clock.advance(20 * SECOND);
        assert_eq!(world.refresh(&first.refresh, None).await.tokens().refresh, second.refresh);
    }
    world.clock.advance(SECOND);
    world.refresh(&first.refresh, None).await.refuses(400, "invalid_grant");
    assert!(!world.is_alive().await);
    assert_eq!(world.events("refresh.grace").await, 3);
}

#[tokio::test]
async fn without_a_grace_a_keyless_retry_is_reuse() {
    let world = World::new().await;
    let first = world.sign_in().await;
    world.refresh(&first.refresh, None).await.tokens();
    world.refresh(&first.refresh, None).await.refuses(400, "invalid_grant");
    assert!(!world.is_alive().await);
}

#[tokio::test]
async fn token_and_attempt_captured_give_the_same_exp_and_the_thiefs_rotation_forks_and_is_caught() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let owner = world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    world.clock.advance(600 * SECOND);
    let thief = world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    assert_eq!(claims(&thief.access)["exp"], claims(&owner.access)["exp"]);
    let ahead = world.refresh(&thief.refresh, Some(&attempt(666))).await.tokens();
    world.refresh(&owner.refresh, Some(&attempt(2))).await.refuses(400, "invalid_grant");
    world.refresh(&ahead.refresh, Some(&attempt(667))).await.refuses(400, "invalid_grant");
}

#[tokio::test]
async fn hundreds_of_retries_have_one_successor_and_none_outlives_its_rotation() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let answer = world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    let row = world.row().await;
    for _ in 0..300 {
        world.clock.advance(7 * SECOND);
        let again = world.refresh(&first.refresh, Some(&attempt(1))).await;
        assert_eq!(again.tokens().refresh, answer.refresh);
        assert_eq!(again.tokens().access, answer.access);
        let left = 900 - (world.clock.now().seconds() - START.seconds());
        assert_eq!(again.json()["expires_in"].as_i64().unwrap(), left.max(0));
    }
    assert_eq!(world.row().await, row);
}

#[tokio::test]
async fn retries_do_not_move_the_idle_end() {
    let world = World::new().await;
    let first = world.sign_in().await;
    world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    for _ in 0..9 {
        world.clock.advance(9 * DAY);
        world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    }
    world.clock.advance(9 * DAY);
    world.refresh(&first.refresh, Some(&attempt(1))).await.refuses(400, "invalid_grant");
    assert_eq!(world.events("session.expired").await, 1);
    assert!(!world.is_alive().await);
}

#[tokio::test]
async fn a_session_that_is_refreshed_ends_at_its_absolute_end_and_so_do_its_access_tokens() {
    let world = World::new().await;
    let mut current = world.sign_in().await;
    for number in 0..6 {
        world.clock.advance(60 * DAY);
        current = world.refresh(&current.refresh, Some(&attempt(number))).await.tokens();
    }
    world.clock.advance(5 * DAY - 60 * SECOND);
    let last = world.refresh(&current.refresh, Some(&attempt(7))).await;
    assert_eq!(last.json()["expires_in"], 60);
    world.clock.advance(60 * SECOND);
    world.refresh(&last.tokens().refresh, Some(&attempt(8))).await.refuses(400, "invalid_grant");
    assert_eq!(world.userinfo(&last.tokens().access).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_scope_is_narrowed_and_never_widened_by_a_rotation_or_by_a_retry() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let narrow = [("scope", "notes.read profile"), ("refresh_attempt", &attempt(1))];
    let reply = world.refresh_with(&first.refresh, &narrow).await;
    assert_eq!(reply.json()["scope"], "notes.read profile");
    assert_eq!(claims(&reply.tokens().access)["scope"], "notes.read profile");
    let row = world.row().await;

    let plain = world.refresh(&first.refresh, Some(&attempt(1))).await;
    assert_eq!(plain.tokens().access, reply.tokens().access, "a retry that names no scope gets what it lost");
    let narrower = [("scope", "notes.read"), ("refresh_attempt", &attempt(1))];
    let narrower = world.refresh_with(&first.refresh, &narrower).await;
    assert_eq!(claims(&narrower.tokens().access)["scope"], "notes.read");
    assert_eq!(narrower.tokens().refresh, reply.tokens().refresh);
    let wider = [("scope", "notes.read notes.write"), ("refresh_attempt", &attempt(1))];
    world.refresh_with(&first.refresh, &wider).await.refuses(400, "invalid_scope");
    assert_eq!(world.row().await, row);

    for wider in ["notes.delete", "notes.read notes.delete", "nonsense", "a\"b"] {
        world.refresh_with(&reply.tokens().refresh, &[("scope", wider)]).await.refuses(400, "invalid_scope");
        assert_eq!(world.row().await, row, "a refused scope rotates nothing");
    }
    let all = world.refresh(&reply.tokens().refresh, Some(&attempt(2))).await;
    assert_eq!(all.json()["scope"].as_str().unwrap().split(' ').count(), 6, "the grant is what it was");
}

#[tokio::test]
async fn a_resource_is_ours_or_refused() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let foreign = world.refresh_with(&first.refresh, &[("resource", "https://elsewhere.example")]).await;
    foreign.refuses(400, "invalid_target");
    let ours = world.refresh_with(&first.refresh, &[("resource", "https://id.example.com/v1")]).await;
    assert_eq!(claims(&ours.tokens().access)["aud"], "https://id.example.com/v1");
}

#[tokio::test]
async fn no_token_attempt_or_secret_stands_in_the_audit_or_in_plain_in_the_database() {
    let world = World::on_sqlite().await;
    let first = world.sign_in().await;
    let second = world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    world.refresh(&first.refresh, Some(&attempt(666))).await.refuses(400, "invalid_grant");
    let folder = world.folder.path().to_owned();
    let secrets = [first.refresh, first.access, second.refresh, second.access, attempt(1), attempt(666)];
    for file in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for secret in &secrets {
            let tail = &secret.as_bytes()[secret.len() - 20..];
            assert!(!bytes.windows(tail.len()).any(|window| window == tail));
        }
    }
}
