//! What an Android app gets by Gradle, which cannot run here: JNA's Android archive, from one module, and JNA's jar
//! from none. They have the same classes, and the Android plugin refuses an app that gets both.

use std::path::Path;

use anyhow::{Context, Result, ensure};

/// How a Gradle file says that its module has a variant for Android, with what other modules see of it: without what it
/// needs only itself, such as JNA's jar.
const VARIANT: [&str; 5] = [
    "named(TargetJvmEnvironment.STANDARD_JVM)",
    "configurations.create(\"androidRuntimeElements\")",
    "extendsFrom(configurations.api.get())",
    "named(TargetJvmEnvironment.ANDROID)",
    "addVariantsFromConfiguration(androidRuntimeElements)",
];

/// Fails unless an Android app that depends on any of the library's modules gets JNA once.
pub(super) fn check(folder: &Path) -> Result<()> {
    let mut archives = Vec::new();
    for entry in folder.read_dir()? {
        let module = entry?.path();
        let name = module.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let file = module.join("build.gradle.kts");
        if !file.exists() {
            continue;
        }
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("can't read {}", file.display()))?;
        ensure!(
            !brings_jar(&text),
            "an Android app gets the desktops' JNA through {name}: {}",
            file.display()
        );
        if brings_archive(&text) {
            archives.push(name);
        }
    }
    ensure!(archives == ["moorline-android"], "JNA's Android archive comes from {archives:?}");
    Ok(())
}

/// Whether an Android app on this module gets JNA's jar.
fn brings_jar(text: &str) -> bool {
    let (own, seen) = (has(text, "implementation", "libs.jna)"), has(text, "api", "libs.jna)"));
    let forced = has(text, "androidRuntimeElements", "libs.jna");
    seen || forced || (own && !VARIANT.iter().all(|part| text.contains(part)))
}

/// Whether it gets JNA's Android archive.
fn brings_archive(text: &str) -> bool {
    has(text, "api", "variantOf(libs.jna) { artifactType(\"aar\") })")
}

/// Whether a line adds this dependency.
fn has(text: &str, configuration: &str, dependency: &str) -> bool {
    let start = format!("{configuration}({dependency}");
    text.lines().any(|line| line.trim().replace('"', "").starts_with(&start.replace('"', "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../bindings/kotlin")
    }

    fn module(name: &str) -> String {
        std::fs::read_to_string(library().join(name).join("build.gradle.kts")).unwrap()
    }

    #[test]
    fn an_android_app_gets_jna_once_from_the_modules_of_this_repository() {
        check(&library()).unwrap();
    }

    #[test]
    fn a_module_without_a_variant_for_android_brings_the_jar_of_the_desktops() {
        let text = module("moorline");
        assert!(!brings_jar(&text));
        for part in VARIANT {
            assert!(brings_jar(&text.replace(part, "")), "without {part}");
        }
        for line in ["api(libs.jna)", "\"androidRuntimeElements\"(libs.jna)"] {
            assert!(brings_jar(&format!("{text}\ndependencies {{\n    {line}\n}}\n")), "with {line}");
        }
        assert!(!brings_jar("dependencies {\n    testImplementation(libs.jna)\n}\n"));
    }

    #[test]
    fn the_archive_comes_from_the_module_for_android() {
        assert!(brings_archive(&module("moorline-android")));
        assert!(!brings_jar(&module("moorline-android")));
        assert!(!brings_archive(&module("moorline-okhttp")));
    }
}
