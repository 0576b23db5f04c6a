//! The app's release build: compiled without what only debug builds have, and shrunk by R8 to DEX.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::app::{BuildFile, RELEASE, Sample};
use super::compile::{self, MODULES, app_classes};
use super::resources::{r_classes, rules};
use crate::install;
use crate::report::Step;
use crate::suites::inputs::{Inputs, files};
use crate::suites::kotlin::tools::{R8, SAMPLE};
use crate::suites::mobile::archive::{Archive, classes, jar};
use crate::suites::mobile::jna;

const SHRINKING: Duration = Duration::from_secs(30 * 60);

/// Every app's rules, by the Android Gradle plugin.
const DEFAULT_RULES: &str = include_str!("default-rules.pro");

/// Compiles the release build, and shrinks it unless the same was shrunk before.
pub(super) fn shrink(sample: &Sample<'_>, step: &mut Step) -> Result<()> {
    compile::app(sample, step, &RELEASE, &[])?;
    let (build, out) = (RELEASE.built(sample), dex(sample));
    let rules = all_rules(sample)?;
    let inputs = jars(sample, step)?;
    let app = BuildFile::read(sample)?;
    let mut digest = Inputs::default().word(sample.tools.version("r8")?).word(&rules).word(&app.min_sdk);
    for input in inputs.packed.iter().map(|(_, folder)| folder).chain(&inputs.jars) {
        digest = digest.path(input)?;
    }
    let work = digest.of(build.join("shrunk"));
    if work.is_done() && out.exists() {
        step.note("R8 has shrunk the same before");
        return Ok(());
    }
    step.note("R8, some minutes");
    let configuration = build.join("rules.pro");
    fs::write(&configuration, &rules)?;
    let mut r8 = sample.tools.java(sample.workspace, step, &R8)?;
    r8.args(["com.android.tools.r8.R8", "--release", "--min-api", &app.min_sdk]);
    // Robolectric's classes of Android lack those of `java` and `javax`, which Android's own `android.jar` has.
    r8.arg("--lib")
        .arg(sample.tools.android(sample.workspace, step)?)
        .arg("--lib")
        .arg(install::java_home()?);
    r8.arg("--output").arg(&out).arg("--pg-conf").arg(&configuration);
    r8.arg("--pg-map-output").arg(build.join("mapping.txt"));
    for (name, folder) in &inputs.packed {
        let packed = build.join("jars").join(name).with_extension("jar");
        fs::create_dir_all(build.join("jars"))?;
        jar(sample.workspace, step, folder, &packed)?;
        r8.arg(packed);
    }
    r8.args(inputs.jars);
    step.log.must(r8, SHRINKING).context("R8 refuses the app")?;
    work.done()
}

/// What R8 has made: DEX files, and the resources of Java libraries.
pub(super) fn dex(sample: &Sample<'_>) -> PathBuf {
    RELEASE.built(sample).join("dex.zip")
}

/// What goes into the app.
struct Classes {
    /// Folders of classes, each with a name.
    packed: Vec<(&'static str, PathBuf)>,
    jars: Vec<PathBuf>,
}

fn jars(sample: &Sample<'_>, step: &mut Step) -> Result<Classes> {
    let workspace = sample.workspace;
    let mut packed = vec![("app", app_classes(sample, &RELEASE)), ("r", r_classes(sample, &RELEASE))];
    packed.extend(MODULES.map(|module| (module, classes(workspace, module))));
    let mut jars = vec![
        Archive::of(workspace).part("classes.jar"),
        jna::unpacked(workspace, &sample.tools, step)?.join("classes.jar"),
    ];
    for folder in sample.androidx.shipped()? {
        jars.extend(existing(folder.join("classes.jar")));
        jars.extend(
            existing(folder.join("libs")).map(|libs| files(&libs)).transpose()?.into_iter().flatten(),
        );
    }
    // JNA's jar has the desktops' native code; its archive, above, has Android's.
    let others = files(&sample.tools.jars(workspace, step, &SAMPLE)?)?;
    jars.extend(others.into_iter().filter(|jar| !name_of(jar).starts_with("jna-")));
    Ok(Classes { packed, jars })
}

/// The rules of every app, of the manifest and the resources, and of each archive. R8 finds those of jars itself.
fn all_rules(sample: &Sample<'_>) -> Result<String> {
    let mut all = DEFAULT_RULES.to_owned();
    let mut rules = vec![rules(sample, &RELEASE), Archive::of(sample.workspace).part("proguard.txt")];
    rules.extend(
        sample.androidx.shipped()?.into_iter().filter_map(|folder| existing(folder.join("proguard.txt"))),
    );
    for file in rules {
        let _ = writeln!(all, "# {}", file.display());
        all.push_str(&fs::read_to_string(&file).with_context(|| format!("can't read {}", file.display()))?);
        all.push('\n');
    }
    Ok(all)
}

fn existing(path: PathBuf) -> Option<PathBuf> {
    path.exists().then_some(path)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
