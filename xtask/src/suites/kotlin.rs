//! The Kotlin part: generated code, the library's modules and their tests, on the JVM, against a real server.

mod android_apps;
mod documentation;
mod style;
pub(super) mod tools;
pub(super) mod versions;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::bindings::{generate_kotlin, native_library};
use crate::counts;
use crate::dev_server::DevServer;
use crate::install;
use crate::process::Log;
use crate::report::{Report, Step};
use crate::workspace::Workspace;

const TESTING: Duration = Duration::from_secs(40 * 60);

/// Compiles the Kotlin library and runs its tests.
pub(super) fn tests(workspace: &Workspace, report: &mut Report) {
    report.step("kotlin style", "ktlint and detekt over the Kotlin sources", |step| {
        style::check(workspace, step)
    });
    report.step("kotlin tests", "the Kotlin library on the JVM, against a real server, and Dokka", |step| {
        run(workspace, step)
    });
}

fn run(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let library = native_library(workspace)?;
    let native = library.parent().context("a file is in a folder")?;
    let mut maven = maven(workspace, &mut step.log, native)?;
    let server = DevServer::start(workspace)?;
    step.note(&format!("a server of its own: {}", server.issuer()));
    // Dokka has no phase of its own, so that the tests of one module can run without it.
    maven.args(["test", "org.jetbrains.dokka:dokka-maven-plugin:dokka"]);
    maven.env("MOORLINE_DEV_JSON", server.description());
    let finished = step.log.run(maven, TESTING)?;
    step.counts = counts::of_surefire(&finished.output);
    finished.require()?;
    ensure!(step.counts.ran() > 0, "no test ran");
    let modules = documentation::modules(&workspace.root().join("bindings/kotlin"))?;
    documentation::check(&finished.output, &modules)?;
    step.note(&format!("Dokka has documented {} modules", modules.len()));
    Ok(())
}

/// Maven on the modules, with all that they need set up; the goals are still missing. The native library is in the
/// folder `native`.
pub(crate) fn maven(workspace: &Workspace, log: &mut Log, native: &Path) -> Result<Command> {
    let sources = workspace.root().join("bindings/kotlin");
    versions::check(&sources)?;
    android_apps::check(&sources)?;
    install::java(workspace, log)?;
    let catalog = versions::catalog(&sources)?;
    let android = install::android(workspace, log, &catalog)?;
    let androidx = install::androidx(workspace, log, &sources, &catalog)?;
    // In the target folder: an IDE that has the project open is not disturbed.
    let build = workspace.target().join("kotlin");
    let generated = build.join("generated-sources").join("uniffi");
    generate_kotlin(workspace, log, &generated)?;
    let mut maven = workspace.command("mvn");
    maven.args([
        "--batch-mode",
        "--no-transfer-progress",
        "--fail-at-end",
        "--file",
        "bindings/kotlin/pom.xml",
    ]);
    maven.arg(format!("-Dmoorline.build.dir={}", build.display()));
    maven.arg(format!("-Dmoorline.generated.dir={}", generated.display()));
    maven.arg(format!("-Dmoorline.native.dir={}", native.display()));
    maven.arg(format!("-Dmoorline.aar.dir={}", android.display()));
    maven.arg(format!("-Dmoorline.androidx.jar={}", androidx.jar.display()));
    maven.arg(format!("-Dmoorline.screenshots.dir={}", workspace.target().join("screenshots").display()));
    maven.env("MOORLINE_BROWSE_BIN", workspace.program("moorline-browse"));
    maven.env("MOORLINE_TESTKIT_BIN", workspace.program("moorline-testkit"));
    Ok(maven)
}
