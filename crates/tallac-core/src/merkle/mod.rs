//! Merkle trees (specification section 2.11): whole ones that are built, and partial ones that
//! check what arrives.
//!
//! Nodes are numbered from the root, 0; the children of node `i` are `2i+1` and `2i+2`. The row of
//! leaves is padded to a power of two with hashes of the padding leaves' numbers.

mod partial;

pub use partial::{MerkleError, PartialTree};

use sha256_lanes::{Batch, sha256d};

use crate::hash::{self, Hash, MERKLE_NODE};

/// Leaves of the padded bottom row of a tree over `leaves` leaves.
#[must_use]
pub const fn padded(leaves: usize) -> usize {
    leaves.next_power_of_two()
}

/// Nodes of a tree over `leaves` leaves.
#[must_use]
pub const fn node_count(leaves: usize) -> usize {
    2 * padded(leaves) - 1
}

/// Number of the node that is leaf `leaf` of a tree over `leaves` leaves.
#[must_use]
pub const fn leaf_node(leaves: usize, leaf: usize) -> usize {
    padded(leaves) - 1 + leaf
}

const fn parent(node: usize) -> usize {
    (node - 1) / 2
}

/// The other child of the same parent. Odd nodes are left children.
const fn sibling(node: usize) -> usize {
    if node % 2 == 1 { node + 1 } else { node - 1 }
}

/// Bytes that are hashed, after the tag, for a parent: two netstrings of 32 bytes.
const PAIR_LEN: usize = 2 * ("32:,".len() + size_of::<Hash>());

/// Pairs to hash in one batch: enough to fill all lanes, few enough for the nearest cache.
const PAIRS_AT_ONCE: usize = 64;

/// Hashes a row of nodes, pair by pair, into the row above it.
fn hash_row(below: &[Hash], above: &mut [Hash]) {
    let (pairs, _) = below.as_chunks::<2>();
    let mut values = [[0; PAIR_LEN]; PAIRS_AT_ONCE];
    for (pairs, above) in pairs.chunks(PAIRS_AT_ONCE).zip(above.chunks_mut(PAIRS_AT_ONCE)) {
        let mut batch = Batch::with_capacity(pairs.len());
        for (value, [left, right]) in values.iter_mut().zip(pairs) {
            *value = pair_value(left, right);
            batch.push_double(MERKLE_NODE.prefix(), value);
        }
        above.copy_from_slice(&batch.run());
    }
}

/// netstring(left) ‖ netstring(right), without an allocation.
fn pair_value(left: &Hash, right: &Hash) -> [u8; PAIR_LEN] {
    let mut value = [0; PAIR_LEN];
    let mut rest = &mut value[..];
    for part in [b"32:", &left[..], b",32:", right, b","] {
        let (this, after) = rest.split_at_mut(part.len());
        this.copy_from_slice(part);
        rest = after;
    }
    value
}

fn parent_hash(left: &Hash, right: &Hash) -> Hash {
    sha256d(MERKLE_NODE.prefix(), &pair_value(left, right))
}

/// A whole tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MerkleTree {
    nodes: Vec<Hash>,
    leaves: usize,
}

impl MerkleTree {
    /// The tree over these leaves; over none, it is one padding leaf.
    #[must_use]
    pub fn from_leaves(leaves: &[Hash]) -> Self {
        let first = padded(leaves.len()) - 1;
        let mut nodes = vec![[0; 32]; node_count(leaves.len())];
        for (i, node) in nodes[first..].iter_mut().enumerate() {
            *node = leaves.get(i).copied().unwrap_or_else(|| hash::empty_leaf(i));
        }
        let mut row = first;
        while row > 0 {
            let up = parent(row);
            let (above, below) = nodes[up..=2 * row].split_at_mut(row - up);
            hash_row(below, above);
            row = up;
        }
        Self { nodes, leaves: leaves.len() }
    }

    /// The hash that stands for all leaves.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.nodes[0]
    }

    /// All nodes, in order of their numbers.
    #[must_use]
    pub fn nodes(&self) -> &[Hash] {
        &self.nodes
    }

    /// All nodes one after the other, as they stand in a share.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.nodes.concat()
    }

    /// What proves leaf `leaf` to someone who knows the root: the leaf itself and the siblings on
    /// its way up, ascending by number.
    ///
    /// # Panics
    /// If there is no such leaf.
    #[must_use]
    pub fn proof(&self, leaf: usize) -> Vec<(usize, Hash)> {
        assert!(leaf < self.leaves.max(1), "leaf {leaf} of {}", self.leaves);
        let mut node = leaf_node(self.leaves, leaf);
        let mut proof = vec![(node, self.nodes[node])];
        while node > 0 {
            proof.push((sibling(node), self.nodes[sibling(node)]));
            node = parent(node);
        }
        proof.sort_unstable_by_key(|&(node, _)| node);
        proof
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the definition, over rows longer and shorter than a batch.
    #[test]
    fn every_node_is_the_hash_of_its_children() {
        for leaves in [1, 2, 3, 64, 200, 300] {
            let row: Vec<Hash> = (0..leaves).map(|i| hash::empty_leaf(i + 1000)).collect();
            let tree = MerkleTree::from_leaves(&row);
            let nodes = tree.nodes();
            assert_eq!(nodes[leaf_node(leaves, 0)..][..leaves], row);
            for node in 0..padded(leaves) - 1 {
                let pair = MERKLE_NODE.pair(&nodes[2 * node + 1], &nodes[2 * node + 2]);
                assert_eq!(nodes[node], pair, "node {node} over {leaves} leaves");
            }
        }
    }

    #[test]
    fn the_empty_tree_is_tahoes() {
        let root = "e0024730188e2de564a697cc2987407b24ae7eb6b880190c1a0337a5740e527a";
        assert_eq!(hex::encode(MerkleTree::from_leaves(&[]).root()), root);
    }

    #[test]
    fn a_share_proves_itself_with_the_nodes_of_section_3_3() {
        let tree = MerkleTree::from_leaves(&[[1; 32]; 10]);
        let nodes = |leaf| tree.proof(leaf).into_iter().map(|(n, _)| n).collect::<Vec<_>>();
        assert_eq!(nodes(0), [2, 4, 8, 15, 16]);
        assert_eq!(nodes(9), [1, 6, 12, 23, 24]);
        assert_eq!(MerkleTree::from_leaves(&[[1; 32]]).proof(0), [(0, [1; 32])]);
    }
}
