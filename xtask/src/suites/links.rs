//! The documents: every link to a file of this repository leads to one.

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
    let mut broken = Vec::new();
    for page in pages.lines().map(|page| workspace.root().join(page)).filter(|page| page.exists()) {
        let text =
            std::fs::read_to_string(&page).with_context(|| format!("can't read {}", page.display()))?;
        for target in targets(&text) {
            if !resolve(&page, target).exists() {
                let page = page.strip_prefix(workspace.root()).unwrap_or(&page);
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    if !broken.is_empty() {
        bail!("{} links lead nowhere: {}", broken.len(), broken.join(", "));
    }
    Ok(())
}

/// The files that a page links to: `[text](target)`, without what has a scheme and without places in the page itself.
fn targets(markdown: &str) -> Vec<&str> {
    let mut in_code = false;
    let mut found = Vec::new();
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for rest in line.split("](").skip(1) {
            let Some((target, _)) = rest.split_once(')') else { continue };
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !file.contains(':') {
                found.push(file);
            }
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
        assert_eq!(targets(page), ["docs/a.md", "../b.md", "images/p.png"]);
    }
}
