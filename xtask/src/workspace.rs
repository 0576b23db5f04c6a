//! Where things are: the repository, the target folder, the tools that the commands install.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// The repository that the commands work on.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// Finds the repository by this package's manifest, and the target folder by where this program runs.
    pub(crate) fn find() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let root = manifest.parent().context("xtask's folder has no parent")?.to_owned();
        let program = env::current_exe().context("where does this program run from?")?;
        let target =
            program.ancestors().nth(2).context("xtask does not run from a target folder")?.to_owned();
        Ok(Self { root, target })
    }

    /// The repository's folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's target folder.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// What the commands write for themselves: logs, generated code.
    pub(crate) fn own_folder(&self) -> PathBuf {
        self.target.join("xtask")
    }

    /// A program of this workspace, built with the dev profile.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }

    /// Where tools are kept from one run to the next: they outlive a target folder.
    pub(crate) fn tools() -> Result<PathBuf> {
        let cache = match env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
            Some(folder) => PathBuf::from(folder),
            None => env::home_dir().context("HOME is not set")?.join(".cache"),
        };
        Ok(cache.join("moorline").join("tools"))
    }

    /// Cargo, in the repository.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.env("CARGO_TARGET_DIR", &self.target);
        cargo
    }

    /// `cargo build` of the whole workspace: always the same packages, so that their dependencies are compiled with
    /// the same features every time, and once. Not of this program, which is running.
    pub(crate) fn cargo_build(&self) -> Command {
        let mut cargo = self.cargo();
        cargo.args(["build", "--locked", "--workspace", "--exclude", "xtask"]);
        cargo
    }

    /// A program, in the repository, without what `cargo run` put into this process's environment: build scripts that
    /// watch those variables would run again at every turn.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        for (name, _) in env::vars_os() {
            let ours = name.to_str().is_some_and(|name| {
                ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|prefix| name.starts_with(prefix))
            });
            if ours {
                command.env_remove(name);
            }
        }
        command
    }
}
