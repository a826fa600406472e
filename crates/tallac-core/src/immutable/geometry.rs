//! Sizes: of a file, its segments, their blocks (specification section 3.1).

use std::fmt;

/// Largest segment of new files, in bytes, unless told otherwise.
pub const SEGMENT_SIZE_DEFAULT: u64 = 1 << 20;

/// Largest segment that is accepted from anybody: a few of them are held in memory at once.
pub const SEGMENT_SIZE_MAX: u64 = 64 << 20;

/// How many shares there are, and how many of them bring the file back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Encoding {
    needed: u16,
    total: u16,
}

/// Numbers that are no encoding, or sizes that do not fit each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodingError {
    /// `k` and `n` out of their bounds.
    #[error("{needed}-of-{total} is no encoding: it takes 1 <= needed <= total <= 256")]
    BadEncoding {
        /// Shares needed.
        needed: u64,
        /// Shares made.
        total: u64,
    },
    /// A segment size that no writer makes, or that is larger than we hold in memory.
    #[error("segments of {segment_size} bytes do not fit a {size}-byte {encoding} file")]
    BadSegmentSize {
        /// Size of a segment, in bytes.
        segment_size: u64,
        /// Size of the file, in bytes.
        size: u64,
        /// Its encoding.
        encoding: Encoding,
    },
}

impl Encoding {
    /// `needed`-of-`total`.
    ///
    /// # Errors
    /// Unless 1 ≤ needed ≤ total ≤ 256.
    pub fn new(needed: u64, total: u64) -> Result<Self, EncodingError> {
        match (u16::try_from(needed), u16::try_from(total)) {
            (Ok(k @ 1..), Ok(n @ ..=256)) if k <= n => Ok(Self { needed: k, total: n }),
            _ => Err(EncodingError::BadEncoding { needed, total }),
        }
    }

    /// Shares needed to bring the file back, `k`.
    #[must_use]
    pub const fn needed(self) -> u16 {
        self.needed
    }

    /// Shares made, `N`.
    #[must_use]
    pub const fn total(self) -> u16 {
        self.total
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-of-{}", self.needed, self.total)
    }
}

/// The sizes of one immutable file. None of them is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    encoding: Encoding,
    size: u64,
    segment_size: u64,
}

impl Geometry {
    /// The sizes that a writer chooses for a file of `size` bytes.
    ///
    /// # Errors
    /// When the file is empty (it belongs into its cap), or the segments too large.
    pub fn for_upload(
        encoding: Encoding,
        size: u64,
        segment_size_max: u64,
    ) -> Result<Self, EncodingError> {
        let segment_size = segment_size_max
            .min(size)
            .checked_next_multiple_of(u64::from(encoding.needed))
            .unwrap_or(u64::MAX);
        Self::with_segment_size(encoding, size, segment_size)
    }

    /// The sizes of a file that exists.
    ///
    /// # Errors
    /// When the segment size cannot be what a writer chose, or is too large.
    pub fn with_segment_size(
        encoding: Encoding,
        size: u64,
        segment_size: u64,
    ) -> Result<Self, EncodingError> {
        let k = u64::from(encoding.needed);
        if size == 0
            || segment_size == 0
            || !segment_size.is_multiple_of(k)
            || segment_size > SEGMENT_SIZE_MAX.next_multiple_of(k)
            || size > u64::MAX / 1024
        {
            return Err(EncodingError::BadSegmentSize { segment_size, size, encoding });
        }
        Ok(Self { encoding, size, segment_size })
    }

    /// Its encoding.
    #[must_use]
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Bytes of plaintext, and so of ciphertext.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Bytes of every segment but the last.
    #[must_use]
    pub const fn segment_size(&self) -> u64 {
        self.segment_size
    }

    /// Segments of the file.
    #[must_use]
    pub const fn segment_count(&self) -> u64 {
        self.size.div_ceil(self.segment_size)
    }

    /// Bytes of a segment, without padding.
    #[must_use]
    pub fn segment_len(&self, segment: u64) -> u64 {
        self.size.saturating_sub(segment * self.segment_size).min(self.segment_size)
    }

    /// Where a segment begins in the file.
    #[must_use]
    pub const fn segment_offset(&self, segment: u64) -> u64 {
        segment * self.segment_size
    }

    /// Bytes of a block of every segment but the last.
    #[must_use]
    pub fn block_size(&self) -> u64 {
        self.segment_size / u64::from(self.encoding.needed)
    }

    /// Bytes of a block of this segment.
    #[must_use]
    pub fn block_len(&self, segment: u64) -> u64 {
        self.segment_len(segment).div_ceil(u64::from(self.encoding.needed))
    }

    /// Where a segment's block begins in the data of a share.
    #[must_use]
    pub fn block_offset(&self, segment: u64) -> u64 {
        segment * self.block_size()
    }

    /// Bytes of all blocks of a share.
    #[must_use]
    pub fn share_data_size(&self) -> u64 {
        let last = self.segment_count() - 1;
        self.block_offset(last) + self.block_len(last)
    }

    /// Bytes of the last segment once it is padded for coding.
    #[must_use]
    pub fn padded_tail(&self) -> u64 {
        self.block_len(self.segment_count() - 1) * u64::from(self.encoding.needed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_of_section_15_3() {
        let geometry = Geometry::for_upload(Encoding::new(3, 10).unwrap(), 1000, 256).unwrap();
        assert_eq!(geometry.segment_size(), 258);
        assert_eq!(geometry.segment_count(), 4);
        assert_eq!(geometry.segment_len(3), 226);
        assert_eq!(geometry.padded_tail(), 228);
        assert_eq!(geometry.block_len(3), 76);
        assert_eq!(geometry.share_data_size(), 3 * 86 + 76);
    }

    #[test]
    fn impossible_numbers_are_refused() {
        for (k, n) in [(0, 1), (4, 3), (1, 257), (1 << 40, 1 << 40), (0, 0)] {
            assert!(Encoding::new(k, n).is_err(), "{k}-of-{n}");
        }
        let encoding = Encoding::new(3, 10).unwrap();
        assert!(Geometry::for_upload(encoding, 0, 1 << 20).is_err());
        assert!(Geometry::for_upload(encoding, u64::MAX, 1 << 20).is_err());
        for segment_size in [0, 1, 2, 4, SEGMENT_SIZE_MAX * 3, u64::MAX] {
            assert!(Geometry::with_segment_size(encoding, 1000, segment_size).is_err());
        }
    }

    proptest! {
        #[test]
        fn segments_and_blocks_add_up(
            k in 1_u64..=256, more in 0_u64..256, size in 1_u64..100_000, segment in 1_u64..5000,
        ) {
            let encoding = Encoding::new(k, (k + more).min(256)).unwrap();
            let geometry = Geometry::for_upload(encoding, size, segment).unwrap();
            let segments = 0..geometry.segment_count();
            prop_assert_eq!(segments.clone().map(|s| geometry.segment_len(s)).sum::<u64>(), size);
            prop_assert!(segments.clone().all(|s| geometry.segment_len(s) > 0));
            prop_assert_eq!(
                segments.map(|s| geometry.block_len(s)).sum::<u64>(),
                geometry.share_data_size()
            );
            prop_assert_eq!(geometry.segment_len(geometry.segment_count()), 0);
        }
    }
}
