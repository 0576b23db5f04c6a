//! The app's folders, and what it is built with.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::install::{self, AndroidX};
use crate::report::Step;
use crate::suites::kotlin::tools::Tools;
use crate::workspace::Workspace;

/// Where its build file and its sources are, and the package of its resources.
const BUILD_FILE: &str = "android-sample/app/build.gradle.kts";
const SOURCES: &str = "android-sample/app/src";
pub(super) const PACKAGE: &str = "com.example.notes";

/// The app, and what it is built with.
pub(super) struct Sample<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) tools: Tools,
    pub(super) androidx: AndroidX,
}

impl<'a> Sample<'a> {
    pub(super) fn of(workspace: &'a Workspace, step: &mut Step) -> Result<Self> {
        let tools = Tools::of(workspace)?;
        let kotlin = workspace.root().join("bindings/kotlin");
        let androidx = install::androidx(workspace, &mut step.log, &kotlin, tools.versions())?;
        let sample = Self { workspace, tools, androidx };
        std::fs::create_dir_all(sample.built(""))?;
        Ok(sample)
    }

    /// A folder of the app's sources.
    pub(super) fn source(&self, name: &str) -> PathBuf {
        self.workspace.root().join(SOURCES).join(name)
    }

    /// A file or a folder that is built.
    pub(super) fn built(&self, name: &str) -> PathBuf {
        self.workspace.target().join("sample").join(name)
    }
}

/// A variant of the flavour `server`.
#[derive(Debug)]
pub(super) struct Variant {
    pub(super) name: &'static str,
    /// The folders of sources beside `main`; the manifest and the resources of the first count most.
    pub(super) folders: &'static [&'static str],
    /// A value of the build.
    pub(super) issuer: &'static str,
}

/// What the tests run. They start a server of their own and do not read the issuer.
pub(super) const DEBUG: Variant =
    Variant { name: "debug", folders: &["serverDebug", "debug", "server"], issuer: "http://127.0.0.1:8420" };

/// What users would get.
pub(super) const RELEASE: Variant = Variant {
    name: "release",
    folders: &["serverRelease", "release", "server"],
    issuer: "https://id.example.com",
};

impl Variant {
    /// Where it is built.
    pub(super) fn built(&self, sample: &Sample<'_>) -> PathBuf {
        sample.built(self.name)
    }
}

/// What the app's build file says of every variant.
#[derive(Debug)]
pub(super) struct BuildFile {
    pub(super) min_sdk: String,
    pub(super) target_sdk: String,
    pub(super) version_code: String,
    pub(super) version_name: String,
}

impl BuildFile {
    pub(super) fn read(sample: &Sample<'_>) -> Result<Self> {
        Self::parse(&std::fs::read_to_string(sample.workspace.root().join(BUILD_FILE))?)
    }

    fn parse(text: &str) -> Result<Self> {
        let setting = |name: &str| {
            let line = text.lines().find_map(|line| line.trim().strip_prefix(name)?.trim().strip_prefix('='));
            let value = line.with_context(|| format!("{BUILD_FILE} sets no {name}"))?;
            anyhow::Ok(value.trim().trim_matches('"').to_owned())
        };
        Ok(Self {
            min_sdk: setting("minSdk")?,
            target_sdk: setting("targetSdk")?,
            version_code: setting("versionCode")?,
            version_name: setting("versionName")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_file_names_the_versions() {
        let text = "minSdk = 26\n  targetSdk = 35\nversionCode = 7\nversionName = \"1.2\"\n";
        let read = BuildFile::parse(text).unwrap();
        assert_eq!((read.min_sdk.as_str(), read.target_sdk.as_str()), ("26", "35"));
        assert_eq!((read.version_code.as_str(), read.version_name.as_str()), ("7", "1.2"));
        let error = BuildFile::parse("minSdk = 26").unwrap_err();
        assert_eq!(error.to_string(), format!("{BUILD_FILE} sets no targetSdk"));
    }
}
