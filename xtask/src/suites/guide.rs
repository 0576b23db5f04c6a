//! The guide for app developers: mdBook makes a site of it, its code is code that the tests compile, and no link leads
//! nowhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::inputs::files;
use crate::install;
use crate::report::Step;
use crate::workspace::Workspace;

const BUILDING: Duration = Duration::from_secs(5 * 60);

/// Languages whose code a test compiles.
const COMPILED: [&str; 3] = ["kotlin", "swift", "rust"];

/// Builds the site, and checks it.
pub(super) fn check(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let sources = workspace.root().join("docs/guide");
    let written = code_of_its_own(&sources)?;
    ensure!(
        written.is_empty(),
        "code of a page that no test compiles (include it from a test, by an anchor):\n{}",
        written.join("\n"),
    );
    let readme = std::fs::read_to_string(workspace.root().join("README.md"))?;
    let wrong = wrong_starts(&starts(&sources)?, &readme);
    ensure!(wrong.is_empty(), "the starts of ten lines:\n{}", wrong.join("\n"));
    let mdbook = install::mdbook(workspace, &mut step.log)?;
    let site = workspace.target().join("guide");
    let mut build = workspace.command(mdbook);
    build.arg("build").arg(&sources).arg("--dest-dir").arg(&site);
    let finished = step.log.run(build, BUILDING)?;
    let said: Vec<_> =
        finished.output.lines().filter(|line| line.contains("ERROR") || line.contains("WARN")).collect();
    ensure!(said.is_empty(), "mdBook has something to say:\n{}", said.join("\n"));
    finished.require()?;
    let broken = broken_links(&site)?;
    ensure!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
    step.note(&format!("the site is in {}", site.display()));
    Ok(())
}

/// Each block of code that is written out in a page, by page and line.
fn code_of_its_own(sources: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for page in files(&sources.join("src"))? {
        let text = std::fs::read_to_string(&page)?;
        let mut lines = text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let Some(language) = line.strip_prefix("```").filter(|language| COMPILED.contains(language))
            else {
                continue;
            };
            for (_, code) in lines.by_ref().take_while(|(_, code)| !code.starts_with("```")) {
                if !code.starts_with("{{#include ") {
                    let name = page.file_name().unwrap_or_default().to_string_lossy();
                    found.push(format!("{name}, line {}: {language}", number + 1));
                    break;
                }
            }
        }
    }
    Ok(found)
}

/// The anchor of the quick starts, and how many lines of code they may have.
const TEN_LINES: &str = "ten_lines";
const TEN: usize = 10;

/// The code of each quick start, with its file as the page names it; a guide without one is an error.
fn starts(sources: &Path) -> Result<Vec<(String, String)>> {
    let mut starts = Vec::new();
    for page in files(&sources.join("src"))? {
        let text = std::fs::read_to_string(&page)?;
        let included = text.lines().filter_map(|line| line.strip_prefix("{{#include ")?.strip_suffix("}}"));
        for file in included.filter_map(|include| include.strip_suffix(TEN_LINES)?.strip_suffix(':')) {
            let code = std::fs::read_to_string(page.with_file_name(file))
                .with_context(|| format!("can't read {file}"))?;
            let lines = code.lines().skip_while(|line| !line.contains("ANCHOR: ten_lines")).skip(1);
            let lines: Vec<_> = lines.take_while(|line| !line.contains("ANCHOR_END: ten_lines")).collect();
            starts.push((file.to_owned(), lines.join("\n")));
        }
    }
    ensure!(!starts.is_empty(), "no page has a start of ten lines");
    Ok(starts)
}

/// What is wrong with the quick starts: one that is longer, or one that the README shows in other words.
fn wrong_starts(starts: &[(String, String)], readme: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (file, code) in starts {
        let count = code.lines().filter(|line| !line.trim().is_empty()).count();
        if count > TEN {
            wrong.push(format!("{file} has {count} lines of code"));
        }
        if !readme.contains(&format!("\n{code}\n```\n")) {
            wrong.push(format!("README.md does not show the lines of {file} as they are"));
        }
    }
    wrong
}

/// Links within the site whose file or whose anchor is not there.
fn broken_links(site: &Path) -> Result<Vec<String>> {
    let pages = files(site)?;
    let pages = pages.iter().filter(|file| file.extension().is_some_and(|ending| ending == "html"));
    let mut broken = BTreeSet::new();
    for page in pages {
        // All chapters in one file, for a printer; and the page of a server for what is not there.
        if page.ends_with("print.html") || page.ends_with("404.html") {
            continue;
        }
        let text = std::fs::read_to_string(page).with_context(|| format!("can't read {}", page.display()))?;
        for link in text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            if !leads_there(site, page, link)? {
                let name = page.strip_prefix(site).unwrap_or(page).display();
                broken.insert(format!("{name}: {link}"));
            }
        }
    }
    Ok(broken.into_iter().collect())
}

fn leads_there(site: &Path, page: &Path, link: &str) -> Result<bool> {
    if link.contains("://") || link.starts_with("mailto:") {
        return Ok(true);
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let file: PathBuf = match path {
        "" => page.to_owned(),
        path => page.parent().unwrap_or(site).join(path),
    };
    if !file.is_file() {
        return Ok(false);
    }
    Ok(anchor.is_empty() || std::fs::read_to_string(&file)?.contains(&format!("id=\"{anchor}\"")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn a_link_needs_its_file_and_its_anchor() {
        let scratch = Scratch::new("guide").unwrap();
        let page = |name: &str, text: &str| std::fs::write(scratch.path().join(name), text).unwrap();
        page("b.html", "<h1 id=\"there\">");
        page("a.html", r##"<a href="b.html#there"> <a href="https://x.example/y"> <a href="b.html">"##);
        assert_eq!(broken_links(scratch.path()).unwrap(), Vec::<String>::new());
        page("a.html", r##"<a href="b.html#gone"> <a href="c.html"> <a href="#nothing">"##);
        assert_eq!(
            broken_links(scratch.path()).unwrap(),
            ["a.html: #nothing", "a.html: b.html#gone", "a.html: c.html"]
        );
    }

    #[test]
    fn a_quick_start_has_ten_lines_at_most_and_the_readme_shows_them() {
        let scratch = Scratch::new("guide-ten").unwrap();
        let pages = scratch.folder("src").unwrap();
        std::fs::write(pages.join("a.md"), "{{#include Code.kt:other}}\n").unwrap();
        assert!(starts(scratch.path()).is_err(), "there is none");
        std::fs::write(pages.join("a.md"), "{{#include Code.kt:ten_lines}}\n").unwrap();
        let wrong = |lines: usize, shown: usize| {
            let code = |lines| vec!["line"; lines].join("\n\n");
            let text =
                format!("before\n// ANCHOR: ten_lines\n{}\n// ANCHOR_END: ten_lines\nafter\n", code(lines));
            std::fs::write(pages.join("Code.kt"), text).unwrap();
            let readme = format!("# A\n```kotlin\n{}\n```\n", code(shown));
            wrong_starts(&starts(scratch.path()).unwrap(), &readme)
        };
        assert_eq!(wrong(10, 10), Vec::<String>::new());
        assert_eq!(wrong(11, 11), ["Code.kt has 11 lines of code"]);
        assert_eq!(wrong(10, 9), ["README.md does not show the lines of Code.kt as they are"]);
    }

    #[test]
    fn code_comes_from_a_test() {
        let scratch = Scratch::new("guide-code").unwrap();
        let pages = scratch.folder("src").unwrap();
        std::fs::write(pages.join("a.md"), "```kotlin\n{{#include x.kt:y}}\n```\n```text\nls\n```\n")
            .unwrap();
        assert_eq!(code_of_its_own(scratch.path()).unwrap(), Vec::<String>::new());
        std::fs::write(pages.join("a.md"), "# A\n```swift\nlet a = 1\n```\n").unwrap();
        assert_eq!(code_of_its_own(scratch.path()).unwrap(), ["a.md, line 2: swift"]);
    }
}
