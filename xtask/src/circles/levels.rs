//! The levels of a package's modules: a module at the top of the crate imports from lower levels only.
//!
//! That is stricter than "no circle": two modules of one level do not import each other at all, and an import that goes
//! up fails even where nothing comes back down yet.

use std::collections::{BTreeMap, BTreeSet};

use super::find::Use;
use super::modules::Source;
use super::names::Dependencies;

/// The modules of a package by level, from the lowest up.
pub(super) type Levels = &'static [&'static [&'static str]];

/// The levels of `server/src`, above the crates that it stands on; `docs/architecture.md` says what each module does.
const SERVER: Levels = &[
    &["audit", "limits"],
    &["web"],
    &["restore", "tokens"],
    &["accounts"],
    &["access"],
    &["api", "oauth"],
    &["manage", "pages"],
    &["http"],
    &["start"],
    &["dev"],
];

/// The levels of the package in this folder; `None` if it has none.
pub(super) fn of(folder: &str) -> Option<Levels> {
    (folder == "server").then_some(SERVER)
}

/// What breaks the levels.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// A module imports from its own level or a higher one.
    Upward {
        /// The module that imports, and its level.
        from: (String, usize),
        /// The module that it imports from, and its level.
        to: (String, usize),
        /// The files, each with the names that it uses.
        uses: BTreeMap<Use, BTreeSet<String>>,
    },
    /// A module is in no level.
    Unlisted(String),
    /// A level lists a module that is not there.
    Missing(String),
}

/// Compares a crate with its levels.
pub(super) fn broken(source: &Source, dependencies: &Dependencies, levels: Levels) -> Vec<Broken> {
    let level_of = |module: &str| levels.iter().position(|level| level.contains(&module));
    let top = |file: usize| source.files[file].module.first();
    let there: BTreeSet<&String> = (0..source.files.len()).filter_map(top).collect();
    let mut upward = BTreeMap::<_, BTreeMap<Use, BTreeSet<String>>>::new();
    for (&(from, to), names) in dependencies {
        let (Some(upper), Some(lower)) = (top(from), top(to)) else { continue };
        let (Some(from_level), Some(to_level)) = (level_of(upper), level_of(lower)) else { continue };
        if upper != lower && from_level <= to_level {
            let name = |file: usize| source.files[file].name.clone();
            let uses = upward.entry(((upper.clone(), from_level), (lower.clone(), to_level))).or_default();
            uses.insert(Use { from: name(from), to: name(to) }, names.clone());
        }
    }
    let listed = levels.iter().flat_map(|level| level.iter().copied());
    let missing = listed.filter(|module| !there.iter().any(|known| known == module));
    let unlisted = there.iter().filter(|module| level_of(module).is_none());
    upward
        .into_iter()
        .map(|((from, to), uses)| Broken::Upward { from, to, uses })
        .chain(unlisted.map(|module| Broken::Unlisted((*module).clone())))
        .chain(missing.map(|module| Broken::Missing(module.to_owned())))
        .collect()
}
