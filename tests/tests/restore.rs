//! The real server over a database that was put back, and a second one that only reads.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::Result;
use moorline::{Error, SessionState};
use moorline_tests::oauth::{Answer, HandMade, answer, attempt};
use moorline_tests::sdk::CLIENT;
use moorline_tests::serve::Serve;
use moorline_tests::{Server, World, audit, binaries};

fn invalid_grant() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

fn restore(folder: &Path, arguments: &[&str]) -> Result<Output> {
    Ok(Command::new(binaries::server()?).args(["restore", "--dir"]).arg(folder).args(arguments).output()?)
}

/// Puts the database back as an operator would: the file, and nothing of what SQLite had beside it.
fn put_back(folder: &Path, backup: &[u8]) -> Result<()> {
    for beside in ["moorline.db-wal", "moorline.db-shm"] {
        if folder.join(beside).exists() {
            std::fs::remove_file(folder.join(beside))?;
        }
    }
    Ok(std::fs::write(folder.join("moorline.db"), backup)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_over_a_restored_database_starts_after_the_replay_alone_and_loses_no_other_session()
-> Result<()> {
    let mut world = World::start().await?;
    let app = world.signed_in().await?;
    let stolen = HandMade::new(&world.server, "ada")?.tokens().await?;
    world.server.stop()?;
    let folder = world.server.folder().to_owned();
    let backup = std::fs::read(folder.join("moorline.db"))?;
    world.server.restart()?;

    app.refresh(None).await?;
    app.refresh(None).await?;
    let ada = HandMade::new(&world.server, "ada")?;
    let owners = ada.refresh(&stolen.refresh_token, Some(&attempt())).await?.tokens()?;
    assert_eq!(ada.refresh(&stolen.refresh_token, Some(&attempt())).await?.refusal(), invalid_grant());
    world.server.kill()?;

    put_back(&folder, &backup)?;
    let refused = world.server.restart().expect_err("the database went back in time").to_string();
    assert!(
        refused.contains("older than its revocation log") && refused.contains("moorline-server restore"),
        "{refused}"
    );
    let waiting = app.refresh(None).await;
    assert!(matches!(waiting, Err(Error::Offline { .. })), "{waiting:?}");
    let planned = restore(&folder, &["--dry-run", "--json"])?;
    let planned: serde_json::Value = serde_json::from_slice(&planned.stdout)?;
    assert_eq!((&planned["revoked"][0]["username"], &planned["dry_run"]), (&"ada".into(), &true.into()));
    let replayed = restore(&folder, &[])?;
    let said = String::from_utf8_lossy(&replayed.stdout).into_owned();
    assert!(replayed.status.success() && said.contains("sessions revoked again: 1\n"), "{replayed:?}");
    assert!(said.contains("`user disable`") && said.contains("`keys withdraw`"), "{said}");
    world.server.restart()?;

    let ada = HandMade::new(&world.server, "ada")?;
    for token in [&stolen.refresh_token, &owners.refresh_token] {
        assert_eq!(ada.refresh(token, Some(&attempt())).await?.refusal(), invalid_grant());
    }
    assert_eq!(ada.notes(&owners.access_token).await?.status, 401);
    app.refresh(None).await?;
    assert!(matches!(app.state(), SessionState::SignedIn(_)));
    assert_eq!(audit::count(&world.server, "restore.replayed")?, 1);
    assert_eq!(audit::count(&world.server, "refresh.rollback_healed")?, 1);
    Ok(())
}

/// A phone is stolen, its owner's sessions are revoked, and the server is stopped at once, for a restore.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_command_revoked_just_before_the_stop_is_in_the_revocation_log() -> Result<()> {
    let mut server = Server::start()?;
    let stolen = HandMade::new(&server, "ada")?.tokens().await?;
    server.stop()?;
    let backup = std::fs::read(server.folder().join("moorline.db"))?;
    server.restart()?;
    let settings = server.settings(0)?;
    let revoked = Command::new(binaries::server()?)
        .args(["user", "revoke-sessions", "ada", "--config"])
        .arg(settings)
        .output()?;
    assert!(revoked.status.success(), "{revoked:?}");
    server.stop()?;

    put_back(server.folder(), &backup)?;
    let refused = server.restart().expect_err("the database went back in time").to_string();
    assert!(refused.contains("older than its revocation log"), "{refused}");
    assert!(restore(server.folder(), &[])?.status.success());
    server.restart()?;
    let ada = HandMade::new(&server, "ada")?;
    assert_eq!(ada.refresh(&stolen.refresh_token, Some(&attempt())).await?.refusal(), invalid_grant());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_after_it_exported_an_end_starts_again_by_itself() -> Result<()> {
    let mut server = Server::start()?;
    for _ in 0..3 {
        let ada = HandMade::new(&server, "ada")?;
        let first = ada.tokens().await?;
        ada.refresh(&first.refresh_token, Some(&attempt())).await?.tokens()?;
        assert_eq!(ada.refresh(&first.refresh_token, Some(&attempt())).await?.refusal(), invalid_grant());
        server.kill()?;
        server.restart()?;
        let ada = HandMade::new(&server, "ada")?;
        assert_eq!(ada.refresh(&first.refresh_token, Some(&attempt())).await?.refusal(), invalid_grant());
    }
    let exported = std::fs::read_to_string(server.folder().join("moorline.ends"))?;
    assert_eq!(exported.lines().count(), 4, "the head and three ends");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_beside_a_running_server_is_refused() -> Result<()> {
    let server = Server::start()?;
    let refused = restore(server.folder(), &["--lost", "end-all-sessions"])?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("stop that one first"), "{said}");
    HandMade::new(&server, "ada")?.tokens().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_process_reads_for_everybody_and_refuses_to_refresh_with_503() -> Result<()> {
    let server = Server::start()?;
    let ada = HandMade::new(&server, "ada")?;
    let first = ada.tokens().await?;
    let second = ada.refresh(&first.refresh_token, Some(&attempt())).await?.tokens()?;
    let replica = Serve::start(&server, "", &["--replica"])?;
    let client = ada.browser().client();

    let refresh = |token: &str| {
        let form = [
            ("grant_type", "refresh_token".to_owned()),
            ("client_id", CLIENT.to_owned()),
            ("refresh_token", token.to_owned()),
            ("refresh_attempt", attempt()),
        ];
        answer(client.post(replica.url("/oauth/token")).form(&form))
    };
    for token in [&second.refresh_token, &first.refresh_token] {
        let refused: Answer = refresh(token).await?;
        assert_eq!(refused.refusal(), (503, "temporarily_unavailable".to_owned()));
    }
    let read = answer(client.get(replica.url("/v1/notes")).bearer_auth(&second.access_token)).await?;
    assert_eq!(read.status, 200);
    let keys = answer(client.get(replica.url("/oauth/jwks"))).await?;
    assert_eq!(keys.body, answer(client.get(server.url("/oauth/jwks"))).await?.body);
    ada.refresh(&second.refresh_token, Some(&attempt())).await?.tokens()?;
    assert_eq!(audit::count(&server, "refresh.reuse")?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_clock_has_leapt_serves_again_when_an_operator_says_that_it_is_right() -> Result<()> {
    let mut server = Server::start()?;
    let first = HandMade::new(&server, "ada")?.tokens().await?;
    server.stop()?;
    // As if the machine's clock had been in 1970 until now: a larger jump than even a development server accepts.
    let database = rusqlite::Connection::open(server.folder().join("moorline.db"))?;
    assert_eq!(database.execute("UPDATE instance SET seen_at = 0", [])?, 1);
    drop(database);
    server.restart()?;
    let ada = HandMade::new(&server, "ada")?;
    let key = attempt();
    let waiting = ada.refresh(&first.refresh_token, Some(&key)).await?;
    assert_eq!(waiting.refusal(), (503, "temporarily_unavailable".to_owned()));
    assert_eq!(ada.notes(&first.access_token).await?.status, 503);

    let accepted = Command::new(binaries::server()?)
        .args(["clock", "accept", "--config"])
        .arg(server.settings(1)?)
        .output()?;
    assert!(accepted.status.success(), "{accepted:?}");
    ada.refresh(&first.refresh_token, Some(&key)).await?.tokens()?;
    assert_eq!(audit::count(&server, "session.expired")?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_on_a_replica_reads_or_says_where_to_run_it() -> Result<()> {
    let server = Server::start()?;
    let config = server.settings(1)?;
    let run = |arguments: &[&str]| -> Result<Output> {
        let mut command = Command::new(binaries::server()?);
        command.args(arguments).arg("--config").arg(&config).env("MOORLINE_STORE_ROLE", "replica");
        Ok(command.output()?)
    };
    let listed = run(&["client", "list"])?;
    assert!(listed.status.success(), "{listed:?}");
    assert!(String::from_utf8_lossy(&listed.stdout).contains(CLIENT), "{listed:?}");
    let add = ["client", "add", "--id", "other", "--redirect", "com.example.other:/cb"];
    for arguments in
        [&add[..], &["clock", "accept"], &["restore"], &["restore", "--lost", "end-all-sessions"]]
    {
        let refused = run(arguments)?;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && said.contains("Run this on the primary"),
            "{arguments:?}: {said}"
        );
    }
    HandMade::new(&server, "ada")?.tokens().await?;
    Ok(())
}
