//! Sizes: of a version of a mutable file, its segments, their blocks (section 3.7).

use std::ops::Range;

use super::header::HeaderError;
use crate::cap::MutableFormat;
use crate::immutable::{Encoding, SEGMENT_SIZE_MAX, SEGMENTS_MAX};

/// Bytes of every segment of a new MDMF file, before rounding up to a multiple of `k`.
pub const MDMF_SEGMENT_SIZE: u64 = 128 << 10;

/// The sizes of one version. An empty file has no segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MutableGeometry {
    format: MutableFormat,
    encoding: Encoding,
    size: u64,
    segment_size: u64,
}

impl MutableGeometry {
    /// The sizes that a writer chooses for `size` bytes.
    ///
    /// # Errors
    /// [`HeaderError::BadSizes`] for more shares than fit a byte, or more bytes than anybody holds.
    pub fn for_content(
        format: MutableFormat,
        encoding: Encoding,
        size: u64,
    ) -> Result<Self, HeaderError> {
        let wanted = match format {
            MutableFormat::Sdmf => size,
            MutableFormat::Mdmf => MDMF_SEGMENT_SIZE,
        };
        let segment_size = wanted
            .checked_next_multiple_of(encoding.needed().into())
            .ok_or(HeaderError::BadSizes)?;
        Self::of_version(format, encoding, size, segment_size)
    }

    /// The sizes that a header states.
    ///
    /// # Errors
    /// [`HeaderError::BadSizes`] if no writer makes such sizes.
    pub fn of_version(
        format: MutableFormat,
        encoding: Encoding,
        size: u64,
        segment_size: u64,
    ) -> Result<Self, HeaderError> {
        let k = u64::from(encoding.needed());
        let is_good = encoding.total() <= 255
            && segment_size.is_multiple_of(k)
            && size <= u64::MAX / 1024
            && match format {
                MutableFormat::Sdmf => segment_size == size.next_multiple_of(k),
                MutableFormat::Mdmf => {
                    segment_size > 0
                        && segment_size <= SEGMENT_SIZE_MAX.next_multiple_of(k)
                        && size.div_ceil(segment_size) <= SEGMENTS_MAX
                }
            };
        if is_good {
            Ok(Self { format, encoding, size, segment_size })
        } else {
            Err(HeaderError::BadSizes)
        }
    }

    /// SDMF or MDMF.
    #[must_use]
    pub const fn format(&self) -> MutableFormat {
        self.format
    }

    /// How many shares, and how many bring it back.
    #[must_use]
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Bytes of plaintext.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Bytes of every segment but the last.
    #[must_use]
    pub const fn segment_size(&self) -> u64 {
        self.segment_size
    }

    /// Segments; none in an empty file.
    #[must_use]
    pub const fn segment_count(&self) -> u64 {
        if self.size == 0 { 0 } else { self.size.div_ceil(self.segment_size) }
    }

    /// Which plaintext a segment holds.
    #[must_use]
    pub fn segment_range(&self, segment: u64) -> Range<u64> {
        let start = segment.saturating_mul(self.segment_size).min(self.size);
        start..(start + self.segment_size).min(self.size)
    }

    /// The segments that hold these bytes; none for no bytes.
    #[must_use]
    pub fn segments_of(&self, bytes: &Range<u64>) -> Range<u64> {
        let (start, end) = (bytes.start.min(self.size), bytes.end.min(self.size));
        if start >= end {
            return 0..0;
        }
        start / self.segment_size..end.div_ceil(self.segment_size)
    }

    /// Bytes of a segment's block.
    #[must_use]
    pub fn block_len(&self, segment: u64) -> u64 {
        let range = self.segment_range(segment);
        (range.end - range.start).div_ceil(self.encoding.needed().into())
    }

    /// Bytes before each block in a share: MDMF keeps the segment's salt there.
    const fn salt_len(&self) -> u64 {
        match self.format {
            MutableFormat::Sdmf => 0,
            MutableFormat::Mdmf => super::SALT_LEN,
        }
    }

    /// Where the salted blocks of these segments stand in the data of a share.
    #[must_use]
    pub fn data_range(&self, segments: &Range<u64>) -> Range<u64> {
        let each = self.salt_len() + self.segment_size / u64::from(self.encoding.needed());
        let count = self.segment_count();
        let end_of = |segment: u64| match segment.checked_sub(1) {
            None => 0,
            Some(last) => last * each + self.salt_len() + self.block_len(last),
        };
        end_of(segments.start.min(count))..end_of(segments.end.min(count))
    }

    /// Bytes of the data of a share.
    #[must_use]
    pub fn data_len(&self) -> u64 {
        self.data_range(&(0..self.segment_count())).end
    }

    /// Bytes of the block hash tree of a share.
    #[must_use]
    pub fn tree_len(&self) -> u64 {
        // An empty file's tree has one node.
        32 * (2 * self.segment_count().max(1).next_power_of_two() - 1)
    }
}
