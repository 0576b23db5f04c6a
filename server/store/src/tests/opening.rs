//! Opening a database to read it, and one that a newer or an older version has left.

use super::*;
use crate::testing::migrate_further;

#[tokio::test]
async fn a_database_that_is_opened_to_read_stays_as_it_is() {
    let (home, store) = open_either();
    store.write(&TEST, |tx| insert(tx, "ada")).await.unwrap();
    drop(store);
    let file = home.folder.path().join("test.db");
    let before = std::fs::read(&file).ok();
    let store = Store::open_to_read(&home.options()).unwrap();
    assert!(store.only_reads());
    assert_eq!(ids(&store).await, ["ada"]);
    let refused = store.write(&TEST, |tx| insert(tx, "eve")).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    drop(store);
    assert_eq!(std::fs::read(&file).ok(), before);
}

#[tokio::test]
async fn older_tables_or_none_are_not_brought_up_to_date_by_who_only_reads() {
    let (home, store) = open_either();
    let older = "DELETE FROM migrations WHERE version = (SELECT MAX(version) FROM migrations)";
    store.write(&TEST, move |tx| tx.execute(older, &[])).await.unwrap();
    let versions =
        async || store.read(&TEST, |tx| tx.query("SELECT version FROM migrations", &[])).await.unwrap().len();
    let before = versions().await;
    let Err(StoreError::Outdated(text)) = Store::open_to_read(&home.options()) else {
        panic!("it was opened")
    };
    assert!(text.contains("start a server of this version"), "{text}");
    assert_eq!(versions().await, before);

    let empty = Home { folder: tempfile::tempdir().unwrap(), postgres: PostgresDatabase::make() };
    std::fs::write(empty.folder.path().join("test.db"), "").unwrap();
    let Err(StoreError::Outdated(text)) = Store::open_to_read(&empty.options()) else {
        panic!("it was opened")
    };
    assert!(text.contains("no tables"), "{text}");
    assert_eq!(std::fs::read(empty.folder.path().join("test.db")).unwrap(), b"");
}

#[tokio::test]
async fn tables_that_a_newer_version_has_added_to_are_served_and_opened() {
    let (home, store) = open_either();
    store.write(&TEST, |tx| insert(tx, "ada")).await.unwrap();
    let select = "SELECT users.*, updated_at AS last FROM users WHERE id = 'ada'";
    let last = async |store: &Store| {
        let row = store.read(&TEST, move |tx| tx.first(select, &[])).await.unwrap().unwrap();
        row.integer("last").unwrap()
    };
    assert_eq!(last(&store).await, 1);
    migrate_further(&store, &["ALTER TABLE users ADD COLUMN newer BIGINT DEFAULT 7"], 1).await;
    assert_eq!(last(&store).await, 1, "the columns have other places");
    store.write(&TEST, |tx| insert(tx, "eve")).await.unwrap();
    let beside = Store::open(&home.options());
    if home.postgres.is_some() {
        assert_eq!(ids(&beside.unwrap()).await, ["ada", "eve"]);
    } else {
        drop((beside, store));
        assert_eq!(ids(&Store::open(&home.options()).unwrap()).await, ["ada", "eve"]);
    }
    let reads = Store::open_to_read(&home.options()).unwrap();
    assert_eq!(last(&reads).await, 1);
}

#[tokio::test]
async fn tables_that_a_newer_version_has_taken_from_are_refused_with_what_to_do() {
    let (home, store) = open_either();
    migrate_further(&store, &["ALTER TABLE users ADD COLUMN newer BIGINT"], 1).await;
    migrate_further(&store, &["ALTER TABLE users DROP COLUMN email"], 1).await;
    drop(store);
    for opened in [Store::open(&home.options()), Store::open_to_read(&home.options())] {
        let Err(StoreError::Unusable(text)) = opened else { panic!("it was opened") };
        assert!(text.contains("start the newer version"), "{text}");
    }
}

#[tokio::test]
async fn a_copy_leaves_nothing_behind_that_only_a_newer_version_knows() {
    let (_home, store) = open_either();
    migrate_further(&store, &["CREATE TABLE newer (id BIGINT PRIMARY KEY)"], 1).await;
    let (_target, to) = open();
    let refused = copy(&store, &to, |_| {}).await.unwrap_err();
    assert!(refused.to_string().contains("use the command of that version"), "{refused}");
}

#[tokio::test]
async fn commands_that_change_something_run_beside_a_server_and_not_beside_one_that_needs_the_database_alone()
{
    let (home, store) = open_either();
    drop(store);
    let options = home.options();
    let place = async |purpose| reserve(&options.database, purpose).await.map_err(|error| error.to_string());
    let server = place(Purpose::Serve { shares: false }).await.unwrap();
    let (first, second) = (Store::open_beside(&options).await.unwrap(), Store::open_beside(&options).await);
    drop((server, second));
    let refused = place(Purpose::Maintain).await.unwrap_err();
    assert!(refused.contains("a command is changing it"), "{refused}");
    let clone = first.clone();
    drop(first);
    place(Purpose::Maintain).await.expect_err("the command has not ended");
    drop(clone);
    let alone = place(Purpose::Maintain).await.unwrap();
    let refused = Store::open_beside(&options).await.unwrap_err().to_string();
    assert!(refused.contains("`migrate-database`") && refused.contains("run this again"), "{refused}");
    drop(alone);
    Store::open_beside(&options).await.unwrap();
}
