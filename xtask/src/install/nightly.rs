//! A nightly Rust tool chain, which the address sanitizer needs: one that can build this workspace.

use anyhow::{Context, Result, ensure};

use super::{DOWNLOAD, QUICK, find};
use crate::process::Log;
use crate::workspace::Workspace;

const BY_HAND: &str = "rustup toolchain install nightly --profile minimal";

/// A tool chain by its name, with what its `rustc --version` says.
type ToolChain = (String, String);

/// The name of a nightly tool chain that is new enough for the workspace: the newest that is there, or else one that
/// rustup installs or updates.
pub(crate) fn nightly(workspace: &Workspace, log: &mut Log) -> Result<String> {
    ensure!(
        find("rustup").is_some(),
        "a nightly Rust tool chain is missing, and there is no rustup to install it; by hand: install rustup, \
         then `{BY_HAND}`"
    );
    let manifest =
        std::fs::read_to_string(workspace.root().join("Cargo.toml")).context("reading Cargo.toml")?;
    let least = rust_version(&manifest).context("Cargo.toml names no rust-version")?;
    let there = installed(workspace, log)?;
    if let Some(name) = newest(&there, least) {
        return Ok(name.to_owned());
    }
    let (major, minor) = least;
    log.ui().note(&match there.as_slice() {
        [] => "installing a nightly Rust tool chain".to_owned(),
        _ => format!(
            "updating the nightly Rust tool chain: none that is there is Rust {major}.{minor} or newer"
        ),
    });
    let mut install = workspace.command("rustup");
    install.args(BY_HAND.split(' ').skip(1));
    log.must(install, DOWNLOAD).with_context(|| {
        format!(
            "a nightly Rust tool chain of {major}.{minor} or newer is missing and can't be installed; by \
                 hand: `{BY_HAND}`"
        )
    })?;
    let there = installed(workspace, log)?;
    let name = newest(&there, least).with_context(|| {
        format!("after `{BY_HAND}` there is still no nightly of Rust {major}.{minor} or newer")
    })?;
    Ok(name.to_owned())
}

/// The nightly tool chains that are there.
fn installed(workspace: &Workspace, log: &mut Log) -> Result<Vec<ToolChain>> {
    let mut list = workspace.command("rustup");
    list.args(["toolchain", "list"]);
    let listed = log.must(list, QUICK)?;
    let mut there = Vec::new();
    for name in names(&listed) {
        let mut version = workspace.command("rustup");
        version.args(["run", name, "rustc", "--version"]);
        // One that is broken is as good as none.
        if let Ok(version) = log.must(version, QUICK) {
            there.push((name.to_owned(), version));
        }
    }
    Ok(there)
}

/// `nightly-2026-05-19-x86_64-unknown-linux-gnu (active)`, a line each.
fn names(listed: &str) -> impl Iterator<Item = &str> {
    listed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name == "nightly" || name.starts_with("nightly-"))
}

/// The newest of these, if it is as new as `least` (major, minor): cargo takes a nightly for the release that it leads
/// to, and so does this.
fn newest(there: &[ToolChain], least: (u32, u32)) -> Option<&str> {
    let aged = there.iter().filter_map(|(name, version)| Some((release(version)?, dated(version), name)));
    let (version, _, name) = aged.max_by_key(|(version, date, _)| (*version, *date))?;
    (version >= least).then_some(name.as_str())
}

/// `rustc 1.97.0-nightly (0123456789 2026-05-18)`: 1.97.
fn release(version: &str) -> Option<(u32, u32)> {
    major_and_minor(version.split_whitespace().nth(1)?)
}

/// The date at the end, which sorts as text.
fn dated(version: &str) -> &str {
    version.trim().rsplit(' ').next().unwrap_or_default().trim_end_matches(')')
}

/// The `rust-version` of a manifest.
fn rust_version(manifest: &str) -> Option<(u32, u32)> {
    let value =
        manifest.lines().find_map(|line| line.strip_prefix("rust-version")?.trim().strip_prefix('='))?;
    major_and_minor(value.trim().trim_matches('"'))
}

fn major_and_minor(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(there: &[(&str, &str)]) -> Option<String> {
        let there: Vec<_> =
            there.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect();
        newest(&there, (1, 95)).map(str::to_owned)
    }

    #[test]
    fn the_newest_nightly_is_taken_and_not_the_first() {
        let (old, new) = ("nightly-2025-01-01-x86_64", "nightly-x86_64");
        let there = [
            (old, "rustc 1.86.0-nightly (aaaaaaaaa 2024-12-31)\n"),
            (new, "rustc 1.97.0-nightly (bbbbbbbbb 2026-05-18)\n"),
            ("nightly-2026-05-01-x86_64", "rustc 1.97.0-nightly (ccccccccc 2026-04-30)\n"),
        ];
        assert_eq!(chosen(&there).unwrap(), new);
        assert_eq!(chosen(&there[..1]), None, "too old to build this workspace");
    }

    #[test]
    fn a_nightly_of_the_same_release_is_new_enough_and_one_without_a_version_is_none() {
        assert!(chosen(&[("nightly", "rustc 1.95.0-nightly (aaaaaaaaa 2026-02-01)")]).is_some());
        assert_eq!(chosen(&[("nightly", "rustc 1.94.9-nightly (aaaaaaaaa 2026-01-01)")]), None);
        assert!(chosen(&[("nightly", "rustc 2.0.0-nightly (aaaaaaaaa 2027-01-01)")]).is_some());
        assert_eq!(chosen(&[("nightly", "error: it is broken")]), None);
        assert_eq!(chosen(&[]), None);
    }

    #[test]
    fn what_rustup_lists_is_read() {
        let listed =
            "stable-x86_64 (default)\nnightly-2026-05-19-x86_64 (active)\nnightly-x86_64\nmy-nightly\n";
        assert_eq!(names(listed).collect::<Vec<_>>(), ["nightly-2026-05-19-x86_64", "nightly-x86_64"]);
    }

    #[test]
    fn the_workspace_says_which_rust_it_needs() {
        let manifest =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")).unwrap();
        assert!(rust_version(&manifest).unwrap() >= (1, 85));
        assert_eq!(rust_version("[package]\nname = \"it\"\n"), None);
    }
}
