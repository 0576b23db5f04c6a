//! A restore that needs an operator's word: without the export, over an older database, with a wrong clock.

use super::restore::Stopped;
use super::*;
use crate::restore::{self, Lost, RestoreError, Taken};

const DAY: Duration = Duration::from_secs(86_400);

/// What migration 3 and those after it have brought, taken away again.
const BEFORE_0003: &str =
    "DROP TABLE session_ends; DROP TABLE instance; ALTER TABLE users DROP COLUMN disabled_at;
    DROP INDEX users_by_username_key; DROP INDEX users_without_username_key; DROP TABLE sign_in_tries;
    ALTER TABLE users DROP COLUMN username_key; ALTER TABLE users DROP COLUMN devices_from; DROP TABLE password_costs;
    DROP INDEX audit_by_time; DROP INDEX sessions_by_absolute_end; DROP INDEX sessions_by_revocation;
    DROP INDEX browser_sessions_by_end; DROP TABLE kept_keys; DROP TABLE master_keys;
    DROP TABLE es256_keys; ALTER TABLE clients DROP COLUMN access_token_alg;
    ALTER TABLE migrations DROP COLUMN serves_from; DELETE FROM migrations WHERE version >= 3";

impl Stopped {
    /// Runs statements on the database that was put back; with [`BEFORE_0003`] it is one that an older server has left.
    fn alter(&self, sql: &str) {
        let database = rusqlite::Connection::open(self.folder.path().join("moorline.db")).unwrap();
        database.execute_batch(sql).unwrap();
    }
}

#[tokio::test]
async fn a_backup_from_before_the_export_takes_its_file_back_and_all_of_it_is_replayed() {
    let world = World::on_sqlite().await;
    let before = world.sign_in().await;
    let (ended, kept) = world.two_sign_ins().await;
    world.revoke(&before.refresh).await;
    let stopped = world.stop();
    let backup = stopped.database();
    let world = stopped.started().await;
    world.clock.advance(Duration::from_secs(60));
    world.revoke(&ended.refresh).await;
    let stopped = world.stop();
    let whole = std::fs::read(stopped.ends()).unwrap();

    stopped.put_back(&backup);
    stopped.alter(BEFORE_0003);
    let (stopped, why) = stopped.refused().await;
    assert!(matches!(why, RestoreError::WentBack { .. }), "{why:?}");
    let said = why.to_string();
    assert!(said.contains("Run `moorline-server restore`") && !said.contains("move"), "{said}");
    for lost in [Lost::DatabaseIsCurrent, Lost::EndAllSessions] {
        assert!(matches!(stopped.replay(Some(lost)).await, Err(RestoreError::NotLost(_))));
    }
    let done = stopped.replay(None).await.unwrap();
    assert_eq!((done.revoked.len(), done.unknown), (1, 0));

    let world = stopped.started().await;
    for token in [&before.refresh, &ended.refresh] {
        world.refresh(token, Some(&attempt(2))).await.refuses(400, "invalid_grant");
    }
    world.refresh(&kept.refresh, Some(&attempt(3))).await.tokens();
    assert_eq!(std::fs::read(world.stop().ends()).unwrap(), whole);
}

#[tokio::test]
async fn a_revocation_that_an_old_backup_knows_and_its_log_does_not_is_in_the_log_after_the_restore() {
    let world = World::on_sqlite().await;
    let (ended, other) = world.two_sign_ins().await;
    let stopped = world.stop();
    let backup = stopped.database();
    let world = stopped.started().await;
    world.revoke(&ended.refresh).await;
    let stopped = world.stop();
    stopped.put_back(&backup);
    stopped.alter(BEFORE_0003);
    let sid = claims(&other.access)["sid"].as_str().unwrap().to_owned();
    stopped.alter(&format!("UPDATE sessions SET revoked_at = 1, revoked_why = 'reuse' WHERE id = '{sid}'"));
    assert_eq!(stopped.replay(None).await.unwrap().revoked.len(), 1);
    let stopped = stopped.started().await.stop();
    let log = std::fs::read_to_string(stopped.ends()).unwrap();
    assert_eq!(log.lines().count(), 3);
    assert!(log.contains(&format!(" 1 reuse {sid} ")) && log.contains(" revoked "), "{log}");
}

#[tokio::test]
async fn a_lost_export_stops_the_start_until_an_operator_says_what_is_true() {
    let world = World::on_sqlite().await;
    let (one, two) = world.two_sign_ins().await;
    world.revoke(&one.refresh).await;
    let stopped = world.stop();
    let whole = std::fs::read(stopped.ends()).unwrap();
    std::fs::remove_file(stopped.ends()).unwrap();
    let (stopped, why) = stopped.refused().await;
    assert!(matches!(why, RestoreError::Missing(_)), "{why:?}");
    assert!(matches!(stopped.replay(None).await, Err(RestoreError::Missing(_))));

    assert_eq!(stopped.replay(Some(Lost::DatabaseIsCurrent)).await.unwrap().revoked.len(), 0);
    let stopped = stopped.started().await.stop();
    assert_eq!(std::fs::read(stopped.ends()).unwrap(), whole);
    let world = stopped.started().await;
    let kept = world.refresh(&two.refresh, Some(&attempt(1))).await.tokens();

    let stopped = world.stop();
    std::fs::remove_file(stopped.ends()).unwrap();
    assert_eq!(stopped.replay(Some(Lost::EndAllSessions)).await.unwrap().revoked.len(), 1);
    let world = stopped.started().await;
    world.refresh(&kept.refresh, Some(&attempt(2))).await.refuses(400, "invalid_grant");
    assert_eq!(world.events("restore.all_ended").await, 1);
}

#[tokio::test]
async fn without_a_log_the_operator_reads_which_commands_to_repeat() {
    let config = Config::new(ISSUER.parse().unwrap(), Home::new().database(), MasterKey::new([3; 32]));
    let said = restore::replay(&config, false, START).await.unwrap_err().to_string();
    for command in ["user revoke-sessions", "user disable", "client rotate-secret", "keys withdraw"] {
        assert!(said.contains(command), "{command}: {said}");
    }
}

#[tokio::test]
async fn a_good_log_is_not_thrown_away_as_lost() {
    let world = World::on_sqlite().await;
    let first = world.sign_in().await;
    let stopped = world.revoked_after_a_backup(&first.refresh).await;
    for lost in [Lost::DatabaseIsCurrent, Lost::EndAllSessions] {
        assert!(matches!(stopped.replay(Some(lost)).await, Err(RestoreError::NotLost(_))));
    }
    std::fs::write(stopped.ends(), "rubbish\n").unwrap();
    let error = stopped.replay(Some(Lost::EndAllSessions)).await.unwrap_err();
    assert!(matches!(error, RestoreError::WrongKey(_)), "{error}");
    std::fs::remove_file(stopped.ends()).unwrap();
    assert_eq!(stopped.replay(Some(Lost::EndAllSessions)).await.unwrap().revoked.len(), 1);
    stopped.started().await.refresh(&first.refresh, None).await.refuses(400, "invalid_grant");
}

#[tokio::test]
async fn another_servers_database_is_refused() {
    let (ours, theirs) = (World::on_sqlite().await, World::on_sqlite().await);
    let token = ours.sign_in().await;
    ours.revoke(&token.refresh).await;
    let (ours, theirs) = (ours.stop(), theirs.stop());
    ours.put_back(&theirs.database());
    let (ours, why) = ours.refused().await;
    assert!(matches!(why, RestoreError::OtherDatabase(_)), "{why:?}");
    assert!(matches!(ours.replay(None).await, Err(RestoreError::OtherDatabase(_))));
    for lost in [Lost::DatabaseIsCurrent, Lost::EndAllSessions] {
        assert!(matches!(ours.replay(Some(lost)).await, Err(RestoreError::NotLost(_))));
    }
    std::fs::remove_file(ours.folder.path().join("moorline.db")).unwrap();
    let (_, why) = ours.refused().await;
    assert!(matches!(why, RestoreError::OtherDatabase(_)), "a new and empty one too: {why:?}");
}

#[tokio::test]
async fn a_restore_does_not_believe_a_clock_that_has_leapt_and_no_session_ends_by_it() {
    let world = World::on_sqlite().await;
    let (ended, kept) = world.two_sign_ins().await;
    let stopped = world.revoked_after_a_backup(&ended.refresh).await;
    stopped.clock.advance(3650 * DAY);
    assert_eq!(stopped.replay(None).await.unwrap().time, Some(Taken::LastKnown(START)));
    let mut world = stopped.started().await;
    world.refresh(&kept.refresh, Some(&attempt(1))).await.refuses(503, "temporarily_unavailable");
    world.clock = Clock::manual(START.after(DAY));
    let world = world.stop().started().await;
    world.refresh(&kept.refresh, Some(&attempt(1))).await.tokens();
}

#[tokio::test]
async fn the_last_end_in_the_export_says_what_time_it_was_after_the_backup() {
    let world = World::on_sqlite().await;
    let (ended, mut kept) = world.two_sign_ins().await;
    let stopped = world.stop();
    let backup = stopped.database();
    let world = stopped.started().await;
    for week in 1..=3 {
        world.clock.advance(6 * DAY);
        kept = world.refresh(&kept.refresh, Some(&attempt(week))).await.tokens();
    }
    world.revoke(&ended.refresh).await;
    let (last, stopped) = (START.after(18 * DAY), world.stop());
    for (clock, time) in [
        (last.after(6 * DAY), Taken::Clock(last.after(6 * DAY))),
        (last.before(DAY), Taken::Clock(last)),
        (last.after(8 * DAY), Taken::LastKnown(last)),
    ] {
        stopped.put_back(&backup);
        let done = restore::replay(&stopped.config(), false, clock).await.unwrap();
        assert_eq!((done.revoked.len(), done.time), (1, Some(time)));
    }
}

#[tokio::test]
async fn without_the_export_the_database_alone_says_what_time_it_was() {
    let world = World::on_sqlite().await;
    world.sign_in().await;
    let stopped = world.stop();
    std::fs::remove_file(stopped.ends()).unwrap();
    stopped.clock.advance(8 * DAY);
    let done = stopped.replay(Some(Lost::DatabaseIsCurrent)).await.unwrap();
    assert_eq!(done.time, Some(Taken::LastKnown(START)));
    let done = stopped.replay(Some(Lost::EndAllSessions)).await.unwrap();
    assert_eq!((done.revoked.len(), done.time), (1, Some(Taken::LastKnown(START))));
}

#[tokio::test]
async fn over_a_database_from_before_the_export_the_sessions_say_what_time_it_was() {
    let world = World::on_sqlite().await;
    let token = world.sign_in().await;
    let stopped = world.stop();
    stopped.alter(BEFORE_0003);
    std::fs::remove_file(stopped.ends()).unwrap();
    stopped.clock.advance(3650 * DAY);
    let done = stopped.replay(Some(Lost::DatabaseIsCurrent)).await.unwrap();
    assert_eq!((done.revoked.len(), done.time), (0, Some(Taken::LastKnown(START))));
    let mut world = stopped.started().await;
    world.refresh(&token.refresh, Some(&attempt(1))).await.refuses(503, "temporarily_unavailable");
    world.clock = Clock::manual(START.after(DAY));
    let world = world.stop().started().await;
    world.refresh(&token.refresh, Some(&attempt(1))).await.tokens();
}
