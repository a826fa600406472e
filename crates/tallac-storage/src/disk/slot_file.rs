//! A mutable share on the disk: its bytes and its leases.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::share_file::{ShareFileError, open_regular, read_exactly};
use crate::container::edit::Edit;
use crate::container::mutable::{
    ContainerError, DATA_OFFSET, EXTRA_COUNT_LEN, HEADER_LEN, Header, LEASE_LEN, Lease,
};

/// A mutable share file, open.
#[derive(Debug)]
pub struct SlotFile {
    file: File,
    header: Header,
    file_len: u64,
}

impl SlotFile {
    /// Opens a share file to read it. A symbolic link is not followed.
    ///
    /// # Errors
    /// [`ShareFileError::Mutable`] for what is no mutable container, and whatever the system says.
    pub fn open(path: &Path) -> Result<Self, ShareFileError> {
        Self::open_with(path, false)
    }

    pub(crate) fn open_to_change(path: &Path) -> Result<Self, ShareFileError> {
        Self::open_with(path, true)
    }

    fn open_with(path: &Path, write: bool) -> Result<Self, ShareFileError> {
        let (file, file_len) = open_regular(path, write)?;
        let mut start = [0; HEADER_LEN];
        let there = usize::try_from(file_len).unwrap_or(usize::MAX).min(HEADER_LEN);
        file.read_exact_at(&mut start[..there], 0)?;
        let header = Header::parse(&start[..there])?;
        header.check_data(file_len)?;
        Ok(Self { file, header, file_len })
    }

    /// Its header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    pub(crate) const fn file(&self) -> &File {
        &self.file
    }

    pub(crate) const fn file_len(&self) -> u64 {
        self.file_len
    }

    /// How many of `len` bytes from `offset` on the share has.
    pub(crate) fn clipped(&self, offset: u64, len: u64) -> u64 {
        self.header.data_len.saturating_sub(offset).min(len)
    }

    /// Reads at most `len` bytes of the share from `offset`; fewer only where the share ends.
    ///
    /// # Errors
    /// [`ShareFileError::Cut`] when the file has become shorter, and whatever the system says.
    pub fn read_at(&self, offset: u64, len: usize) -> Result<Vec<u8>, ShareFileError> {
        let len = self.clipped(offset, len as u64);
        let len = usize::try_from(len).expect("clipped to a usize");
        read_exactly(&self.file, DATA_OFFSET.saturating_add(offset), len)
    }

    /// The leases, in the order of their places.
    ///
    /// # Errors
    /// As [`SlotFile::read_at`], and [`ShareFileError::Mutable`] when the leases are damaged.
    pub fn leases(&self) -> Result<Vec<Lease>, ShareFileError> {
        let leases = self.lease_records()?;
        Ok(leases.iter().map(Lease::parse).filter(|lease| !lease.is_none()).collect())
    }

    /// Begins to plan a change of it.
    pub(crate) fn edit(&self) -> Result<Edit, ShareFileError> {
        Ok(Edit::change(self.header.clone(), self.lease_records()?))
    }

    /// All places for leases, with and without one.
    fn lease_records(&self) -> Result<Vec<[u8; LEASE_LEN]>, ShareFileError> {
        let slots_len = usize::try_from(DATA_OFFSET).expect("468") - HEADER_LEN;
        let mut bytes = read_exactly(&self.file, HEADER_LEN as u64, slots_len)?;
        let (count_offset, file_len) = (self.header.extra_offset, self.file_len);
        // Says whether the count itself is in the file, before it is read.
        self.header.extra_leases(0, file_len)?;
        let count = read_exactly(&self.file, count_offset, EXTRA_COUNT_LEN)?;
        let count = *count.first_chunk().ok_or(ContainerError::TooShort(file_len))?;
        let (offset, len) = self.header.extra_leases(u32::from_be_bytes(count), file_len)?;
        if len > 0 {
            bytes.extend(read_exactly(&self.file, offset, len)?);
        }
        Ok(bytes.as_chunks::<LEASE_LEN>().0.to_vec())
    }
}
