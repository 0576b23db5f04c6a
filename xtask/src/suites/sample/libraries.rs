//! What ships as a library: nothing of it can break a server, pretend a session, or play a provider.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::app::{DEBUG, Sample};
use super::compile::app_classes;
use crate::report::Step;
use crate::scratch::Scratch;
use crate::suites::inputs::files;
use crate::suites::mobile::archive::{Archive, classes};

const UNPACKING: Duration = Duration::from_secs(60);

/// What only `moorline-server dev`, the samples, the testkit or the fakes have.
const FOREIGN: [&str; 7] = [
    "dev/faults",
    "lose-next-answer",
    "reject-next-token",
    "skew-clock",
    "moorline_testkit",
    "moorline_server",
    "FakeMoorline",
];

/// The modules of the Kotlin library that ship as jars. `moorline-testing` is the fake itself.
const MODULES: [&str; 4] = ["moorline", "moorline-compose", "moorline-okhttp", "moorline-ktor"];

/// The targets of the Swift package that apps link.
const SWIFT: [&str; 2] = ["Moorline", "MoorlineUI"];

/// Looks through each library for each word.
pub(super) fn check(sample: &Sample<'_>, step: &mut Step) -> Result<()> {
    let workspace = sample.workspace;
    let archive = Scratch::new("aar")?;
    let mut unpack = workspace.command("jar");
    unpack.args(["--extract", "--file"]).arg(Archive::of(workspace).part("classes.jar"));
    unpack.current_dir(archive.path());
    step.log.must(unpack, UNPACKING)?;
    let mut libraries = vec![
        ("the AAR's classes".to_owned(), archive.path().to_owned()),
        ("the AAR's library for arm64".to_owned(), Archive::of(workspace).part("jni")),
    ];
    libraries.extend(MODULES.map(|module| (module.to_owned(), classes(workspace, module))));
    let swift = workspace.root().join("bindings/swift/Sources");
    libraries.extend(SWIFT.map(|target| (format!("{target} in Swift"), swift.join(target))));
    for (name, folder) in &libraries {
        let found = foreign(folder).with_context(|| name.clone())?;
        ensure!(found.is_empty(), "{name} has what is for development: {}", found.join(", "));
        step.counts.passed += 1;
    }
    // The check must be able to fail: the debug build of the sample does have them.
    let sample = foreign(&app_classes(sample, &DEBUG))?.join(", ");
    for word in ["dev/faults", "FakeMoorline"] {
        ensure!(
            sample.contains(word),
            "{word} is not found in the debug build either: the check proves nothing"
        );
    }
    step.note(&format!("{} libraries have none of it", libraries.len()));
    Ok(())
}

/// Each of the words that a file of the folder has, with the file's name.
fn foreign(folder: &Path) -> Result<Vec<String>> {
    let files = files(folder)?;
    ensure!(!files.is_empty(), "{} has no files", folder.display());
    let mut found = Vec::new();
    for file in files {
        let bytes = std::fs::read(&file).with_context(|| format!("can't read {}", file.display()))?;
        let bytes =
            if file.extension().is_some_and(|ending| ending == "swift") { code(&bytes) } else { bytes };
        for word in FOREIGN {
            if bytes.windows(word.len()).any(|window| window == word.as_bytes()) {
                let name: PathBuf = file.strip_prefix(folder)?.to_owned();
                found.push(format!("`{word}` in {}", name.display()));
            }
        }
    }
    Ok(found)
}

/// Sources without the lines of comments, which may well name a fake.
fn code(source: &[u8]) -> Vec<u8> {
    let lines = source.split_inclusive(|byte| *byte == b'\n');
    lines.filter(|line| !line.trim_ascii_start().starts_with(b"//")).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_of_swift_may_name_a_fake() {
        let scratch = Scratch::new("swift").unwrap();
        let file = scratch.path().join("A.swift");
        std::fs::write(&file, "  /// As `FakeMoorline` has it.\nlet a = 1\n").unwrap();
        assert_eq!(foreign(scratch.path()).unwrap(), Vec::<String>::new());
        std::fs::write(&file, "let a = FakeMoorline()\n").unwrap();
        assert_eq!(foreign(scratch.path()).unwrap(), ["`FakeMoorline` in A.swift"]);
    }

    #[test]
    fn a_word_is_found_in_any_file_and_a_folder_without_files_is_an_error() {
        let scratch = Scratch::new("foreign").unwrap();
        assert!(foreign(scratch.path()).unwrap_err().to_string().contains("has no files"));
        let folder = scratch.folder("a").unwrap();
        std::fs::write(folder.join("B.class"), b"\0\x0adev/fault\0").unwrap();
        assert_eq!(foreign(scratch.path()).unwrap(), Vec::<String>::new());
        std::fs::write(folder.join("C.class"), b"\0\x0adev/faults/\0").unwrap();
        assert_eq!(foreign(scratch.path()).unwrap(), ["`dev/faults` in a/C.class"]);
    }
}
