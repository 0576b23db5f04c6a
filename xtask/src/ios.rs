//! `cargo xtask ios`: the library for Apple's devices and simulators as an XCFramework, by Xcode.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::bindings::generate_swift;
use crate::phone_tools::{self, Tool};
use crate::process::Log;
use crate::ui::Ui;
use crate::workspace::Workspace;

/// Build the library for iOS and macOS: an XCFramework, its archive and the archive's checksum.
///
/// It needs a Mac with Xcode, and Rust's targets; it says which of them is missing. `Package.swift` takes the archive's
/// address and checksum for a release. `cargo xtask test --only mobile` type-checks the same code without Xcode.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Where `MoorlineFFI.xcframework` and its archive go.
    #[arg(long, value_name = "FOLDER", default_value = "target/ios")]
    out: PathBuf,
    /// Show every line that the programs print.
    #[arg(long, short)]
    pub verbose: bool,
}

/// Of each platform, the targets that one library holds.
const PLATFORMS: [(&str, &[&str]); 3] = [
    ("ios", &["aarch64-apple-ios"]),
    ("ios-simulator", &["aarch64-apple-ios-sim", "x86_64-apple-ios"]),
    ("macos", &["aarch64-apple-darwin", "x86_64-apple-darwin"]),
];
const TOOLS: [Tool; 3] = [
    Tool { program: "xcodebuild", install: "Xcode, from the App Store" },
    Tool { program: "lipo", install: "xcode-select --install" },
    Tool { program: "ditto", install: "it is part of macOS" },
];
const NAME: &str = "MoorlineFFI";
const LIBRARY: &str = "libmoorline_ffi.a";
const BUILDING: Duration = Duration::from_secs(60 * 60);
const QUICK: Duration = Duration::from_secs(5 * 60);

/// Checks the tools, and builds.
pub(crate) fn run(workspace: &Workspace, ui: Ui, options: &Options) -> Result<ExitCode> {
    let mut log = Log::create(ui, workspace.own_folder().join("ios.log"))?;
    let mut missing = phone_tools::missing(&TOOLS);
    let targets = PLATFORMS.iter().flat_map(|(_, targets)| *targets).copied();
    missing.extend(phone_tools::missing_targets(workspace, &mut log, targets)?);
    phone_tools::require("iOS", &missing)?;

    let mut host = workspace.cargo();
    host.args(["build", "--locked", "--package", "moorline-ffi", "--package", "uniffi-bindgen"]);
    log.must(host, BUILDING)?;
    generate_swift(workspace, &mut log)?;
    let out = workspace.root().join(&options.out);
    let framework = out.join(NAME).with_extension("xcframework");
    if framework.exists() {
        std::fs::remove_dir_all(&framework)
            .with_context(|| format!("can't remove the old {}", framework.display()))?;
    }
    let headers = workspace.root().join("bindings/swift/Generated").join(NAME);
    let mut bundle = workspace.command("xcodebuild");
    bundle.arg("-create-xcframework").arg("-output").arg(&framework);
    for (platform, targets) in PLATFORMS {
        let library = library(workspace, &mut log, &out.join(platform), targets)?;
        bundle.arg("-library").arg(library).arg("-headers").arg(&headers);
    }
    log.must(bundle, QUICK)?;

    let archive = out.join(format!("{NAME}.xcframework.zip"));
    let mut zip = workspace.command("ditto");
    zip.args(["-c", "-k", "--keepParent"]).arg(&framework).arg(&archive);
    log.must(zip, QUICK)?;
    let mut checksum = workspace.command("swift");
    checksum.args(["package", "compute-checksum"]).arg(&archive);
    let checksum = log.must(checksum, QUICK)?;
    ensure!(!checksum.trim().is_empty(), "swift printed no checksum");
    ui.passed(&format!("{}, checksum {}", archive.display(), checksum.trim()));
    Ok(ExitCode::SUCCESS)
}

/// One library for these targets, in this folder.
fn library(workspace: &Workspace, log: &mut Log, folder: &Path, targets: &[&str]) -> Result<PathBuf> {
    std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    let library = folder.join(LIBRARY);
    let mut lipo = workspace.command("lipo");
    lipo.arg("-create").arg("-output").arg(&library);
    for target in targets {
        let mut build = workspace.cargo();
        build.args(["rustc", "--locked", "--profile", "mobile", "--package", "moorline-ffi", "--lib"]);
        build.args(["--crate-type", "staticlib", "--target", target]);
        build.args(["--no-default-features", "--features", "phone"]);
        build.env("RUSTFLAGS", phone_tools::short_paths(workspace).join(" "));
        build.envs([("IPHONEOS_DEPLOYMENT_TARGET", "16.0"), ("MACOSX_DEPLOYMENT_TARGET", "13.0")]);
        log.must(build, BUILDING)?;
        lipo.arg(workspace.target().join(target).join("mobile").join(LIBRARY));
    }
    log.must(lipo, QUICK)?;
    Ok(library)
}
