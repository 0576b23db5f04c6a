//! The circles of one crate, by its two rules: none among its files, and none among the modules beside each other with
//! all that is below them, so that a folder can be read alone.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Edges, knots, shortest_circle};
use super::modules::Source;
use super::names::Dependencies;

/// One file's use of another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Use {
    /// The file that uses something.
    pub from: String,
    /// The file that defines it.
    pub to: String,
}

/// What imports each other.
#[derive(Debug)]
pub(super) struct Circle {
    /// Files, or modules beside each other.
    pub kind: Kind,
    /// Their names.
    pub members: BTreeSet<String>,
    /// What makes the circle, each with the names that are used.
    pub uses: BTreeMap<Use, BTreeSet<String>>,
    /// The same between the members.
    steps: Edges<String>,
}

/// Which of the two rules a circle breaks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// No circle among the files of a crate.
    Files,
    /// No circle among the modules that one module declares, each taken with all below it.
    Siblings {
        /// The module that declares them; empty for the crate itself.
        parent: String,
    },
}

impl Circle {
    /// The shortest way round.
    pub(super) fn shortest(&self) -> Vec<String> {
        shortest_circle(&self.steps).unwrap_or_default()
    }
}

/// All circles of a crate: those of its files first.
pub(super) fn circles(source: &Source, dependencies: &Dependencies) -> Vec<Circle> {
    let name = |file: usize| source.files[file].name.clone();
    let mut files = Level::new();
    let mut levels = BTreeMap::<&[String], Level>::new();
    for (&(from, to), names) in dependencies {
        let used = (Use { from: name(from), to: name(to) }, names.clone());
        files.entry((name(from), name(to))).or_default().push(used.clone());
        let (upper, lower) = (&source.files[from].module, &source.files[to].module);
        let shared = upper.iter().zip(lower).take_while(|(a, b)| a == b).count();
        // A parent and a child of its own are no siblings.
        if let (Some(one), Some(other)) = (upper.get(shared), lower.get(shared)) {
            let level = levels.entry(&upper[..shared]).or_default();
            level.entry((one.clone(), other.clone())).or_default().push(used);
        }
    }
    let mut found = circles_of(&files, || Kind::Files);
    let in_files: BTreeSet<_> = found.iter().flat_map(|circle| circle.uses.keys().cloned()).collect();
    for (parent, level) in levels {
        let siblings = circles_of(&level, || Kind::Siblings { parent: parent.join("::") });
        // Two files beside each other are both kinds of circle. Once is enough.
        found.extend(siblings.into_iter().filter(|circle| {
            let ends: BTreeSet<_> = circle.uses.keys().flat_map(|it| [&it.from, &it.to]).collect();
            ends.len() > circle.members.len() || !circle.uses.keys().all(|it| in_files.contains(it))
        }));
    }
    found
}

type Level = BTreeMap<(String, String), Vec<(Use, BTreeSet<String>)>>;

fn circles_of(level: &Level, kind: impl Fn() -> Kind) -> Vec<Circle> {
    let of = |members: BTreeSet<String>| {
        let inside = level.iter().filter(|((from, to), _)| members.contains(from) && members.contains(to));
        let uses = inside.clone().flat_map(|(_, uses)| uses.iter().cloned()).collect();
        let steps = inside.map(|(step, _)| step.clone()).collect();
        Circle { kind: kind(), members, uses, steps }
    };
    knots(&level.keys().cloned().collect()).into_iter().map(of).collect()
}
