//! The container of a mutable share (section 3.6): a header with the write enabler, four lease
//! slots, the share, and behind it the leases that found no slot.

use tallac_core::ids::TubId;
use tallac_core::secrets::{CancelSecret, LeaseSecrets, RenewSecret, WriteEnabler};

pub use super::immutable::Version;

/// Bytes of the magic, by which a file is known to hold a mutable share.
pub const MAGIC_LEN: usize = 32;

/// Bytes of the header.
pub const HEADER_LEN: usize = 100;

/// Where the header says how long the share is; the offset of the extra leases follows.
pub const DATA_LEN_OFFSET: u64 = 84;

/// Bytes of one lease in a mutable container.
pub const LEASE_LEN: usize = 92;

/// Leases that stand before the share.
pub const LEASE_SLOT_COUNT: usize = 4;

/// Where the share starts.
pub const DATA_OFFSET: u64 = (HEADER_LEN + LEASE_SLOT_COUNT * LEASE_LEN) as u64;

/// Bytes of the number of extra leases.
pub const EXTRA_COUNT_LEN: usize = 4;

/// Leases that a container can have at most. Tahoe-LAFS knows no limit, but whoever holds a write
/// enabler could make a server read gigabytes of leases for each change.
pub const LEASE_COUNT_MAX: usize = 65_536;

/// The largest mutable share that Tahoe-LAFS takes: 69105 * 10^12 bytes.
pub const SHARE_SIZE_MAX: u64 = 69_105_000_000_000_000;

/// What the magics of all versions start with.
const MAGIC_START: &[u8] = b"Tahoe mutable container v";

const MAGIC_V1: &[u8; MAGIC_LEN] = b"Tahoe mutable container v1\n\x75\x09\x44\x03\x8e";
const MAGIC_V2: &[u8; MAGIC_LEN] = b"Tahoe mutable container v2\n\xc3\x55\x21\x99\x25";

/// Why a file is no mutable container, or cannot be used as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    /// Shorter than a header.
    #[error("a file of {0} bytes is too short to be a mutable container")]
    TooShort(u64),
    /// It does not start as one.
    #[error("no mutable container where one belongs")]
    NotMutable,
    /// It starts as one, but of a version nobody knows.
    #[error("unknown version of a mutable container")]
    UnknownVersion,
    /// The share would reach into the extra leases, or beyond the end of the file.
    #[error("a share of {data_len} bytes does not fit into its container")]
    DataTooLong {
        /// What the header says.
        data_len: u64,
    },
    /// The extra leases are not wholly in the file.
    #[error("the extra leases at {extra_offset} are not in the file")]
    LeasesOutside {
        /// What the header says.
        extra_offset: u64,
    },
    /// It claims more leases than it has room for, or than we read.
    #[error("{0} extra leases are more than the file can hold")]
    TooManyLeases(u32),
}

/// Whether a file that starts with these bytes holds, or held before it was damaged, a mutable
/// share. Everything else is taken for immutable, as Tahoe-LAFS does.
#[must_use]
pub fn is_mutable(start: &[u8]) -> bool {
    start.starts_with(MAGIC_START)
}

const fn magic(version: Version) -> &'static [u8; MAGIC_LEN] {
    match version {
        Version::V1 => MAGIC_V1,
        Version::V2 => MAGIC_V2,
    }
}

/// The header of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Which layout.
    pub version: Version,
    /// The server that took the write enabler.
    pub node: TubId,
    /// Allows changes.
    pub write_enabler: WriteEnabler,
    /// Length of the share.
    pub data_len: u64,
    /// Where the number of extra leases stands, and they behind it.
    pub extra_offset: u64,
}

impl Header {
    /// The header of a new container, empty.
    #[must_use]
    pub const fn new(node: TubId, write_enabler: WriteEnabler) -> Self {
        let version = Version::V2;
        Self { version, node, write_enabler, data_len: 0, extra_offset: DATA_OFFSET }
    }

    /// The header at the start of a file.
    ///
    /// # Errors
    /// [`ContainerError`] for what is no mutable container of version 1 or 2.
    pub fn parse(start: &[u8]) -> Result<Self, ContainerError> {
        if !is_mutable(start) {
            return Err(ContainerError::NotMutable);
        }
        let bytes: &[u8; HEADER_LEN] =
            start.first_chunk().ok_or(ContainerError::TooShort(start.len() as u64))?;
        let version = [Version::V1, Version::V2]
            .into_iter()
            .find(|version| bytes.starts_with(magic(*version)))
            .ok_or(ContainerError::UnknownVersion)?;
        Ok(Self {
            version,
            node: TubId::new(array(bytes, 32)),
            write_enabler: WriteEnabler::new(array(bytes, 52)),
            data_len: u64::from_be_bytes(array(bytes, 84)),
            extra_offset: u64::from_be_bytes(array(bytes, 92)),
        })
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..32].copy_from_slice(magic(self.version));
        bytes[32..52].copy_from_slice(self.node.as_bytes());
        bytes[52..84].copy_from_slice(self.write_enabler.expose());
        bytes[84..].copy_from_slice(&self.lengths_to_bytes());
        bytes
    }

    /// What stands at [`DATA_LEN_OFFSET`]: the only part of a header that ever changes.
    #[must_use]
    pub fn lengths_to_bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.data_len.to_be_bytes());
        bytes[8..].copy_from_slice(&self.extra_offset.to_be_bytes());
        bytes
    }

    /// Checks that the share lies within a file of `file_len` bytes. Its leases may not: a share
    /// can be read even then.
    ///
    /// # Errors
    /// [`ContainerError::DataTooLong`].
    pub fn check_data(&self, file_len: u64) -> Result<(), ContainerError> {
        let data_len = self.data_len;
        match DATA_OFFSET.checked_add(data_len) {
            Some(end) if end <= self.extra_offset && end <= file_len => Ok(()),
            _ => Err(ContainerError::DataTooLong { data_len }),
        }
    }

    /// Where the extra leases start and how many bytes they have, if a file of `file_len` bytes
    /// has room for them.
    ///
    /// # Errors
    /// [`ContainerError::LeasesOutside`] and [`ContainerError::TooManyLeases`].
    pub fn extra_leases(&self, count: u32, file_len: u64) -> Result<(u64, usize), ContainerError> {
        let extra_offset = self.extra_offset;
        let start = extra_offset
            .checked_add(EXTRA_COUNT_LEN as u64)
            .filter(|start| *start <= file_len)
            .ok_or(ContainerError::LeasesOutside { extra_offset })?;
        let room = usize::try_from((file_len - start) / LEASE_LEN as u64).unwrap_or(usize::MAX);
        let fitting = usize::try_from(count).ok().filter(|count| *count <= room);
        match fitting {
            Some(count) if count <= LEASE_COUNT_MAX => Ok((start, count * LEASE_LEN)),
            _ => Err(ContainerError::TooManyLeases(count)),
        }
    }
}

/// A lease as mutable containers hold it, with its secrets as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// 1; in a slot without a lease 0.
    pub owner: u32,
    /// When it ends, in seconds since 1970.
    pub expiration: u32,
    /// The secrets, raw or hashed as the container has them.
    pub stored: LeaseSecrets,
    /// The server that took it.
    pub node: TubId,
}

impl Lease {
    /// The lease in these bytes.
    #[must_use]
    pub fn parse(bytes: &[u8; LEASE_LEN]) -> Self {
        Self {
            owner: u32::from_be_bytes(array(bytes, 0)),
            expiration: u32::from_be_bytes(array(bytes, 4)),
            stored: LeaseSecrets {
                renew: RenewSecret::new(array(bytes, 8)),
                cancel: CancelSecret::new(array(bytes, 40)),
            },
            node: TubId::new(array(bytes, 72)),
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; LEASE_LEN] {
        let mut bytes = [0; LEASE_LEN];
        bytes[..4].copy_from_slice(&self.owner.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.expiration.to_be_bytes());
        bytes[8..40].copy_from_slice(self.stored.renew.expose());
        bytes[40..72].copy_from_slice(self.stored.cancel.expose());
        bytes[72..].copy_from_slice(self.node.as_bytes());
        bytes
    }

    /// Whether the slot that it was read from is empty.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.owner == 0
    }
}

/// The `N` bytes at `at`, which are there.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    *bytes[at..].first_chunk().expect("every field ends within the fixed length")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header::new(TubId::new([7; 20]), WriteEnabler::new([8; 32]))
    }

    #[test]
    fn each_damaged_field_is_named() {
        let bytes = header().to_bytes();
        assert_eq!(Header::parse(&bytes), Ok(header()));
        assert_eq!(Header::parse(&bytes[..99]), Err(ContainerError::TooShort(99)));
        assert_eq!(Header::parse(&[0; 100]), Err(ContainerError::NotMutable));
        let mut unknown = bytes;
        unknown[25] = b'3';
        assert_eq!(Header::parse(&unknown), Err(ContainerError::UnknownVersion));
        unknown[25] = b'1';
        assert_eq!(Header::parse(&unknown), Err(ContainerError::UnknownVersion));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let with = |data_len, extra_offset| Header { data_len, extra_offset, ..header() };
        assert_eq!(with(0, 468).check_data(472), Ok(()));
        assert_eq!(with(10, 478).check_data(482), Ok(()));
        for (data_len, extra_offset, file_len) in
            [(1, 468, 472), (u64::MAX, u64::MAX, u64::MAX), (100, 600, 500), (0, 0, 472)]
        {
            let refused = Err(ContainerError::DataTooLong { data_len });
            assert_eq!(with(data_len, extra_offset).check_data(file_len), refused);
        }
        assert_eq!(with(0, 468).extra_leases(2, 656), Ok((472, 184)));
        assert_eq!(with(0, 468).extra_leases(3, 656), Err(ContainerError::TooManyLeases(3)));
        let outside = |extra_offset| Err(ContainerError::LeasesOutside { extra_offset });
        assert_eq!(with(0, 468).extra_leases(0, 471), outside(468));
        assert_eq!(with(0, u64::MAX).extra_leases(0, 500), outside(u64::MAX));
        let many = with(0, 468).extra_leases(u32::MAX, u64::MAX);
        assert_eq!(many, Err(ContainerError::TooManyLeases(u32::MAX)));
    }

    #[test]
    fn a_lease_survives_its_bytes() {
        let bytes: [u8; LEASE_LEN] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        assert_eq!(Lease::parse(&bytes).to_bytes(), bytes);
        assert!(Lease::parse(&[0; LEASE_LEN]).is_none());
    }

    #[test]
    fn nothing_shows_the_write_enabler() {
        assert!(!format!("{:?}", header()).contains("8, 8"));
    }
}
