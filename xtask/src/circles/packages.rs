//! The crates of the workspace, as cargo knows them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::workspace::Workspace;

/// A package of the workspace.
#[derive(Debug)]
pub(super) struct Package {
    /// Its name, such as `moorline-server`.
    pub name: String,
    /// Its folder below the repository's, such as `server`.
    pub folder: String,
    /// The folder that its files are named from.
    pub base: PathBuf,
    /// The root files of its library and of its programs: each is a crate. Those of its tests are left out.
    pub roots: Vec<PathBuf>,
}

impl Package {
    /// Whether this is its name or its folder.
    pub(super) fn is_called(&self, word: &str) -> bool {
        self.name == word || self.folder == word.trim_end_matches('/')
    }
}

/// Asks cargo for all packages.
pub(super) fn all(workspace: &Workspace) -> Result<Vec<Package>> {
    let mut cargo = workspace.cargo();
    cargo.args(["metadata", "--no-deps", "--locked", "--offline", "--format-version", "1"]);
    let output = cargo.output().context("can't start cargo")?;
    if !output.status.success() {
        bail!("`cargo metadata` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata: Value =
        serde_json::from_slice(&output.stdout).context("`cargo metadata` printed no JSON")?;
    let packages = metadata["packages"].as_array().context("`cargo metadata` names no packages")?;
    packages.iter().map(|package| read(workspace.root(), package)).collect()
}

fn read(root: &Path, package: &Value) -> Result<Package> {
    let text =
        |value: &Value| value.as_str().map(str::to_owned).context("`cargo metadata` lacks a name or a path");
    let manifest = PathBuf::from(text(&package["manifest_path"])?);
    let folder = manifest.parent().context("a manifest is in a folder")?;
    let targets = package["targets"].as_array().context("`cargo metadata` names no targets")?;
    let is_product = |target: &&Value| {
        let kinds = target["kind"].as_array().into_iter().flatten().filter_map(Value::as_str);
        !kinds.into_iter().any(|kind| ["test", "bench", "example", "custom-build"].contains(&kind))
    };
    let roots = targets.iter().filter(is_product).map(|target| Ok(text(&target["src_path"])?.into()));
    Ok(Package {
        name: text(&package["name"])?,
        folder: folder.strip_prefix(root).unwrap_or(folder).display().to_string(),
        base: folder.join("src"),
        roots: roots.collect::<Result<_>>()?,
    })
}
