//! The one list of versions: `gradle/libs.versions.toml`, which Gradle reads, against what Maven is given.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Fails, naming each difference, unless both builds use the same versions.
pub(super) fn check(folder: &Path) -> Result<()> {
    let catalog = read(&folder.join("gradle/libs.versions.toml"))?;
    let mut wrong = differences(&catalog, &read(&folder.join("pom.xml"))?);
    for (name, text) in build_files(folder)? {
        wrong.extend(
            literals(&text).into_iter().map(|found| format!("{name} has a version of its own: {found}")),
        );
    }
    ensure!(
        wrong.is_empty(),
        "the versions of the Kotlin build are in bindings/kotlin/gradle/libs.versions.toml alone:\n{}",
        wrong.join("\n"),
    );
    Ok(())
}

/// The versions of the catalog, by name.
pub(in crate::suites) fn catalog(folder: &Path) -> Result<BTreeMap<String, String>> {
    Ok(catalog_versions(&read(&folder.join("gradle/libs.versions.toml"))?))
}

/// The poms and Gradle files of all modules.
fn build_files(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut files =
        vec![folder.join("pom.xml"), folder.join("build.gradle.kts"), folder.join("settings.gradle.kts")];
    for entry in folder.read_dir()? {
        let module: PathBuf = entry?.path();
        files.extend(["pom.xml", "build.gradle.kts"].map(|name| module.join(name)));
    }
    let there = files.into_iter().filter(|file| file.exists());
    there.map(|file| Ok((file.strip_prefix(folder)?.display().to_string(), read(&file)?))).collect()
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))
}

/// Where the catalog and the properties of the parent pom differ.
fn differences(catalog: &str, pom: &str) -> Vec<String> {
    let (gradle, maven) = (catalog_versions(catalog), pom_versions(pom));
    let mut found = Vec::new();
    for (name, version) in &gradle {
        match maven.get(name) {
            Some(same) if same == version => {}
            other => {
                let other = other.map_or("nothing", String::as_str);
                found.push(format!("{name} is {version} for Gradle and {other} for Maven"));
            }
        }
    }
    for name in maven.keys().filter(|name| !gradle.contains_key(*name)) {
        found.push(format!("version.{name} of pom.xml is not in the catalog"));
    }
    found
}

/// `name = "1.2"` of the section `[versions]`.
fn catalog_versions(catalog: &str) -> BTreeMap<String, String> {
    let section = catalog.split("[versions]").nth(1).unwrap_or_default();
    section
        .lines()
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, version)| (name.trim().to_owned(), version.trim().trim_matches('"').to_owned()))
        .collect()
}

/// `<version.name>1.2</version.name>`.
fn pom_versions(pom: &str) -> BTreeMap<String, String> {
    pom.lines()
        .filter_map(|line| line.trim().strip_prefix("<version."))
        .filter_map(|rest| rest.split('<').next()?.split_once('>'))
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .collect()
}

/// Versions that a build file writes out: in an element `<version>`, in coordinates (`"group:name:1.2"`) or of a plugin
/// (`version "1.2"`). The project's own is not one.
fn literals(text: &str) -> Vec<String> {
    let own = format!("<version>{OWN}</version>");
    text.lines()
        .map(str::trim)
        .filter(|line| {
            let element = line.contains("<version>") && !line.contains("<version>${") && *line != own;
            let quoted = line.split('"').skip(1).step_by(2).any(|quoted| {
                let mut parts = quoted.split(':');
                parts.clone().count() == 3 && parts.all(|part| !part.is_empty() && !part.contains('/'))
            });
            element || quoted || line.contains(") version \"")
        })
        .map(str::to_owned)
        .collect()
}

/// The version of the library itself.
const OWN: &str = "0.1.0";

#[cfg(test)]
mod tests {
    use super::*;

    const CATALOG: &str = "[versions]\n# A comment.\nkotlin = \"2.4.21\"\njna = \"5.19.1\"\n\n\
                           [libraries]\njna = { module = \"net.java.dev.jna:jna\", version.ref = \"jna\" }\n";

    #[test]
    fn one_list_of_versions_is_no_difference() {
        let pom = "<version.kotlin>2.4.21</version.kotlin>\n  <version.jna>5.19.1</version.jna>";
        assert_eq!(differences(CATALOG, pom), Vec::<String>::new());
    }

    #[test]
    fn a_version_that_drifts_in_either_build_is_named() {
        let pom = "<version.kotlin>2.4.0</version.kotlin>\n<version.okhttp>5.5.1</version.okhttp>";
        let expected = [
            "jna is 5.19.1 for Gradle and nothing for Maven",
            "kotlin is 2.4.21 for Gradle and 2.4.0 for Maven",
            "version.okhttp of pom.xml is not in the catalog",
        ];
        assert_eq!(differences(CATALOG, pom), expected);
    }

    #[test]
    fn a_version_that_a_build_file_writes_out_is_found() {
        let allowed = "<version>0.1.0</version>\n<version>${version.jna}</version>\nimplementation(libs.jna)\n\
                       val url = \"https://example.com\"\nproject(\":moorline\")";
        assert_eq!(literals(allowed), Vec::<String>::new());
        for line in
            ["<version>5.19.1</version>", "api(\"net.java.dev.jna:jna:5.19.1\")", "id(\"x\") version \"1\""]
        {
            assert_eq!(literals(line), [line]);
        }
    }

    #[test]
    fn the_builds_of_this_repository_agree() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bindings/kotlin");
        check(&folder).unwrap();
    }
}
