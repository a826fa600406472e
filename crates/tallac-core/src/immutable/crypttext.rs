//! What a UEB says of a file's ciphertext, from the ciphertext alone (specification section 3.1).

use sha256_lanes::Batch;

use super::Geometry;
use crate::hash::{CRYPTTEXT_SEGMENT, Hash};
use crate::merkle::MerkleTree;

/// Takes the segments of a file's ciphertext, and gives the root of the tree over them.
#[derive(Debug)]
pub struct CrypttextHasher {
    segments: Vec<Hash>,
}

impl CrypttextHasher {
    /// For a file of these sizes.
    #[must_use]
    pub fn new(geometry: &Geometry) -> Self {
        let count = usize::try_from(geometry.segment_count()).unwrap_or(0);
        Self { segments: Vec::with_capacity(count.min(1 << 16)) }
    }

    /// The next segment.
    pub fn update(&mut self, segment: &[u8]) {
        let mut batch = Batch::new();
        batch.push_double(CRYPTTEXT_SEGMENT.prefix(), segment);
        self.segments.extend(batch.run());
    }

    /// The root, once all segments went in.
    #[must_use]
    pub fn finish(self) -> Hash {
        MerkleTree::from_leaves(&self.segments).root()
    }
}
