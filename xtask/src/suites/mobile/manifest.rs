//! The archive's manifest, merged into an app's by the Android Gradle plugin's own merger.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::archive::Archive;
use super::build::{QUICK, folder};
use crate::report::Step;
use crate::suites::kotlin::tools::{ANDROID_TOOLS, Tools};
use crate::workspace::Workspace;

/// The app's manifest, and what comes of it: one element a line.
const APP: &str = "bindings/kotlin/android-check/app/AndroidManifest.xml";
const MERGED: &str = "bindings/kotlin/android-check/app/merged-manifest.txt";

/// The app's id, which the redirect activity has for its scheme.
const ID: &str = "com.example.notes";

/// An app that says nothing about backups.
const BARE: &str =
    "<manifest xmlns:android=\"http://schemas.android.com/apk/res/android\"><application /></manifest>";

/// Where the merged manifest is.
pub(super) fn merged(workspace: &Workspace) -> PathBuf {
    folder(workspace).join("aar").join("merged-manifest.xml")
}

/// Merges, and compares every element and attribute with what was reviewed.
pub(super) fn check(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let merged = merged(workspace);
    merge(workspace, step, &workspace.root().join(APP), (&[], &[]), &merged)?;
    let found = elements(&fs::read_to_string(&merged)?).join("\n") + "\n";
    let expected = workspace.root().join(MERGED);
    if std::env::var_os("MOORLINE_RENEW_MANIFEST").is_some() {
        fs::write(&expected, &found)?;
    }
    let expected = fs::read_to_string(&expected).with_context(|| format!("can't read {MERGED}"))?;
    ensure!(
        found == expected,
        "the merged manifest differs from {MERGED}: {}. If it is right, set MOORLINE_RENEW_MANIFEST=1 once",
        differences(&expected, &found).join("; "),
    );

    let bare = folder(workspace).join("aar").join("bare.xml");
    fs::write(&bare, BARE)?;
    merge(workspace, step, &bare, (&[], &[]), &bare.with_extension("merged.xml"))?;
    let elements = elements(&fs::read_to_string(bare.with_extension("merged.xml"))?);
    ensure!(
        elements.iter().any(|element| element == "application"),
        "the library's manifest sets something on every app's <application>"
    );
    step.note("an app's own rules for backups stay, and one without any gets none");
    Ok(())
}

/// Merges an app's manifest with those of its variant, the archive's and those of other libraries.
pub(in crate::suites) fn merge(
    workspace: &Workspace,
    step: &mut Step,
    app: &Path,
    (variant, libraries): (&[PathBuf], &[PathBuf]),
    merged: &Path,
) -> Result<()> {
    let tools = Tools::of(workspace)?;
    let mut merger = tools.java(workspace, step, &ANDROID_TOOLS)?;
    merger.args(["com.android.manifmerger.Merger", "--main"]).arg(app);
    if !variant.is_empty() {
        merger.arg("--overlays").arg(std::env::join_paths(variant)?);
    }
    let own = Archive::of(workspace).part("AndroidManifest.xml");
    merger.arg("--libs").arg(std::env::join_paths(std::iter::once(&own).chain(libraries))?);
    // The merger replaces `${applicationId}` by the package.
    for property in [&format!("PACKAGE={ID}"), "MIN_SDK_VERSION=26", "TARGET_SDK_VERSION=35"] {
        merger.args(["--property", property]);
    }
    merger.args(["--remove-tools-declarations", "--out"]).arg(merged);
    if merged.exists() {
        fs::remove_file(merged)?;
    }
    let finished = step.log.run(merger, QUICK)?;
    finished.require()?;
    // It ends well even if it could not merge.
    ensure!(merged.exists(), "the manifests do not merge: {}", finished.output.trim());
    ensure!(!finished.output.contains("Warning"), "the merger warns: {}", finished.output.trim());
    Ok(())
}

/// Each element with its attributes, without the namespace's declaration, as `name a=b c=d`, in their order.
pub(super) fn elements(xml: &str) -> Vec<String> {
    let mut text = String::new();
    let mut rest = xml;
    while let Some((before, comment)) = rest.split_once("<!--") {
        text.push_str(before);
        rest = comment.split_once("-->").map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    let tags = text.split('<').skip(1).filter_map(|tag| tag.split_once('>')).map(|(tag, _)| tag);
    tags.filter(|tag| !tag.starts_with(['?', '/']))
        .map(|tag| {
            let words = tag.trim_end_matches('/').split_whitespace();
            let words = words.filter(|word| !word.starts_with("xmlns:")).map(|word| word.replace('"', ""));
            words.collect::<Vec<_>>().join(" ")
        })
        .collect()
}

/// The lines that only one of the two has.
fn differences(expected: &str, found: &str) -> Vec<String> {
    let only = |one: &str, other: &str, what: &str| -> Vec<String> {
        let other: Vec<_> = other.lines().collect();
        let lines = one.lines().filter(|line| !other.contains(line));
        lines.map(|line| format!("{what} `{line}`")).collect()
    };
    let mut all = only(expected, found, "missing");
    all.extend(only(found, expected, "new"));
    if all.is_empty() { vec!["another order".to_owned()] } else { all }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_as_its_elements() {
        let xml = "<?xml version=\"1.0\"?>\n<manifest xmlns:android=\"x\"\n  package=\"a.b\">\n\
                   <!-- <no /> -->\n<application android:label=\"N\" ><activity android:name=\"A\"/></application>";
        assert_eq!(
            elements(xml),
            ["manifest package=a.b", "application android:label=N", "activity android:name=A"]
        );
    }

    #[test]
    fn what_slipped_in_is_named() {
        let named = differences("a\nb\n", "a\nuses-permission X\n");
        assert_eq!(named, ["missing `b`", "new `uses-permission X`"]);
        assert_eq!(differences("a\nb\n", "b\na\n"), ["another order"]);
    }
}
