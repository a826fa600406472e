//! The container of an immutable share (section 3.4): a header of 12 bytes, the share, the leases.

use super::lease::{LEASE_LEN, SecretForm};

/// Bytes of the header.
pub const HEADER_LEN: usize = 12;

/// Where the number of leases stands.
pub const LEASE_COUNT_OFFSET: u64 = 8;

/// The largest share that fits: no file is larger than `i64::MAX`, and its leases need room too.
pub const SHARE_SIZE_MAX: u64 = i64::MAX as u64 - (1 << 40);

/// What the first bytes of a mutable container spell.
const MUTABLE_MAGIC_START: &[u8; 4] = b"Taho";

/// Which layout a container has. A file keeps the version it was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Lease secrets as they are; read, no longer made.
    V1,
    /// Lease secrets hashed.
    V2,
}

impl Version {
    /// Its number.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    /// How it keeps lease secrets.
    #[must_use]
    pub const fn secret_form(self) -> SecretForm {
        match self {
            Self::V1 => SecretForm::Raw,
            Self::V2 => SecretForm::Hashed,
        }
    }
}

/// Why a file is no immutable container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    /// Shorter than a header.
    #[error("a file of {0} bytes is too short to be a container")]
    TooShort(u64),
    /// It holds a mutable share.
    #[error("a mutable container where an immutable one belongs")]
    Mutable,
    /// A version nobody knows.
    #[error("unknown container version {0}")]
    UnknownVersion(u32),
    /// It claims more leases than it has room for.
    #[error("{lease_count} leases do not fit into a file of {file_len} bytes")]
    TooManyLeases {
        /// What the header says.
        lease_count: u32,
        /// How large the file is.
        file_len: u64,
    },
}

/// Whether a file that starts with these bytes is a container of a version that we know.
#[must_use]
pub fn is_immutable(start: &[u8]) -> bool {
    [Version::V1, Version::V2].iter().any(|v| start.starts_with(&v.number().to_be_bytes()))
}

/// The header of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Which layout.
    pub version: Version,
    /// The length of the share, or 2^32 - 1 if that is larger. Tahoe writes it and never reads it.
    pub legacy_len: u32,
    /// How many leases stand at the end.
    pub lease_count: u32,
}

impl Header {
    /// The header of a new container for a share of `share_len` bytes and one lease.
    #[must_use]
    pub fn new(share_len: u64) -> Self {
        let legacy_len = u32::try_from(share_len).unwrap_or(u32::MAX);
        Self { version: Version::V2, legacy_len, lease_count: 1 }
    }

    /// The header in these bytes.
    ///
    /// # Errors
    /// [`ContainerError::UnknownVersion`] and [`ContainerError::Mutable`].
    pub fn parse(bytes: &[u8; HEADER_LEN]) -> Result<Self, ContainerError> {
        if bytes.starts_with(MUTABLE_MAGIC_START) {
            return Err(ContainerError::Mutable);
        }
        let word = |at: usize| {
            u32::from_be_bytes(*bytes[at..].first_chunk::<4>().expect("ends before 12"))
        };
        let version = match word(0) {
            1 => Version::V1,
            2 => Version::V2,
            other => return Err(ContainerError::UnknownVersion(other)),
        };
        Ok(Self { version, legacy_len: word(4), lease_count: word(8) })
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..4].copy_from_slice(&self.version.number().to_be_bytes());
        bytes[4..8].copy_from_slice(&self.legacy_len.to_be_bytes());
        bytes[8..].copy_from_slice(&self.lease_count.to_be_bytes());
        bytes
    }
}

/// Where everything stands in a container: its header and the size of its file, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    header: Header,
    share_len: u64,
}

impl Layout {
    /// The layout of a file that starts with `start` and is `file_len` bytes long.
    ///
    /// # Errors
    /// [`ContainerError`] for whatever is no immutable container.
    pub fn parse(start: &[u8], file_len: u64) -> Result<Self, ContainerError> {
        let bytes = start.first_chunk().ok_or(ContainerError::TooShort(file_len))?;
        let header = Header::parse(bytes)?;
        let lease_count = header.lease_count;
        let leases_len = u64::from(lease_count) * LEASE_LEN as u64;
        let share_len = file_len
            .checked_sub(HEADER_LEN as u64)
            .ok_or(ContainerError::TooShort(file_len))?
            .checked_sub(leases_len)
            .ok_or(ContainerError::TooManyLeases { lease_count, file_len })?;
        Ok(Self { header, share_len: without_torn_lease(share_len, header.legacy_len) })
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Length of the share.
    #[must_use]
    pub const fn share_len(&self) -> u64 {
        self.share_len
    }

    /// Where the share starts in the file.
    #[must_use]
    pub const fn share_offset(&self) -> u64 {
        HEADER_LEN as u64
    }

    /// Where lease number `index` starts in the file; `index` may be one past the last.
    #[must_use]
    pub const fn lease_offset(&self, index: u32) -> u64 {
        HEADER_LEN as u64 + self.share_len + index as u64 * LEASE_LEN as u64
    }

    /// The same container with so many leases.
    pub(crate) const fn with_lease_count(self, lease_count: u32) -> Self {
        Self { header: Header { lease_count, ..self.header }, share_len: self.share_len }
    }

    /// The number of leases after one more, if the header can say it.
    #[must_use]
    pub const fn lease_count_with_one_more(&self) -> Option<u32> {
        self.header.lease_count.checked_add(1)
    }
}

/// A crash between the writing of a new lease and of the new count leaves a file that is too long
/// by up to one lease, and so a share that seems too long. The legacy length, where it is exact,
/// tells.
fn without_torn_lease(share_len: u64, legacy_len: u32) -> u64 {
    let exact = u64::from(legacy_len);
    let excess = share_len.wrapping_sub(exact);
    let is_torn = legacy_len != u32::MAX && (1..=LEASE_LEN as u64).contains(&excess);
    if is_torn { exact } else { share_len }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(words: [u32; 3]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn each_damaged_field_is_named() {
        let parse = |words, file_len| Layout::parse(&header(words), file_len);
        assert_eq!(parse([2, 100, 1], 184).unwrap().share_len(), 100);
        assert_eq!(parse([0, 100, 1], 184), Err(ContainerError::UnknownVersion(0)));
        assert_eq!(parse([3, 100, 1], 184), Err(ContainerError::UnknownVersion(3)));
        assert_eq!(parse([u32::MAX, 100, 1], 184), Err(ContainerError::UnknownVersion(u32::MAX)));
        let too_many = |lease_count| ContainerError::TooManyLeases { lease_count, file_len: 184 };
        assert_eq!(parse([2, 100, 3], 184), Err(too_many(3)));
        assert_eq!(parse([2, 100, u32::MAX], 184), Err(too_many(u32::MAX)));
        assert_eq!(Layout::parse(&[0; 11], 11), Err(ContainerError::TooShort(11)));
        assert_eq!(parse([2, 0, 0], 11), Err(ContainerError::TooShort(11)));
        assert_eq!(Layout::parse(b"Tahoe mutable", 500), Err(ContainerError::Mutable));
    }

    #[test]
    fn the_legacy_length_is_not_believed() {
        for legacy_len in [0, 1, 27, 101, u32::MAX - 1, u32::MAX] {
            let layout = Layout::parse(&header([1, legacy_len, 1]), 184).unwrap();
            assert_eq!(layout.share_len(), 100, "{legacy_len}");
        }
    }

    #[test]
    fn a_lease_cut_off_by_a_crash_is_not_taken_for_data() {
        for excess in 1..=72 {
            let layout = Layout::parse(&header([2, 100, 1]), 184 + excess).unwrap();
            assert_eq!((layout.share_len(), layout.lease_offset(0)), (100, 112));
        }
        let whole = Layout::parse(&header([2, 100, 2]), 184 + 72).unwrap();
        assert_eq!((whole.share_len(), whole.lease_offset(2)), (100, 256));
    }

    #[test]
    fn shares_beyond_four_gibibytes_have_their_length() {
        let share_len = (1 << 32) + 5;
        let header = Header::new(share_len);
        assert_eq!(header.legacy_len, u32::MAX);
        let layout = Layout::parse(&header.to_bytes(), share_len + 84).unwrap();
        assert_eq!(layout.share_len(), share_len);
    }

    #[test]
    fn the_lease_count_does_not_overflow() {
        let file_len = 12 + u64::from(u32::MAX) * 72;
        let layout = Layout::parse(&header([2, 0, u32::MAX]), file_len).unwrap();
        assert_eq!(layout.lease_count_with_one_more(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_are_refused(
            start in prop::collection::vec(any::<u8>(), 0..40),
            version in prop::option::of(1u32..3),
            file_len in any::<u64>(),
        ) {
            let mut start = start;
            if let (Some(version), Some(word)) = (version, start.first_chunk_mut::<4>()) {
                *word = version.to_be_bytes();
            }
            if let Ok(layout) = Layout::parse(&start, file_len) {
                let end = layout.lease_offset(layout.header().lease_count);
                prop_assert!(end <= file_len);
                prop_assert!(file_len - end <= LEASE_LEN as u64);
            }
        }

        #[test]
        fn a_header_survives_its_bytes(legacy_len in any::<u32>(), lease_count in any::<u32>()) {
            for version in [Version::V1, Version::V2] {
                let header = Header { version, legacy_len, lease_count };
                prop_assert_eq!(Header::parse(&header.to_bytes()), Ok(header));
            }
        }
    }
}
