//! Resources, as the Android Gradle plugin links them: the app's, AndroidX's, the merged manifest, the `R` classes.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::app::{PACKAGE, Sample};
use super::arsc;
use crate::report::Step;
use crate::suites::inputs::{Inputs, files};
use crate::suites::mobile::manifest;

const LINKING: Duration = Duration::from_secs(5 * 60);

/// The folders of the app that a debug build with a server has.
const DEBUG: [&str; 2] = ["debug", "server"];

/// The issuer is a value of the build. Tests start a server of their own and do not read this one.
const ISSUER: &str =
    "<resources><string name=\"issuer\" translatable=\"false\">http://127.0.0.1:8420</string></resources>";

/// Links everything, unless the same was linked before.
pub(super) fn link(sample: &Sample<'_>, step: &mut Step) -> Result<()> {
    let merged = merged(sample, step)?;
    let mut inputs =
        Inputs::default().word(ISSUER).path(&merged)?.path(&sample.source("main").join("res"))?;
    inputs =
        inputs.path(&sample.source("debug").join("res"))?.word(&sample.androidx.jar.display().to_string());
    let work = inputs.of(sample.built("resources.linked"));
    if work.is_done() && linked(sample).exists() {
        step.note("the same resources were linked before");
        return Ok(());
    }
    let (values, generated) = (sample.built("issuer/res/values"), sample.built("generated"));
    fs::create_dir_all(&values)?;
    fs::write(values.join("issuer.xml"), ISSUER)?;
    let mut libraries = Vec::new();
    let mut packages = vec![];
    for (package, resources) in sample.androidx.packages()? {
        if let Some(resources) = resources {
            libraries.push(compile(sample, step, &package, &resources)?);
        }
        packages.push(package);
    }
    let app = [
        compile(sample, step, "main", &sample.source("main").join("res"))?,
        compile(sample, step, "debug", &sample.source("debug").join("res"))?,
        compile(sample, step, "issuer", &sample.built("issuer/res"))?,
    ];
    if generated.exists() {
        fs::remove_dir_all(&generated)?;
    }
    let mut link = sample.workspace.command("aapt2");
    link.args([
        "link",
        "--auto-add-overlay",
        "--warn-manifest-validation",
        "--min-sdk-version",
        "26",
        "--target-sdk-version",
        "35",
        "-I",
    ]);
    link.arg(framework(sample, step)?).arg("--manifest").arg(&merged).arg("-o").arg(linked(sample));
    link.arg("--java").arg(&generated).args(["--extra-packages", &packages.join(":")]);
    link.args(libraries);
    for resources in app {
        link.arg("-R").arg(resources);
    }
    step.log.must(link, LINKING).context("the resources do not link")?;
    numbers(sample, step, &generated)?;
    step.note(&format!(
        "{} kB, with those of {} libraries",
        fs::metadata(linked(sample))?.len() / 1000,
        packages.len()
    ));
    work.done()
}

/// The linked resources, as they are in an APK.
pub(super) fn linked(sample: &Sample<'_>) -> PathBuf {
    sample.built("resources.ap_")
}

/// The compiled `R` classes of the app and of all libraries.
pub(super) fn r_classes(sample: &Sample<'_>) -> PathBuf {
    sample.built("r")
}

/// The manifest of the debug build with a server.
pub(super) fn merged_manifest(sample: &Sample<'_>) -> PathBuf {
    sample.built("AndroidManifest.xml")
}

fn merged(sample: &Sample<'_>, step: &mut Step) -> Result<PathBuf> {
    let merged = merged_manifest(sample);
    let overlays = DEBUG.map(|folder| sample.source(folder).join("AndroidManifest.xml"));
    let main = sample.source("main").join("AndroidManifest.xml");
    manifest::merge(sample.workspace, step, &main, &overlays, &merged)?;
    Ok(merged)
}

fn compile(sample: &Sample<'_>, step: &mut Step, name: &str, resources: &Path) -> Result<PathBuf> {
    let compiled = sample.built("compiled");
    fs::create_dir_all(&compiled)?;
    let out = compiled.join(format!("{name}.zip"));
    let mut compile = sample.workspace.command("aapt2");
    compile.args(["compile", "--dir"]).arg(resources).arg("-o").arg(&out);
    step.log.must(compile, LINKING).with_context(|| format!("resources of {name}"))?;
    Ok(out)
}

fn numbers(sample: &Sample<'_>, step: &mut Step, generated: &Path) -> Result<()> {
    let sources: Vec<_> =
        files(generated)?.into_iter().filter(|file| file.extension() == Some(OsStr::new("java"))).collect();
    let own = generated.join(PACKAGE.replace('.', "/")).join("R.java");
    ensure!(sources.contains(&own), "there is no R class of {PACKAGE}");
    let mut compile = sample.workspace.command("javac");
    compile.args(["--release", "11", "-d"]).arg(r_classes(sample)).args(sources);
    step.log.must(compile, LINKING)?;
    Ok(())
}

/// Android's own resources, in the form that Debian's aapt2 reads.
fn framework(sample: &Sample<'_>, step: &mut Step) -> Result<PathBuf> {
    let version = sample.tools.version("android-all")?;
    let framework = sample.built(&format!("framework-{version}.zip"));
    if framework.exists() {
        return Ok(framework);
    }
    let parts = sample.built("framework");
    fs::create_dir_all(&parts)?;
    let android = sample.tools.android(sample.workspace, step)?;
    let mut unpack = sample.workspace.command("jar");
    unpack.args(["--extract", "--file"]).arg(android).args(["resources.arsc", "AndroidManifest.xml"]);
    unpack.current_dir(&parts);
    step.log.must(unpack, LINKING)?;
    let table = parts.join("resources.arsc");
    let plain = arsc::plain(&fs::read(&table)?).context("Android's resources.arsc")?;
    fs::write(&table, plain)?;
    let scratch = framework.with_extension("new");
    let mut pack = sample.workspace.command("jar");
    pack.args(["--create", "--no-manifest", "--file"]).arg(&scratch).arg("-C").arg(&parts).arg(".");
    step.log.must(pack, LINKING)?;
    fs::rename(scratch, &framework)?;
    Ok(framework)
}
