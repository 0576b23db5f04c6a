//! An operator's commands beside a running server, and what they mean to an app that is signed in.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use moorline::{Error, SessionState};
use moorline_tests::{Database, Postgres, Server, ServerOptions, World, binaries};
use serde_json::{Value, json};

/// Makes each of these a test on SQLite, and one on a Postgres of its own.
macro_rules! on_both_engines {
    ($($test:ident),* $(,)?) => {
        mod on_sqlite {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() -> Result<()> {
                super::$test(ServerOptions::default()).await
            })*
        }

        mod on_postgres {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() -> Result<()> {
                let postgres = tokio::task::block_in_place(Postgres::start)?;
                super::$test(ServerOptions { postgres: Some(postgres.url()), ..ServerOptions::default() }).await
            })*
        }
    };
}

on_both_engines!(
    a_user_who_is_disabled_beside_a_running_server_is_out_and_comes_back,
    a_withdrawn_key_costs_nobody_their_session,
    an_app_goes_on_and_signs_in_when_its_client_changes_to_es256,
    a_backup_of_a_running_server_is_a_database_that_serves,
    another_issuer_needs_a_command_that_no_server_runs_beside,
    the_commands_say_what_they_did_and_what_is_wrong,
);

/// The command line on the settings of a server.
struct Operator(PathBuf);

impl Operator {
    fn of(server: &Server) -> Result<Self> {
        server.settings(1).map(Self)
    }

    fn run(&self, arguments: &[&str], input: &str) -> Result<Output> {
        let mut process = Command::new(binaries::server()?)
            .args(arguments)
            .arg("--config")
            .arg(&self.0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        // A command that reads nothing may have ended already.
        let _ = process.stdin.take().context("stdin was piped")?.write_all(input.as_bytes());
        Ok(process.wait_with_output()?)
    }

    /// What a command prints as JSON.
    fn json(&self, arguments: &[&str], input: &str) -> Result<Value> {
        let done = self.run(&[arguments, &["--json"]].concat(), input)?;
        ensure!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        Ok(serde_json::from_slice(&done.stdout)?)
    }

    /// What a command that fails says.
    fn refusal(&self, arguments: &[&str], input: &str) -> Result<String> {
        let done = self.run(arguments, input)?;
        ensure!(!done.status.success(), "{arguments:?} did not fail");
        Ok(String::from_utf8(done.stderr)?)
    }
}

async fn a_user_who_is_disabled_beside_a_running_server_is_out_and_comes_back(
    options: ServerOptions,
) -> Result<()> {
    let world = World::start_with(options).await?;
    let operator = Operator::of(&world.server)?;
    let app = world.signed_in().await?;
    world.notes(&app).await?;

    assert_eq!(operator.json(&["user", "disable", "ada"], "")?["sessions"], 1);
    let ended = app.refresh(None).await.expect_err("the session was ended");
    assert!(matches!(ended, Error::NeedsReauth(_)), "{ended:?}");
    assert!(!matches!(app.state(), SessionState::SignedIn { .. }));
    assert!(world.signed_in().await.is_err(), "a disabled user can't sign in");
    let users = operator.json(&["user", "list"], "")?;
    let ada = users.as_array().context("a list")?.iter().find(|user| user["username"] == "ada");
    assert_eq!(ada.context("ada is listed")?["disabled"], true);

    operator.json(&["user", "enable", "ada"], "")?;
    world.notes(&world.signed_in().await?).await?;
    Ok(())
}

async fn a_withdrawn_key_costs_nobody_their_session(options: ServerOptions) -> Result<()> {
    let world = World::start_with(options).await?;
    let operator = Operator::of(&world.server)?;
    let app = world.signed_in().await?;
    let keys = operator.json(&["keys", "list"], "")?;
    let kid = keys[0]["kid"].as_str().context("a kid")?;
    operator.json(&["keys", "withdraw", kid], "")?;
    let after = operator.json(&["keys", "list"], "")?;
    assert_eq!(after.as_array().map(Vec::len), Some(2), "one of each algorithm");
    assert!(after[0]["kid"] != kid && after[0]["state"] == "active", "{after}");
    app.refresh(None).await?;
    world.notes(&app).await?;
    Ok(())
}

async fn an_app_goes_on_and_signs_in_when_its_client_changes_to_es256(options: ServerOptions) -> Result<()> {
    let world = World::start_with(options).await?;
    let operator = Operator::of(&world.server)?;
    let app = world.signed_in().await?;
    let alg = async || {
        let token = app.access_token(Duration::ZERO).await?;
        anyhow::Ok(algorithm(token.secret())?)
    };
    assert_eq!(alg().await?, "RS256");
    operator.json(&["client", "update", "moorline-demo", "--access-token-alg", "ES256"], "")?;
    app.refresh(None).await?;
    assert_eq!(alg().await?, "ES256");
    world.notes(&app).await?;

    // With a key set of both kinds, the ID token of a new sign-in is verified by the RSA key.
    let again = world.signed_in().await?;
    world.notes(&again).await?;
    assert_eq!(algorithm(again.access_token(Duration::ZERO).await?.secret())?, "ES256");

    let keys = operator.json(&["keys", "list"], "")?;
    let key = keys.as_array().context("a list")?.iter().find(|key| key["alg"] == "ES256");
    let kid = key.context("a key for ES256")?["kid"].as_str().context("a kid")?;
    let rotated = operator.json(&["keys", "rotate", "--alg", "ES256", "--at-once"], "")?;
    assert_eq!(rotated["alg"], "ES256");
    operator.json(&["keys", "withdraw", kid], "")?;
    let left = operator.json(&["keys", "list"], "")?;
    assert_eq!(left.as_array().map(Vec::len), Some(2));
    assert!(left.as_array().context("a list")?.iter().any(|key| key["kid"] == rotated["kid"]), "{left}");

    operator.json(&["client", "update", "moorline-demo", "--access-token-alg", "RS256"], "")?;
    again.refresh(None).await?;
    assert_eq!(algorithm(again.access_token(Duration::ZERO).await?.secret())?, "RS256");
    world.notes(&again).await?;
    Ok(())
}

/// The algorithm in the header of a JWS.
fn algorithm(token: &str) -> Result<String> {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().context("a header")?)?;
    let header: Value = serde_json::from_slice(&header)?;
    Ok(header["alg"].as_str().context("an algorithm")?.to_owned())
}

async fn a_backup_of_a_running_server_is_a_database_that_serves(options: ServerOptions) -> Result<()> {
    let mut world = World::start_with(options).await?;
    let operator = Operator::of(&world.server)?;
    let app = world.signed_in().await?;
    let copy = world.server.folder().join("backup.db");
    let to = copy.to_str().context("a path in UTF-8")?;
    if let Database::Postgres(_) = world.server.database() {
        let refused = operator.refusal(&["backup", to], "")?;
        assert!(refused.contains("pg_basebackup") && !copy.exists(), "{refused}");
        return Ok(());
    }
    let done = operator.json(&["backup", to], "")?;
    assert_eq!(done["bytes"], std::fs::metadata(&copy)?.len());
    let refused = operator.refusal(&["backup", to], "")?;
    assert!(refused.contains("backup.db"), "{refused}");

    world.server.stop()?;
    std::fs::rename(&copy, world.server.folder().join("moorline.db"))?;
    world.server.restart()?;
    app.refresh(None).await?;
    world.notes(&app).await?;
    Ok(())
}

async fn another_issuer_needs_a_command_that_no_server_runs_beside(options: ServerOptions) -> Result<()> {
    let mut server = tokio::task::block_in_place(|| Server::start_with(options))?;
    let operator = Operator::of(&server)?;
    let settings = std::fs::read_to_string(&operator.0)?;
    let is_dev = matches!(server.database(), Database::Sqlite(_));
    let issuer = server.dev().issuer.clone();
    std::fs::write(&operator.0, settings.replace(&issuer, "https://localhost"))?;
    for arguments in [&["check-config"][..], &["change-issuer"]] {
        let refused = operator.refusal(arguments, "")?;
        assert!(
            refused.contains("moorline-server change-issuer") || refused.contains("a server is running"),
            "{refused}"
        );
    }
    server.stop()?;
    let refused = operator.refusal(&["serve"], "")?;
    assert!(refused.contains(&issuer) && refused.contains("moorline-server change-issuer"), "{refused}");
    let changed = operator.run(&["change-issuer"], "")?;
    let said = String::from_utf8(changed.stdout)?;
    assert!(
        changed.status.success() && said.contains(&issuer) && said.contains("https://localhost,"),
        "{said}"
    );
    let again = operator.json(&["change-issuer"], "")?;
    assert_eq!(again, json!({ "from": "https://localhost", "to": "https://localhost" }));
    assert!(operator.json(&["clock", "accept"], "")?["accepted"].is_i64());
    operator.json(&["check-config"], "")?;
    // A development server takes the issuer of its options; `serve` wants that of its settings.
    if !is_dev {
        let refused = server.restart().expect_err("the database has another issuer").to_string();
        assert!(refused.contains("moorline-server change-issuer"), "{refused}");
        std::fs::write(&operator.0, settings)?;
        ensure!(operator.run(&["change-issuer"], "")?.status.success(), "it can't be changed back");
    }
    tokio::task::block_in_place(|| server.restart())?;
    Ok(())
}

async fn the_commands_say_what_they_did_and_what_is_wrong(options: ServerOptions) -> Result<()> {
    let server = tokio::task::block_in_place(|| Server::start_with(options))?;
    let operator = Operator::of(&server)?;
    assert_eq!(
        operator.json(&["check-config"], "")?,
        json!({
            "valid": true, "ignored_variables": [], "master_keys": 1, "certificate_problems": [],
            "issuer_compared": true, "issuer_not_compared": null, "exposed_master_key_file": null,
        })
    );
    let key = server.folder().join("master.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644))?;
    let said = operator.json(&["check-config"], "")?;
    assert!(
        said["exposed_master_key_file"].as_str().is_some_and(|file| file.ends_with("master.key")),
        "{said}"
    );
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600))?;

    let web = ["client", "add", "--id", "web", "--redirect", "https://a.example/cb", "--confidential"];
    let first = operator.json(&web, "")?["client_secret"].clone();
    let second = operator.json(&["client", "rotate-secret", "web"], "")?["client_secret"].clone();
    assert!(first.is_string() && second.is_string() && first != second);
    assert_eq!(alg_of(&operator, "web")?, "RS256");
    operator.json(&["client", "update", "web", "--access-token-alg", "ES256"], "")?;
    operator.json(&["client", "update", "web", "--scope", "openid", "--require-dpop", "true"], "")?;
    assert_eq!(alg_of(&operator, "web")?, "ES256");
    let clients = operator.json(&["client", "list"], "")?;
    let web = clients.as_array().context("a list")?.iter().find(|client| client["client_id"] == "web");
    let web = web.context("it is listed")?;
    assert_eq!((&web["scopes"], &web["dpop_bound_access_tokens"]), (&json!(["openid"]), &json!(true)));
    assert_eq!(operator.json(&["client", "remove", "web"], "")?["sessions"], 0);

    operator.json(&["user", "set-password", "ada"], "a longer password\n")?;
    for (arguments, input, said) in [
        (&["user", "set-password", "ada"][..], "short\n", "at least 8 characters"),
        (&["user", "disable", "nobody"], "", "user list"),
        (&["client", "remove", "web"], "", "client list"),
        (&["client", "update", "moorline-demo"], "", "nothing to change"),
        (&["client", "update", "moorline-demo", "--redirect", "http://a.example"], "", "https://"),
        (&["client", "rotate-secret", "moorline-demo"], "", "public"),
        (&["client", "update", "moorline-demo", "--access-token-alg", "HS256"], "", "must be RS256 or ES256"),
        (&["keys", "rotate", "--alg", "none"], "", "must be RS256 or ES256"),
        (&["keys", "withdraw", "none"], "", "keys list"),
        (&["keys", "withdraw", "-help", "--json"], "", "keys list"),
        (&["client", "add", "--id", "moorline-demo", "--redirect", "https://a.example"], "", "client update"),
    ] {
        let refused = operator.refusal(arguments, input)?;
        assert!(refused.starts_with("error: ") && refused.contains(said), "{arguments:?}: {refused}");
    }

    let settings = std::fs::read_to_string(&operator.0)?;
    std::fs::write(&operator.0, format!("shared = \"redis://:the-password@127.0.0.1:1\"\n{settings}"))?;
    let refused = operator.refusal(&["check-config"], "")?;
    assert!(refused.contains("shared: redis://127.0.0.1:1/0: can't connect"), "{refused}");
    assert!(!refused.contains("the-password"), "{refused}");
    std::fs::write(&operator.0, settings)?;

    std::fs::write(server.folder().join("leaf.pem"), "no certificate")?;
    let refused = operator.refusal(&["check-config"], "")?;
    assert!(refused.contains("leaf.pem"), "{refused}");
    Ok(())
}

/// What the client's access tokens are signed with, as `client list` says.
fn alg_of(operator: &Operator, id: &str) -> Result<Value> {
    let clients = operator.json(&["client", "list"], "")?;
    let client = clients.as_array().context("a list")?.iter().find(|client| client["client_id"] == id);
    Ok(client.context("it is listed")?["access_token_alg"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistyped_path_makes_no_database() -> Result<()> {
    let server = tokio::task::block_in_place(Server::start)?;
    let operator = Operator::of(&server)?;
    let none = server.folder().join("none.db");
    let settings = std::fs::read_to_string(&operator.0)?;
    let mistyped = settings.lines().map(|line| match line.strip_prefix("database") {
        Some(_) => format!("database = \"{}\"\n", none.display()),
        None => format!("{line}\n"),
    });
    std::fs::write(&operator.0, mistyped.collect::<String>())?;
    for command in [&["user", "disable", "ada"][..], &["keys", "rotate"], &["master-key", "rotate"]] {
        let said = operator.refusal(command, "")?;
        assert!(said.contains("none.db") && !none.exists(), "{said}");
    }
    Ok(())
}
