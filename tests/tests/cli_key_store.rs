//! The command line program with a real Secret Service (GNOME Keyring in a D-Bus session of its own), and without one.
//!
//! Needs the packages `dbus-daemon` (with `dbus-bin`) and `gnome-keyring`; their absence is a failure that names them.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use moorline_tests::cli::Cli;
use moorline_tests::{Consent, World};
use tempfile::TempDir;

const STORAGE_UNAVAILABLE: i32 = 7;

/// Prints the session's address once the keyring has its name on the bus, and ends when its standard input does. (To
/// call the service by its name before that would make the bus start a second, locked one.) The daemon ends with the
/// bus.
const SESSION: &str = r#"
printf moorline-tests | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1
tries=0
until dbus-send --session --print-reply --dest=org.freedesktop.DBus /org/freedesktop/DBus \
    org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets 2>/dev/null | grep -q true; do
  tries=$((tries + 1))
  if [ "$tries" -gt 100 ]; then echo "the Secret Service does not answer" >&2; exit 1; fi
  sleep 0.1
done
echo "$DBUS_SESSION_BUS_ADDRESS"
cat >/dev/null
"#;

/// A D-Bus session with an unlocked keyring, of nobody else.
struct SecretService {
    session: Child,
    address: String,
    folder: TempDir,
}

impl SecretService {
    fn start() -> Result<Self> {
        for (program, package) in
            [("dbus-run-session", "dbus-daemon"), ("gnome-keyring-daemon", "gnome-keyring")]
        {
            let found =
                Command::new("sh").args(["-c", "command -v \"$0\"", program]).output()?.status.success();
            ensure!(found, "missing: {program}; `apt-get install {package}`");
        }
        let folder = tempfile::tempdir()?;
        let mut session = Command::new("dbus-run-session")
            .args(["--", "sh", "-c", SESSION])
            .env("HOME", folder.path())
            .env("XDG_RUNTIME_DIR", folder.path())
            .env_remove("XDG_DATA_HOME")
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut address = String::new();
        BufReader::new(session.stdout.take().context("stdout was piped")?).read_line(&mut address)?;
        ensure!(!address.is_empty(), "no Secret Service");
        Ok(Self { session, address: address.trim().to_owned(), folder })
    }

    fn cli(&self) -> Result<Cli> {
        let folder = self.folder.path().display().to_string();
        Ok(Cli::new()?
            .variable("DBUS_SESSION_BUS_ADDRESS", &self.address)
            .variable("XDG_RUNTIME_DIR", &folder))
    }
}

impl Drop for SecretService {
    fn drop(&mut self) {
        // The script ends the keyring and itself when its input ends.
        drop(self.session.stdin.take());
        let _ = self.session.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vaults_key_lives_in_the_secret_service() -> Result<()> {
    let (world, secrets) = (World::start().await?, SecretService::start()?);
    let cli = secrets.cli()?;
    let dev = world.server.dev_file().display().to_string();
    cli.login(&world.browser, world.server.dev().user("ada")?, Consent::Allow, &["--dev", &dev])
        .await?
        .success()?;
    let status = cli.run(&["status", "--json"]).await?.success()?.json()?;
    assert_eq!((&status["state"], &status["key_store"]), (&"signed_in".into(), &"platform".into()));
    cli.run(&["refresh"]).await?.success()?;
    cli.run(&["get", "/v1/notes"]).await?.success()?;

    // The same folder where the key is not: a copy of the vault is of no use.
    let elsewhere = SecretService::start()?;
    let address = ["status", "--home", cli.home().to_str().context("a path in UTF-8")?];
    let stolen = elsewhere.cli()?.run(&address).await?;
    assert_ne!(stolen.code, 0, "{stolen:?}");
    assert!(!stolen.stdout.contains("Signed in"), "{stolen:?}");

    cli.run(&["status"]).await?.success().context("the owner's is untouched by the thief's try")?;
    cli.run(&["logout"]).await?.success()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_store_nothing_is_kept_and_the_error_says_what_to_do() -> Result<()> {
    let world = World::start().await?;
    let cli = Cli::new()?
        .variable("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/moorline")
        .variable("XDG_RUNTIME_DIR", "/nonexistent");
    let dev = world.server.dev_file().display().to_string();
    let login =
        cli.login(&world.browser, world.server.dev().user("ada")?, Consent::Allow, &["--dev", &dev]).await?;
    assert_eq!(login.code, STORAGE_UNAVAILABLE, "{login:?}");
    assert!(login.stderr.contains("--insecure-file-key"), "the way out is named: {login:?}");
    assert!(login.stderr.contains("gnome-keyring"), "and the better one: {login:?}");
    assert!(world.proxy.exchanges().is_empty(), "nobody was asked to sign in for nothing");
    Ok(())
}
