//! `cargo xtask bindings`: the Kotlin and Swift code that UniFFI generates. It is built, never committed.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::process::Log;
use crate::ui::Ui;
use crate::workspace::Workspace;

const BUILDING: Duration = Duration::from_secs(40 * 60);
const GENERATING: Duration = Duration::from_secs(2 * 60);

/// The module that the generated Swift imports for the C functions under it.
const SWIFT_C_MODULE: &str = "MoorlineFFI";

/// Generate the Kotlin or Swift code that the libraries in `bindings/` are written over.
///
/// Builds the native library and the generator, then writes the code where the Maven project and the Swift package
/// look for it: an IDE can open them afterwards. `cargo xtask test` does the same by itself.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Which language, or both when none is named.
    language: Vec<Language>,
    /// Show every line that the programs print.
    #[arg(long, short)]
    pub verbose: bool,
}

/// A language that the SDK is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Language {
    /// Kotlin, over JNA.
    Kotlin,
    /// Swift, over a C module.
    Swift,
}

/// Builds what generates, and generates.
pub(crate) fn run(workspace: &Workspace, ui: Ui, options: &Options) -> Result<ExitCode> {
    let mut log = Log::create(ui, workspace.own_folder().join("logs").join("bindings.log"))?;
    ui.heading("bindings", "building the native library and the generator");
    must(&mut log, workspace.cargo_build(), BUILDING)?;
    let wanted = |language| options.language.is_empty() || options.language.contains(&language);
    if wanted(Language::Kotlin) {
        generate_kotlin(workspace, &mut log, &workspace.root().join(KOTLIN_FOLDER))?;
        ui.passed(&format!("Kotlin, in {KOTLIN_FOLDER}"));
    }
    if wanted(Language::Swift) {
        generate_swift(workspace, &mut log)?;
        ui.passed(&format!("Swift, in {SWIFT_FOLDER}"));
    }
    Ok(ExitCode::SUCCESS)
}

fn must(log: &mut Log, command: Command, limit: Duration) -> Result<()> {
    let finished = log.run(command, limit)?;
    if let Err(error) = finished.require() {
        print!("{}", finished.output);
        return Err(error);
    }
    Ok(())
}

/// Where a Maven project in the IDE looks for the generated Kotlin.
const KOTLIN_FOLDER: &str = "bindings/kotlin/target/generated-sources/uniffi";

/// Where SwiftPM looks: it wants all sources inside the package.
const SWIFT_FOLDER: &str = "bindings/swift/Generated";

/// Generates the Kotlin code from the built library.
pub(crate) fn generate_kotlin(workspace: &Workspace, log: &mut Log, folder: &Path) -> Result<()> {
    renew(folder)?;
    let mut kotlin = workspace.command(workspace.program("uniffi-bindgen"));
    kotlin.arg("generate").arg(native_library(workspace)?);
    kotlin.args(["--language", "kotlin", "--no-format", "--out-dir"]).arg(folder);
    log.must(kotlin, GENERATING)?;
    Ok(())
}

/// Generates the Swift code, and the C module under it, from the built library.
pub(crate) fn generate_swift(workspace: &Workspace, log: &mut Log) -> Result<()> {
    let folder = workspace.root().join(SWIFT_FOLDER);
    renew(&folder)?;
    let library = native_library(workspace)?;
    let c_module = [
        "--headers",
        "--modulemap",
        "--module-name",
        SWIFT_C_MODULE,
        "--modulemap-filename",
        "module.modulemap",
    ];
    for (arguments, part) in [(&["--swift-sources"][..], "MoorlineGenerated"), (&c_module, SWIFT_C_MODULE)] {
        let mut swift = workspace.command(workspace.program("uniffi-bindgen-swift"));
        swift.args(arguments).arg(&library).arg(folder.join(part));
        log.must(swift, GENERATING)?;
    }
    Ok(())
}

/// The library that the bindings call.
pub(crate) fn native_library(workspace: &Workspace) -> Result<PathBuf> {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    let library = workspace.target().join("debug").join(format!("{DLL_PREFIX}moorline_ffi{DLL_SUFFIX}"));
    ensure!(library.exists(), "{} is not there: `cargo build --package moorline-ffi`", library.display());
    Ok(library)
}

/// An empty folder where there may have been an old one.
fn renew(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("can't empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))
}
