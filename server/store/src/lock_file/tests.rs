use super::*;

const SERVE: Purpose = Purpose::Serve { shares: false };

async fn refusal(database: &Path, purpose: Purpose) -> String {
    take(database, purpose).await.expect_err("it was locked twice").to_string()
}

#[tokio::test]
async fn a_second_lock_is_refused_with_its_file_and_the_commands_that_hold_it() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("m.db");
    let held = take(&database, SERVE).await.unwrap();
    for (purpose, who) in
        [(SERVE, "another server runs on it"), (Purpose::Maintain, "a server is running on it")]
    {
        let said = refusal(&database, purpose).await;
        for part in [who, "m.db.lock", "`migrate-database`", "`change-issuer`"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    drop(held);
    take(&database, SERVE).await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_database_has_one_lock_whichever_path_leads_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let (database, link) = (folder.path().join("m.db"), folder.path().join("link.db"));
    // It leads to a file that is still to be made.
    std::os::unix::fs::symlink(&database, &link).unwrap();
    let held = take(&link, SERVE).await.unwrap();
    refusal(&database, SERVE).await;
    drop(held);
    let _held = take(&database, Purpose::Maintain).await.unwrap();
    refusal(&link, SERVE).await;
    assert!(!beside(&link, ".lock").exists());
}

#[cfg(unix)]
#[tokio::test]
async fn a_lock_file_that_was_deleted_is_made_and_locked_again() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("m.db");
    let lock = take(&database, SERVE).await.unwrap();
    for replace in [|_: &Path| (), |path: &Path| fs::write(path, "").unwrap()] {
        fs::remove_file(&lock.path).unwrap();
        replace(&lock.path);
        assert!(!is_at(&lock.file.lock().unwrap(), &lock.path));
        assert!(lock.is_held());
        refusal(&database, SERVE).await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_place_is_lost_to_who_locks_a_deleted_file_first_and_not_to_a_file_that_can_not_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("m.db");
    let lock = take(&database, SERVE).await.unwrap();
    fs::remove_file(&lock.path).unwrap();
    fs::create_dir(&lock.path).unwrap();
    assert!(lock.is_held(), "nobody else can lock it either");
    fs::remove_dir(&lock.path).unwrap();
    let second = take(&database, SERVE).await.unwrap();
    lock.lost().await;
    assert!(!lock.is_held() && second.is_held());
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_that_needs_the_database_for_itself_has_lost_it_with_either_file() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("m.db");
    for suffix in [".lock", ".commands.lock"] {
        let lock = take(&database, Purpose::Maintain).await.unwrap();
        assert!(lock.is_held());
        fs::remove_file(beside(&database, suffix)).unwrap();
        assert!(!lock.is_held(), "others may have written meanwhile");
    }
}

#[tokio::test]
async fn a_command_that_is_refused_for_another_one_keeps_no_server_away() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("m.db");
    let _changing = take(&database, Purpose::Command).await.unwrap();
    let refused = refusal(&database, Purpose::Maintain).await;
    assert!(refused.contains("a command is changing it"), "{refused}");
    assert!(!beside(&database, ".lock").exists());
}

#[cfg(unix)]
#[tokio::test]
async fn a_lock_file_that_root_makes_belongs_to_the_owner_of_the_database() {
    use std::os::unix::fs::{MetadataExt as _, chown};
    const SERVER: u32 = 12_345;
    let folder = tempfile::tempdir().unwrap();
    let (database, other) = (folder.path().join("m.db"), folder.path().join("other"));
    for file in [&database, &other] {
        fs::write(file, "").unwrap();
    }
    if chown(&database, Some(SERVER), Some(SERVER)).is_err() {
        // Only root can test it.
        return;
    }
    let lock = take(&database, Purpose::Maintain).await.unwrap();
    assert_eq!(fs::metadata(&lock.path).unwrap().uid(), SERVER);
    fs::remove_file(&lock.path).unwrap();
    std::os::unix::fs::symlink(&other, &lock.path).unwrap();
    take(&database, SERVE).await.unwrap();
    assert_ne!(fs::metadata(&other).unwrap().uid(), SERVER, "what a link leads to was given away");
}

#[tokio::test]
async fn a_lock_file_that_can_not_be_opened_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("m.db");
    fs::create_dir(beside(&database, ".lock")).unwrap();
    let said = refusal(&database, SERVE).await;
    assert!(said.contains("m.db.lock can't be opened: ") && said.contains("the server's user"), "{said}");
    let nowhere = refusal(&folder.path().join("no folder/m.db"), SERVE).await;
    assert!(nowhere.contains("it can't be opened or made"), "{nowhere}");
}
