//! Android's lint over the library, stand-alone: a warning is an error.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::archive::Archive;
use super::build::folder;
use crate::report::Step;
use crate::suites::inputs::{Inputs, files};
use crate::suites::kotlin::tools::{ANDROID_TOOLS, APP, Tools};
use crate::workspace::Workspace;

const LINTING: Duration = Duration::from_secs(15 * 60);

/// Lint wants an annotation of AndroidX in the place of the platform's, and the library has no AndroidX.
const DISABLED: [&str; 1] = ["UseRequiresApi"];

/// Runs lint, unless it has passed these sources already.
pub(super) fn check(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let tools = Tools::of(workspace)?;
    let module = workspace.root().join("bindings/kotlin/moorline-android");
    let (sources, manifest) = (module.join("src/main"), Archive::of(workspace).part("AndroidManifest.xml"));
    let work = Inputs::default()
        .word(tools.version("android-tools")?)
        .word(&DISABLED.join(","))
        .path(&sources)?
        .path(&manifest)?
        .of(folder(workspace).join("aar").join("lint.passed"));
    if work.is_done() {
        step.note("these sources have passed before");
        return Ok(());
    }
    let android = tools.android(workspace, step)?;
    let libraries = tools.jars(workspace, step, &APP)?;
    let mut classes = files(&libraries)?;
    classes.push(super::archive::classes(workspace, "moorline"));
    let project = folder(workspace).join("aar").join("lint-project.xml");
    fs::write(
        &project,
        description(&module, &manifest, &files(&sources.join("kotlin"))?, &android, &classes),
    )?;
    let mut lint = tools.java(workspace, step, &ANDROID_TOOLS)?;
    lint.args(["com.android.tools.lint.Main", "-Werror", "--exitcode", "--offline", "--quiet"]);
    lint.args(["--disable", &DISABLED.join(",")]).arg("--project");
    lint.arg(&project);
    let finished = step.log.run(lint, LINTING)?;
    finished.require().context("lint has something to say")?;
    ensure!(finished.output.contains("No issues found"), "lint did not say that it found nothing");
    work.done()
}

/// What lint reads in the place of a build: the sources, the manifest, the class path.
fn description(
    module: &Path,
    manifest: &Path,
    sources: &[std::path::PathBuf],
    android: &Path,
    classes: &[std::path::PathBuf],
) -> String {
    let mut text = format!(
        "<project>\n<root dir=\"{}\" />\n<module name=\"moorline-android\" android=\"true\" library=\"true\" \
         compile-sdk-version=\"35\">\n<manifest file=\"{}\" />\n",
        module.display(),
        manifest.display(),
    );
    for source in sources {
        let _ = writeln!(text, "<src file=\"{}\" />", source.display());
    }
    for jar in std::iter::once(android).chain(classes.iter().map(std::path::PathBuf::as_path)) {
        let _ = writeln!(text, "<classpath jar=\"{}\" />", jar.display());
    }
    text + "</module>\n</project>\n"
}
