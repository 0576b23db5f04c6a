//! A Go tool chain that is new enough for the provider in `tests/peers-go`.

use std::env::consts::{ARCH, OS};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::{DOWNLOAD, QUICK, find};
use crate::process::Log;
use crate::workspace::Workspace;

/// What `tests/peers-go/go.mod` asks for, and what is brought where the machine's Go is older.
const GO: &str = "1.26.0";
const OLDEST_GO: (u32, u32) = (1, 26);

/// Finds a `go` that is new enough, or brings one.
///
/// Debian 12 has Go 1.19. But tool chains are modules of the Go module proxy since 1.21, and an old `go` can download
/// such a module like any other and check it against the checksum database. Only its files are not executable then.
pub(crate) fn go(workspace: &Workspace, log: &mut Log) -> Result<PathBuf> {
    let own = find("go").context("missing: go; by hand: `apt-get install golang-go`")?;
    let mut version = workspace.command(&own);
    version.arg("version").env("GOTOOLCHAIN", "local");
    let found = log.must(version, QUICK)?;
    if version_of(&found).is_some_and(|version| version >= OLDEST_GO) {
        return Ok(own);
    }
    let module = format!("golang.org/toolchain@v0.0.1-go{GO}.{}", platform()?);
    let folder = Workspace::tools()?.join(format!("go-{GO}"));
    let tool_chain = folder.join("modules").join(&module);
    let program = tool_chain.join("bin").join("go");
    if !program.exists() {
        log.ui().note(&format!("downloading Go {GO} from the Go module proxy (there is {})", found.trim()));
        std::fs::create_dir_all(&folder)?;
        // An old `go` downloads modules only from within one.
        std::fs::write(folder.join("go.mod"), "module tools\n\ngo 1.19\n")?;
        let mut download = workspace.command(&own);
        download.args(["mod", "download", "-json", &module]).current_dir(&folder);
        download.env("GOMODCACHE", folder.join("modules")).env("GOFLAGS", "-modcacherw");
        download.env("GOTOOLCHAIN", "local");
        log.must(download, DOWNLOAD).with_context(|| {
            format!("can't download Go {GO}; by hand: install Go {GO} or newer from https://go.dev/dl, first in PATH")
        })?;
    }
    make_executable(&tool_chain)?;
    Ok(program)
}

/// Go's own name for this machine.
fn platform() -> Result<String> {
    let architecture = match ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => bail!("there is no Go tool chain for {other} here: install Go {GO} or newer by hand"),
    };
    Ok(format!("{}-{architecture}", if OS == "macos" { "darwin" } else { OS }))
}

#[cfg(unix)]
fn make_executable(tool_chain: &Path) -> Result<()> {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    let tools = tool_chain.join("pkg").join("tool").join(platform()?.replace('-', "_"));
    for folder in [tool_chain.join("bin"), tools] {
        let entries = std::fs::read_dir(&folder).with_context(|| format!("no {}", folder.display()))?;
        for file in entries {
            std::fs::set_permissions(file?.path(), Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> Result<()> {
    Ok(())
}

/// `go version go1.26.8 linux/amd64`
fn version_of(printed: &str) -> Option<(u32, u32)> {
    let version = printed.split_whitespace().find_map(|word| word.strip_prefix("go1."))?;
    let minor: String = version.chars().take_while(char::is_ascii_digit).collect();
    Some((1, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_go_is_read_from_what_it_prints() {
        assert_eq!(version_of("go version go1.26.8 linux/amd64"), Some((1, 26)));
        assert_eq!(version_of("go version go1.19.8 linux/amd64\n"), Some((1, 19)));
        assert_eq!(version_of("go version go1.27rc1 linux/amd64"), Some((1, 27)));
        assert_eq!(version_of("go version devel +abc"), None);
    }

    #[test]
    fn the_module_asks_for_the_go_that_is_brought() {
        let module = include_str!("../../../tests/peers-go/go.mod");
        assert!(module.contains(&format!("\ngo {GO}\n")), "{module}");
    }
}
