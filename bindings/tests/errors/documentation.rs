//! `docs/errors.md` knows every error of the SDK's source.

use std::{collections::BTreeSet, fs, path::Path};

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The quoted words in a text that look like codes.
fn codes(text: &str) -> impl Iterator<Item = &str> {
    let is_code =
        |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase());
    text.split('"').skip(1).step_by(2).filter(is_code)
}

#[test]
fn every_code_of_the_error_type_has_a_section_and_rows() {
    let source = read("sdk-core/src/error.rs");
    let body = source.split("fn code(&self)").nth(1).expect("it has a code");
    let body = body.split("    }\n\n").next().expect("it ends");
    let codes: Vec<&str> = codes(body).collect();
    assert!(codes.len() >= 12, "{codes:?}");
    let page = read("docs/errors.md");
    for code in codes {
        assert!(page.contains(&format!("\n## {code}\n")), "docs/errors.md has no section for {code}");
        assert!(page.contains(&format!("| [`{code}`](#{code}) |")), "docs/errors.md has no row for {code}");
        assert!(page.contains(&format!("| `{code}` | `")), "docs/errors.md has no names for {code}");
    }
}

#[test]
fn every_refusal_code_of_the_sdk_is_listed() {
    let mut found = BTreeSet::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk-core/src"), &mut found);
    assert!(found.len() >= 12, "{found:?}");
    let page = read("docs/errors.md");
    for code in found {
        assert!(
            page.contains(&format!("\n| `{code}` | ")),
            "docs/errors.md does not list the refusal code {code}"
        );
    }
}

fn is_product_code(path: &Path) -> bool {
    let is_named = path.file_stem().is_some_and(|name| name.to_string_lossy().ends_with("tests"));
    let is_test = is_named || path.components().any(|part| part.as_os_str() == "tests");
    path.extension().is_some_and(|extension| extension == "rs") && !is_test
}

/// Collects the first argument of each `refused(…)` in the product code of a folder.
fn collect(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("it lists") {
        let path = entry.expect("it is there").path();
        if path.is_dir() {
            collect(&path, found);
        } else if is_product_code(&path) {
            let source = fs::read_to_string(&path).expect("it is text");
            for call in source.split("refused(").skip(1) {
                let argument = call.trim_start();
                let literal = argument.strip_prefix('"').and_then(|rest| rest.split('"').next());
                let is_code = |word: &&str| word.contains('_') && !word.contains(' ');
                found.extend(literal.filter(is_code).map(str::to_owned));
            }
        }
    }
    // Named by constants.
    found.extend(["response_too_large", "document_too_large"].map(str::to_owned));
}
