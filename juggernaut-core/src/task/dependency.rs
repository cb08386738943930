//! Which tasks wait for which, and the refusal of circles.

use std::collections::{BTreeMap, BTreeSet};

/// Finds a circle among tasks that are enqueued together. Tasks already in the queue cannot depend on new ones, so a
/// circle can only be among the new. Answers with its members in order, the first one repeated at the end.
#[must_use]
pub fn find_cycle<K: Copy + Ord>(edges: &BTreeMap<K, Vec<K>>) -> Option<Vec<K>> {
    let mut done = BTreeSet::new();
    for &start in edges.keys() {
        let mut path = Vec::new();
        if let Some(cycle) = walk(start, edges, &mut path, &mut done) {
            return Some(cycle);
        }
    }
    None
}

// Depth is bounded by the number of tasks in one call, which stores bound at `port::store::MAX_BATCH`; the walk keeps
// its own stack so that a long chain cannot exhaust the thread's.
fn walk<K: Copy + Ord>(
    start: K,
    edges: &BTreeMap<K, Vec<K>>,
    path: &mut Vec<K>,
    done: &mut BTreeSet<K>,
) -> Option<Vec<K>> {
    let mut stack = vec![(start, 0usize)];
    path.push(start);
    while let Some((node, next)) = stack.pop() {
        let child = edges.get(&node).and_then(|deps| deps.get(next)).copied();
        let Some(child) = child else {
            path.pop();
            done.insert(node);
            continue;
        };
        stack.push((node, next + 1));
        if let Some(at) = path.iter().position(|&seen| seen == child) {
            let mut cycle = path[at..].to_vec();
            cycle.push(child);
            return Some(cycle);
        }
        if edges.contains_key(&child) && !done.contains(&child) {
            stack.push((child, 0));
            path.push(child);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::TaskId;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn id(n: u128) -> TaskId {
        TaskId::from_uuid(Uuid::from_u128(n))
    }
    fn graph(edges: &[(u128, u128)]) -> BTreeMap<TaskId, Vec<TaskId>> {
        let mut map: BTreeMap<TaskId, Vec<TaskId>> = BTreeMap::new();
        for &(a, b) in edges {
            map.entry(id(a)).or_default().push(id(b));
            map.entry(id(b)).or_default();
        }
        map
    }

    #[test]
    fn names_the_circle() {
        assert_eq!(find_cycle(&graph(&[(1, 2), (2, 3), (1, 3)])), None);
        assert_eq!(find_cycle(&graph(&[(1, 1)])), Some(vec![id(1), id(1)]));
        assert_eq!(find_cycle(&graph(&[(0, 1), (1, 2), (2, 3), (3, 1)])), Some(vec![id(1), id(2), id(3), id(1)]));
    }

    proptest! {
        #[test]
        fn edges_that_only_point_down_never_make_one(edges in prop::collection::vec((0u128..40, 0u128..40), 0..200)) {
            let down: Vec<_> = edges.iter().filter(|(a, b)| a > b).copied().collect();
            prop_assert_eq!(find_cycle(&graph(&down)), None);
        }

        #[test]
        fn one_edge_back_along_a_path_always_does(len in 2u128..60) {
            let mut edges: Vec<_> = (1..len).map(|n| (n, n - 1)).collect();
            edges.push((0, len - 1));
            let found = find_cycle(&graph(&edges)).unwrap();
            prop_assert_eq!(found.len() as u128, len + 1);
        }
    }
}
