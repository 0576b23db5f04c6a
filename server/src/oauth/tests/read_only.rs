//! Commands that only read, beside a server and after it.

use super::*;
use crate::manage::{accounts, keys};

const YEAR: Duration = Duration::from_secs(365 * 86_400);

#[tokio::test]
async fn a_command_that_only_reads_needs_no_right_to_write_and_changes_nothing() {
    let world = World::new().await;
    world.sign_in().await;
    let kept = async || {
        let every = "SELECT (SELECT COUNT(*) FROM audit) AS audit, (SELECT COUNT(*) FROM signing_keys) AS keys,
            (SELECT COUNT(retired_at) FROM signing_keys) AS retired, (SELECT COUNT(*) FROM es256_keys) AS es256,
            (SELECT COUNT(retired_at) FROM es256_keys) AS es256_retired, (SELECT MAX(seen_at) FROM instance) AS seen";
        let row = &world.sql(every, vec![]).await[0];
        ["audit", "keys", "retired", "es256", "es256_retired", "seen"]
            .map(|column| row.integer(column).unwrap())
    };
    let before = kept().await;
    let reader = world.folder.is_shared().then(|| world.folder.postgres_database().reader());
    let mut config = world.state.config.clone();
    if let Some(reader) = &reader {
        config.database = reader.database();
    }
    // A start would make a key now, and retire the other.
    world.clock.advance(YEAR);
    let beside = crate::start::open_to_read(config, world.clock.clone()).await.unwrap();
    assert_eq!(beside.store.read(&TEST, accounts::list).await.unwrap().len(), 1);
    assert_eq!(beside.store.read(&TEST, clients::all).await.unwrap().len(), 4);
    assert_eq!(keys::list(&beside.keys, beside.clock.now()).len(), 2, "one of each algorithm");
    assert_eq!(kept().await, before);
    let refused = beside.store.write(&TEST, |tx| tx.execute("DELETE FROM audit", &[])).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
}
