//! Java programs and libraries from Maven Central, with all that they need: a folder for each set, filled once.

use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::{DOWNLOAD, once};
use crate::process::Log;
use crate::workspace::Workspace;

/// A set of libraries that belong together on one class path.
#[derive(Debug, Hash)]
pub(crate) struct Jars<'a> {
    pub(crate) name: &'a str,
    /// `GROUP:ARTIFACT:VERSION` each.
    pub(crate) libraries: &'a [String],
    /// `GROUP:ARTIFACT` each: Android archives, which Maven cannot put on a class path.
    pub(crate) without: &'a [&'a str],
}

impl Jars<'_> {
    /// The folder with the jars.
    pub(crate) fn fetch(&self, workspace: &Workspace, log: &mut Log) -> Result<PathBuf> {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        let tools = Workspace::tools()?.join("jars");
        let folder = tools.join(format!("{}-{:016x}", self.name, hasher.finish()));
        if folder.exists() {
            return Ok(folder);
        }
        log.ui().note(&format!("fetching {} from Maven Central (once)", self.libraries.join(", ")));
        once(&folder, |scratch| self.copy(workspace, log, scratch))
            .with_context(|| format!("can't fetch {}", self.libraries.join(", ")))?;
        Ok(folder)
    }

    fn copy(&self, workspace: &Workspace, log: &mut Log, scratch: &std::path::Path) -> Result<PathBuf> {
        let (pom, jars) = (scratch.join("pom.xml"), scratch.join("jars"));
        fs::write(&pom, self.pom()?)?;
        let mut copy = workspace.command("mvn");
        copy.args(["--batch-mode", "--no-transfer-progress", "dependency:copy-dependencies"]);
        copy.arg("--file").arg(&pom).arg(format!("-DoutputDirectory={}", jars.display()));
        log.must(copy, DOWNLOAD)?;
        ensure!(jars.exists(), "Maven copied nothing");
        Ok(jars)
    }

    fn pom(&self) -> Result<String> {
        let mut excluded = String::new();
        for library in self.without {
            let (group, artifact) = library.split_once(':').context("GROUP:ARTIFACT")?;
            let _ = write!(
                excluded,
                "<exclusion><groupId>{group}</groupId><artifactId>{artifact}</artifactId></exclusion>"
            );
        }
        let mut dependencies = String::new();
        for library in self.libraries {
            let mut parts = library.split(':');
            let mut part = || parts.next().context("GROUP:ARTIFACT:VERSION");
            let (group, artifact, version) = (part()?, part()?, part()?);
            let _ = write!(
                dependencies,
                "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
                 <version>{version}</version><exclusions>{excluded}</exclusions></dependency>"
            );
        }
        Ok(format!(
            "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
             <groupId>dev.moorline</groupId><artifactId>jars</artifactId><version>1</version>\
             <packaging>pom</packaging><dependencies>{dependencies}</dependencies></project>"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_library_is_a_dependency_without_what_maven_cannot_use() {
        let libraries = ["org.example:tool:1.2".to_owned()];
        let jars = Jars { name: "tool", libraries: &libraries, without: &["org.example:archive"] };
        let pom = jars.pom().unwrap();
        assert!(pom.contains("<artifactId>tool</artifactId><version>1.2</version>"), "{pom}");
        assert!(pom.contains("<exclusion><groupId>org.example</groupId><artifactId>archive"), "{pom}");
        let libraries = ["tool".to_owned()];
        assert!(Jars { name: "tool", libraries: &libraries, without: &[] }.pom().is_err());
    }
}
