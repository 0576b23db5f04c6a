//! What the check of one package finds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::find::{self, Circle, Use};
use super::known::{Known, Stale};
use super::{modules, names};

/// What the crates of one package have.
#[derive(Debug)]
pub(super) struct Found {
    /// How many files its crates have.
    pub files: usize,
    /// All circles, known or not.
    pub circles: Vec<Circle>,
    /// The lines that have to go from the list of those that are known.
    pub stale: Vec<Stale>,
}

impl Found {
    /// The circles with an edge that is not known.
    pub(super) fn unknown<'a>(&'a self, known: &'a Known) -> impl Iterator<Item = &'a Circle> {
        self.circles.iter().filter(|circle| !circle.uses.keys().all(|edge| known.has(edge)))
    }
}

/// Reads the crates of one package, by their root files.
pub(super) fn examine(base: &Path, roots: &[PathBuf], known: &Known) -> Result<Found> {
    let (mut files, mut circles, mut all) = (0, Vec::new(), BTreeSet::new());
    for root in roots {
        let source = modules::read(root, base)?;
        let dependencies = names::dependencies(&source);
        let name = |file: usize| source.files[file].name.clone();
        all.extend(dependencies.keys().map(|&(from, to)| Use { from: name(from), to: name(to) }));
        circles.extend(find::circles(&source, &dependencies));
        files += source.files.len();
    }
    let in_circles = circles.iter().flat_map(|circle: &Circle| circle.uses.keys()).collect();
    let stale = known.stale(&all, &in_circles);
    Ok(Found { files, circles, stale })
}
