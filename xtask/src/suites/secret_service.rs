//! A real Secret Service without a desktop: a D-Bus session and an unlocked GNOME keyring of its own for one program.

use std::env;
use std::process::Command;

use anyhow::{Context, Result};

use crate::scratch::Scratch;
use crate::workspace::Workspace;

/// Unlocks the keyring, runs the program, and ends the keyring with it. The password guards an empty keyring in a
/// folder that goes with the run. The daemon prints its own process id only as `SSH_AUTH_SOCK` and the like, so it
/// stays in the foreground of a background job, and the wait is for its name on the bus.
const SCRIPT: &str = r#"
printf moorline-tests | gnome-keyring-daemon --foreground --unlock --components=secrets >/dev/null 2>&1 &
keyring=$!
tries=0
until secret-tool search moorline tests >/dev/null 2>&1; do
  tries=$((tries + 1))
  if [ "$tries" -gt 50 ] || ! kill -0 "$keyring"; then echo "the Secret Service does not answer" >&2; exit 1; fi
  sleep 0.2
done
"$@"
code=$?
kill "$keyring"
exit "$code"
"#;

/// The same command in a session with a Secret Service, with a home folder that is thrown away afterwards.
pub(super) fn with_secret_service(
    workspace: &Workspace,
    command: &Command,
    home: &Scratch,
) -> Result<Command> {
    let mut session = workspace.command("dbus-run-session");
    session.args(["--", "sh", "-c", SCRIPT, "sh"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => session.env(name, value),
            None => session.env_remove(name),
        };
    }
    // Cargo and rustup find their folders by HOME unless they are told.
    let user = env::home_dir().context("HOME is not set")?;
    for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        if env::var_os(name).is_none() && user.join(folder).is_dir() {
            session.env(name, user.join(folder));
        }
    }
    session.env("HOME", home.folder("home")?).env("XDG_RUNTIME_DIR", home.folder("run")?);
    for name in
        ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "DBUS_SESSION_BUS_ADDRESS"]
    {
        session.env_remove(name);
    }
    Ok(session)
}
