//! Another master key costs nobody their session, and the old one can go.

use super::*;
use crate::accounts::csrf;
use crate::accounts::tries::{self, Try};
use crate::limits::ClientAddress;
use crate::manage::{ManageError, accounts, master_key};
use crate::start::StartError;
use moorline_server_base::config::MasterKeys;
use moorline_server_keys::KeysError;
use moorline_server_store::Tx;

/// The keys of a file with these lines; 3 is the one of every other test.
fn keys_of(lines: &[u8]) -> MasterKeys {
    use base64::Engine as _;
    let encode = |byte: &u8| base64::engine::general_purpose::STANDARD.encode([*byte; 32]);
    lines.iter().map(encode).collect::<Vec<_>>().join("\n").parse().unwrap()
}

fn with(lines: &'static [u8]) -> impl FnOnce(&mut Config) {
    move |config| {
        config.limits.enabled = false;
        config.master_key = Some(keys_of(lines));
    }
}

async fn rotate(world: &World) -> Result<u64, ManageError> {
    let state = &world.state;
    master_key::rotate(&state.keys, &state.store, &state.random, world.clock.now()).await
}

/// How a start with these keys fails.
async fn refused(world: World, lines: &'static [u8]) -> (World, StartError) {
    let World { folder, state, router, clock, ada } = world;
    drop((state, router));
    let mut config = Config::new(ISSUER.parse().unwrap(), folder.database(), keys_of(lines));
    config.store.lanes = LANES;
    let error = crate::start::open(config, clock.clone()).await.unwrap_err();
    let state = open(&folder, &clock, with(&[4, 3])).await;
    (World { folder, router: crate::http::router(state.clone()), state, clock, ada }, error)
}

#[tokio::test]
async fn another_master_key_costs_no_session_and_the_one_before_can_go() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let (pseudonym, form) =
        (world.state.keys.pseudonym(&world.ada), csrf::token(&world.state.keys, "cookie"));

    let world = world.restarted(with(&[4, 3])).await;
    let second = world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    assert!(csrf::matches(&world.state.keys, "cookie", &form), "a form that was open stays good");
    let (all, unreadable) = master_key::status(&world.state.keys, &world.state.store).await.unwrap();
    assert_eq!((all[0].sealed, all[1].sealed, unreadable), (0, 5, 0));

    let early = rotate(&world).await.unwrap_err();
    assert!(matches!(early, ManageError::Keys(KeysError::StillServing(_))), "{early}");
    world.clock.advance(Duration::from_secs(240));
    assert_eq!(rotate(&world).await.unwrap(), 5);
    assert_eq!(rotate(&world).await.unwrap(), 0, "once more is no harm");
    let third = world.refresh(&second.refresh, Some(&attempt(2))).await.tokens();
    assert_eq!(world.userinfo(&third.access).await.status, StatusCode::OK);

    let world = world.restarted(with(&[4])).await;
    assert_eq!(world.userinfo(&third.access).await.status, StatusCode::OK);
    world.refresh(&third.refresh, Some(&attempt(3))).await.tokens();
    assert_eq!(world.state.keys.pseudonym(&world.ada), pseudonym);
    assert_eq!(world.events("operator.master_key_rotated").await, 2);
    let (_, error) = refused(world, &[3]).await;
    let wrong = |error: &StartError| error.to_string().contains("does not open with");
    assert!(wrong(&error), "{error}");
}

#[tokio::test]
async fn a_command_after_the_rotation_finds_the_counts_of_the_server_that_runs_still() {
    let world = World::new().await.restarted(with(&[4, 3])).await;
    world.clock.advance(Duration::from_secs(240));
    rotate(&world).await.unwrap();
    let (keys, now, ada) = (world.state.keys.clone(), world.clock.now(), world.ada.clone());
    let counted = move |tx: &mut dyn Tx| {
        let address = ClientAddress(None);
        let attempt = Try { user_id: Some(&ada), name: "ada", device: None, address, free: 5 };
        tries::count(tx, &keys, now, &attempt)
    };
    world.state.store.write(&TEST, counted).await.unwrap();

    let mut settings = world.state.config.clone();
    settings.master_key = Some(keys_of(&[4]));
    let command = crate::start::open_beside(settings, world.clock.clone()).await.unwrap();
    let keys = command.keys.clone();
    let enable = move |tx: &mut dyn Tx| accounts::enable(tx, &keys, now, "ada");
    command.store.write(&TEST, enable).await.unwrap();
    assert_eq!(world.sql("SELECT key FROM sign_in_tries", Vec::new()).await.len(), 0);

    // The key before is sealed, as everything is, and the next rotation takes it along.
    drop(command);
    let world = world.restarted(with(&[5, 4])).await;
    world.clock.advance(Duration::from_secs(240));
    rotate(&world).await.unwrap();
    world.restarted(with(&[5])).await;
}

#[tokio::test]
async fn a_master_key_that_is_removed_too_early_keeps_the_server_from_starting() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let world = world.restarted(with(&[4, 3])).await;
    // As after an interruption: the signing keys are sealed anew, and the session is not.
    for (table, read, write) in [
        (
            "signing_keys",
            "SELECT kid, private_key FROM signing_keys",
            "UPDATE signing_keys SET private_key = $1",
        ),
        ("es256_keys", "SELECT kid, private_key FROM es256_keys", "UPDATE es256_keys SET private_key = $1"),
    ] {
        let row = &world.sql(read, Vec::new()).await[0];
        let kid = row.text("kid").unwrap();
        let context = moorline_server_keys::AeadContext { table, column: "private_key", row: kid };
        let plain = world.state.keys.open_sealed(context, row.blob("private_key").unwrap()).unwrap();
        let anew = world.state.keys.seal(context, &plain, &world.state.random);
        world.sql(write, vec![anew.into()]).await;
    }

    let (world, error) = refused(world, &[4]).await;
    assert!(matches!(error, StartError::Keys(KeysError::MissingMasterKey(_))), "{error}");
    assert!(error.to_string().contains("master-key rotate"), "{error}");
    world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
}

#[tokio::test]
async fn a_value_that_no_key_opens_is_reported_and_the_key_before_is_kept() {
    let world = World::new().await;
    world.sign_in().await;
    let world = world.restarted(with(&[4, 3])).await;
    world.sql("UPDATE sessions SET secret = $1", vec![vec![1; 80].into()]).await;
    world.clock.advance(Duration::from_secs(240));
    let error = rotate(&world).await.unwrap_err();
    assert!(matches!(error, ManageError::Unreadable(1)), "{error}");
    let (_, error) = refused(world, &[4]).await;
    assert!(matches!(error, StartError::Keys(KeysError::MissingMasterKey(_))), "{error}");
}
