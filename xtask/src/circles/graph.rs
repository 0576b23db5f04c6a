//! Circles in a directed graph.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The edges of a graph, from and to.
pub(super) type Edges<N> = BTreeSet<(N, N)>;

/// The largest sets of nodes in which each leads to every other: the strongly connected ones, of two nodes or more.
pub(super) fn knots<N: Ord + Clone>(edges: &Edges<N>) -> Vec<BTreeSet<N>> {
    let mut reached = BTreeMap::new();
    for (from, _) in edges {
        reached.entry(from).or_insert_with(|| ways_from(edges, from));
    }
    let mut found: Vec<BTreeSet<N>> = Vec::new();
    for (node, ways) in &reached {
        if found.iter().any(|knot| knot.contains(node)) {
            continue;
        }
        let leads_back = |other: &N| reached.get(other).is_some_and(|back| back.contains_key(node));
        let knot: BTreeSet<_> =
            ways.keys().filter(|other| leads_back(other)).map(|&other| other.clone()).collect();
        if knot.len() > 1 {
            found.push(knot);
        }
    }
    found
}

/// The shortest way round: its nodes in order, the first one again at the end.
pub(super) fn shortest_circle<N: Ord + Clone>(edges: &Edges<N>) -> Option<Vec<N>> {
    let round = |(from, to): &(N, N)| {
        let before = ways_from(edges, to);
        // From the end of the way back to its beginning.
        let mut nodes = vec![from.clone()];
        let mut at = from;
        while at != to {
            at = before.get(at)?;
            nodes.push(at.clone());
        }
        nodes.push(from.clone());
        nodes.reverse();
        Some(nodes)
    };
    edges.iter().filter_map(round).min_by_key(Vec::len)
}

/// Every node that can be reached, with the one before it on a shortest way.
fn ways_from<'a, N: Ord>(edges: &'a Edges<N>, start: &'a N) -> BTreeMap<&'a N, &'a N> {
    let mut before = BTreeMap::new();
    let mut next = VecDeque::from([start]);
    while let Some(node) = next.pop_front() {
        for (_, to) in edges.iter().filter(|(from, _)| from == node) {
            if !before.contains_key(to) {
                before.insert(to, node);
                next.push_back(to);
            }
        }
    }
    before
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(text: &str) -> Edges<char> {
        text.split(' ').map(|edge| (edge.chars().next().unwrap(), edge.chars().last().unwrap())).collect()
    }

    #[test]
    fn a_knot_has_every_node_that_leads_to_every_other_one() {
        let found = knots(&edges("ab bc ca cd de ed ef"));
        assert_eq!(found, [BTreeSet::from(['a', 'b', 'c']), BTreeSet::from(['d', 'e'])]);
        assert!(knots(&edges("ab bc ac")).is_empty());
    }

    #[test]
    fn the_shortest_circle_comes_back_to_where_it_began() {
        assert_eq!(shortest_circle(&edges("ab bc cd da ca")).unwrap(), ['a', 'b', 'c', 'a']);
        assert_eq!(shortest_circle(&edges("ab bc")), None);
    }
}
