//! Maximum matchings of servers with shares, by augmenting paths.

/// Matches each left vertex with at most one right vertex and the other way round, as many as can
/// be: for each left vertex, its partner.
///
/// `edges[left]` lists the right vertices that fit, the better ones first; all are below `rights`.
/// Left vertices are tried in order, and one that has a partner keeps having one, so of all sets
/// of left vertices that can be matched the one of the foremost vertices is.
pub(super) fn maximum(edges: &[Vec<usize>], rights: usize) -> Vec<Option<usize>> {
    let mut partners = vec![None; rights];
    for left in 0..edges.len() {
        augment(left, edges, &mut partners, &mut vec![false; rights]);
    }
    let mut matched = vec![None; edges.len()];
    for (right, left) in partners.iter().enumerate() {
        if let Some(left) = left {
            matched[*left] = Some(right);
        }
    }
    matched
}

/// Finds partners for those of `lefts` that have none, moving others where that makes room; who has
/// a partner keeps having one. `partners` has a place for each right vertex.
pub(super) fn extend(
    edges: &[Vec<usize>],
    lefts: impl IntoIterator<Item = usize>,
    partners: &mut [Option<usize>],
) {
    for left in lefts {
        augment(left, edges, partners, &mut vec![false; partners.len()]);
    }
}

/// Finds `left` a partner, moving others to another partner where that makes room. Calls itself
/// once a right vertex at most, and there are no more of these than a file has shares.
fn augment(
    left: usize,
    edges: &[Vec<usize>],
    partners: &mut [Option<usize>],
    seen: &mut [bool],
) -> bool {
    for &right in &edges[left] {
        if std::mem::replace(&mut seen[right], true) {
            continue;
        }
        let free = match partners[right] {
            None => true,
            Some(other) => augment(other, edges, partners, seen),
        };
        if free {
            partners[right] = Some(left);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The size of a maximum matching, by trying everything.
    fn brute_force(edges: &[Vec<usize>], taken: u32) -> usize {
        let Some((first, rest)) = edges.split_first() else { return 0 };
        let without = brute_force(rest, taken);
        first
            .iter()
            .filter(|&&right| taken & (1 << right) == 0)
            .map(|&right| 1 + brute_force(rest, taken | (1 << right)))
            .fold(without, usize::max)
    }

    #[test]
    fn others_move_to_make_room() {
        let edges = [vec![0, 1], vec![0], vec![1, 2]];
        assert_eq!(maximum(&edges, 3), [Some(1), Some(0), Some(2)]);
    }

    proptest! {
        #[test]
        fn as_many_as_can_be(
            edges in prop::collection::vec(prop::collection::vec(0_usize..6, 0..5), 0..6),
        ) {
            let matched = maximum(&edges, 6);
            let mut taken: Vec<_> = matched.iter().flatten().collect();
            prop_assert_eq!(taken.len(), brute_force(&edges, 0));
            taken.sort_unstable();
            taken.dedup();
            prop_assert_eq!(taken.len(), matched.iter().flatten().count(), "a share taken twice");
            for (left, right) in matched.iter().enumerate() {
                prop_assert!(right.is_none_or(|right| edges[left].contains(&right)));
            }
        }
    }
}
