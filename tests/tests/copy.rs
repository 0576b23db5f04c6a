//! `migrate-database` beside a running server: it would miss what that one writes.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use moorline_tests::{Database, Postgres, Server, ServerOptions, binaries};

fn copy(from: &Database, to: &Database, more: &[&str]) -> Result<Output> {
    let name = |database: &Database| match database {
        Database::Sqlite(file) => format!("sqlite:{}", file.display()),
        Database::Postgres(url) => url.clone(),
    };
    Ok(Command::new(binaries::server()?)
        .args(["migrate-database", "--from", &name(from), "--to", &name(to)])
        .args(more)
        .output()?)
}

/// What `migrate-database --json` says of the users.
fn users_in(done: &Output) -> Result<serde_json::Value> {
    let mut said: serde_json::Value = serde_json::from_slice(&done.stdout)?;
    let tables = said["tables"].as_array_mut().context("a list of tables")?;
    let users = tables.iter_mut().find(|table| table["name"] == "users");
    Ok(users.context("the users")?.take())
}

/// Waits until `is_so` of the file.
async fn until(file: &Path, is_so: impl Fn(&Path) -> Result<bool>) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(90);
    while !is_so(file)? {
        ensure!(Instant::now() < end, "{}: waited in vain", file.display());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// What `migrate-database` says when it refuses.
fn refusal(from: &Database, to: &Database) -> Result<String> {
    let done = copy(from, to, &[])?;
    ensure!(!done.status.success(), "it was copied");
    Ok(String::from_utf8(done.stderr)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_not_copied_while_a_server_runs_on_it_or_on_the_target() -> Result<()> {
    let postgres = tokio::task::block_in_place(Postgres::start)?;
    let on_postgres = ServerOptions { postgres: Some(postgres.url()), ..ServerOptions::default() };
    let moved = tokio::task::block_in_place(|| Server::start_with(on_postgres))?;
    let (left, cluster) = (Database::Sqlite(moved.folder().join("moorline.db")), moved.database());
    for (from, to) in [(&left, &cluster), (&cluster, &left)] {
        let said = refusal(from, to)?;
        assert!(said.contains("postgres://…: ") && said.contains("a server is running on it"), "{said}");
    }
    let mut running = tokio::task::block_in_place(Server::start)?;
    let said = refusal(&running.database(), &left)?;
    assert!(said.contains("moorline.db: ") && said.contains("a server is running on it"), "{said}");
    running.stop()?;
    let link = running.folder().join("link.db");
    std::os::unix::fs::symlink(running.folder().join("moorline.db"), &link)?;
    let said = refusal(&running.database(), &Database::Sqlite(link))?;
    assert!(said.contains("name the same database"), "{said}");
    // What is left is that the target is another server's.
    let said = refusal(&running.database(), &left)?;
    assert!(said.contains("the database of another server"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_says_as_json_what_is_in_both() -> Result<()> {
    let mut server = tokio::task::block_in_place(Server::start)?;
    server.stop()?;
    let to = Database::Sqlite(server.folder().join("copy.db"));
    let done = copy(&server.database(), &to, &["--json"])?;
    ensure!(done.status.success(), "{done:?}");
    let users = users_in(&done)?;
    assert_eq!(users["rows"], 2);
    assert_eq!(users["hash"].as_str().map(str::len), Some(64), "{users}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_file_that_is_deleted_is_made_again_by_the_server_and_keeps_a_copy_away() -> Result<()> {
    let server = tokio::task::block_in_place(Server::start)?;
    let lock = server.folder().join("moorline.db.lock");
    std::fs::remove_file(&lock)?;
    until(&lock, |lock| Ok(lock.exists())).await?;
    let said = refusal(&server.database(), &Database::Sqlite(server.folder().join("copy.db")))?;
    assert!(said.contains("a server is running on it"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_refused_while_a_command_waits_for_its_input_and_has_what_it_wrote() -> Result<()> {
    let mut server = tokio::task::block_in_place(Server::start)?;
    server.stop()?;
    let mut command = Command::new(binaries::server()?)
        .args(["user", "add", "--username", "eve", "--config"])
        .arg(server.settings(0)?)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    let lock = server.folder().join("moorline.db.commands.lock");
    // It waits for the password then.
    until(&lock, |lock| Ok(lock.exists() && File::open(lock)?.try_lock().is_err())).await?;
    let to = Database::Sqlite(server.folder().join("copy.db"));
    let said = refusal(&server.database(), &to)?;
    assert!(said.contains("a command is changing it"), "{said}");
    command.stdin.take().context("stdin was piped")?.write_all(b"correct horse battery\n")?;
    ensure!(command.wait()?.success(), "the user was not added");
    let done = copy(&server.database(), &to, &["--json"])?;
    ensure!(done.status.success(), "{done:?}");
    assert_eq!(users_in(&done)?["rows"], 3);
    Ok(())
}
