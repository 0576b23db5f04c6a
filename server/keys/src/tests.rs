use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use moorline_server_base::config::MasterKey;
use moorline_server_store::testing::PostgresDatabase;
use moorline_server_store::{Options, StoreError, Tx};

pub(super) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const DAY: Duration = Duration::from_secs(24 * 3600);

pub(super) struct World {
    store: Store,
    random: Random,
    _postgres: Option<PostgresDatabase>,
    _folder: tempfile::TempDir,
}

pub(super) fn world() -> World {
    let (folder, postgres) = (tempfile::tempdir().unwrap(), PostgresDatabase::make());
    let file = || folder.path().join("test.db").into();
    let store = Store::open(&Options::new(postgres.as_ref().map_or_else(file, PostgresDatabase::database)));
    World { store: store.unwrap(), random: Random::system(), _postgres: postgres, _folder: folder }
}

impl World {
    pub(super) async fn keys(&self, master: u8, now: Timestamp) -> Result<Keys, KeysError> {
        Keys::open(&self.store, &MasterKey::new([master; 32]).into(), &self.random, now).await
    }
}

/// The ids of the keys in the JWK set that are for this algorithm.
fn kids(keys: &Keys, algorithm: Algorithm) -> Vec<String> {
    let jwks = keys.jwks();
    let of = jwks["keys"].as_array().unwrap().iter().filter(|key| key["alg"] == algorithm.name());
    of.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn header(token: &str) -> Value {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice(&header).unwrap()
}

fn kid(token: &str) -> String {
    header(token)["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_signing_key_of_each_algorithm_is_made_once_and_kept_sealed() {
    let world = world();
    let first = world.keys(1, NOW).await.unwrap();
    let second = world.keys(1, NOW.after(DAY)).await.unwrap();
    for algorithm in Algorithm::ALL {
        assert_eq!(kids(&first, algorithm), kids(&second, algorithm));
        assert_eq!(kids(&first, algorithm).len(), 1);
    }
    assert!(matches!(world.keys(2, NOW).await, Err(KeysError::WrongMasterKey)));
}

/// It opens every row of `signing_keys` as an RSA key, and would not start if one were not.
#[tokio::test]
async fn a_server_that_does_not_know_es256_finds_rsa_keys_alone_where_it_looks() {
    let world = world();
    let keys = world.keys(1, NOW).await.unwrap();
    let actor = moorline_server_store::Actor::System("test");
    let rows: Result<_, StoreError> =
        world.store.read(&actor, |tx| tx.query("SELECT kid, alg FROM signing_keys", &[])).await;
    let rows = rows.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].text("alg").unwrap(), "RS256");
    assert_eq!(kids(&keys, Algorithm::Rs256), [rows[0].text("kid").unwrap()]);
}

#[tokio::test]
async fn a_token_is_verified_by_its_type_and_signature() {
    let world = world();
    let keys = world.keys(1, NOW).await.unwrap();
    let other = self::world();
    let stranger = other.keys(1, NOW).await.unwrap();
    for algorithm in Algorithm::ALL {
        let token = keys.sign(algorithm, TokenType::AccessToken, &json!({ "sub": "ada" }), NOW).unwrap();
        assert_eq!(header(&token)["alg"], algorithm.name());
        assert_eq!(kid(&token), kids(&keys, algorithm)[0]);
        assert_eq!(keys.verify::<Value>(TokenType::AccessToken, &token).unwrap(), json!({ "sub": "ada" }));
        assert_eq!(keys.verify::<Value>(TokenType::IdToken, &token), Err(JwsError::WrongType));

        let parts: Vec<&str> = token.split('.').collect();
        let forged = format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(r#"{"sub":"eve"}"#), parts[2]);
        assert_eq!(keys.verify::<Value>(TokenType::AccessToken, &forged), Err(JwsError::BadSignature));
        for malformed in ["", "a", "a.b", "a.b.c", "..", &format!("{token}.x"), &"a".repeat(20_000)] {
            assert_eq!(keys.verify::<Value>(TokenType::AccessToken, malformed), Err(JwsError::Malformed));
        }
        let refused = stranger.verify::<Value>(TokenType::AccessToken, &token);
        assert_eq!(refused, Err(JwsError::BadSignature));
    }
}

/// PKCS #1 v1.5 has no randomness; ECDSA draws a new nonce each time (ADR 21).
#[tokio::test]
async fn a_second_signature_by_rs256_is_the_same_and_one_by_es256_is_another() {
    let world = world();
    let keys = world.keys(1, NOW).await.unwrap();
    let sign = |algorithm| keys.sign(algorithm, TokenType::AccessToken, &json!({}), NOW).unwrap();
    assert_eq!(sign(Algorithm::Rs256), sign(Algorithm::Rs256));
    assert_ne!(sign(Algorithm::Es256), sign(Algorithm::Es256));
}

#[tokio::test]
async fn a_key_is_published_before_it_signs_and_until_its_last_token_has_expired() {
    let world = world();
    let rotation = Rotation::default();
    let keys = world.keys(1, NOW).await.unwrap();
    let sign = |algorithm, now| keys.sign(algorithm, TokenType::AccessToken, &json!({}), now).unwrap();
    let first = Algorithm::ALL.map(|algorithm| kids(&keys, algorithm)[0].clone());

    let published = NOW.after(88 * DAY);
    keys.rotate(&world.store, &rotation, &world.random, published).await.unwrap();
    let old = Algorithm::ALL.map(|algorithm| {
        assert_eq!(kids(&keys, algorithm).len(), 2);
        sign(algorithm, published)
    });
    assert_eq!([kid(&old[0]), kid(&old[1])], first, "the new keys are only published");

    let active = published.after(2 * DAY);
    keys.rotate(&world.store, &rotation, &world.random, active).await.unwrap();
    let newer = Algorithm::ALL.map(|algorithm| sign(algorithm, active));
    for (new, old) in newer.iter().zip(&old) {
        assert_ne!(kid(new), kid(old));
        assert!(keys.verify::<Value>(TokenType::AccessToken, old).is_ok(), "the old key is still published");
    }

    keys.rotate(&world.store, &rotation, &world.random, active.after(3 * DAY)).await.unwrap();
    for ((algorithm, new), old) in Algorithm::ALL.into_iter().zip(&newer).zip(&old) {
        assert_eq!(kids(&keys, algorithm), [kid(new)]);
        assert_eq!(keys.verify::<Value>(TokenType::AccessToken, old), Err(JwsError::BadSignature));
    }
}

#[tokio::test]
async fn a_new_key_of_one_algorithm_leaves_those_of_the_other_as_they_are() {
    let world = world();
    let keys = world.keys(1, NOW).await.unwrap();
    for (algorithm, other) in [(Algorithm::Rs256, Algorithm::Es256), (Algorithm::Es256, Algorithm::Rs256)] {
        let before = kids(&keys, other);
        let fresh = keys.new_key(algorithm, &world.random).await.unwrap();
        let at_once = NOW.after(Duration::from_secs(1));
        let actor = moorline_server_store::Actor::System("test");
        let done: Result<(), StoreError> =
            world.store.write(&actor, move |tx| fresh.publish(tx, at_once, at_once)).await;
        done.unwrap();
        keys.follow(&world.store).await.unwrap();
        assert_eq!(kids(&keys, algorithm).len(), 2);
        assert_eq!(kids(&keys, other), before);
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_leaves_a_key_that_signs() {
    let world = world();
    let keys = world.keys(1, NOW).await.unwrap();
    for then in [NOW.before(Duration::from_secs(1)), NOW.before(3650 * DAY)] {
        keys.rotate(&world.store, &Rotation::default(), &world.random, then).await.unwrap();
        for algorithm in Algorithm::ALL {
            let token = keys.sign(algorithm, TokenType::AccessToken, &json!({}), then).unwrap();
            assert!(keys.verify::<Value>(TokenType::AccessToken, &token).is_ok());
        }
    }
}

#[tokio::test]
async fn a_clock_that_was_years_ahead_leaves_a_key_that_signs() {
    let world = world();
    let rotation = Rotation::default();
    let keys = world.keys(1, NOW).await.unwrap();
    for then in [NOW.after(3650 * DAY), NOW.after(3653 * DAY), NOW] {
        keys.rotate(&world.store, &rotation, &world.random, then).await.unwrap();
        for algorithm in Algorithm::ALL {
            keys.sign(algorithm, TokenType::AccessToken, &json!({}), then).unwrap();
        }
    }
}

/// What browsers and nonces hang on is the same while there are two master keys, and another once the old one is gone:
/// whoever had it may have read this.
#[tokio::test]
async fn the_lasting_secret_outlives_a_master_key_but_not_its_rotation() {
    let world = world();
    let secret = |keys: &Keys| *keys.lasting_secret(b"a purpose");
    let first = world.keys(1, NOW).await.unwrap();
    assert_eq!(secret(&world.keys(1, NOW).await.unwrap()), secret(&first));
    assert_ne!(secret(&first), *first.lasting_secret(b"another purpose"));
    let other = self::world();
    assert_ne!(secret(&other.keys(1, NOW).await.unwrap()), secret(&first), "no master key leads to it");

    let key = |byte: u8| base64::engine::general_purpose::STANDARD.encode([byte; 32]);
    let both: MasterKeys = format!("{}\n{}", key(2), key(1)).parse().unwrap();
    let both = Keys::open(&world.store, &both, &world.random, NOW).await.unwrap();
    assert_eq!(secret(&both), secret(&first));
    both.reseal(&world.store, &world.random, NOW).await.unwrap();
    let actor = moorline_server_store::Actor::System("test");
    let (keys, random) = (both.clone(), world.random.clone());
    let forget = move |tx: &mut dyn Tx| keys.forget_others(tx, &random);
    let done: Result<(), StoreError> = world.store.write(&actor, forget).await;
    done.unwrap();
    let last = world.keys(2, NOW).await.unwrap();
    assert_ne!(secret(&last), secret(&first));
    assert_eq!(last.pseudonym("ada"), first.pseudonym("ada"));
    assert_eq!(secret(&world.keys(2, NOW).await.unwrap()), secret(&last));
}

#[tokio::test]
async fn a_damaged_lasting_key_of_before_stops_no_start() {
    let world = world();
    let secret = *world.keys(1, NOW).await.unwrap().lasting_secret(b"test");
    let damaged = |tx: &mut dyn Tx| {
        tx.execute(
            "INSERT INTO kept_keys (name, sealed) VALUES ('lasting before', $1)",
            &[vec![1_u8; 9].into()],
        )
    };
    let written: Result<u64, StoreError> =
        world.store.write(&moorline_server_store::Actor::System("test"), damaged).await;
    written.unwrap();
    assert_eq!(*world.keys(1, NOW).await.unwrap().lasting_secret(b"test"), secret);
}

#[tokio::test]
async fn a_wrong_master_key_leaves_the_signing_keys_as_they_are() {
    let world = world();
    world.keys(1, NOW).await.unwrap();
    let due = NOW.after(100 * DAY);
    assert!(matches!(world.keys(2, due).await, Err(KeysError::WrongMasterKey)));
    world.keys(1, due).await.expect("the right key still opens them");
}

#[tokio::test]
async fn the_private_keys_do_not_stand_in_the_database() {
    let world = world();
    let keys = world.keys(1, NOW).await.unwrap();
    for algorithm in Algorithm::ALL {
        let table = algorithm.table();
        let actor = moorline_server_store::Actor::System("test");
        let read = move |tx: &mut dyn Tx| -> Result<Vec<u8>, StoreError> {
            let row = tx.first(&format!("SELECT private_key FROM {table}"), &[])?.unwrap();
            Ok(row.blob("private_key")?.to_vec())
        };
        let sealed: Vec<u8> = world.store.read(&actor, read).await.unwrap();
        assert_eq!(sealed[0], 1);
        let context = AeadContext { table, column: "private_key", row: &kids(&keys, algorithm)[0] };
        let opened = keys.open_sealed(context, &sealed).unwrap();
        assert_eq!(opened[0], 0x30, "a DER sequence");
        assert!(!sealed.windows(16).any(|window| window == &opened[..16]));
    }
}

#[tokio::test]
async fn a_pseudonym_is_the_same_for_the_same_person_under_the_same_key() {
    let (one, other) = (world(), world());
    let keys = one.keys(1, NOW).await.unwrap();
    assert_eq!(keys.pseudonym("ada"), keys.pseudonym("ada"));
    assert_ne!(keys.pseudonym("ada"), keys.pseudonym("grace"));
    assert_ne!(keys.pseudonym("ada"), other.keys(2, NOW).await.unwrap().pseudonym("ada"));
    assert_eq!(format!("{keys:?}"), "Keys([redacted])");
}

#[tokio::test]
async fn more_rows_than_one_transaction_takes_are_all_sealed_anew() {
    let world = world();
    let old = world.keys(1, NOW).await.unwrap();
    let both = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    let random = world.random.clone();
    let fill = move |tx: &mut dyn Tx| -> Result<(), StoreError> {
        for number in 0..450 {
            let name = format!("{number:03}");
            let context = AeadContext { table: "kept_keys", column: "sealed", row: &name };
            let sealed = old.seal(context, b"secret", &random);
            tx.execute(
                "INSERT INTO kept_keys (name, sealed) VALUES ($1, $2)",
                &[(&name).into(), sealed.into()],
            )?;
        }
        Ok(())
    };
    world.store.write(&moorline_server_store::Actor::System("test"), fill).await.unwrap();

    let keys = Keys::open(&world.store, &both.parse().unwrap(), &world.random, NOW).await.unwrap();
    let before = keys.sealed_rows(&world.store).await.unwrap();
    assert_eq!(before, SealedRows { under: vec![0, 454], unreadable: 0 });
    assert_eq!(keys.reseal(&world.store, &world.random, NOW).await.unwrap(), before);
    let after = keys.sealed_rows(&world.store).await.unwrap();
    assert_eq!((after.under, after.unreadable), (vec![454, 0], 0));
}

/// The table and column of every `AeadContext` that the product's sources under `folder` make.
fn sealed_columns(folder: &Path, found: &mut BTreeSet<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "tests" {
            sealed_columns(&path, found);
        }
        // `reseal.rs` makes them of the list.
        if path.is_dir() || !name.ends_with(".rs") || ["tests.rs", "reseal.rs"].contains(&name) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let product = text.split("#[cfg(test)]").next().unwrap();
        for made in product.split("AeadContext {").skip(1) {
            let literals: Vec<&str> = made.split('}').next().unwrap().split('"').skip(1).step_by(2).collect();
            // Each algorithm has a table of its own.
            if let (true, [column]) = (made.starts_with(" table: algorithm.table(),"), &literals[..]) {
                found.extend(Algorithm::ALL.map(|one| (one.table().to_owned(), (*column).to_owned())));
                continue;
            }
            let [table, column, ..] = literals[..] else {
                panic!("{}: name table and column of an AeadContext by literals", path.display())
            };
            found.insert((table.to_owned(), column.to_owned()));
        }
    }
}

#[test]
fn the_list_of_sealed_columns_has_each_that_the_server_seals() {
    let mut found = BTreeSet::new();
    for folder in ["src", "../src", "../store/src", "../shared/src", "../dpop/src", "../base/src"] {
        sealed_columns(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    }
    let listed: BTreeSet<_> =
        reseal::SEALED.iter().map(|(table, column, _)| ((*table).to_owned(), (*column).to_owned())).collect();
    assert_eq!(listed, found, "a column that is not in reseal::SEALED is lost with the old master key");
}
