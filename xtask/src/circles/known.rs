//! The circles that are known, as a committed list of their edges. It may only shrink.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use super::find::Use;

/// A list of edges, one a line: `oauth/code.rs -> oauth/clients.rs`. Lines that begin with `#` are comments.
#[derive(Debug, Default)]
pub(super) struct Known {
    edges: BTreeSet<Use>,
}

/// A line of the list that has to go.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stale {
    /// The edge that it lists.
    pub edge: Use,
    /// Why it is no exception any more.
    pub why: &'static str,
}

impl Known {
    /// Reads the list.
    ///
    /// Errors: a line that is no edge, or one that comes twice.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut edges = BTreeSet::new();
        for (number, line) in text.lines().enumerate() {
            let (number, line) = (number + 1, line.trim());
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((from, to)) = line.split_once(" -> ") else {
                bail!("line {number} is no edge: write `FILE -> FILE`, not `{line}`");
            };
            let edge = Use { from: from.trim().to_owned(), to: to.trim().to_owned() };
            if !edges.insert(edge) {
                bail!("line {number} repeats `{line}`: remove it");
            }
        }
        Ok(Self { edges })
    }

    /// Whether the edge is listed.
    pub(super) fn has(&self, edge: &Use) -> bool {
        self.edges.contains(edge)
    }

    /// How many edges it lists.
    pub(super) fn len(&self) -> usize {
        self.edges.len()
    }

    /// The lines that list nothing that is there: their circle is broken, and they would let it come back.
    pub(super) fn stale(&self, all: &BTreeSet<Use>, in_circles: &BTreeSet<&Use>) -> Vec<Stale> {
        let why = |edge: &Use| match (all.contains(edge), in_circles.contains(edge)) {
            (false, _) => Some("there is no such import any more"),
            (true, false) => Some("it is in no circle any more"),
            (true, true) => None,
        };
        let stale = |edge: &Use| why(edge).map(|why| Stale { edge: edge.clone(), why });
        self.edges.iter().filter_map(stale).collect()
    }
}

/// The fewest edges that any committed version of the list had.
pub(super) fn fewest(versions: impl Iterator<Item = String>) -> Option<usize> {
    versions.filter_map(|text| Known::parse(&text).ok()).map(|known| known.len()).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_edge_or_comes_twice_is_refused_by_its_number() {
        let good = Known::parse("# why\n\na.rs -> b.rs\n").unwrap();
        assert!(good.has(&Use { from: "a.rs".to_owned(), to: "b.rs".to_owned() }));
        assert!(Known::parse("a.rs b.rs").unwrap_err().to_string().contains("line 1"));
        let twice = Known::parse("a.rs -> b.rs\n\na.rs -> b.rs").unwrap_err().to_string();
        assert!(twice.contains("line 3"), "{twice}");
    }
}
