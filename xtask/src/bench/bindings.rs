//! What the libraries for Kotlin and Swift measure of themselves, over the release build of the native library.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::dev_server::DevServer;
use crate::process::Log;
use crate::suites::{kotlin, swift};
use crate::ui::Ui;
use crate::workspace::Workspace;

const MEASURING: Duration = Duration::from_secs(30 * 60);

/// Measures both, and returns the file with their figures.
pub(super) fn measure(workspace: &Workspace, ui: Ui) -> Result<PathBuf> {
    let folder = workspace.target().join("bench");
    std::fs::create_dir_all(&folder)?;
    let release = workspace.target().join("release");
    let server = DevServer::of_program(workspace, &release.join("moorline-server"))?;
    let log_file = workspace.own_folder().join("logs/bench-bindings.log");
    let mut log = Log::create(ui, log_file.clone())?;
    let see = || format!("see {}", log_file.display());

    ui.heading("bench", "the Kotlin library, on the JVM");
    let kotlin_file = folder.join("kotlin.json");
    let mut maven = kotlin::maven(workspace, &mut log, &release)?;
    maven.args(["--projects", "moorline-okhttp", "--also-make"]);
    // The modules that it needs have no such class.
    maven.args([
        "-Dtest=Benchmark",
        "-Dmoorline.tests.required=false",
        "-Dsurefire.failIfNoSpecifiedTests=false",
    ]);
    maven.arg("test");
    maven.env("MOORLINE_DEV_JSON", server.description());
    maven.env("MOORLINE_BENCH_FILE", &kotlin_file);
    log.must(maven, MEASURING).with_context(see)?;

    ui.heading("bench", "the Swift library, on Linux");
    let swift_file = folder.join("swift.json");
    let swift = swift::benchmark(workspace, &mut log, &release, &swift_file)?;
    log.must(swift, MEASURING).with_context(see)?;

    let read =
        |file: &PathBuf| std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()));
    let both = format!("{{\"kotlin\":{},\"swift\":{}}}\n", read(&kotlin_file)?, read(&swift_file)?);
    let file = folder.join("bindings.json");
    std::fs::write(&file, both)?;
    Ok(file)
}
