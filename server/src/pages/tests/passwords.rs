//! Names and passwords that differ from what is stored, and those of an older server.

use super::*;
use crate::accounts::users::{AddError, NewUser};
use crate::accounts::{self, Password, Passwords, legacy_names, users};
use crate::http::testing::NOW;
use moorline_server_base::config;
use moorline_server_store::{Actor, StoreError, Tx};

const ACTOR: Actor = Actor::System("a test");

/// Gives the user a hash of the default cost, whatever the server's is.
async fn set_cheap_password(server: &TestServer, id: &str, password: &str) {
    let cheap = Passwords::new(&config::Passwords::default(), server.state.random.clone());
    let hash = cheap.hash(Password::new(password)).await.unwrap();
    let id = id.to_owned();
    let set = move |tx: &mut dyn Tx| users::set_password(tx, &id, &hash);
    server.state.store.write::<_, StoreError, _>(&ACTOR, set).await.unwrap();
}

#[tokio::test]
async fn two_sign_ins_at_once_that_upgrade_a_hash_both_succeed() {
    let server = TestServer::with(|config| config.passwords.iterations = 3).await;
    let ada = server.user("username=ada,password=other horse").await;
    set_cheap_password(&server, &ada, "correct horse").await;
    let (one, two) = (Browser::of(&server), Browser::of(&server));
    let (one, two) =
        tokio::join!(one.sign_in(None, "ada", "correct horse"), two.sign_in(None, "ada", "correct horse"));
    assert_eq!((one.status.as_u16(), two.status.as_u16()), (303, 303));
}

#[tokio::test]
async fn a_sign_in_upgrades_a_hash_of_an_earlier_cost_and_leaves_nothing_of_it() {
    let server = TestServer::with(|config| config.passwords.iterations = 3).await;
    let ada = server.user("username=ada,password=cr\u{e8}me br\u{fb}l\u{e9}e").await;
    set_cheap_password(&server, &ada, "cr\u{e8}me br\u{fb}l\u{e9}e").await;
    assert_eq!(server.rows("SELECT 1 AS x FROM password_costs").await, 2);

    Browser::of(&server).sign_in(None, "ada", "wrong").await.is_page(422);
    assert_eq!(server.rows("SELECT 1 AS x FROM users WHERE password_hash LIKE '%t=2%'").await, 1);
    // As macOS and Windows type it.
    for typed in ["cre\u{300}me bru\u{302}le\u{301}e", "cr\u{e8}me br\u{fb}l\u{e9}e"] {
        assert_eq!(Browser::of(&server).sign_in(None, "ada", typed).await.status, 303);
        assert_eq!(server.rows("SELECT 1 AS x FROM users WHERE password_hash LIKE '%t=3%'").await, 1);
    }
    let current = server.state.passwords.cost().to_owned();
    let tidy = move |tx: &mut dyn Tx| accounts::delete_unused_costs(tx, &current);
    server.state.store.write::<_, StoreError, _>(&ACTOR, tidy).await.unwrap();
    assert_eq!(server.rows("SELECT 1 AS x FROM password_costs").await, 1);
}

#[tokio::test]
async fn a_name_from_before_the_rule_keeps_working_and_two_that_collide_are_reported() {
    let server = TestServer::start().await;
    let hash = server.state.passwords.hash(Password::new("correct horse")).await.unwrap();
    let wide = "\u{ff41}\u{ff44}\u{ff41}";
    let greek = "\u{3bd}\u{3af}\u{3ba}\u{3bf}\u{3c2}";
    // As an older server has stored them: one name twice, one alone, and one that is not allowed any more.
    for (id, name) in
        [("1", wide), ("2", "ada"), ("3", "\u{ff5a}\u{ff4f}\u{ff45}"), ("4", "\u{fb01}n"), ("5", greek)]
    {
        server
            .sql(
                "INSERT INTO users (id, username, password_hash, roles, created_at, updated_at)
                 VALUES ($1, $2, $3, '[]', 0, 0)",
                vec![id.into(), name.into(), Value::from(&hash)],
            )
            .await;
    }
    let store = &server.state.store;
    assert_eq!(legacy_names::work_out(store).await.unwrap(), 2);
    assert_eq!(legacy_names::work_out(store).await.unwrap(), 2, "again, as each start does");
    let upper = greek.to_uppercase();
    for (typed, id) in [
        ("ada", "2"),
        (" ADA ", "2"),
        (wide, "1"),
        ("zoe", "3"),
        ("\u{ff3a}\u{ff4f}\u{ff25}", "3"),
        ("\u{fb01}n", "4"),
        (greek, "5"),
        (&upper, "5"),
    ] {
        let browser = Browser::of(&server);
        assert_eq!(browser.sign_in(None, typed, "correct horse").await.status, 303, "{typed}");
        let newest = "SELECT user_id FROM browser_sessions";
        assert_eq!(server.select(newest).await[0].text("user_id").unwrap(), id, "{typed}");
        server.sql("DELETE FROM browser_sessions", Vec::new()).await;
    }
    let problems = store.read::<_, StoreError, _>(&ACTOR, legacy_names::problems).await.unwrap();
    let problems: Vec<_> = problems.iter().map(|(user, why)| (user.id.as_str(), why.to_string())).collect();
    let expected = [
        ("4", "must be letters, digits or . _ - @ +, and has U+FB01".to_owned()),
        ("1", "is the same name as \"ada\"".to_owned()),
    ];
    assert_eq!(problems, expected);
    let new = NewUser {
        username: "\u{ff3a}OE".to_owned(),
        password_hash: None,
        name: None,
        email: None,
        roles: Vec::new(),
    };
    let random = server.state.random.clone();
    let added = store.write(&ACTOR, move |tx| users::add(tx, &random, NOW, new)).await;
    assert!(matches!(added, Err(AddError::Taken(name)) if name == "zoe"));
}
