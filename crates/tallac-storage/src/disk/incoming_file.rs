//! The file of a share that is being uploaded: written at any offset, durable when committed.

use std::fs::File;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::{Disk, ShareKey};
use crate::container::immutable::{HEADER_LEN, Header};
use crate::container::lease::{LEASE_LEN, Lease};

/// How much is read back at once to compare it.
const COMPARE_LEN: usize = 64 * 1024;

/// The container of a share that is there as a whole.
pub(crate) fn container(share: &[Bytes], share_len: u64, lease: &Lease) -> Bytes {
    let mut container = Header::new(share_len).to_bytes().to_vec();
    share.iter().for_each(|piece| container.extend_from_slice(piece));
    container.extend(lease.to_bytes());
    container.into()
}

/// How long the container of a share is, with one lease.
pub(crate) const fn container_len(share_len: u64) -> u64 {
    share_len.saturating_add((HEADER_LEN + LEASE_LEN) as u64)
}

/// A container in the making.
#[derive(Debug)]
pub(crate) struct IncomingFile {
    file: Arc<File>,
    key: ShareKey,
}

impl IncomingFile {
    pub(crate) fn create(disk: &Disk, key: ShareKey) -> io::Result<Self> {
        Ok(Self { file: Arc::new(disk.create_incoming(key)?), key })
    }

    /// A handle to start write-back with.
    pub(crate) fn handle(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Writes bytes of the share at `at`. The header goes with the first byte of the share and the
    /// lease with the last, so that a small share is one system call.
    pub(crate) fn write(
        &self,
        at: u64,
        pieces: &[Bytes],
        share_len: u64,
        lease: &Lease,
    ) -> io::Result<()> {
        let header = Header::new(share_len).to_bytes();
        let lease = lease.to_bytes();
        let end = at + pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        let mut slices = Vec::with_capacity(pieces.len() + 2);
        let mut offset = at + HEADER_LEN as u64;
        if at == 0 {
            slices.push(IoSlice::new(&header));
            offset = 0;
        }
        slices.extend(pieces.iter().map(|piece| IoSlice::new(piece)));
        if end == share_len {
            slices.push(IoSlice::new(&lease));
        }
        write_all_at(&self.file, &mut slices, offset)
    }

    /// Whether the share's bytes in `range` are those of `pieces`, which start at `at`.
    pub(crate) fn holds(&self, range: &Range<u64>, at: u64, pieces: &[Bytes]) -> io::Result<bool> {
        let mut piece_start = at;
        for piece in pieces {
            let piece_end = piece_start + piece.len() as u64;
            let (start, end) = (range.start.max(piece_start), range.end.min(piece_end));
            if start < end {
                let within = offset_in(start, piece_start)..offset_in(end, piece_start);
                if !holds_at(&self.file, start + HEADER_LEN as u64, &piece[within])? {
                    return Ok(false);
                }
            }
            piece_start = piece_end;
        }
        Ok(true)
    }

    /// Puts the share in its place, for good.
    pub(crate) fn commit(&self, disk: &Disk) -> io::Result<()> {
        disk.commit(self.key, &self.file)
    }
}

/// `position - start`, which lies within a piece in memory.
fn offset_in(position: u64, start: u64) -> usize {
    usize::try_from(position - start).expect("no longer than a piece in memory")
}

fn holds_at(file: &File, mut offset: u64, mut expected: &[u8]) -> io::Result<bool> {
    let mut buffer = vec![0; COMPARE_LEN.min(expected.len())];
    while !expected.is_empty() {
        let len = buffer.len().min(expected.len());
        let read = rustix::io::pread(file, &mut buffer[..len], offset)?;
        let (now, later) = expected.split_at(read);
        if read == 0 || buffer[..read] != *now {
            return Ok(false);
        }
        offset += read as u64;
        expected = later;
    }
    Ok(true)
}

/// Writes all slices, one behind the other.
pub(super) fn write_all_at(
    file: &File,
    mut slices: &mut [IoSlice<'_>],
    mut offset: u64,
) -> io::Result<()> {
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match rustix::io::pwritev(file, slices, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                offset += written as u64;
                IoSlice::advance_slices(&mut slices, written);
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
