//! musl for arm64, which runs the phones' library under qemu: Debian's packages, unpacked and never installed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{APT, QUICK, once};
use crate::process::Log;
use crate::workspace::Workspace;

/// The dynamic linker and libc, then the headers and what a program begins with.
const PACKAGES: [&str; 2] = ["musl", "musl-dev"];

/// The folder with musl's files, as in the root of an arm64 machine. They are fetched once.
pub(crate) fn musl(workspace: &Workspace, log: &mut Log) -> Result<PathBuf> {
    let folder = Workspace::tools()?.join("musl-arm64");
    if folder.join("lib/ld-musl-aarch64.so.1").exists() {
        return Ok(folder);
    }
    log.ui().note("fetching musl for arm64 from Debian (once)");
    once(&folder, |scratch| fetch(workspace, log, scratch))
        .context("can't fetch Debian's musl and musl-dev for arm64")?;
    Ok(folder)
}

/// Downloads the packages with apt's settings in a folder: the machine's own list of architectures stays as it is.
fn fetch(workspace: &Workspace, log: &mut Log, scratch: &Path) -> Result<PathBuf> {
    let mut targets = workspace.command("apt-get");
    targets.args(["indextargets", "--format", "$(CODENAME) $(REPO_URI) $(COMPONENT)"]);
    let targets = log.must(targets, QUICK)?;
    let (codename, address) = release(&targets).context("apt-get knows no Debian repository")?;
    for folder in
        ["etc/apt.conf.d", "etc/preferences.d", "state/lists/partial", "cache/archives/partial", "debs"]
    {
        fs::create_dir_all(scratch.join(folder))?;
    }
    fs::write(scratch.join("status"), "")?;
    let keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
    let source = format!("deb [signed-by={keys}] {address} {codename} main\n");
    fs::write(scratch.join("etc/sources.list"), source)?;
    let settings = scratch.join("apt.conf");
    fs::write(&settings, configuration(scratch))?;
    for arguments in [&["-q", "update"][..], &["-q", "download", PACKAGES[0], PACKAGES[1]]] {
        let mut apt = workspace.command("apt-get");
        apt.args(arguments).env("APT_CONFIG", &settings).current_dir(scratch.join("debs"));
        log.must(apt, APT)?;
    }
    let root = scratch.join("root");
    for package in fs::read_dir(scratch.join("debs"))? {
        let mut unpack = workspace.command("dpkg");
        unpack.arg("-x").arg(package?.path()).arg(&root);
        log.must(unpack, QUICK)?;
    }
    Ok(root)
}

/// The release and the address of Debian's main repository, from `CODENAME ADDRESS COMPONENT` a line.
fn release(targets: &str) -> Option<(&str, &str)> {
    targets.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let (codename, address, component) = (words.next()?, words.next()?, words.next()?);
        let plain = component == "main" && !codename.contains('-') && !address.contains("security");
        plain.then_some((codename, address))
    })
}

fn configuration(scratch: &Path) -> String {
    let folder = scratch.display();
    format!(
        r#"Dir::Etc "{folder}/etc"; Dir::Etc::sourcelist "{folder}/etc/sources.list"; Dir::Etc::sourceparts "-";
Dir::State "{folder}/state"; Dir::State::status "{folder}/status"; Dir::Cache "{folder}/cache";
APT::Architecture "arm64"; APT::Architectures {{ "arm64"; }}; APT::Sandbox::User "root";
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_repository_is_found_and_not_the_one_of_updates() {
        let targets = "bookworm-security http://deb.example/debian-security/ main\n\
                       bookworm-updates http://deb.example/debian/ main\n\
                       bookworm http://deb.example/debian/ main\n";
        assert_eq!(release(targets), Some(("bookworm", "http://deb.example/debian/")));
        assert_eq!(release("noise\n"), None);
    }
}
