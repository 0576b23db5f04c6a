//! The app's classes and its tests', compiled against the archive's classes, not against the library's sources.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::app::{DEBUG, Sample, Variant};
use super::resources::r_classes;
use crate::bindings::native_library;
use crate::report::Step;
use crate::suites::inputs::files;
use crate::suites::kotlin;
use crate::suites::kotlin::tools::{COMPOSE_PLUGIN, SAMPLE, SAMPLE_TESTS};
use crate::suites::mobile::archive::{Archive, classes};

const COMPILING: Duration = Duration::from_secs(15 * 60);

/// The library's modules beside the archive, of those that the app ships.
pub(super) const MODULES: [&str; 3] = ["moorline", "moorline-compose", "moorline-okhttp"];

/// The fake, for the other flavour and for tests.
const FAKE: &str = "moorline-testing";

/// What the tests have from the library's own tests: a server, a phone's keys and browsers.
const SUPPORT: [&str; 6] = [
    "test-support/dev/moorline/DevServer.kt",
    "test-support/dev/moorline/Waiting.kt",
    "moorline-android/src/test/kotlin/dev/moorline/android/Device.kt",
    "moorline-android/src/test/kotlin/dev/moorline/android/FakeAndroidKeystore.kt",
    "moorline-android/src/test/kotlin/dev/moorline/android/SharedKeystore.kt",
    "moorline-android/src/test/kotlin/dev/moorline/android/BareCertificate.kt",
];

/// Compiles the library's modules, the app and its tests.
pub(super) fn compile(sample: &Sample<'_>, step: &mut Step) -> Result<()> {
    modules(sample, step)?;
    // Both flavours at once: they have no name in common.
    app(sample, step, &DEBUG, &["fake"])?;
    let plugin = plugin(sample, step)?;
    let mut tests = kotlin_files(sample, "test")?;
    tests.extend(SUPPORT.map(|file| sample.workspace.root().join("bindings/kotlin").join(file)));
    let path = test_path(sample, step)?;
    sample.tools.compile(sample.workspace, step, (&tests, &path, &[plugin]), &sample.built("test"))
}

/// Compiles the tests for devices, as far as they can be had here: hosted runners run them.
pub(super) fn device_tests(sample: &Sample<'_>, step: &mut Step) -> Result<()> {
    let mut sources = kotlin_files(sample, "androidTestFake")?;
    sources.extend(kotlin_files(sample, "androidTestServer")?);
    ensure!(!sources.is_empty(), "there are no tests for devices");
    let path = test_path(sample, step)?;
    let plugin = plugin(sample, step)?;
    sample.tools.compile(sample.workspace, step, (&sources, &path, &[plugin]), &sample.built("device-tests"))
}

/// Compiles a variant of the app, with other folders of its sources.
pub(super) fn app(sample: &Sample<'_>, step: &mut Step, variant: &Variant, more: &[&str]) -> Result<()> {
    let mut sources = kotlin_files(sample, "main")?;
    for folder in variant.folders.iter().chain(more) {
        sources.extend(kotlin_files(sample, folder)?);
    }
    let mut path = app_path(sample, step, variant)?;
    if more.contains(&"fake") {
        path.push(classes(sample.workspace, FAKE));
    }
    let options = ["-Werror".to_owned(), plugin(sample, step)?];
    sample.tools.compile(sample.workspace, step, (&sources, &path, &options), &app_classes(sample, variant))
}

/// The app's own classes.
pub(super) fn app_classes(sample: &Sample<'_>, variant: &Variant) -> PathBuf {
    variant.built(sample).join("app")
}

/// What the app is compiled against. The `R` classes with the app's numbers come before those of the AndroidX jar.
fn app_path(sample: &Sample<'_>, step: &mut Step, variant: &Variant) -> Result<Vec<PathBuf>> {
    let workspace = sample.workspace;
    let mut path = vec![r_classes(sample, variant), Archive::of(workspace).part("classes.jar")];
    path.extend(MODULES.map(|module| classes(workspace, module)));
    path.push(sample.androidx.jar.clone());
    path.extend(files(&sample.tools.jars(workspace, step, &SAMPLE)?)?);
    path.push(sample.tools.android(workspace, step)?);
    Ok(path)
}

/// What the tests are compiled against and run with.
pub(super) fn test_path(sample: &Sample<'_>, step: &mut Step) -> Result<Vec<PathBuf>> {
    let mut path = vec![app_classes(sample, &DEBUG), classes(sample.workspace, FAKE)];
    path.extend(app_path(sample, step, &DEBUG)?);
    path.extend(files(&sample.tools.jars(sample.workspace, step, &SAMPLE_TESTS)?)?);
    Ok(path)
}

/// The modules that are in no archive, as Maven compiles them.
fn modules(sample: &Sample<'_>, step: &mut Step) -> Result<()> {
    let native = native_library(sample.workspace)?;
    let native = native.parent().context("a file is in a folder")?;
    let mut maven = kotlin::maven(sample.workspace, &mut step.log, native)?;
    let modules = [&MODULES[..], &[FAKE, "moorline-ktor"]].concat();
    maven.args(["--projects", &modules.join(","), "--also-make", "compile"]);
    step.log.must(maven, COMPILING)?;
    Ok(())
}

fn plugin(sample: &Sample<'_>, step: &mut Step) -> Result<String> {
    let jars = sample.tools.jars(sample.workspace, step, &COMPOSE_PLUGIN)?;
    let version = sample.tools.version("kotlin")?;
    let plugin = jars.join(format!("kotlin-compose-compiler-plugin-embeddable-{version}.jar"));
    ensure!(plugin.exists(), "{} is not there", plugin.display());
    Ok(format!("-Xplugin={}", plugin.display()))
}

fn kotlin_files(sample: &Sample<'_>, folder: &str) -> Result<Vec<PathBuf>> {
    let folder = sample.source(folder).join("kotlin");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let all = files(&folder)?;
    Ok(all.into_iter().filter(|file| file.extension() == Some(OsStr::new("kt"))).collect())
}
