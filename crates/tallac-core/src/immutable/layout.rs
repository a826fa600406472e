//! Where the parts of an immutable share lie (specification section 3.3).

use super::Geometry;
use crate::hash::Hash;
use crate::merkle;

/// Bytes of the longer of the two headers.
pub const HEADER_LEN_MAX: usize = 0x44;

/// Bytes of one entry of the share hash chain: a node number and a hash.
pub(super) const CHAIN_ENTRY: usize = 2 + size_of::<Hash>();

/// Entries of the longest chain: 256 shares make a tree of nine rows.
const CHAIN_ENTRIES_MAX: usize = 9;

/// Which of the two headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayoutVersion {
    /// Offsets of 32 bits.
    V1,
    /// Offsets of 64 bits.
    V2,
}

impl LayoutVersion {
    /// Bytes of the header.
    #[must_use]
    pub const fn header_len(self) -> u64 {
        match self {
            Self::V1 => 0x24,
            Self::V2 => 0x44,
        }
    }

    /// Bytes of a number in the header, and of the UEB's length.
    #[must_use]
    pub const fn field_len(self) -> u64 {
        match self {
            Self::V1 => 4,
            Self::V2 => 8,
        }
    }
}

/// Why a header is not one of ours or Tahoe's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// Fewer bytes than a header has.
    #[error("the share is too short to have a header")]
    Truncated,
    /// A version that does not exist yet.
    #[error("share layout version {0} is unknown")]
    UnknownVersion(u32),
    /// Offsets that are not in order or not where the file's sizes put them.
    #[error("the share's offsets contradict the file's size")]
    BadOffsets,
}

/// The offsets of one share's parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShareLayout {
    /// Which header.
    pub version: LayoutVersion,
    /// Size of a block, in bytes. Written, never relied upon.
    pub block_size: u64,
    /// Size of all blocks, in bytes. Written, never relied upon.
    pub data_size: u64,
    /// Offset of the blocks.
    pub data: u64,
    /// Offset of a region that nothing uses: zeros.
    pub plaintext_tree: u64,
    /// Offset of the hash tree over the ciphertext's segments.
    pub crypttext_tree: u64,
    /// Offset of the hash tree over this share's blocks.
    pub block_tree: u64,
    /// Offset of the share hash chain.
    pub share_hashes: u64,
    /// Offset of the UEB's length.
    pub ueb: u64,
}

impl ShareLayout {
    /// Where a writer puts things.
    #[must_use]
    pub fn for_upload(geometry: &Geometry) -> Self {
        let narrow = Self::place(LayoutVersion::V1, geometry);
        // Offsets ascend, so the last is the largest; sizes are smaller than it.
        if narrow.ueb <= u64::from(u32::MAX) {
            narrow
        } else {
            Self::place(LayoutVersion::V2, geometry)
        }
    }

    fn place(version: LayoutVersion, geometry: &Geometry) -> Self {
        let data_size = geometry.share_data_size();
        let tree = tree_len(geometry);
        let chain = chain_len(geometry);
        let data = version.header_len();
        let plaintext_tree = data + data_size;
        let crypttext_tree = plaintext_tree + tree;
        let block_tree = crypttext_tree + tree;
        let share_hashes = block_tree + tree;
        Self {
            version,
            block_size: geometry.block_size(),
            data_size,
            data,
            plaintext_tree,
            crypttext_tree,
            block_tree,
            share_hashes,
            ueb: share_hashes + chain,
        }
    }

    /// Bytes of a share whose UEB has `ueb_len` bytes.
    #[must_use]
    pub const fn share_size(&self, ueb_len: u64) -> u64 {
        self.ueb + self.version.field_len() + ueb_len
    }

    /// The header.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let number: u32 = match self.version {
            LayoutVersion::V1 => 1,
            LayoutVersion::V2 => 2,
        };
        let mut out = number.to_be_bytes().to_vec();
        for field in self.fields() {
            let bytes = field.to_be_bytes();
            out.extend_from_slice(match self.version {
                LayoutVersion::V1 => &bytes[4..],
                LayoutVersion::V2 => &bytes[..],
            });
        }
        out
    }

    const fn fields(&self) -> [u64; 8] {
        [
            self.block_size,
            self.data_size,
            self.data,
            self.plaintext_tree,
            self.crypttext_tree,
            self.block_tree,
            self.share_hashes,
            self.ueb,
        ]
    }

    /// Reads the header at the start of `share`.
    ///
    /// # Errors
    /// [`LayoutError`]: only that of its bytes, not whether it fits a file.
    pub fn parse(share: &[u8]) -> Result<Self, LayoutError> {
        let (number, rest) = share.split_first_chunk::<4>().ok_or(LayoutError::Truncated)?;
        let version = match u32::from_be_bytes(*number) {
            1 => LayoutVersion::V1,
            2 => LayoutVersion::V2,
            other => return Err(LayoutError::UnknownVersion(other)),
        };
        let mut fields = [0; 8];
        let bytes = match version {
            LayoutVersion::V1 => 4,
            LayoutVersion::V2 => 8,
        };
        let numbers = rest.get(..8 * bytes).ok_or(LayoutError::Truncated)?;
        for (field, number) in fields.iter_mut().zip(numbers.chunks_exact(bytes)) {
            *field = number.iter().fold(0, |value, &byte| value << 8 | u64::from(byte));
        }
        let [
            block_size,
            data_size,
            data,
            plaintext_tree,
            crypttext_tree,
            block_tree,
            share_hashes,
            ueb,
        ] = fields;
        Ok(Self {
            version,
            block_size,
            data_size,
            data,
            plaintext_tree,
            crypttext_tree,
            block_tree,
            share_hashes,
            ueb,
        })
    }

    /// Checks that the parts are in order and as long as this file's must be.
    ///
    /// # Errors
    /// [`LayoutError::BadOffsets`].
    pub fn check(&self, geometry: &Geometry) -> Result<(), LayoutError> {
        let tree = tree_len(geometry);
        let gap = |from: u64, to: u64, len: u64| to.checked_sub(from).is_some_and(|gap| gap >= len);
        let chain = self.ueb.checked_sub(self.share_hashes).ok_or(LayoutError::BadOffsets)?;
        let in_order = self.data >= self.version.header_len()
            && gap(self.data, self.plaintext_tree, geometry.share_data_size())
            && self.crypttext_tree >= self.plaintext_tree
            && gap(self.crypttext_tree, self.block_tree, tree)
            && gap(self.block_tree, self.share_hashes, tree)
            && chain <= (CHAIN_ENTRIES_MAX * CHAIN_ENTRY) as u64
            && chain % CHAIN_ENTRY as u64 == 0
            && self.ueb <= u64::MAX / 2;
        if in_order { Ok(()) } else { Err(LayoutError::BadOffsets) }
    }
}

/// Bytes of a hash tree over the segments.
pub(super) fn tree_len(geometry: &Geometry) -> u64 {
    (2 * geometry.segment_count().next_power_of_two() - 1) * size_of::<Hash>() as u64
}

/// Bytes of the share hash chain that a writer makes: the share's leaf and its siblings upwards.
fn chain_len(geometry: &Geometry) -> u64 {
    let rows = merkle::padded(usize::from(geometry.encoding().total())).ilog2() as usize + 1;
    (rows * CHAIN_ENTRY) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Encoding;
    use super::*;

    fn geometry(k: u64, n: u64, size: u64, segment_size_max: u64) -> Geometry {
        Geometry::for_upload(Encoding::new(k, n).unwrap(), size, segment_size_max).unwrap()
    }

    #[test]
    fn the_share_of_section_15_3() {
        let layout = ShareLayout::for_upload(&geometry(1, 1, 56, 131_072));
        assert_eq!(
            hex::encode(layout.to_bytes()),
            "000000010000003800000038000000240000005c0000007c0000009c000000bc000000de"
        );
        let layout = ShareLayout::for_upload(&geometry(3, 10, 1000, 256));
        assert_eq!(layout.crypttext_tree - layout.plaintext_tree, 7 * 32);
        assert_eq!(layout.ueb - layout.share_hashes, 5 * 34);
    }

    #[test]
    fn shares_past_4_gib_have_wide_offsets() {
        let wide = geometry(1, 1, 5 << 30, 1 << 20);
        let layout = ShareLayout::for_upload(&wide);
        assert_eq!(layout.version, LayoutVersion::V2);
        assert_eq!(layout.data, 0x44);
        assert_eq!(ShareLayout::parse(&layout.to_bytes()), Ok(layout));
        // Just below 4 GiB of data, the trees make the difference.
        let edge = geometry(1, 1, (1 << 32) - (1 << 18), 1 << 20);
        assert_eq!(ShareLayout::for_upload(&edge).version, LayoutVersion::V2);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            k in 1_u64..20, more in 0_u64..236, size in 1_u64..1 << 40, segment in 1_u64..1 << 24,
        ) {
            let geometry = geometry(k, k + more, size, segment);
            let layout = ShareLayout::for_upload(&geometry);
            prop_assert_eq!(ShareLayout::parse(&layout.to_bytes()), Ok(layout));
            prop_assert_eq!(layout.check(&geometry), Ok(()));
        }

        #[test]
        fn any_header_is_answered(
            bytes in prop::collection::vec(any::<u8>(), 0..80), v in 0_u32..4,
        ) {
            let share = [&v.to_be_bytes()[..], &bytes].concat();
            if let Ok(layout) = ShareLayout::parse(&share) {
                let _ = layout.check(&geometry(3, 10, 1000, 256));
            }
        }
    }
}
