//! Resources, as the Android Gradle plugin links them: the app's, AndroidX's, the merged manifest, the `R` classes.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::app::{BuildFile, PACKAGE, Sample, Variant};
use super::arsc;
use crate::report::Step;
use crate::suites::inputs::{Inputs, files};
use crate::suites::mobile::manifest;

const LINKING: Duration = Duration::from_secs(5 * 60);

/// Links everything, unless the same was linked before.
pub(super) fn link(sample: &Sample<'_>, step: &mut Step, variant: &Variant) -> Result<()> {
    let built = variant.built(sample);
    fs::create_dir_all(&built)?;
    let merged = merged(sample, step, variant)?;
    let app = BuildFile::read(sample)?;
    let mut folders = vec![("main", sample.source("main").join("res"))];
    folders.extend(variant.folders.iter().map(|name| (*name, sample.source(name).join("res"))));
    folders.retain(|(_, resources)| resources.is_dir());
    let issuer = values(&built, variant)?;
    folders.push(("issuer", issuer));
    let mut inputs = Inputs::default().word(&format!("{app:?}")).path(&merged)?;
    for (_, resources) in &folders {
        inputs = inputs.path(resources)?;
    }
    let work = inputs.word(&sample.androidx.jar.display().to_string()).of(built.join("resources.linked"));
    if work.is_done() && linked(sample, variant).exists() {
        step.note("the same resources were linked before");
        return Ok(());
    }
    let (generated, mut compiled, mut packages) = (built.join("generated"), Vec::new(), Vec::new());
    for (package, resources) in sample.androidx.packages()? {
        if let Some(resources) = resources {
            compiled.push(compile(sample, step, &package, &resources)?);
        }
        packages.push(package);
    }
    if generated.exists() {
        fs::remove_dir_all(&generated)?;
    }
    let mut link = sample.workspace.command("aapt2");
    link.args(["link", "--auto-add-overlay", "--warn-manifest-validation"]);
    link.args(["--min-sdk-version", &app.min_sdk, "--target-sdk-version", &app.target_sdk]);
    link.args(["--version-code", &app.version_code, "--version-name", &app.version_name, "-I"]);
    link.arg(framework(sample, step)?).arg("--manifest").arg(&merged).arg("-o").arg(linked(sample, variant));
    link.arg("--java").arg(&generated).args(["--extra-packages", &packages.join(":")]);
    link.arg("--proguard").arg(rules(sample, variant)).args(compiled);
    for (name, resources) in folders {
        let name = format!("{}-{name}", variant.name);
        link.arg("-R").arg(compile(sample, step, &name, &resources)?);
    }
    step.log.must(link, LINKING).context("the resources do not link")?;
    numbers(sample, step, variant)?;
    step.note(&format!(
        "{}: {} kB, with those of {} libraries",
        variant.name,
        fs::metadata(linked(sample, variant))?.len() / 1000,
        packages.len()
    ));
    work.done()
}

/// The linked resources, as they are in an APK.
pub(super) fn linked(sample: &Sample<'_>, variant: &Variant) -> PathBuf {
    variant.built(sample).join("resources.ap_")
}

/// The compiled `R` classes of the app and of all libraries.
pub(super) fn r_classes(sample: &Sample<'_>, variant: &Variant) -> PathBuf {
    variant.built(sample).join("r")
}

/// What R8 has to keep, because the manifest or a resource names it.
pub(super) fn rules(sample: &Sample<'_>, variant: &Variant) -> PathBuf {
    variant.built(sample).join("resources.pro")
}

/// The manifest, merged with those of the libraries.
pub(super) fn merged_manifest(sample: &Sample<'_>, variant: &Variant) -> PathBuf {
    variant.built(sample).join("AndroidManifest.xml")
}

fn merged(sample: &Sample<'_>, step: &mut Step, variant: &Variant) -> Result<PathBuf> {
    let merged = merged_manifest(sample, variant);
    let folders = variant.folders.iter().map(|folder| sample.source(folder).join("AndroidManifest.xml"));
    let overlays: Vec<_> = folders.filter(|manifest| manifest.exists()).collect();
    let libraries = sample.androidx.shipped()?.into_iter().map(|folder| folder.join("AndroidManifest.xml"));
    let libraries: Vec<_> = libraries.filter(|manifest| manifest.exists()).collect();
    let main = sample.source("main").join("AndroidManifest.xml");
    manifest::merge(sample.workspace, step, &main, (&overlays, &libraries), &merged)?;
    Ok(merged)
}

/// The values of the build. Returns the folder of the resources.
fn values(built: &Path, variant: &Variant) -> Result<PathBuf> {
    let resources = built.join("issuer/res");
    fs::create_dir_all(resources.join("values"))?;
    let text = format!(
        "<resources><string name=\"issuer\" translatable=\"false\">{}</string></resources>",
        variant.issuer
    );
    fs::write(resources.join("values/issuer.xml"), text)?;
    Ok(resources)
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

fn numbers(sample: &Sample<'_>, step: &mut Step, variant: &Variant) -> Result<()> {
    let generated = variant.built(sample).join("generated");
    let sources: Vec<_> =
        files(&generated)?.into_iter().filter(|file| file.extension() == Some(OsStr::new("java"))).collect();
    let own = generated.join(PACKAGE.replace('.', "/")).join("R.java");
    ensure!(sources.contains(&own), "there is no R class of {PACKAGE}");
    let mut compile = sample.workspace.command("javac");
    compile.args(["--release", "11", "-d"]).arg(r_classes(sample, variant)).args(sources);
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
