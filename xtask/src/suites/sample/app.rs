//! The app's folders, and what it is built with.

use std::path::PathBuf;

use anyhow::Result;

use crate::install::{self, AndroidX};
use crate::report::Step;
use crate::suites::kotlin::tools::Tools;
use crate::workspace::Workspace;

/// Where its sources are, and the package of its resources.
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
