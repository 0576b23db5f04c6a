//! The app's tests, on Robolectric, with this machine's native library. They start and stop servers themselves.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::app::{DEBUG, PACKAGE, Sample};
use super::compile::test_path;
use super::resources::{linked, merged_manifest};
use crate::bindings::native_library;
use crate::counts;
use crate::report::Step;
use crate::suites::inputs::files;
use crate::suites::kotlin::tools::class_path;

const TESTING: Duration = Duration::from_secs(15 * 60);

/// With this variable, the pictures of the documentation are replaced by what was drawn.
const RENEW: &str = "MOORLINE_RENEW_SCREENSHOTS";

/// Runs every class of tests.
pub(super) fn run(sample: &Sample<'_>, step: &mut Step) -> Result<()> {
    let pictures = sample.workspace.target().join("screenshots").join("sample");
    fs::create_dir_all(&pictures)?;
    let settings = settings(sample)?;
    let native = native_library(sample.workspace)?;
    let native = native.parent().context("a file is in a folder")?;
    let tests = sample.built("test");
    let mut path = vec![tests.as_path(), settings.as_path()];
    let others = test_path(sample, step)?;
    path.extend(others.iter().map(std::path::PathBuf::as_path));

    let mut java = sample.workspace.command("java");
    java.args([
        "--add-opens",
        "java.base/java.lang=ALL-UNNAMED",
        "-Djava.awt.headless=true",
        "-Djna.nosys=true",
    ]);
    java.arg(format!("-Djna.library.path={}", native.display()));
    java.arg(format!("-Dmoorline.docs={}", sample.workspace.root().join("docs").display()));
    java.arg(format!("-Dmoorline.screenshots={}", pictures.display()));
    java.arg(format!("-Dmoorline.manifest={}", merged_manifest(sample, &DEBUG).display()));
    java.arg("-cp").arg(class_path(&path)?).arg("org.junit.runner.JUnitCore").args(classes(&tests)?);
    java.env("MOORLINE_SERVER_BIN", sample.workspace.program("moorline-server"));
    java.env("MOORLINE_BROWSE_BIN", sample.workspace.program("moorline-browse"));
    let finished = step.log.run(java, TESTING)?;
    step.counts = counts::of_junit(&finished.output);
    finished.require()?;
    ensure!(step.counts.ran() > 0, "no test ran");
    if std::env::var_os(RENEW).is_some() {
        keep(&pictures, &sample.workspace.root().join("docs/screenshots"))?;
    }
    Ok(())
}

/// Where Robolectric finds the app: the file that the Android Gradle plugin writes for it.
fn settings(sample: &Sample<'_>) -> Result<std::path::PathBuf> {
    let folder = sample.built("settings");
    let tools = folder.join("com/android/tools");
    fs::create_dir_all(&tools)?;
    let properties = format!(
        "android_merged_manifest={}\nandroid_resource_apk={}\nandroid_custom_package={PACKAGE}\n",
        merged_manifest(sample, &DEBUG).display(),
        linked(sample, &DEBUG).display(),
    );
    fs::write(tools.join("test_config.properties"), properties)?;
    fs::write(folder.join("robolectric.properties"), "sdk=35\n")?;
    Ok(folder)
}

/// The classes whose names end in `Test`.
fn classes(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for file in files(folder)? {
        let file = file.strip_prefix(folder)?.display().to_string();
        if let Some(name) = file.strip_suffix("Test.class") {
            names.push(format!("{}Test", name.replace('/', ".")));
        }
    }
    ensure!(!names.is_empty(), "there are no tests in {}", folder.display());
    Ok(names)
}

fn keep(pictures: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    for picture in files(pictures)? {
        let name = picture.file_name().context("a file has a name")?;
        fs::copy(&picture, folder.join(name))?;
    }
    Ok(())
}
