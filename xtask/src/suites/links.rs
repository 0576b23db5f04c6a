//! The documents: every link to a file of this repository leads to one, and every test that a page names is there, be
//! it the text of a link or a name in code type.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::report::Step;
use crate::workspace::Workspace;

const QUICK: Duration = Duration::from_secs(60);

/// Looks up every relative link of every committed Markdown page.
pub(super) fn check(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let mut git = workspace.command("git");
    git.args(["ls-files", "--", "*.md"]);
    let pages = step.log.must(git, QUICK)?;
    let code = code(workspace, step)?;
    let mut broken = Vec::new();
    for page in pages.lines().map(|page| workspace.root().join(page)).filter(|page| page.exists()) {
        let text =
            std::fs::read_to_string(&page).with_context(|| format!("can't read {}", page.display()))?;
        for (name, target) in links(&text) {
            if !leads_there(name, &resolve(&page, target)) {
                let page = page.strip_prefix(workspace.root()).unwrap_or(&page);
                broken.push(format!("{}: [{name}]({target})", page.display()));
            }
        }
        for name in named(&text).filter(|name| !code.contains(&format!("fn {name}("))) {
            let page = page.strip_prefix(workspace.root()).unwrap_or(&page);
            broken.push(format!("{}: `{name}`, which no code defines", page.display()));
        }
    }
    if !broken.is_empty() {
        bail!("{} links and names lead nowhere: {}", broken.len(), broken.join(", "));
    }
    Ok(())
}

/// All Rust code of the repository.
fn code(workspace: &Workspace, step: &mut Step) -> Result<String> {
    let mut git = workspace.command("git");
    git.args(["ls-files", "--", "*.rs"]);
    let files = step.log.must(git, QUICK)?;
    let read = |file: &str| std::fs::read_to_string(workspace.root().join(file));
    // A file that was just deleted defines nothing.
    Ok(files.lines().filter_map(|file| read(file).ok()).collect())
}

/// Names in code type that are long enough to be a test's and nothing else's.
fn named(markdown: &str) -> impl Iterator<Item = &str> {
    let words = |name: &str| name.split('_').count();
    markdown.split('`').skip(1).step_by(2).filter(move |name| is_sentence(name) && words(name) >= WORDS)
}

const WORDS: usize = 5;

/// Whether the file exists, and defines the function that the link's text names, if it names one.
fn leads_there(name: &str, file: &Path) -> bool {
    let of_code = file.extension().is_some_and(|extension| extension == "rs");
    if !of_code || !is_sentence(name) {
        return file.exists();
    }
    std::fs::read_to_string(file).is_ok_and(|code| code.contains(&format!("fn {name}(")))
}

/// A test's name: a sentence in words with underscores between.
fn is_sentence(name: &str) -> bool {
    name.contains('_') && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// The files that a page links to, with the text of each link: `[text](target)`, without what has a scheme and without
/// places in the page itself.
fn links(markdown: &str) -> Vec<(&str, &str)> {
    let mut in_code = false;
    let mut found = Vec::new();
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        let mut before = line;
        while let Some((text, rest)) = before.split_once("](") {
            let Some((target, after)) = rest.split_once(')') else { break };
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !file.contains(':') {
                let name = text.rsplit('[').next().unwrap_or_default();
                found.push((name.trim_matches('`'), file));
            }
            before = after;
        }
    }
    found
}

fn resolve(page: &Path, target: &str) -> PathBuf {
    page.parent().unwrap_or(page).join(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_files_are_looked_up() {
        let page = "See [a](docs/a.md#part) and [b](../b.md), not [c](https://example.com/c) or [d](#here).\n\
                    ```\n[e](e.md)\n```\n![picture](images/p.png)";
        let found = [("a", "docs/a.md"), ("b", "../b.md"), ("picture", "images/p.png")];
        assert_eq!(links(page), found);
    }

    #[test]
    fn a_long_name_in_code_type_is_a_tests() {
        let page = "`a_name_of_five_words` and `refresh_attempt_supported`, `A_B_C_D_E`, [x](y)";
        assert_eq!(named(page).collect::<Vec<_>>(), ["a_name_of_five_words"]);
    }

    #[test]
    fn a_test_that_a_page_names_has_to_be_there() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/suites/links.rs");
        assert!(leads_there("a_test_that_a_page_names_has_to_be_there", &here));
        assert!(!leads_there(concat!("a_test_that_", "nobody_wrote"), &here));
        assert!(leads_there("links.rs", &here) && leads_there("`the checker`", &here));
        assert!(!leads_there("the checker", &here.join("nowhere")));
    }
}
