//! What the check of one package finds.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::find::{self, Circle};
use super::levels::{self, Broken, Levels};
use super::{modules, names};

/// What the crates of one package have.
#[derive(Debug)]
pub(super) struct Found {
    /// How many files its crates have.
    pub files: usize,
    /// All circles.
    pub circles: Vec<Circle>,
    /// What breaks its levels.
    pub broken: Vec<Broken>,
}

impl Found {
    /// Whether nothing is wrong.
    pub(super) fn is_good(&self) -> bool {
        self.circles.is_empty() && self.broken.is_empty()
    }
}

/// Reads the crates of one package, by their root files. Levels are those of its library.
pub(super) fn examine(base: &Path, roots: &[PathBuf], levels: Option<Levels>) -> Result<Found> {
    let mut found = Found { files: 0, circles: Vec::new(), broken: Vec::new() };
    for root in roots {
        let source = modules::read(root, base)?;
        let dependencies = names::dependencies(&source);
        found.circles.extend(find::circles(&source, &dependencies));
        if let Some(levels) = levels
            && root.file_name().is_some_and(|name| name == "lib.rs")
        {
            found.broken.extend(levels::broken(&source, &dependencies, levels));
        }
        found.files += source.files.len();
    }
    Ok(found)
}
