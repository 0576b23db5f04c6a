//! What an operator's change means to the people and apps that it is about, through the router.

use std::time::Duration;

use super::accounts::{self, Ended};
use super::clients::{self, ClientUpdate};
use super::{ClientSecret, ManageError, keys};
use crate::http::testing::{Browser, NOW, TestServer};
use crate::oauth::clients::find;
use http::Method;
use moorline_server_base::clock::Timestamp;
use moorline_server_keys::{Algorithm, Keys, PublishedKey, SigningKeyState};
use moorline_server_store::{Actor, Tx};

mod races;

const ACTOR: Actor = Actor::System("a test");

struct World {
    server: TestServer,
    ada: String,
}

impl World {
    async fn new() -> Self {
        let server = TestServer::start().await;
        server.client("id=app,name=Notes,redirect=com.example.notes:/signed-in").await;
        server.client("id=web,secret=old secret,redirect=https://a.example/cb,scope=openid").await;
        let ada = server.user("username=ada,password=correct horse").await;
        Self { server, ada }
    }

    async fn change<T: Send + 'static>(
        &self,
        run: impl FnOnce(&mut dyn Tx, &Keys, Timestamp) -> Result<T, ManageError> + Clone + Send + 'static,
    ) -> Result<T, ManageError> {
        let (keys, now) = (self.server.state.keys.clone(), self.server.state.clock.now());
        self.server.state.store.write(&ACTOR, move |tx| run(tx, &keys, now)).await
    }

    async fn token(&self) -> String {
        self.server.token(&self.ada, "notes.read", &["user"]).await
    }

    async fn token_by(&self, algorithm: Algorithm) -> String {
        self.server.token_by(algorithm, &self.ada, "notes.read").await
    }

    async fn api_status(&self, token: &str) -> u16 {
        self.server.api(Method::GET, "/v1/notes", token, &[], "").await.status.as_u16()
    }

    async fn is_signed_in(&self, browser: &Browser<'_>) -> bool {
        browser.get("/").await.body.contains("Sign out")
    }

    async fn events(&self) -> Vec<String> {
        let rows =
            self.server.select("SELECT event FROM audit WHERE event LIKE 'operator.%' ORDER BY seq").await;
        rows.iter().map(|row| row.text("event").unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn a_disabled_user_is_out_everywhere_until_enabled() {
    let world = World::new().await;
    let browser = Browser::of(&world.server);
    browser.sign_in(None, "ada", "correct horse").await;
    let token = world.token().await;
    assert!(world.is_signed_in(&browser).await);
    assert_eq!(world.api_status(&token).await, 200);

    let ended = world.change(|tx, keys, now| accounts::disable(tx, keys, now, " Ada ")).await.unwrap();
    assert_eq!(ended, Ended { sessions: 1, browser_sessions: 1 });
    assert_eq!(world.api_status(&token).await, 401);
    assert!(!world.is_signed_in(&browser).await);
    let refused = browser.sign_in(None, "ada", "correct horse").await;
    refused.is_page(403);
    assert!(refused.body.contains("This account is disabled"), "{}", refused.body);
    let wrong = browser.sign_in(None, "ada", "wrong").await;
    assert!(!wrong.body.contains("disabled"), "only who knows the password learns of it");
    assert_eq!(world.server.rows("SELECT 1 AS x FROM browser_sessions").await, 0);

    world.change(|tx, keys, now| accounts::enable(tx, keys, now, "ada")).await.unwrap();
    assert_eq!(browser.sign_in(None, "ada", "correct horse").await.status, 303);
    assert_eq!(world.api_status(&token).await, 401, "what was ended stays ended");
    assert_eq!(world.events().await, ["operator.user_disabled", "operator.user_enabled"]);
    let named = "SELECT 1 AS x FROM audit WHERE event LIKE 'operator.%' AND actor IS NULL";
    assert_eq!(world.server.rows(named).await, 0, "each row says whom it is about, by pseudonym");
}

#[tokio::test]
async fn a_new_password_replaces_the_old_one_and_ends_all_sessions() {
    let world = World::new().await;
    let token = world.token().await;
    let hash = world.server.state.passwords.hash(crate::accounts::Password::new("new horse")).await.unwrap();
    let ended =
        world.change(move |tx, keys, now| accounts::set_password(tx, keys, now, "ada", &hash)).await.unwrap();
    assert_eq!(ended.sessions, 1);
    assert_eq!(world.api_status(&token).await, 401);
    let browser = Browser::of(&world.server);
    assert_eq!(browser.sign_in(None, "ada", "correct horse").await.status, 422);
    assert_eq!(browser.sign_in(None, "ada", "new horse").await.status, 303);
}

#[tokio::test]
async fn a_renamed_user_signs_in_under_the_new_name_alone_and_stays_signed_in() {
    let world = World::new().await;
    world.server.user("username=grace,password=correct horse").await;
    let token = world.token().await;
    let rename = async |name: &'static str, new: &'static str| {
        world.change(move |tx, keys, now| accounts::rename(tx, keys, now, name, new)).await
    };
    assert_eq!(rename("Ada", "R\u{e9}n\u{e9}e").await.unwrap().username, "r\u{e9}n\u{e9}e");
    assert_eq!(world.api_status(&token).await, 200);
    let sign_in = async |name| Browser::of(&world.server).sign_in(None, name, "correct horse").await.status;
    assert_eq!(sign_in("Re\u{301}ne\u{301}e").await, 303);
    assert_eq!(sign_in("ada").await, 422);
    for (new, why) in [("GRACE", "already"), ("a b", "U+0020"), ("", "empty")] {
        let refused = rename("r\u{e9}n\u{e9}e", new).await.unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }
    assert_eq!(world.events().await, ["operator.user_renamed"]);
}

#[tokio::test]
async fn ended_sessions_are_ends_that_a_restore_must_not_forget() {
    let world = World::new().await;
    world.token().await;
    world.token().await;
    Browser::of(&world.server).sign_in(None, "ada", "correct horse").await;
    let ended = world.change(|tx, keys, now| accounts::revoke_sessions(tx, keys, now, "ada")).await.unwrap();
    assert_eq!(ended, Ended { sessions: 2, browser_sessions: 1 });
    world.server.has_ends("revoked", 2).await;
    world.server.has_ends("browser", 1).await;
    let again = world.change(|tx, keys, now| accounts::revoke_sessions(tx, keys, now, "ada")).await.unwrap();
    assert_eq!(again, Ended::default());
}

#[tokio::test]
async fn nobody_of_that_name_changes_nothing() {
    let world = World::new().await;
    let refused = world.change(|tx, keys, now| accounts::disable(tx, keys, now, "bob")).await.unwrap_err();
    assert!(matches!(&refused, ManageError::NoUser(name) if name == "bob"), "{refused:?}");
    let refused = world.change(|tx, _, now| clients::remove(tx, now, "nope")).await.unwrap_err();
    assert!(matches!(&refused, ManageError::NoClient(id) if id == "nope"), "{refused:?}");
    let fresh = world.server.state.keys.new_key(Algorithm::Rs256, &world.server.state.random).await.unwrap();
    let refused = world.change(move |tx, _, now| keys::withdraw(tx, now, "nope", &fresh)).await.unwrap_err();
    assert!(matches!(&refused, ManageError::NoKey(kid) if kid == "nope"), "{refused:?}");
    assert!(world.events().await.is_empty());
}

#[tokio::test]
async fn a_client_changes_only_where_it_is_told_to_and_never_to_what_is_not_valid() {
    let world = World::new().await;
    let update = ClientUpdate { name: Some("The Web".to_owned()), ..ClientUpdate::default() };
    world.change(move |tx, _, now| clients::update(tx, now, "web", update)).await.unwrap();
    let stored = |id: &'static str| world.change(move |tx, _, _| Ok(find(tx, id)?.unwrap()));
    let web = stored("web").await.unwrap();
    assert_eq!((web.name.as_str(), web.scopes.to_string().as_str()), ("The Web", "openid"));
    assert!(web.secret.unwrap().matches("old secret"), "the secret stays");
    assert_eq!(web.redirect_uris, ["https://a.example/cb"]);

    let wrong = ClientUpdate {
        redirect_uris: Some(vec!["http://a.example/cb".to_owned()]),
        ..ClientUpdate::default()
    };
    let refused = world.change(move |tx, _, now| clients::update(tx, now, "web", wrong)).await.unwrap_err();
    assert!(refused.to_string().contains("https://"), "{refused}");
    assert_eq!(stored("web").await.unwrap().redirect_uris, ["https://a.example/cb"]);
    assert_eq!(world.events().await, ["operator.client_updated"]);
}

#[tokio::test]
async fn a_client_chooses_the_algorithm_of_its_access_tokens_and_keeps_it_through_other_changes() {
    let world = World::new().await;
    let alg = || world.change(|tx, _, _| Ok(find(tx, "web")?.unwrap().access_token_alg));
    assert_eq!(alg().await.unwrap(), Algorithm::Rs256);
    let update = ClientUpdate { access_token_alg: Some(Algorithm::Es256), ..ClientUpdate::default() };
    world.change(move |tx, _, now| clients::update(tx, now, "web", update)).await.unwrap();
    let update = ClientUpdate { name: Some("The Web".to_owned()), ..ClientUpdate::default() };
    world.change(move |tx, _, now| clients::update(tx, now, "web", update)).await.unwrap();
    assert_eq!(alg().await.unwrap(), Algorithm::Es256);
    let rows = world.server.select("SELECT detail FROM audit WHERE event = 'operator.client_updated'").await;
    assert!(rows.iter().all(|row| row.text("detail").unwrap().contains("ES256")));
}

#[tokio::test]
async fn a_rotated_secret_replaces_the_old_one_and_a_public_client_has_none() {
    let world = World::new().await;
    let secret = ClientSecret::new("new secret");
    world.change(move |tx, _, now| clients::rotate_secret(tx, now, "web", &secret)).await.unwrap();
    let web = world.change(|tx, _, _| Ok(find(tx, "web")?.unwrap())).await.unwrap();
    let hash = web.secret.unwrap();
    assert!(hash.matches("new secret") && !hash.matches("old secret"));
    let secret = ClientSecret::new("new secret");
    let refused =
        world.change(move |tx, _, now| clients::rotate_secret(tx, now, "app", &secret)).await.unwrap_err();
    assert!(matches!(refused, ManageError::Public(_)), "{refused:?}");
}

#[tokio::test]
async fn a_removed_client_takes_its_sessions_along() {
    let world = World::new().await;
    let token = world.token().await;
    assert_eq!(world.change(|tx, _, now| clients::remove(tx, now, "app")).await.unwrap(), 1);
    assert_eq!(world.api_status(&token).await, 401);
    assert_eq!(world.server.rows("SELECT 1 AS x FROM sessions").await, 0);
    world.server.has_ends("revoked", 1).await;
}

#[tokio::test]
async fn a_withdrawn_key_is_worth_nothing_and_another_signs_at_once() {
    let world = World::new().await;
    let state = &world.server.state;
    for algorithm in Algorithm::ALL {
        let token = world.token_by(algorithm).await;
        let published = state.keys.published(NOW);
        let position = published.iter().position(|key| key.algorithm == algorithm).unwrap();
        let kid = published[position].kid.clone();
        let fresh = state.keys.new_key(algorithm, &state.random).await.unwrap();
        let next = PublishedKey { kid: fresh.kid().to_owned(), algorithm, state: SigningKeyState::Active };
        world.change(move |tx, _, now| keys::withdraw(tx, now, &kid, &fresh)).await.unwrap();
        assert_eq!(world.api_status(&token).await, 200, "a running server follows within a minute");
        state.keys.follow(&state.store).await.unwrap();
        assert_eq!(world.api_status(&token).await, 401);
        let mut wanted = published;
        wanted[position] = next;
        assert_eq!(state.keys.published(NOW), wanted, "the key of the other algorithm stays");
        assert_eq!(world.api_status(&world.token_by(algorithm).await).await, 200);
    }
}

#[tokio::test]
async fn a_new_key_is_published_before_it_signs_unless_it_must_sign_at_once() {
    let world = World::new().await;
    let state = &world.server.state;
    state.clock.advance(Duration::from_secs(60));
    for algorithm in Algorithm::ALL {
        let token = world.token_by(algorithm).await;
        for (at_once, states) in [(false, ["published", "active"]), (true, ["active", "retired"])] {
            let fresh = state.keys.new_key(algorithm, &state.random).await.unwrap();
            let kid = fresh.kid().to_owned();
            world.change(move |tx, _, now| keys::rotate(tx, now, &fresh, at_once)).await.unwrap();
            state.keys.follow(&state.store).await.unwrap();
            let all = keys::list(&state.keys, state.clock.now());
            let of = |key: &&keys::Key| key.alg == algorithm;
            assert!(all.iter().filter(of).any(|key| key.kid == kid));
            for wanted in states {
                assert!(all.iter().filter(of).any(|key| key.state == wanted), "{all:?}");
            }
            assert_eq!(world.api_status(&token).await, 200, "what the old key signed stays good");
        }
    }
    assert_eq!(world.events().await, ["operator.key_rotated"; 4]);
}
