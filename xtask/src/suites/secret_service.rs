//! A real Secret Service without a desktop: a D-Bus session and an unlocked GNOME keyring of its own for one program.

use std::env;
use std::process::Command;

use anyhow::{Context, Result};

use crate::scratch::Scratch;
use crate::workspace::Workspace;

/// Unlocks a new keyring and runs the program when the keyring's name is on the bus (to ask for the service itself would
/// start a second, locked one). The daemon ends with the bus, and the bus with the program. The password guards an empty
/// keyring in a folder that goes with the run.
const SCRIPT: &str = r#"
printf moorline-tests | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1
tries=0
until dbus-send --session --print-reply --dest=org.freedesktop.DBus /org/freedesktop/DBus \
    org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets 2>/dev/null | grep -q true; do
  tries=$((tries + 1))
  if [ "$tries" -gt 100 ]; then echo "the Secret Service does not answer" >&2; exit 1; fi
  sleep 0.1
done
exec "$@"
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
