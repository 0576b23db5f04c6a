//! A database that goes back in time: what was ended stays ended, and nobody else is signed out.

use std::path::PathBuf;

use super::*;
use crate::restore::{self, Lost, RestoreError, Restored, Revoked};
use crate::start::StartError;

/// A server that is stopped: what is left of it on the disk.
pub(super) struct Stopped {
    pub(super) folder: Home,
    pub(super) clock: Clock,
    ada: String,
}

impl World {
    pub(super) fn stop(self) -> Stopped {
        let Self { folder, state, router, clock, ada } = self;
        drop((state, router));
        Stopped { folder, clock, ada }
    }

    /// A database that was put back to a moment at which this token's session had not been ended yet.
    pub(super) async fn revoked_after_a_backup(self, token: &str) -> Stopped {
        let stopped = self.stop();
        let backup = stopped.database();
        let world = stopped.started().await;
        world.revoke(token).await;
        let stopped = world.stop();
        stopped.put_back(&backup);
        stopped
    }

    /// A second person-and-client session beside the first, as if by another device.
    pub(super) async fn two_sign_ins(&self) -> (Tokens, Tokens) {
        (self.sign_in().await, self.sign_in().await)
    }
}

impl Stopped {
    pub(super) fn config(&self) -> Config {
        let database = self.folder.path().join("moorline.db");
        let mut config = Config::new(ISSUER.parse().unwrap(), database, MasterKey::new([3; 32]));
        config.limits.enabled = false;
        config.store.revocation_log = Some(self.ends());
        config
    }

    async fn start(self) -> Result<World, (Self, RestoreError)> {
        match crate::start::open(self.config(), self.clock.clone()).await {
            Ok(state) => {
                let Self { folder, clock, ada } = self;
                Ok(World { folder, router: crate::http::router(state.clone()), state, clock, ada })
            }
            Err(StartError::Restore(error)) => Err((self, error)),
            Err(error) => panic!("{error}"),
        }
    }

    pub(super) async fn started(self) -> World {
        self.start().await.map_err(|(_, error)| error).unwrap()
    }

    pub(super) async fn refused(self) -> (Self, RestoreError) {
        self.start().await.err().expect("it must not start")
    }

    pub(super) async fn replay(&self, lost: Option<Lost>) -> Result<Restored, RestoreError> {
        match lost {
            None => restore::replay(&self.config(), false, self.clock.now()).await,
            Some(lost) => restore::without_log(&self.config(), lost, self.clock.now()).await,
        }
    }

    pub(super) fn ends(&self) -> PathBuf {
        self.folder.path().join("moorline.ends")
    }

    pub(super) fn database(&self) -> Vec<u8> {
        std::fs::read(self.folder.path().join("moorline.db")).unwrap()
    }

    pub(super) fn put_back(&self, database: &[u8]) {
        std::fs::write(self.folder.path().join("moorline.db"), database).unwrap();
    }
}

#[tokio::test]
async fn after_a_restore_nothing_starts_without_a_replay_and_what_was_revoked_stays_revoked() {
    let world = World::on_sqlite().await;
    let (ended, kept) = world.two_sign_ins().await;
    let stopped = world.stop();
    let backup = stopped.database();

    let world = stopped.started().await;
    let kept_again = world.refresh(&kept.refresh, Some(&attempt(1))).await.tokens();
    assert_eq!(world.revoke(&ended.refresh).await.status, StatusCode::OK);
    let stopped = world.stop();

    stopped.put_back(&backup);
    let (stopped, why) = stopped.refused().await;
    assert!(matches!(why, RestoreError::WentBack { entries: 1, .. }), "{why:?}");
    assert!(why.to_string().contains("moorline-server restore"), "{why}");
    let (stopped, _) = stopped.refused().await;
    let done = stopped.replay(None).await.unwrap();
    assert_eq!((done.revoked.len(), done.unknown), (1, 0));

    let world = stopped.started().await;
    world.refresh(&ended.refresh, Some(&attempt(2))).await.refuses(400, "invalid_grant");
    assert_eq!(world.userinfo(&ended.access).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.events("restore.replayed").await, 1);
    // The other one lost a rotation with the database, and heals.
    world.refresh(&kept_again.refresh, Some(&attempt(3))).await.tokens();
    assert_eq!(world.events("refresh.rollback_healed").await, 1);
}

#[tokio::test]
async fn a_theft_that_was_detected_before_the_restore_is_not_undone_by_it() {
    let world = World::on_sqlite().await;
    let first = world.sign_in().await;
    let second = world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    let stopped = world.stop();
    let backup = stopped.database();
    let world = stopped.started().await;
    world.refresh(&first.refresh, Some(&attempt(666))).await.refuses(400, "invalid_grant");
    assert_eq!(world.events("refresh.reuse").await, 1);
    let stopped = world.stop();
    stopped.put_back(&backup);
    let (stopped, _) = stopped.refused().await;
    stopped.replay(None).await.unwrap();
    let world = stopped.started().await;
    world.refresh(&second.refresh, Some(&attempt(2))).await.refuses(400, "invalid_grant");
    assert!(world.row().await.contains(" reuse "));
}

#[tokio::test]
async fn a_session_that_began_after_the_backup_is_lost_with_it_and_counted() {
    let world = World::on_sqlite().await;
    world.sign_in().await;
    let stopped = world.stop();
    let backup = stopped.database();
    let world = stopped.started().await;
    let later = world.sign_in().await;
    world.revoke(&later.refresh).await;
    let stopped = world.stop();
    stopped.put_back(&backup);
    let (stopped, _) = stopped.refused().await;
    let done = stopped.replay(None).await.unwrap();
    assert_eq!((done.revoked.len(), done.unknown), (0, 1));
    let world = stopped.started().await;
    world.refresh(&later.refresh, Some(&attempt(1))).await.refuses(400, "invalid_grant");
    assert!(world.is_alive().await);
}

#[tokio::test]
async fn a_restore_signs_browsers_out_and_twice_is_as_good_as_once() {
    let world = World::on_sqlite().await;
    let first = world.sign_in().await;
    let stopped = world.revoked_after_a_backup(&first.refresh).await;
    let (stopped, _) = stopped.refused().await;
    assert_eq!(stopped.replay(None).await.unwrap().revoked.len(), 1);
    assert_eq!(stopped.replay(None).await.unwrap(), Restored::default());
    let world = stopped.started().await;
    assert_eq!(world.sql("SELECT 1 AS one FROM browser_sessions", vec![]).await.len(), 0);
    assert_eq!(world.events("restore.replayed").await, 1);
}

#[tokio::test]
async fn a_browser_that_signed_out_before_the_restore_is_not_signed_in_after_it() {
    let world = World::on_sqlite().await;
    let first = world.sign_in().await;
    let cookie = world.browser().await;
    let stopped = world.stop();
    let backup = stopped.database();
    let world = stopped.started().await;
    let page = world.get("/", &[(COOKIE, &cookie)]).await.text();
    let csrf = crate::http::testing::hidden(&page, "csrf");
    assert_eq!(
        world.form("/sign-out", &[("csrf", &csrf)], &[(COOKIE, &cookie)]).await.status,
        StatusCode::SEE_OTHER
    );
    let stopped = world.stop();
    stopped.put_back(&backup);
    let (stopped, _) = stopped.refused().await;
    assert_eq!(stopped.replay(None).await.unwrap().revoked.len(), 0);
    let world = stopped.started().await;
    let page = world.authorize(Some(&cookie), &request(&[])).await;
    assert!(page.location().contains("/sign-in"), "{}", page.location());
    world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
}

#[tokio::test]
async fn a_crash_between_the_commit_and_the_export_is_mended_by_the_next_start() {
    let world = World::on_sqlite().await;
    let (one, two) = world.two_sign_ins().await;
    world.revoke(&one.refresh).await;
    world.revoke(&two.refresh).await;
    let mut stopped = world.stop();
    let whole = std::fs::read(stopped.ends()).unwrap();
    let head = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    // Whatever part of the lines has reached the disk.
    for length in (head..whole.len()).step_by(7) {
        std::fs::write(stopped.ends(), &whole[..length]).unwrap();
        stopped = stopped.started().await.stop();
        assert_eq!(std::fs::read(stopped.ends()).unwrap(), whole, "cut at {length}");
    }
}

#[tokio::test]
async fn a_line_that_was_torn_in_the_log_alone_stops_no_start() {
    let world = World::on_sqlite().await;
    let first = world.sign_in().await;
    let stopped = world.revoked_after_a_backup(&first.refresh).await;
    let whole = std::fs::read(stopped.ends()).unwrap();
    std::fs::write(stopped.ends(), &whole[..whole.len() - 2]).unwrap();
    assert!(stopped.started().await.is_alive().await);
}

#[tokio::test]
async fn a_changed_or_missing_line_is_written_again_from_the_database() {
    let world = World::on_sqlite().await;
    let (one, two) = world.two_sign_ins().await;
    world.revoke(&one.refresh).await;
    world.revoke(&two.refresh).await;
    let mut stopped = world.stop();
    let whole = std::fs::read(stopped.ends()).unwrap();
    let head = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for at in (head..whole.len()).step_by(23) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(stopped.ends(), changed).unwrap();
        stopped = stopped.started().await.stop();
        assert_eq!(std::fs::read(stopped.ends()).unwrap(), whole, "byte {at}");
    }
    let text = String::from_utf8(whole.clone()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    std::fs::write(stopped.ends(), format!("{}\n{}\n", lines[0], lines[2])).unwrap();
    stopped = stopped.started().await.stop();
    assert_eq!(std::fs::read(stopped.ends()).unwrap(), whole);
    let mut changed = whole.clone();
    changed[4] ^= 1;
    std::fs::write(stopped.ends(), changed).unwrap();
    let (stopped, why) = stopped.refused().await;
    assert!(matches!(why, RestoreError::WrongKey(_)), "{why:?}");
    assert!(stopped.replay(None).await.is_err());
}

#[tokio::test]
async fn a_dry_run_names_the_sessions_and_changes_nothing() {
    let world = World::on_sqlite().await;
    let first = world.sign_in().await;
    let sid = claims(&first.access)["sid"].as_str().unwrap().to_owned();
    let stopped = world.revoked_after_a_backup(&first.refresh).await;
    let log = std::fs::read(stopped.ends()).unwrap();
    let planned = restore::replay(&stopped.config(), true, START).await.unwrap();
    let session = Revoked {
        session_id: sid,
        client_id: "app".to_owned(),
        username: "ada".to_owned(),
        why: "revoked".to_owned(),
        at: START.seconds(),
    };
    assert_eq!((planned.revoked, planned.unknown, planned.time), (vec![session], 0, None));
    assert_eq!(std::fs::read(stopped.ends()).unwrap(), log);
    let (stopped, _) = stopped.refused().await;
    assert_eq!(stopped.replay(None).await.unwrap().revoked.len(), 1);
}

#[tokio::test]
async fn without_a_setting_there_is_no_log_and_it_can_be_turned_on_and_off() {
    let off = |config: &mut Config| {
        config.limits.enabled = false;
        config.store.revocation_log = None;
    };
    let world = World::begin(Home::on_sqlite(), off).await;
    let first = world.sign_in().await;
    world.revoke(&first.refresh).await;
    let log = world.folder.path().join("moorline.ends");
    assert!(!log.exists());
    let world = world.restarted(|config| config.limits.enabled = false).await;
    assert_eq!(std::fs::read_to_string(&log).unwrap().lines().count(), 2, "it has what came before it");
    // Beside the database, where an earlier version put it by default, it stays in use.
    let world = world.restarted(off).await;
    let second = world.sign_in().await;
    world.revoke(&second.refresh).await;
    assert_eq!(std::fs::read_to_string(&log).unwrap().lines().count(), 3);
    let away = log.with_extension("away");
    std::fs::rename(&log, &away).unwrap();
    let (stopped, why) = world.stop().refused().await;
    assert!(matches!(why, RestoreError::Missing(_)), "{why:?}");
    let mut config = stopped.config();
    off(&mut config);
    drop(crate::start::open(config, stopped.clock.clone()).await.unwrap());
    stopped.started().await;
}

#[tokio::test]
async fn a_second_server_on_the_same_database_is_refused_and_so_is_a_restore_beside_one() {
    let world = World::on_sqlite().await;
    let beside = Stopped { folder: Home::on_sqlite(), clock: world.clock.clone(), ada: String::new() };
    let mut config = beside.config();
    config.database = world.folder.database();
    config.store.revocation_log = Some(world.folder.path().join("moorline.ends"));
    let second = crate::start::open(config.clone(), world.clock.clone()).await;
    assert!(matches!(second, Err(StartError::Store { .. })));
    let replay = restore::replay(&config, false, START).await;
    assert!(matches!(replay, Err(RestoreError::InUse(_))), "{replay:?}");
    world.sign_in().await;
}

#[tokio::test]
async fn a_second_server_on_the_same_file_is_refused_without_a_log_too() {
    let world = World::begin(Home::on_sqlite(), |config| config.store.revocation_log = None).await;
    let config = Config::new(ISSUER.parse().unwrap(), world.folder.database(), MasterKey::new([3; 32]));
    let second = crate::start::open(config.clone(), world.clock.clone()).await.unwrap_err().to_string();
    assert!(second.contains("moorline.db: ") && second.contains("another server runs on it"), "{second}");
    crate::start::open_beside(config.clone(), world.clock.clone()).await.expect("a command is no server");
    let World { folder: _folder, clock, state, router, .. } = world;
    drop((state, router));
    crate::start::open(config, clock).await.expect("the first one has stopped");
}

#[tokio::test]
async fn a_log_that_can_not_be_written_holds_up_nobody_and_has_it_all_later() {
    let world = World::on_sqlite().await;
    let (ended, kept) = world.two_sign_ins().await;
    let (log, away) = (world.folder.path().join("moorline.ends"), world.folder.path().join("away"));
    std::fs::rename(&log, &away).unwrap();
    // A folder in its place: no file can be made there.
    std::fs::create_dir_all(log.join("in the way")).unwrap();
    assert_eq!(world.revoke(&ended.refresh).await.status, StatusCode::OK);
    world.refresh(&ended.refresh, Some(&attempt(2))).await.refuses(400, "invalid_grant");
    let kept = world.refresh(&kept.refresh, Some(&attempt(1))).await.tokens();
    std::fs::remove_dir_all(&log).unwrap();
    assert_eq!(world.revoke(&kept.refresh).await.status, StatusCode::OK);
    assert_eq!(std::fs::read_to_string(&log).unwrap().lines().count(), 3, "the head and both");
}

#[tokio::test]
async fn a_log_that_was_cut_in_its_place_is_written_again() {
    let world = World::on_sqlite().await;
    let (first, second) = world.two_sign_ins().await;
    assert_eq!(world.revoke(&first.refresh).await.status, StatusCode::OK);
    let log = world.folder.path().join("moorline.ends");
    let whole = std::fs::read(&log).unwrap();
    // As a log rotation does that copies and truncates.
    std::fs::write(&log, b"").unwrap();
    assert_eq!(world.revoke(&second.refresh).await.status, StatusCode::OK);
    assert!(std::fs::read(&log).unwrap().starts_with(&whole));
}

#[tokio::test]
async fn only_ends_that_a_restore_would_forget_are_exported() {
    let world = World::on_sqlite().await;
    let (one, two) = world.two_sign_ins().await;
    world.refresh(&one.refresh, Some(&attempt(1))).await.tokens();
    world.revoke(&one.refresh).await;
    world.clock.advance(Duration::from_secs(91 * 86_400));
    world.refresh(&two.refresh, Some(&attempt(2))).await.refuses(400, "invalid_grant");
    assert_eq!(world.events("session.expired").await, 1);
    let text = std::fs::read_to_string(world.folder.path().join("moorline.ends")).unwrap();
    assert_eq!(text.lines().count(), 2, "the head and the revocation");
    assert!(text.contains(" revoked ") && !text.contains(&one.refresh));
}
