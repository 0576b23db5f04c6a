mod expand;
mod opening;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use std::time::Duration;

use super::testing::{PostgresDatabase, hold, started_then_released};
use super::*;

const TEST: Actor = Actor::System("test");

fn open() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Options::new(folder.path().join("test.db"))).unwrap();
    (folder, store)
}

/// The store of the engine that the tests run on: Postgres where `MOORLINE_TEST_POSTGRES` is set.
fn open_either() -> (Home, Store) {
    let home = Home { folder: tempfile::tempdir().unwrap(), postgres: PostgresDatabase::make() };
    let store = Store::open(&home.options()).unwrap();
    (home, store)
}

struct Home {
    folder: tempfile::TempDir,
    postgres: Option<PostgresDatabase>,
}

impl Home {
    fn options(&self) -> Options {
        let file = || self.folder.path().join("test.db").into();
        Options::new(self.postgres.as_ref().map_or_else(file, PostgresDatabase::database)).lanes(3)
    }
}

fn insert(tx: &mut dyn Tx, id: &str) -> Result<u64, StoreError> {
    tx.execute(
        "INSERT INTO users (id, username, roles, created_at, updated_at) VALUES ($1, $1, '[]', 1, 1)",
        &[id.into()],
    )
}

async fn ids(store: &Store) -> Vec<String> {
    let rows = store.read(&TEST, |tx| tx.query("SELECT id FROM users ORDER BY id", &[])).await.unwrap();
    rows.iter().map(|row| row.text("id").unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_was_written_is_read_and_survives_a_reopening() {
    let (home, store) = open_either();
    store.write(&TEST, |tx| insert(tx, "ada")).await.unwrap();
    assert_eq!(ids(&store).await, ["ada"]);
    drop(store);
    let store = Store::open(&home.options()).unwrap();
    assert_eq!(ids(&store).await, ["ada"]);
}

#[tokio::test]
async fn a_deferred_statement_changes_as_many_rows_as_expected_or_nothing_is_kept() {
    let (_home, store) = open_either();
    let rename = "UPDATE users SET name = $2 WHERE id = $1";
    let good = store.write(&TEST, move |tx| {
        insert(tx, "ada")?;
        tx.defer(rename, &["ada".into(), "Ada".into()], 1)
    });
    good.await.unwrap();
    let bad = store.write(&TEST, move |tx| {
        insert(tx, "eve")?;
        tx.defer(rename, &["nobody".into(), "Eve".into()], 1)
    });
    let bad = bad.await;
    assert!(matches!(bad, Err(StoreError::Unavailable(_))), "{bad:?}");
    let rows =
        store.read(&TEST, |tx| tx.query("SELECT id FROM users WHERE name = 'Ada'", &[])).await.unwrap();
    assert_eq!((rows.len(), ids(&store).await), (1, vec!["ada".to_owned()]));
}

#[tokio::test]
async fn a_store_that_is_closed_leaves_all_of_it_in_one_file() {
    for _ in 0..20 {
        let (folder, store) = open();
        store.write(&TEST, |tx| insert(tx, "ada")).await.unwrap();
        assert_eq!(ids(&store).await, ["ada"]);
        drop(store);
        let files: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert_eq!(files, ["test.db"]);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_a_database_that_was_made_here() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, store) = open();
    store.write(&TEST, |tx| insert(tx, "ada")).await.unwrap();
    for file in ["test.db", "test.db-wal", "test.db-shm"] {
        let mode = std::fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn commits_are_durable_and_foreign_keys_hold() {
    let (_folder, store) = open();
    let pragma = |sql: &'static str| {
        let store = store.clone();
        async move {
            let row = store.write(&TEST, move |tx| tx.first(sql, &[])).await.unwrap().unwrap();
            row.integer(sql.rsplit(' ').next().unwrap()).unwrap()
        }
    };
    assert_eq!(pragma("PRAGMA synchronous").await, 2);
    assert_eq!(pragma("PRAGMA foreign_keys").await, 1);
    let orphan = store.write(&TEST, |tx| {
        tx.execute(
            "INSERT INTO consents (user_id, client_id, scope, granted_at) VALUES ('no', 'one', '', 1)",
            &[],
        )
    });
    assert!(matches!(orphan.await, Err(StoreError::Constraint(_))));
}

#[tokio::test]
async fn a_refused_request_undoes_its_own_writes_alone() {
    let (_folder, store) = open();
    let release = hold(&store).await;
    let (one, two, three) = (store.clone(), store.clone(), store.clone());
    let writes = async {
        tokio::join!(
            one.write(&TEST, |tx| insert(tx, "ada")),
            two.write(&TEST, |tx| {
                insert(tx, "eve")?;
                Err::<u64, _>(StoreError::Defect("refused".to_owned()))
            }),
            three.write(&TEST, |tx| insert(tx, "grace")),
        )
    };
    let (ada, eve, grace) = started_then_released(writes, release).await;
    assert!(ada.is_ok() && eve.is_err() && grace.is_ok());
    assert_eq!(ids(&store).await, ["ada", "grace"]);
}

#[tokio::test]
async fn a_panic_in_one_request_fails_that_request_only() {
    let (_folder, store) = open();
    let release = hold(&store).await;
    let (one, two) = (store.clone(), store.clone());
    let writes = async {
        tokio::join!(
            one.write(&TEST, |tx| {
                insert(tx, "eve")?;
                if ids_are_fine() {
                    panic!("a test panics here")
                }
                Ok::<u64, StoreError>(0)
            }),
            two.write(&TEST, |tx| insert(tx, "grace")),
        )
    };
    let (eve, grace) = started_then_released(writes, release).await;
    assert!(matches!(eve, Err(StoreError::Panicked)));
    assert!(grace.is_ok());
    assert_eq!(ids(&store).await, ["grace"]);
    let read = store.read(&TEST, |_| {
        if ids_are_fine() { panic!("a test panics here") } else { Ok::<(), StoreError>(()) }
    });
    assert!(matches!(read.await, Err(StoreError::Panicked)));
    assert_eq!(ids(&store).await, ["grace"], "the reader goes on");
}

fn ids_are_fine() -> bool {
    std::hint::black_box(true)
}

#[tokio::test]
async fn a_failed_commit_fails_every_request_of_its_group_even_the_refused_and_keeps_none() {
    let (_folder, store) = open();
    let release = hold(&store).await;
    let (one, two, three) = (store.clone(), store.clone(), store.clone());
    let writes = async {
        tokio::join!(
            one.write(&TEST, |tx| insert(tx, "ada")),
            // A constraint that is checked at the commit, and fails there.
            two.write(&TEST, |tx| {
                tx.execute("PRAGMA defer_foreign_keys = ON", &[])?;
                tx.execute(
                    "INSERT INTO consents (user_id, client_id, scope, granted_at) VALUES ('no', 'one', '', 1)",
                    &[],
                )
            }),
            three.write(&TEST, |tx| {
                let seen = tx.query("SELECT id FROM users", &[])?.len();
                Err::<u64, _>(StoreError::Defect(format!("decided on {seen} uncommitted rows")))
            }),
        )
    };
    let (ada, orphan, refused) = started_then_released(writes, release).await;
    for result in [ada, orphan, refused] {
        assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
    }
    assert!(ids(&store).await.is_empty());
    store.write(&TEST, |tx| insert(tx, "grace")).await.unwrap();
    assert_eq!(ids(&store).await, ["grace"], "the next group is fine");
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_undo_its_write() {
    let (_folder, store) = open();
    let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let (writer, wait) = (store.clone(), Arc::new(Mutex::new(wait)));
    let work = move |tx: &mut dyn Tx| {
        begun.send(()).unwrap();
        let _ = wait.lock().unwrap().recv();
        insert(tx, "ada")
    };
    let task = tokio::spawn(async move { writer.write(&TEST, work).await });
    has_begun.recv().await.unwrap();
    task.abort();
    let _ = task.await;
    release.send(()).unwrap();
    store.write(&TEST, |tx| insert(tx, "grace")).await.unwrap();
    assert_eq!(ids(&store).await, ["ada", "grace"]);
}

#[tokio::test]
async fn what_nobody_waits_for_is_not_begun() {
    let (_folder, store) = open();
    let release = hold(&store).await;
    let mut write = Box::pin(store.write(&TEST, |tx| insert(tx, "ada")));
    assert!(is_pending(write.as_mut()).await);
    drop(write);
    release.send(()).unwrap();
    store.write(&TEST, |tx| insert(tx, "grace")).await.unwrap();
    assert_eq!(ids(&store).await, ["grace"]);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_loses_nothing_of_what_waits() {
    let (_folder, store) = open();
    let release = hold(&store).await;
    let mut waiting: Vec<_> = (0..queue::QUEUE)
        .map(|number| Box::pin(store.write(&TEST, move |tx| insert(tx, &number.to_string()))))
        .collect();
    for write in &mut waiting {
        assert!(is_pending(write.as_mut()).await);
    }
    let refused = store.write(&TEST, |tx| insert(tx, "too many")).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    release.send(()).unwrap();
    for write in waiting {
        write.await.unwrap();
    }
    assert_eq!(ids(&store).await.len(), queue::QUEUE);
}

/// Polls once: the request is queued then.
async fn is_pending<F: Future>(future: std::pin::Pin<&mut F>) -> bool {
    tokio::time::timeout(Duration::ZERO, future).await.is_err()
}

#[tokio::test]
async fn many_writers_are_all_answered() {
    let (_folder, store) = open_either();
    let done = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let (store, done) = (store.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                store.write(&TEST, move |tx| insert(tx, &format!("user {number}"))).await.unwrap();
                done.fetch_add(1, Ordering::SeqCst);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!((done.load(Ordering::SeqCst), ids(&store).await.len()), (200, 200));
}

#[tokio::test]
async fn a_reader_can_not_write() {
    let (_folder, store) = open_either();
    assert!(store.read(&TEST, |tx| insert(tx, "ada")).await.is_err());
    assert!(ids(&store).await.is_empty());
}

#[tokio::test]
async fn placeholders_go_by_their_number_whatever_their_order() {
    let (_folder, store) = open_either();
    let row = store
        .read(&TEST, |tx| {
            tx.first(
                "SELECT CAST($2 AS BIGINT) AS second, CAST($1 AS TEXT) AS first, CAST($2 AS BIGINT) AS again",
                &["a".into(), 7_i64.into()],
            )
        })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (row.text("first").unwrap(), row.integer("second").unwrap(), row.integer("again").unwrap()),
        ("a", 7, 7)
    );
    for (sql, count) in [("SELECT $1", 0), ("SELECT $1", 2), ("SELECT ?1", 1), ("SELECT :name", 1)] {
        let params = vec![Value::Null; count];
        let refused = store.read(&TEST, move |tx| tx.query(sql, &params)).await;
        assert!(matches!(refused, Err(StoreError::Defect(_))), "{sql}");
    }
}

#[tokio::test]
async fn a_column_of_another_type_or_name_is_an_error() {
    let (_folder, store) = open_either();
    let row = store.read(&TEST, |tx| tx.first("SELECT 'a' AS a, NULL AS n", &[])).await.unwrap().unwrap();
    assert!(
        row.integer("a").is_err()
            && row.blob("a").is_err()
            && row.text("b").is_err()
            && row.text("n").is_err()
    );
    assert_eq!((row.optional_text("n").unwrap(), row.optional_integer("n").unwrap()), (None, None));
    assert_eq!(format!("{:?}", Value::from("a secret")), "Text");
}

#[tokio::test]
async fn a_database_of_a_newer_version_or_of_something_else_is_refused() {
    let (folder, store) = open();
    store
        .write(&TEST, |tx| tx.execute("INSERT INTO migrations (version, name) VALUES (9999, 'later')", &[]))
        .await
        .unwrap();
    drop(store);
    let newer = Store::open(&Options::new(folder.path().join("test.db")));
    assert!(matches!(newer, Err(StoreError::Unusable(_))));
    std::fs::write(
        folder.path().join("text.db"),
        "not a database at all, and long enough to be read as one".repeat(99),
    )
    .unwrap();
    assert!(Store::open(&Options::new(folder.path().join("text.db"))).is_err());
}

/// A second place that can be out of reach; it counts how often it was asked.
#[derive(Debug, Default)]
struct Elsewhere {
    away: Arc<std::sync::atomic::AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl Export for Elsewhere {
    fn catch_up(&mut self, _: &mut dyn Tx) -> Result<(), StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.away.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("it is away".to_owned()));
        }
        Ok(())
    }
}

fn insert_exported(tx: &mut dyn Tx, id: &str) -> Result<u64, StoreError> {
    tx.must_be_exported();
    insert(tx, id)
}

#[tokio::test]
async fn an_export_is_asked_once_a_group_and_only_for_who_asked_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = Elsewhere::default();
    let asked = Arc::clone(&elsewhere.asked);
    let options = Options::new(folder.path().join("test.db"));
    let store = Store::open_with(&options, |_| Ok::<_, StoreError>(Some(Box::new(elsewhere) as _))).unwrap();
    store.write(&TEST, |tx| insert(tx, "ada")).await.unwrap();
    let undone = store.write(&TEST, |tx| {
        insert_exported(tx, "eve")?;
        Err::<u64, _>(StoreError::Defect("refused".to_owned()))
    });
    assert!(matches!(undone.await, Err(StoreError::Defect(_))));
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    let release = hold(&store).await;
    let (one, two) = (store.clone(), store.clone());
    let writes = async {
        tokio::join!(
            one.write(&TEST, |tx| insert_exported(tx, "grace")),
            two.write(&TEST, |tx| insert_exported(tx, "joan"))
        )
    };
    let (grace, joan) = started_then_released(writes, release).await;
    assert!(grace.is_ok() && joan.is_ok());
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_export_that_fails_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = Elsewhere::default();
    let (away, asked) = (Arc::clone(&elsewhere.away), Arc::clone(&elsewhere.asked));
    let options = Options::new(folder.path().join("test.db"));
    let store = Store::open_with(&options, |_| Ok::<_, StoreError>(Some(Box::new(elsewhere) as _))).unwrap();
    away.store(true, Ordering::SeqCst);
    store.write(&TEST, |tx| insert_exported(tx, "ada")).await.unwrap();
    store.write(&TEST, |tx| insert(tx, "grace")).await.unwrap();
    away.store(false, Ordering::SeqCst);
    store.write(&TEST, |tx| insert_exported(tx, "joan")).await.unwrap();
    assert_eq!(ids(&store).await, ["ada", "grace", "joan"]);
    assert_eq!(asked.load(Ordering::SeqCst), 2, "it is asked again with the next end");
}

#[tokio::test]
async fn a_refused_or_panicked_request_leaves_nothing_on_either_engine() {
    let (_home, store) = open_either();
    let refused = store.write(&TEST, |tx| {
        insert(tx, "eve")?;
        Err::<u64, _>(StoreError::Defect("refused".to_owned()))
    });
    assert!(matches!(refused.await, Err(StoreError::Defect(_))));
    let panicked = store.write(&TEST, |tx| {
        insert(tx, "eve")?;
        if ids_are_fine() { panic!("a test panics here") } else { Ok::<u64, StoreError>(0) }
    });
    assert!(matches!(panicked.await, Err(StoreError::Panicked)));
    store.write(&TEST, |tx| insert(tx, "ada")).await.unwrap();
    assert_eq!(ids(&store).await, ["ada"]);
}

#[tokio::test]
async fn a_text_with_a_nul_is_refused_as_input_and_the_transaction_goes_on() {
    let (_home, store) = open_either();
    let found =
        store.read(&TEST, |tx| tx.first("SELECT id FROM users WHERE id = $1", &["a\0b".into()])).await;
    assert!(matches!(found, Err(StoreError::InvalidText)));
    let written = store.write(&TEST, |tx| {
        let refused = insert(tx, "a\0b");
        assert!(matches!(refused, Err(StoreError::InvalidText)));
        insert(tx, "ada")
    });
    assert_eq!(written.await.unwrap(), 1);
    assert_eq!(ids(&store).await, ["ada"]);
}

#[tokio::test]
async fn a_constraint_is_named_without_the_values_that_break_it() {
    let (_home, store) = open_either();
    store.write(&TEST, |tx| insert(tx, "a-secret-name")).await.unwrap();
    let again = store.write(&TEST, |tx| insert(tx, "a-secret-name")).await;
    let Err(StoreError::Constraint(text)) = again else { panic!("{again:?}") };
    assert!(text.contains("users") && !text.contains("a-secret-name"), "{text}");
}

#[tokio::test]
async fn text_is_ordered_byte_by_byte_on_either_engine() {
    let (_home, store) = open_either();
    for id in ["b", "B", "a_", "aB", "\u{e4}", "a"] {
        store.write(&TEST, move |tx| insert(tx, id)).await.unwrap();
    }
    assert_eq!(ids(&store).await, ["B", "a", "aB", "a_", "b", "\u{e4}"]);
}

#[tokio::test]
async fn a_copy_goes_on_where_it_stopped_and_is_the_same_in_the_end() {
    let (_folder, source) = open();
    for id in ["b", "B", "a_", "aB", "a"] {
        source.write(&TEST, move |tx| insert(tx, id)).await.unwrap();
    }
    let (_home, target) = open_either();
    let first = source.read(&TEST, |tx| tx.first("SELECT * FROM users ORDER BY id", &[])).await.unwrap();
    assert_eq!(first.unwrap().text("id").unwrap(), "B");
    target.write(&TEST, |tx| insert(tx, "B")).await.unwrap();
    assert!(target.read(&TEST, check_whole).await.is_ok());
    let audited = "INSERT INTO audit (seq, at, event, severity, detail) VALUES (7, 1, 'x', 'info', '{}')";
    source.write(&TEST, move |tx| tx.execute(audited, &[])).await.unwrap();
    for _ in 0..2 {
        let mut rows = Vec::new();
        copy(&source, &target, |table| rows.push((table.name, table.rows))).await.unwrap();
        assert!(rows.contains(&("users", 5)) && rows.contains(&("audit", 1)), "{rows:?}");
    }
    assert_eq!(ids(&target).await, ids(&source).await);
    assert!(target.read(&TEST, check_whole).await.is_ok());
}

#[tokio::test]
async fn a_copy_without_its_end_is_taken_for_whole_by_nobody_and_goes_on() {
    let (home, target) = open_either();
    let (_folder, source) = open();
    source.write(&TEST, |tx| insert(tx, "ada")).await.unwrap();
    target.write(&TEST, |tx| insert(tx, "bob")).await.unwrap();
    assert!(copy(&source, &target, |_| {}).await.is_err());
    let refused = Store::open_beside(&home.options()).await.unwrap_err().to_string();
    assert!(refused.contains("run `moorline-server migrate-database` again"), "{refused}");
    let (_other, third) = open();
    let onwards = copy(&target, &third, |_| {}).await;
    assert!(matches!(onwards, Err(CopyError::Unfinished)), "{onwards:?}");
    target.write(&TEST, |tx| tx.execute("DELETE FROM users WHERE id = 'bob'", &[])).await.unwrap();
    copy(&source, &target, |_| {}).await.unwrap();
    Store::open_beside(&home.options()).await.unwrap();
}

#[tokio::test]
async fn a_copy_that_differs_or_would_mix_two_servers_is_refused() {
    let (_folder, source) = open();
    let (_home, target) = open_either();
    source.write(&TEST, |tx| insert(tx, "ada")).await.unwrap();
    target.write(&TEST, |tx| insert(tx, "zoe")).await.unwrap();
    let refused = copy(&source, &target, |_| {}).await;
    assert!(matches!(refused, Err(CopyError::Differs { table: "users", from: 1, to: 1 })), "{refused:?}");
    let named = "UPDATE instance SET id = 'another'";
    target.write(&TEST, move |tx| tx.execute(named, &[])).await.unwrap();
    assert!(matches!(copy(&source, &target, |_| {}).await, Err(CopyError::OtherServer)));
    let (_empty, nothing) = open();
    assert!(matches!(copy(&nothing, &target, |_| {}).await, Err(CopyError::Empty)));
}

#[tokio::test]
async fn a_backup_is_the_database_of_one_moment_while_it_is_written() {
    let (folder, store) = open();
    store.write(&TEST, |tx| insert(tx, "ada")).await.unwrap();
    let to = folder.path().join("backup.db");
    let (from, copy) = (folder.path().join("test.db"), to.clone());
    let backup = tokio::task::spawn_blocking(move || back_up(&from, &copy));
    for number in 0..50 {
        store.write(&TEST, move |tx| insert(tx, &format!("n{number}"))).await.unwrap();
    }
    let done = backup.await.unwrap().unwrap();
    assert_eq!(done.bytes, std::fs::metadata(&to).unwrap().len());
    assert!(done.version > 0);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(!folder.path().join("backup.db-wal").exists(), "it is whole in one file");
    let restored = Store::open(&Options::new(to.clone())).unwrap();
    let all = ids(&restored).await;
    assert!(all.contains(&"ada".to_owned()), "{all:?}");
    let written = all.len() - 1;
    assert!((0..written).all(|number| all.contains(&format!("n{number}"))), "of one moment: {all:?}");
}

#[test]
fn a_backup_replaces_nothing_and_leaves_nothing_behind_when_it_fails() {
    let (folder, _store) = open();
    let there = folder.path().join("there.db");
    std::fs::write(&there, "mine").unwrap();
    let refused = back_up(&folder.path().join("test.db"), &there).unwrap_err();
    assert!(matches!(refused, StoreError::Unusable(_)), "{refused:?}");
    assert_eq!(std::fs::read(&there).unwrap(), b"mine");

    let to = folder.path().join("new.db");
    std::fs::write(folder.path().join("new.db.part"), "what an interruption left").unwrap();
    for (name, content) in [("text.db", "not a database".as_bytes()), ("empty.db", b"")] {
        std::fs::write(folder.path().join(name), content).unwrap();
        assert!(back_up(&folder.path().join(name), &to).is_err(), "{name}");
        assert!(!to.exists(), "{name}");
    }
    assert!(back_up(&folder.path().join("absent.db"), &to).is_err());
    assert!(!to.exists() && !folder.path().join("absent.db").exists());
    back_up(&folder.path().join("test.db"), &to).unwrap();
    assert!(to.exists() && !folder.path().join("new.db.part").exists());
}
