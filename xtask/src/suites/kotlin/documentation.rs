//! What Dokka reports about the documentation of the public API: members without any, and links that lead nowhere.

use anyhow::{Result, ensure};

/// Functions that Dokka wants documentation for, too, although everybody knows what they do.
const OBVIOUS: [&str; 6] = [
    "/equals/#kotlin.Any?/",
    "/hashCode/#/",
    "/toString/#/",
    "/values/#/",
    "/valueOf/#kotlin.String/",
    "/entries/#/",
];

/// Fails if Dokka, in this output of Maven's, has warned of anything. Returns how many modules it has documented.
pub(super) fn check(maven: &str) -> Result<usize> {
    let mut modules = 0;
    let mut warnings = Vec::new();
    let mut runs = false;
    for line in maven.lines() {
        if line.contains(" --- ") {
            runs = line.contains("dokka-maven-plugin");
        } else if line.contains("Dokka is performing: documentation for") {
            modules += 1;
        } else if runs && let Some((_, warning)) = line.split_once("[WARNING] ") {
            let obvious =
                warning.starts_with("Undocumented: ") && OBVIOUS.iter().any(|name| warning.contains(name));
            if !obvious {
                warnings.push(warning);
            }
        }
    }
    ensure!(warnings.is_empty(), "Dokka warns:\n{}", warnings.join("\n"));
    ensure!(modules > 0, "Dokka has documented no module");
    Ok(modules)
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

    #[test]
    fn members_that_everybody_knows_need_no_documentation() {
        for member in OBVIOUS {
            let output = of_maven(&format!("Undocumented: dev.moorline/User{member} (JVM)"));
            assert_eq!(check(&output).unwrap(), 1, "{member}");
        }
    }

    #[test]
    fn other_members_and_links_are_reported() {
        for warning in ["Undocumented: dev.moorline/User/subject/#/ (JVM)", "Couldn't resolve link for x"] {
            let error = check(&of_maven(warning)).unwrap_err().to_string();
            assert_eq!(error, format!("Dokka warns:\n{warning}"));
        }
    }

    #[test]
    fn a_run_without_dokka_is_no_success() {
        assert!(check("[INFO] BUILD SUCCESS").is_err());
    }
}
