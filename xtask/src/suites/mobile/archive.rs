//! `moorline-android` as an Android archive (AAR), put together here as the Android Gradle plugin does.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::android;
use super::build::{QUICK, folder};
use crate::bindings::{generate_kotlin, native_library};
use crate::install;
use crate::report::Step;
use crate::workspace::Workspace;

const COMPILING: Duration = Duration::from_secs(10 * 60);

/// All that is in the archive, for one ABI.
const CONTENTS: [&str; 6] = [
    "AndroidManifest.xml",
    "META-INF/com/android/build/gradle/aar-metadata.properties",
    "R.txt",
    "classes.jar",
    "jni/arm64-v8a/libmoorline_ffi.so",
    "proguard.txt",
];

/// As the plugin writes it for a library that asks for nothing.
const METADATA: &str = "\
aarFormatVersion=1.0
aarMetadataVersion=1.0
minCompileSdk=1
minCompileSdkExtension=0
minAndroidGradlePluginVersion=1.0.0
coreLibraryDesugaringEnabled=false
";

/// Where the archive's parts and the archive are.
#[derive(Debug)]
pub(in crate::suites) struct Archive(PathBuf);

impl Archive {
    pub(in crate::suites) fn of(workspace: &Workspace) -> Self {
        Self(folder(workspace).join("aar"))
    }

    /// The archive's file of this name.
    pub(in crate::suites) fn part(&self, name: &str) -> PathBuf {
        self.0.join("parts").join(name)
    }

    fn file(&self) -> PathBuf {
        self.0.join("moorline-android.aar")
    }
}

/// The compiled classes of a module of the Kotlin library.
pub(in crate::suites) fn classes(workspace: &Workspace, module: &str) -> PathBuf {
    workspace.target().join("kotlin").join(module).join("classes")
}

/// Compiles the module and what it needs, and puts the archive together.
pub(super) fn assemble(workspace: &Workspace, step: &mut Step) -> Result<()> {
    compile(workspace, step)?;
    let archive = Archive::of(workspace);
    let parts = archive.part("");
    if parts.exists() {
        fs::remove_dir_all(&parts)?;
    }
    let abi = archive.part("jni/arm64-v8a");
    let metadata = archive.part("META-INF/com/android/build/gradle");
    for folder in [&abi, &metadata] {
        fs::create_dir_all(folder)?;
    }
    let module = workspace.root().join("bindings/kotlin/moorline-android");
    let gradle = fs::read_to_string(module.join("build.gradle.kts"))?;
    let manifest = fs::read_to_string(module.join("src/main/AndroidManifest.xml"))?;
    fs::write(archive.part("AndroidManifest.xml"), complete(&manifest, &gradle)?)?;
    fs::write(metadata.join("aar-metadata.properties"), METADATA)?;
    fs::write(archive.part("R.txt"), "")?;
    fs::copy(module.join("consumer-rules.pro"), archive.part("proguard.txt"))?;
    fs::copy(android::stripped(workspace), abi.join(android::NAME))?;
    jar(workspace, step, &classes(workspace, "moorline-android"), &archive.part("classes.jar"))?;
    jar(workspace, step, &parts, &archive.file())?;
    contents(workspace, step, &archive.file())?;
    let megabytes = fs::metadata(archive.file())?.len() as f64 / 1e6;
    step.note(&format!("{megabytes:.2} MB for arm64, in {}", archive.file().display()));
    Ok(())
}

/// Compiles `moorline` and `moorline-android` to where the Kotlin part of the tests does, too.
fn compile(workspace: &Workspace, step: &mut Step) -> Result<()> {
    install::java(workspace, &mut step.log)?;
    let build = workspace.target().join("kotlin");
    let generated = build.join("generated-sources").join("uniffi");
    generate_kotlin(workspace, &mut step.log, &generated)?;
    let native = native_library(workspace)?;
    let mut maven = workspace.command("mvn");
    maven.args(["--batch-mode", "--no-transfer-progress", "--file", "bindings/kotlin/pom.xml"]);
    maven.args(["--projects", "moorline-android", "--also-make"]);
    maven.arg(format!("-Dmoorline.build.dir={}", build.display()));
    maven.arg(format!("-Dmoorline.generated.dir={}", generated.display()));
    maven.arg(format!(
        "-Dmoorline.native.dir={}",
        native.parent().context("a file is in a folder")?.display()
    ));
    maven.arg("compile");
    step.log.must(maven, COMPILING)?;
    Ok(())
}

/// The plugin writes into a library's manifest what the build file says.
fn complete(manifest: &str, gradle: &str) -> Result<String> {
    let setting = |name: &str| {
        let line = gradle.lines().find_map(|line| line.trim().strip_prefix(name)?.trim().strip_prefix('='));
        line.map(|value| value.trim().trim_matches('"'))
            .with_context(|| format!("build.gradle.kts sets no {name}"))
    };
    let (package, oldest) = (setting("namespace")?, setting("minSdk")?);
    let (start, rest) = manifest.split_once("<manifest ").context("the manifest has no <manifest>")?;
    let (attributes, elements) = rest.split_once('>').context("the manifest is cut off")?;
    let sdk = format!("    <uses-sdk android:minSdkVersion=\"{oldest}\" />");
    Ok(format!("{start}<manifest package=\"{package}\" {attributes}>\n\n{sdk}{elements}"))
}

/// Packs a folder.
pub(in crate::suites) fn jar(
    workspace: &Workspace,
    step: &mut Step,
    folder: &Path,
    file: &Path,
) -> Result<()> {
    let mut jar = workspace.command("jar");
    jar.args(["--create", "--no-manifest", "--file"]).arg(file).arg("-C").arg(folder).arg(".");
    step.log.must(jar, QUICK)?;
    Ok(())
}

/// Checks that the archive has its parts, and no other.
fn contents(workspace: &Workspace, step: &mut Step, file: &Path) -> Result<()> {
    let mut list = workspace.command("jar");
    list.args(["--list", "--file"]).arg(file);
    let listed = step.log.must(list, QUICK)?;
    let mut found: Vec<_> = listed.lines().filter(|name| !name.ends_with('/')).collect();
    found.sort_unstable();
    ensure!(found == CONTENTS, "the archive has {found:?}, not {CONTENTS:?}");
    let mut list = workspace.command("jar");
    list.args(["--list", "--file"]).arg(Archive::of(workspace).part("classes.jar"));
    let listed = step.log.must(list, QUICK)?;
    let foreign: Vec<_> = listed
        .lines()
        .filter(|name| name.ends_with(".class") && !name.starts_with("dev/moorline/android/"))
        .collect();
    ensure!(foreign.is_empty(), "classes.jar has classes of other modules: {foreign:?}");
    ensure!(listed.contains("dev/moorline/android/RedirectActivity.class"), "classes.jar lacks the module's");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_gets_what_the_build_file_says() {
        let manifest =
            "<?xml version=\"1.0\"?>\n<manifest xmlns:android=\"x\">\n    <application />\n</manifest>\n";
        let gradle =
            "android {\n    namespace = \"dev.example\"\n    defaultConfig {\n        minSdk = 26\n    }\n}";
        let complete = complete(manifest, gradle).unwrap();
        let expected = "<manifest package=\"dev.example\" xmlns:android=\"x\">\n\n    \
                        <uses-sdk android:minSdkVersion=\"26\" />\n    <application />";
        assert!(complete.contains(expected), "{complete}");
    }

    #[test]
    fn a_build_file_without_a_namespace_is_an_error() {
        let error = complete("<manifest xmlns:android=\"x\"></manifest>", "minSdk = 26").unwrap_err();
        assert_eq!(error.to_string(), "build.gradle.kts sets no namespace");
    }
}
