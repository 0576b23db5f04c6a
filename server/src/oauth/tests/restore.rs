//! A database that goes back in time: what was ended stays ended, and nobody else is signed out.

use std::path::PathBuf;

use super::*;
use crate::restore::{self, Lost, RestoreError, Restored};
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
        restore::replay(&self.config(), lost, self.clock.now()).await
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
    assert!(matches!(why, RestoreError::WentBack { exported: 1, stored: 0, .. }), "{why:?}");
    assert!(why.to_string().contains("moorline-server restore"), "{why}");
    let (stopped, _) = stopped.refused().await;
    let done = stopped.replay(None).await.unwrap();
    assert_eq!((done.ended, done.unknown), (1, 0));

    let world = stopped.started().await;
    world.refresh(&ended.refresh, Some(&attempt(2))).await.refuses(400, "invalid_grant");
    assert_eq!(world.userinfo(&ended.access).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.events("restore.replayed").await, 1);
    // The other one lost a rotation with the database, and heals.
    world.refresh(&kept_again.refresh, Some(&attempt(3))).await.tokens();
    assert_eq!(world.events("refresh.rollback_healed").await, 1);
}

#[tokio::test]
async fn a_theft_that_was_told_before_the_restore_is_not_forgotten_by_it() {
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
    assert_eq!((done.ended, done.unknown), (0, 1));
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
    assert_eq!(stopped.replay(None).await.unwrap().ended, 1);
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
    assert_eq!(stopped.replay(None).await.unwrap().ended, 0);
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
async fn a_line_that_the_database_has_not_is_no_crash_but_a_restore() {
    let world = World::on_sqlite().await;
    let first = world.sign_in().await;
    let stopped = world.revoked_after_a_backup(&first.refresh).await;
    let whole = std::fs::read(stopped.ends()).unwrap();
    std::fs::write(stopped.ends(), &whole[..whole.len() - 1]).unwrap();
    let (stopped, why) = stopped.refused().await;
    assert!(matches!(why, RestoreError::WentBack { exported: 0, stored: 0, .. }), "{why:?}");
    // An end that never reached the disk was told to nobody; the operator has been asked all the same.
    assert_eq!(stopped.replay(None).await.unwrap().ended, 0);
    assert!(stopped.started().await.is_alive().await);
}

#[tokio::test]
async fn a_changed_or_missing_line_stops_the_start() {
    let world = World::on_sqlite().await;
    let (one, two) = world.two_sign_ins().await;
    world.revoke(&one.refresh).await;
    world.revoke(&two.refresh).await;
    let mut stopped = world.stop();
    let whole = std::fs::read(stopped.ends()).unwrap();
    for at in (0..whole.len()).step_by(11).filter(|at| whole[*at] != b'\n') {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(stopped.ends(), changed).unwrap();
        let why;
        (stopped, why) = stopped.refused().await;
        assert!(
            matches!(why, RestoreError::Damaged { .. } | RestoreError::WrongKey(_)),
            "byte {at}: {why:?}"
        );
        assert!(stopped.replay(None).await.is_err());
    }
    let text = String::from_utf8(whole).unwrap();
    let lines: Vec<_> = text.lines().collect();
    std::fs::write(stopped.ends(), format!("{}\n{}\n", lines[0], lines[2])).unwrap();
    let (_, why) = stopped.refused().await;
    assert!(why.to_string().contains("line 2: lines before it are missing"), "{why}");
}

#[tokio::test]
async fn a_second_server_on_the_same_database_is_refused_and_so_is_a_restore_beside_one() {
    let world = World::on_sqlite().await;
    let beside = Stopped { folder: Home::on_sqlite(), clock: world.clock.clone(), ada: String::new() };
    let mut config = beside.config();
    config.database = world.folder.database();
    let second = crate::start::open(config.clone(), world.clock.clone()).await;
    assert!(matches!(second, Err(StartError::Restore(RestoreError::InUse(_)))));
    let replay = restore::replay(&config, None, START).await;
    assert!(matches!(replay, Err(RestoreError::InUse(_))), "{replay:?}");
    world.sign_in().await;
}

#[tokio::test]
async fn an_end_that_can_not_be_exported_is_told_to_nobody_and_all_writes_wait_for_it() {
    let world = World::on_sqlite().await;
    let (ended, kept) = world.two_sign_ins().await;
    let (ends, away) = (world.folder.path().join("moorline.ends"), world.folder.path().join("away"));
    std::fs::rename(&ends, &away).unwrap();
    // Plain rotations ask nothing of the export.
    let kept = world.refresh(&kept.refresh, Some(&attempt(1))).await.tokens();
    for _ in 0..2 {
        world.revoke(&ended.refresh).await.refuses(503, "temporarily_unavailable");
        world.refresh(&ended.refresh, Some(&attempt(2))).await.refuses(503, "temporarily_unavailable");
        world.refresh(&kept.refresh, Some(&attempt(3))).await.refuses(503, "temporarily_unavailable");
    }
    std::fs::rename(&away, &ends).unwrap();
    world.refresh(&kept.refresh, Some(&attempt(3))).await.tokens();
    assert_eq!(std::fs::read_to_string(&ends).unwrap().lines().count(), 2);
    world.refresh(&ended.refresh, Some(&attempt(2))).await.refuses(400, "invalid_grant");
    assert_eq!(world.revoke(&ended.refresh).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_export_that_was_cut_short_in_its_place_is_not_written_on_until_it_is_whole_again() {
    let world = World::on_sqlite().await;
    let (first, second) = world.two_sign_ins().await;
    assert_eq!(world.revoke(&first.refresh).await.status, StatusCode::OK);
    let ends = world.folder.path().join("moorline.ends");
    let whole = std::fs::read(&ends).unwrap();
    // As a log rotation does that copies and truncates.
    std::fs::write(&ends, b"").unwrap();
    world.revoke(&second.refresh).await.refuses(503, "temporarily_unavailable");
    assert_eq!(std::fs::read(&ends).unwrap(), b"");
    std::fs::write(&ends, &whole).unwrap();
    assert_eq!(world.revoke(&second.refresh).await.status, StatusCode::OK);
    assert!(std::fs::read(&ends).unwrap().starts_with(&whole));
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
