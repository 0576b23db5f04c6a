//! `docs/rotation-tests.md` names a test for each promise of the rotation: all of them are there.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

/// The rows of the page's table: a promise, and its tests as (name, file).
fn rows(page: &str) -> Vec<(&str, Vec<(&str, &str)>)> {
    let table = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows = table.filter_map(|line| line.split_once(" | "));
    rows.skip(1)
        .filter(|(promise, _)| !promise.starts_with("---"))
        .map(|(promise, tests)| (promise, tests.split("<br>").filter_map(named).collect()))
        .collect()
}

/// A test as the page writes it: its name, and a link to its file.
fn named(test: &str) -> Option<(&str, &str)> {
    let (name, link) = test.strip_prefix('`')?.split_once("` (")?;
    let file = link.split_once("](")?.1.strip_suffix("))")?;
    Some((name, file))
}

/// Whether the file has a function of that name that is a test.
fn is_test(source: &str, name: &str) -> bool {
    let Some(at) = source.find(&format!("fn {name}(")) else { return false };
    let line = source[..at].rfind('\n').map_or(0, |end| end + 1);
    let mut attributes = source[..line].lines().rev().map(str::trim).take_while(|line| line.starts_with('#'));
    attributes.any(|line| line == "#[test]" || line.starts_with("#[tokio::test"))
}

#[test]
fn every_promise_of_the_rotation_names_tests_that_are_there() -> Result<()> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let page = std::fs::read_to_string(docs.join("rotation-tests.md"))?;
    let rows = rows(&page);
    ensure!(rows.len() >= 37, "the page has lost a promise: {} are left", rows.len());
    for (promise, tests) in rows {
        ensure!(!tests.is_empty(), "no test holds: {promise}");
        for (name, file) in tests {
            let source = std::fs::read_to_string(docs.join(file)).with_context(|| file.to_owned())?;
            ensure!(is_test(&source, name), "{file} has no test {name}");
        }
    }
    Ok(())
}

#[test]
fn a_name_that_is_no_test_is_found_out() {
    let source = "#[test]\n#[cfg(unix)]\nfn it_is_one() {}\n\nfn it_is_none() {}\n";
    assert!(is_test(source, "it_is_one") && !is_test(source, "it_is_none") && !is_test(source, "it_is"));
    assert_eq!(
        rows("| promise | tests |\n| --- | --- |\n| it holds | `a` ([x](../x.rs))<br>`b` ([y](y.rs)) |\n"),
        [("it holds", vec![("a", "../x.rs"), ("b", "y.rs")])]
    );
}
