//! Java programs that check the Kotlin library: ktlint, detekt, the Android Gradle plugin's own tools, R8, the Kotlin
//! compiler, Robolectric.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::versions;
use crate::install::{self, Jars};
use crate::report::Step;
use crate::suites::inputs::Inputs;
use crate::workspace::Workspace;

const COMPILING: Duration = Duration::from_secs(20 * 60);

/// The tools, of the versions in the catalog of the Kotlin build.
#[derive(Debug)]
pub(in crate::suites) struct Tools {
    versions: BTreeMap<String, String>,
}

impl Tools {
    pub(in crate::suites) fn of(workspace: &Workspace) -> Result<Self> {
        Ok(Self { versions: versions::catalog(&workspace.root().join("bindings/kotlin"))? })
    }

    /// A version of the catalog.
    pub(in crate::suites) fn version(&self, name: &str) -> Result<&str> {
        install::version_in(&self.versions, name)
    }

    /// A Java program with the jars of some libraries.
    pub(in crate::suites) fn java(
        &self,
        workspace: &Workspace,
        step: &mut Step,
        set: &Set,
    ) -> Result<Command> {
        let jars = self.jars(workspace, step, set)?;
        let mut java = workspace.command("java");
        java.args(["-Djava.awt.headless=true", "-cp"]).arg(jars.join("*"));
        Ok(java)
    }

    /// The folder with the jars of some libraries.
    pub(in crate::suites) fn jars(
        &self,
        workspace: &Workspace,
        step: &mut Step,
        set: &Set,
    ) -> Result<PathBuf> {
        let libraries = set.libraries.iter().map(|(library, version)| {
            let version = version.strip_prefix('=').map_or_else(|| self.version(version), Ok)?;
            Ok(format!("{library}:{version}"))
        });
        let libraries = libraries.collect::<Result<Vec<_>>>()?;
        Jars { name: set.name, libraries: &libraries, without: set.without }.fetch(workspace, &mut step.log)
    }

    /// The versions of the catalog.
    pub(in crate::suites) const fn versions(&self) -> &BTreeMap<String, String> {
        &self.versions
    }

    /// Compiles Kotlin (the sources, the class path, the options) into a folder, unless the same was compiled before.
    pub(in crate::suites) fn compile(
        &self,
        workspace: &Workspace,
        step: &mut Step,
        (sources, path, options): (&[PathBuf], &[PathBuf], &[String]),
        out: &Path,
    ) -> Result<()> {
        let mut inputs = Inputs::default().word(&options.join(" "));
        for file in sources.iter().chain(path) {
            inputs = inputs.path(file)?;
        }
        let work = inputs.of(out.with_extension("compiled"));
        if work.is_done() && out.exists() {
            return Ok(());
        }
        if out.exists() {
            fs::remove_dir_all(out)?;
        }
        let mut kotlin = self.java(workspace, step, &KOTLIN)?;
        kotlin.arg("org.jetbrains.kotlin.cli.jvm.K2JVMCompiler");
        let path: Vec<_> = path.iter().map(PathBuf::as_path).collect();
        kotlin.args(["-no-stdlib", "-no-reflect", "-jvm-target", "17"]).args(options);
        kotlin.arg("-classpath").arg(class_path(&path)?).arg("-d").arg(out).args(sources);
        step.log.must(kotlin, COMPILING)?;
        work.done()
    }

    /// Android's classes.
    pub(in crate::suites) fn android(&self, workspace: &Workspace, step: &mut Step) -> Result<PathBuf> {
        let jar = self.jars(workspace, step, &ANDROID)?;
        let name = format!("android-all-{}.jar", self.version("android-all")?);
        let jar = jar.join(name);
        ensure!(jar.exists(), "{} is not there", jar.display());
        Ok(jar)
    }

    /// What Maven cannot put on Robolectric's class path.
    pub(in crate::suites) fn archives(&self, workspace: &Workspace, step: &mut Step) -> Result<PathBuf> {
        install::android(workspace, &mut step.log, &self.versions)
    }
}

/// Libraries that belong on one class path, each with the name of its version in the catalog, or with `=VERSION`.
#[derive(Debug)]
pub(in crate::suites) struct Set {
    name: &'static str,
    libraries: &'static [(&'static str, &'static str)],
    without: &'static [&'static str],
}

pub(in crate::suites) const KTLINT: Set =
    Set { name: "ktlint", libraries: &[("com.pinterest.ktlint:ktlint-cli", "ktlint")], without: &[] };

pub(in crate::suites) const DETEKT: Set =
    Set { name: "detekt", libraries: &[("io.gitlab.arturbosch.detekt:detekt-cli", "detekt")], without: &[] };

/// The manifest merger and lint.
pub(in crate::suites) const ANDROID_TOOLS: Set = Set {
    name: "android-tools",
    libraries: &[
        ("com.android.tools.build:manifest-merger", "android-tools"),
        ("com.android.tools.lint:lint", "android-tools"),
    ],
    without: &[],
};

pub(in crate::suites) const R8: Set =
    Set { name: "r8", libraries: &[("com.android.tools:r8", "r8")], without: &[] };

/// Signs APKs, and verifies them as Android does.
pub(in crate::suites) const APKSIG: Set =
    Set { name: "apksig", libraries: &[("com.android.tools.build:apksig", "apksig")], without: &[] };

pub(in crate::suites) const KOTLIN: Set = Set {
    name: "kotlin-compiler",
    libraries: &[("org.jetbrains.kotlin:kotlin-compiler-embeddable", "kotlin")],
    without: &[],
};

/// What makes composables of functions.
pub(in crate::suites) const COMPOSE_PLUGIN: Set = Set {
    name: "compose-plugin",
    libraries: &[("org.jetbrains.kotlin:kotlin-compose-compiler-plugin-embeddable", "kotlin")],
    without: &[],
};

/// What the Android sample has on its class path, beside the library and AndroidX.
pub(in crate::suites) const SAMPLE: Set = Set {
    name: "sample",
    libraries: &[
        ("org.jetbrains.kotlin:kotlin-stdlib", "kotlin-stdlib"),
        ("org.jetbrains.kotlinx:kotlinx-coroutines-android", "coroutines"),
        ("com.squareup.okhttp3:okhttp-jvm", "okhttp"),
        ("net.java.dev.jna:jna", "jna"),
    ],
    without: &[],
};

/// What its tests need besides: what has to come as an Android archive is in AndroidX's jar.
pub(in crate::suites) const SAMPLE_TESTS: Set = Set {
    name: "sample-tests",
    libraries: &[
        ("org.robolectric:robolectric", "robolectric"),
        ("org.jetbrains.kotlin:kotlin-stdlib", "kotlin-stdlib"),
        ("org.jetbrains.kotlinx:kotlinx-coroutines-test-jvm", "coroutines"),
        ("org.jetbrains.kotlinx:kotlinx-serialization-json-jvm", "serialization"),
        ("org.hamcrest:hamcrest-library", "hamcrest"),
        ("junit:junit", "=4.13.2"),
    ],
    without: &["androidx.test:monitor", "androidx.test.espresso:espresso-idling-resource"],
};

/// What an app has on its class path with the archive, beside JNA.
pub(in crate::suites) const APP: Set = Set {
    name: "app",
    libraries: &[
        ("org.jetbrains.kotlin:kotlin-stdlib", "kotlin-stdlib"),
        ("org.jetbrains.kotlinx:kotlinx-coroutines-core-jvm", "coroutines"),
    ],
    without: &[],
};

/// JNA for this machine, whose native part plays the one of Android's archive.
pub(in crate::suites) const JNA: Set =
    Set { name: "jna", libraries: &[("net.java.dev.jna:jna", "jna")], without: &[] };

pub(in crate::suites) const ROBOLECTRIC: Set = Set {
    name: "robolectric",
    libraries: &[
        ("org.robolectric:robolectric", "robolectric"),
        ("androidx.annotation:annotation-jvm", "androidx-annotation"),
        ("junit:junit", "=4.13.2"),
        ("org.jetbrains.kotlin:kotlin-stdlib", "kotlin-stdlib"),
    ],
    without: &["androidx.test:monitor", "androidx.test.espresso:espresso-idling-resource"],
};

const ANDROID: Set =
    Set { name: "android-all", libraries: &[("org.robolectric:android-all", "android-all")], without: &[] };

/// A class path.
pub(in crate::suites) fn class_path(entries: &[&Path]) -> Result<std::ffi::OsString> {
    std::env::join_paths(entries).context("a folder with a colon in its name can't be on a class path")
}
