//! An operator's change and a request of the same user, in the one order that matters: the request has read the user
//! before the change commits. Postgres alone runs two transactions side by side; on SQLite there is nothing to test.

use std::pin::pin;
use std::sync::{Arc, Mutex, mpsc};

use super::*;
use crate::accounts::Password;
use crate::http::testing::Answer;

impl World {
    /// Begins `change`, starts `request`, and commits the change once the request waits for it.
    async fn meanwhile<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut dyn Tx, &Keys, Timestamp) -> Result<T, ManageError> + Clone + Send + 'static,
        request: impl Future<Output = Answer>,
    ) -> Answer {
        let (commit, commits) = mpsc::channel();
        let (changed, mut changes) = tokio::sync::mpsc::unbounded_channel();
        let commits = Arc::new(Mutex::new(commits));
        let changing = self.change(move |tx, keys, now| {
            let done = change(tx, keys, now)?;
            let _ = changed.send(());
            let _ = commits.lock().unwrap().recv();
            Ok(done)
        });
        let requesting = async {
            changes.recv().await.unwrap();
            let mut request = pin!(request);
            tokio::select! {
                biased;
                _ = &mut request => panic!("the request did not wait for the change"),
                () = self.a_transaction_waits() => {}
            }
            commit.send(()).unwrap();
            request.await
        };
        let (changed, answer) = tokio::join!(changing, requesting);
        assert!(changed.is_ok(), "the change is made");
        answer
    }

    async fn a_transaction_waits(&self) {
        const WAITS: &str = "SELECT 1::bigint AS x FROM pg_stat_activity
             WHERE application_name = current_setting('application_name') AND wait_event_type = 'Lock'";
        while self.server.rows(WAITS).await == 0 {
            tokio::task::yield_now().await;
        }
    }

    fn is_on_postgres(&self) -> bool {
        self.server.state.config.database.file().is_none()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_whose_user_is_disabled_while_the_password_is_checked_begins_nothing() {
    let world = World::new().await;
    if !world.is_on_postgres() {
        return;
    }
    let browser = Browser::of(&world.server);
    let disable = |tx: &mut dyn Tx, keys: &Keys, now| accounts::disable(tx, keys, now, "ada");
    world.meanwhile(disable, browser.sign_in(None, "ada", "correct horse")).await.is_page(403);
    assert_eq!(world.server.rows("SELECT 1 AS x FROM browser_sessions").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_with_a_password_that_is_replaced_meanwhile_begins_nothing() {
    let world = World::new().await;
    if !world.is_on_postgres() {
        return;
    }
    let hash = world.server.state.passwords.hash(Password::new("new horse")).await.unwrap();
    let browser = Browser::of(&world.server);
    let set = move |tx: &mut dyn Tx, keys: &Keys, now| accounts::set_password(tx, keys, now, "ada", &hash);
    world.meanwhile(set, browser.sign_in(None, "ada", "correct horse")).await.is_page(422);
    assert_eq!(world.server.rows("SELECT 1 AS x FROM browser_sessions").await, 0);
    assert_eq!(browser.sign_in(None, "ada", "new horse").await.status, 303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_whose_user_is_disabled_or_signed_out_meanwhile_gives_no_code() {
    for disables in [true, false] {
        let world = World::new().await;
        if !world.is_on_postgres() {
            return;
        }
        let browser = Browser::of(&world.server);
        let request = world.server.authorization_request("app", "com.example.notes:/signed-in").await;
        browser.sign_in(Some(&request), "ada", "correct horse").await;
        let page = browser.get(&format!("/consent?request={request}")).await.body;
        let csrf = crate::http::testing::hidden(&page, "csrf");
        let allow = [("request", request.as_str()), ("csrf", csrf.as_str()), ("decision", "allow")];
        assert_eq!(browser.post("/consent", &allow).await.status, 303);
        let end = move |tx: &mut dyn Tx, keys: &Keys, now| match disables {
            true => accounts::disable(tx, keys, now, "ada"),
            false => accounts::revoke_sessions(tx, keys, now, "ada"),
        };
        let next = format!("/oauth/authorize/continue?request={request}");
        let answer = world.meanwhile(end, browser.get(&next)).await;
        assert!(!answer.header("location").contains("code="), "{}", answer.header("location"));
        assert_eq!(world.server.rows("SELECT 1 AS x FROM codes").await, 0);
    }
}
