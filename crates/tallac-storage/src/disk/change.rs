//! Changes of mutable shares: what shall become of the files of one slot, and how it is done.

use std::fs::{self, File};
use std::io::{self, IoSlice};
use std::path::Path;

use rustix::fs::{CWD, FallocateFlags, RenameFlags};
use rustix::io::Errno;
use tallac_core::ids::{ShareNumber, StorageIndex};

use super::fault;
use super::incoming_file::write_all_at;
use crate::container::edit::Step;

/// Zeros written at once where the file system cannot make a hole.
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// Slices given to one system call.
const SLICE_COUNT: usize = 64;

/// What shall become of one share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ShareOp {
    /// A new container, made from an empty file.
    Create(Vec<Step>),
    /// Steps in the container that is there.
    Edit(Vec<Step>),
    /// It goes.
    Delete,
    /// The container that was made under this number, beside its place, goes there: what a
    /// creation is in the journal if it is too long to stand in it.
    Place(u64),
}

/// What shall become of the shares of one slot: all of it or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) storage_index: StorageIndex,
    pub(crate) shares: Vec<(ShareNumber, ShareOp)>,
}

/// Does the steps, in their order.
pub(super) fn perform(file: &File, steps: &[Step]) -> io::Result<()> {
    let mut at_once: Vec<IoSlice<'_>> = Vec::new();
    let (mut start, mut end) = (0, 0);
    for step in steps {
        match step {
            Step::Write { at, data } => {
                if *at != end || at_once.len() >= SLICE_COUNT {
                    fault::step()?;
                    write_all_at(file, &mut at_once, start)?;
                    at_once.clear();
                    start = *at;
                }
                at_once.push(IoSlice::new(data));
                end = at + data.len() as u64;
            }
            Step::Zero { at, len } => {
                write_all_at(file, &mut at_once, start)?;
                at_once.clear();
                end = u64::MAX;
                fault::step()?;
                zero(file, *at, *len)?;
            }
        }
    }
    fault::step()?;
    write_all_at(file, &mut at_once, start)
}

/// Makes zeros of what the file has there. A hole costs the same whatever its length.
fn zero(file: &File, at: u64, len: u64) -> io::Result<()> {
    let end = at.saturating_add(len).min(file.metadata()?.len());
    if end <= at {
        return Ok(());
    }
    if end - at > ZEROS.len() as u64 {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        match rustix::fs::fallocate(file, flags, at, end - at) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            other => return Ok(other?),
        }
    }
    let mut at = at;
    while at < end {
        let len = usize::try_from(end - at).unwrap_or(usize::MAX).min(ZEROS.len());
        write_all_at(file, &mut [IoSlice::new(&ZEROS[..len])], at)?;
        at += len as u64;
    }
    Ok(())
}

/// Makes sure that the steps will find room on the disk, while nothing is changed yet.
pub(super) fn reserve(file: &File, file_len: u64, steps: &[Step]) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;

    let has_holes = file.metadata()?.blocks().saturating_mul(512) < file_len;
    let mut len = file_len;
    for step in steps {
        let Step::Write { at, data } = step else { continue };
        let end = at.saturating_add(data.len() as u64);
        let start = if has_holes { *at } else { (*at).max(file_len) };
        if start >= end {
            continue;
        }
        match rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, start, end - start) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => len = len.max(end),
            other => other?,
        }
    }
    // A file system that reserves nothing gets at least the length, which it may refuse as well.
    // Bytes behind the leases mean nothing.
    if len > file_len { file.set_len(len) } else { Ok(()) }
}

/// Moves a file to a name that nothing has.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) if fs::symlink_metadata(to).is_ok() => {
            Err(io::ErrorKind::AlreadyExists.into())
        }
        Err(Errno::INVAL | Errno::NOSYS) => fs::rename(from, to),
        other => Ok(other?),
    }
}
