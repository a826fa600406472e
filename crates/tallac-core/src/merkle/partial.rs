//! A tree of which only some nodes are known, each of them proven.

use std::collections::BTreeMap;

use super::{hash_row, leaf_node, node_count, padded, parent, parent_hash, sibling};
use crate::hash::Hash;

/// Why hashes were not taken into a tree. Nothing of the set was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MerkleError {
    /// A hash contradicts one that is proven.
    #[error("hash tree node {node} does not match")]
    Mismatch {
        /// The node that comes out otherwise.
        node: usize,
    },
    /// Too few hashes to prove the others.
    #[error("hash tree node {node} is missing")]
    Missing {
        /// A node that the proof lacks.
        node: usize,
    },
    /// There is no such node in a tree of this size.
    #[error("there is no hash tree node {node}")]
    NoSuchNode {
        /// The number given.
        node: usize,
    },
}

/// A tree whose root is known and whose other nodes are accepted once they are proven.
#[derive(Debug, Clone)]
pub struct PartialTree {
    nodes: Vec<Option<Hash>>,
    leaves: usize,
}

impl PartialTree {
    /// A tree over `leaves` leaves of which only the root is known.
    ///
    /// Takes 33 bytes of memory a node: the caller bounds `leaves`.
    #[must_use]
    pub fn new(leaves: usize, root: Hash) -> Self {
        let mut nodes = vec![None; node_count(leaves)];
        nodes[0] = Some(root);
        Self { nodes, leaves }
    }

    /// Leaves, without padding.
    #[must_use]
    pub const fn leaves(&self) -> usize {
        self.leaves
    }

    /// The hash of a leaf, if it is proven.
    #[must_use]
    pub fn leaf(&self, leaf: usize) -> Option<&Hash> {
        self.nodes.get(leaf_node(self.leaves, leaf)).and_then(Option::as_ref)
    }

    /// Takes hashes in if they are all proven by what is known and by each other.
    ///
    /// # Errors
    /// [`MerkleError`]; the tree is then as it was.
    pub fn add(
        &mut self,
        hashes: impl IntoIterator<Item = (usize, Hash)>,
    ) -> Result<(), MerkleError> {
        let mut new = BTreeMap::new();
        for (node, hash) in hashes {
            if node >= self.nodes.len() {
                return Err(MerkleError::NoSuchNode { node });
            }
            if self.nodes[node].or_else(|| new.get(&node).copied()).is_some_and(|old| old != hash) {
                return Err(MerkleError::Mismatch { node });
            }
            new.insert(node, hash);
        }
        let mut proven = Vec::with_capacity(new.len());
        // From the bottom up, so that a parent is looked at after both its children.
        while let Some((node, hash)) = new.pop_last() {
            if self.nodes[node].is_some() {
                continue;
            }
            let other = sibling(node);
            let other_hash = new
                .remove(&other)
                .or(self.nodes[other])
                .ok_or(MerkleError::Missing { node: other })?;
            let (left, right) =
                if node < other { (&hash, &other_hash) } else { (&other_hash, &hash) };
            let above = parent_hash(left, right);
            let up = parent(node);
            match self.nodes[up].or_else(|| new.get(&up).copied()) {
                Some(known) if known != above => return Err(MerkleError::Mismatch { node: up }),
                Some(_) => {}
                None => {
                    new.insert(up, above);
                }
            }
            proven.extend([(node, hash), (other, other_hash)]);
        }
        for (node, hash) in proven {
            self.nodes[node] = Some(hash);
        }
        Ok(())
    }

    /// Takes in the whole tree as it stands in a share: all nodes one after the other.
    ///
    /// # Errors
    /// [`MerkleError`]; a region of the wrong length lacks a node or has one too many.
    pub fn add_region(&mut self, region: &[u8]) -> Result<(), MerkleError> {
        let (hashes, rest) = region.as_chunks::<32>();
        if hashes.len() < self.nodes.len() {
            return Err(MerkleError::Missing { node: hashes.len() });
        }
        if hashes.len() > self.nodes.len() || !rest.is_empty() {
            return Err(MerkleError::NoSuchNode { node: self.nodes.len() });
        }
        let contradicts = |(known, hash): (&Option<Hash>, &Hash)| known.is_some_and(|k| k != *hash);
        if let Some(node) = self.nodes.iter().zip(hashes).position(contradicts) {
            return Err(MerkleError::Mismatch { node });
        }
        // Every node but the root, which is known, is proven by its parent: so all of them are.
        let mut row = padded(self.leaves) - 1;
        let mut above = vec![[0; 32]; row.div_ceil(2)];
        while row > 0 {
            let up = parent(row);
            let above = &mut above[..row - up];
            hash_row(&hashes[row..=2 * row], above);
            if let Some(at) =
                above.iter().zip(&hashes[up..]).position(|(made, given)| made != given)
            {
                return Err(MerkleError::Mismatch { node: up + at });
            }
            row = up;
        }
        self.nodes = hashes.iter().copied().map(Some).collect();
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]
mod tests {
    use proptest::prelude::*;

    use super::super::MerkleTree;
    use super::*;

    fn tree_of(leaves: usize) -> MerkleTree {
        let leaves: Vec<Hash> =
            (0..leaves).map(|i| std::array::from_fn(|j| (i * 31 + j) as u8)).collect();
        MerkleTree::from_leaves(&leaves)
    }

    proptest! {
        #[test]
        fn proofs_prove(leaves in 1_usize..40, order: Vec<prop::sample::Index>) {
            let whole = tree_of(leaves);
            let mut partial = PartialTree::new(leaves, whole.root());
            for leaf in order.iter().map(|i| i.index(leaves)) {
                prop_assert_eq!(partial.add(whole.proof(leaf)), Ok(()));
                let expected = whole.nodes()[leaf_node(leaves, leaf)];
                prop_assert_eq!(partial.leaf(leaf), Some(&expected));
            }
        }

        #[test]
        fn one_flipped_bit_is_found_and_changes_nothing(
            leaves in 1_usize..40, leaf: prop::sample::Index, at: prop::sample::Index,
            bit in 0..256_usize,
        ) {
            let whole = tree_of(leaves);
            let mut proof = whole.proof(leaf.index(leaves));
            let at = at.index(proof.len());
            proof[at].1[bit / 8] ^= 1 << (bit % 8);
            let mut partial = PartialTree::new(leaves, whole.root());
            let mismatch = matches!(partial.add(proof), Err(MerkleError::Mismatch { .. }));
            prop_assert!(mismatch);
            prop_assert_eq!(partial.nodes.iter().flatten().count(), 1);
        }

        #[test]
        fn one_left_out_is_missed(
            leaves in 2_usize..40, leaf: prop::sample::Index, at: prop::sample::Index,
        ) {
            let whole = tree_of(leaves);
            let mut proof = whole.proof(leaf.index(leaves));
            proof.remove(at.index(proof.len()));
            let missing = matches!(
                PartialTree::new(leaves, whole.root()).add(proof),
                Err(MerkleError::Missing { .. })
            );
            prop_assert!(missing);
        }

        #[test]
        fn a_region_with_one_flipped_bit_is_found_and_changes_nothing(
            leaves in 1_usize..40, at: prop::sample::Index, bit in 0..8_u32,
        ) {
            let whole = tree_of(leaves);
            let mut region = whole.to_bytes();
            let at = at.index(region.len());
            region[at] ^= 1 << bit;
            let mut partial = PartialTree::new(leaves, whole.root());
            let mismatch = matches!(partial.add_region(&region), Err(MerkleError::Mismatch { .. }));
            prop_assert!(mismatch);
            prop_assert_eq!(partial.nodes.iter().flatten().count(), 1);
            prop_assert_eq!(partial.add_region(&whole.to_bytes()), Ok(()));
            let nodes: Vec<Hash> = partial.nodes.into_iter().flatten().collect();
            prop_assert_eq!(&nodes[..], whole.nodes());
        }

        #[test]
        fn any_nodes_are_answered(leaves in 1_usize..9, hashes: Vec<(u8, u8)>) {
            let mut partial = PartialTree::new(leaves, tree_of(leaves).root());
            let hashes = hashes.into_iter().map(|(node, byte)| (usize::from(node), [byte; 32]));
            let _ = partial.add(hashes);
        }
    }

    #[test]
    fn a_whole_region_is_taken_at_once() {
        let whole = tree_of(5);
        let mut partial = PartialTree::new(5, whole.root());
        let region = whole.to_bytes();
        assert_eq!(partial.add_region(&region[32..]), Err(MerkleError::Missing { node: 14 }));
        assert_eq!(
            partial.add_region(&[&region[..], &[0]].concat()),
            Err(MerkleError::NoSuchNode { node: 15 })
        );
        assert_eq!(partial.add_region(&region), Ok(()));
        assert!((0..5).all(|leaf| partial.leaf(leaf).is_some()));
    }
}
