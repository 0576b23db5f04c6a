//! What a library may need from the system: lists under `bindings/symbols`, each name of which was reviewed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;

/// The reviewed names, by the system's library that has them.
#[derive(Debug)]
pub(super) struct Reviewed {
    file: PathBuf,
    libraries: BTreeMap<String, BTreeSet<String>>,
}

impl Reviewed {
    /// Reads `bindings/symbols/TARGET.txt`: `[LIBRARY]`, then a name a line; `#` begins a comment. `NAME weak` may be
    /// missing on a device: the code asks before it calls. What is in an archive (`[libX.a]`) is linked in.
    pub(super) fn read(workspace: &Workspace, target: &str) -> Result<Self> {
        let file = Path::new("bindings/symbols").join(target).with_extension("txt");
        let path = workspace.root().join(&file);
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
        Ok(Self { libraries: parse(&text).with_context(|| format!("in {}", file.display()))?, file })
    }

    /// Each library with its names.
    pub(super) fn libraries(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = &str>)> {
        self.libraries.iter().map(|(library, names)| (library.as_str(), names.iter().map(String::as_str)))
    }

    /// Fails, naming each difference, unless the needed names are the reviewed ones.
    pub(super) fn require(&self, needed: &BTreeSet<String>) -> Result<()> {
        let shared = self.libraries.iter().filter(|(library, _)| !library.ends_with(".a"));
        let reviewed: BTreeSet<_> = shared.flat_map(|(_, names)| names).cloned().collect();
        let list = |names: Vec<&String>| names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let new: Vec<_> = needed.difference(&reviewed).collect();
        let file = self.file.display();
        ensure!(
            new.is_empty(),
            "the library needs what is not in {file}: {}. Add it if every supported system has it",
            list(new),
        );
        let old: Vec<_> = reviewed.difference(needed).collect();
        ensure!(old.is_empty(), "the library does not need what is in {file}: {}. Remove it", list(old));
        Ok(())
    }

    /// Where the names are.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }
}

fn parse(text: &str) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut libraries: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut current = None;
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    for line in lines.filter(|line| !line.is_empty()) {
        if let Some(library) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            current = Some(libraries.entry(library.to_owned()).or_default());
        } else {
            let names = current.as_mut().with_context(|| format!("{line} is of no library"))?;
            ensure!(names.insert(line.to_owned()), "{line} is there twice");
        }
    }
    Ok(libraries)
}

/// The names that `nm` lists: the last word of each line, behind a letter for its kind.
pub(super) fn names(listed: &str) -> BTreeSet<String> {
    let lines = listed.lines().filter(|line| !line.ends_with(':'));
    lines
        .filter_map(|line| {
            let mut words = line.split_whitespace().rev();
            let name = words.next()?;
            Some(if words.next() == Some("w") { format!("{name} weak") } else { name.to_owned() })
        })
        .collect()
}

/// The names that a linker reports as undefined.
pub(super) fn undefined(output: &str) -> BTreeSet<String> {
    let lines = output.lines().filter_map(|line| line.split("undefined symbol: ").nth(1));
    lines.map(|name| name.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reviewed() -> Reviewed {
        let libraries =
            parse("# A comment.\n[libc.so]\nabort\nread # why\n\n[libm.so]\nexp\n[libu.a]\nown\n").unwrap();
        Reviewed { file: "list.txt".into(), libraries }
    }

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_library_that_needs_what_was_reviewed_is_right() {
        reviewed().require(&set(&["read", "exp", "abort"])).unwrap();
    }

    #[test]
    fn a_symbol_that_is_not_in_the_list_is_named() {
        let error = reviewed().require(&set(&["read", "exp", "abort", "getentropy"])).unwrap_err();
        assert!(error.to_string().contains("is not in list.txt: getentropy. Add"), "{error}");
    }

    #[test]
    fn a_symbol_that_is_no_longer_needed_is_named() {
        let error = reviewed().require(&set(&["read", "abort"])).unwrap_err();
        assert!(error.to_string().contains("does not need what is in list.txt: exp. Remove"), "{error}");
    }

    #[test]
    fn a_name_without_a_library_or_twice_is_an_error() {
        assert!(parse("abort\n[libc.so]\n").unwrap_err().to_string().contains("abort is of no library"));
        assert!(parse("[libc.so]\nabort\nabort\n").unwrap_err().to_string().contains("there twice"));
    }

    #[test]
    fn what_the_tools_print_is_read() {
        assert_eq!(
            names("\nlib.a(x.o):\n         U abort\n                 w read\n"),
            set(&["abort", "read weak"])
        );
        let printed = "ld.lld: error: undefined symbol: getentropy\n>>> referenced by a.rs";
        assert_eq!(undefined(printed), set(&["getentropy"]));
        assert_eq!(undefined("error: linking failed"), set(&[]));
    }
}
