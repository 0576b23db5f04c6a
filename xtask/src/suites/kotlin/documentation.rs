//! What Dokka reports about the documentation of the public API: members without any, and links that lead nowhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Functions that Dokka wants documentation for, too, although everybody knows what they do.
const OBVIOUS: [&str; 6] = [
    "/equals/#kotlin.Any?/",
    "/hashCode/#/",
    "/toString/#/",
    "/values/#/",
    "/valueOf/#kotlin.String/",
    "/entries/#/",
];

/// Names the modules of the library in this folder: those with a dump of their public API.
pub(super) fn modules(sources: &Path) -> Result<BTreeSet<String>> {
    let mut modules = BTreeSet::new();
    for entry in fs::read_dir(sources).with_context(|| sources.display().to_string())? {
        let entry = entry?;
        if entry.path().join("api").is_dir() {
            modules.insert(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(modules)
}

/// Fails if Dokka, in this output of Maven's, has warned of anything, or has left out one of these modules.
pub(super) fn check(maven: &str, modules: &BTreeSet<String>) -> Result<()> {
    let mut missing = modules.clone();
    let mut warnings = Vec::new();
    let (mut runs, mut module) = (false, "");
    for line in maven.lines() {
        if line.contains(" --- ") {
            runs = line.contains("dokka-maven-plugin");
            module = line.rsplit_once(" @ ").map_or("", |(_, module)| module.trim_end_matches(" ---"));
        } else if line.contains("Dokka is performing: documentation for") {
            missing.remove(module);
        } else if runs && let Some((_, warning)) = line.split_once("[WARNING] ") {
            let obvious =
                warning.starts_with("Undocumented: ") && OBVIOUS.iter().any(|name| warning.contains(name));
            if !obvious {
                warnings.push(warning);
            }
        }
    }
    ensure!(warnings.is_empty(), "Dokka warns:\n{}", warnings.join("\n"));
    ensure!(missing.is_empty(), "Dokka has left out {}", missing.into_iter().collect::<Vec<_>>().join(", "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_maven(warning: &str) -> String {
        format!(
            "[INFO] --- kotlin-maven-plugin:2.4.21:compile (compile) @ moorline ---\n\
             [WARNING] of the compiler\n\
             [INFO] --- dokka-maven-plugin:2.2.0:dokka (default-cli) @ moorline ---\n\
             [INFO] Dokka is performing: documentation for moorline\n\
             [WARNING] {warning}\n\
             [INFO] --- maven-resources-plugin:2.6:resources (default-resources) @ moorline-ktor ---\n\
             [WARNING] of another plugin\n"
        )
    }

    fn moorline() -> BTreeSet<String> {
        BTreeSet::from(["moorline".to_owned()])
    }

    #[test]
    fn members_that_everybody_knows_need_no_documentation() {
        for member in OBVIOUS {
            let output = of_maven(&format!("Undocumented: dev.moorline/User{member} (JVM)"));
            check(&output, &moorline()).unwrap();
        }
    }

    #[test]
    fn other_members_and_links_are_reported() {
        for warning in ["Undocumented: dev.moorline/User/subject/#/ (JVM)", "Couldn't resolve link for x"] {
            let error = check(&of_maven(warning), &moorline()).unwrap_err().to_string();
            assert_eq!(error, format!("Dokka warns:\n{warning}"));
        }
    }

    #[test]
    fn a_module_without_documentation_is_named() {
        let modules = BTreeSet::from(["moorline".to_owned(), "moorline-ktor".to_owned()]);
        let output = of_maven("Undocumented: dev.moorline/User/toString/#/ (JVM)");
        let error = check(&output, &modules).unwrap_err().to_string();
        assert!(error.ends_with("moorline-ktor"), "{error}");
        assert!(check("[INFO] BUILD SUCCESS", &modules).is_err());
    }
}
