//! A complete immutable share on the disk: its bytes and its leases.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::buffer::spare_capacity;
use rustix::fs::OFlags;
use rustix::io::Errno;
use tallac_core::secrets::LeaseSecrets;

use super::fault;
use crate::container::immutable::{ContainerError, HEADER_LEN, LEASE_COUNT_OFFSET, Layout};
use crate::container::lease::{EXPIRATION_OFFSET, LEASE_LEN, Lease, expiration_after};
use crate::container::mutable;

/// Leases read at once.
const LEASES_A_READ: u32 = 256;

/// Why a share file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ShareFileError {
    /// Its container is damaged, or none.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// Its container is damaged, or holds no mutable share where one was looked for.
    #[error(transparent)]
    Mutable(#[from] mutable::ContainerError),
    /// The files of mutable shares may be in a state between two others.
    #[error(
        "a change of mutable shares could not be finished: see to the server's disk, then start \
         its node again"
    )]
    HalfDone,
    /// It became shorter while it was read.
    #[error("the file ends before its share does")]
    Cut,
    /// It has as many leases as a container can count.
    #[error("no further lease can be counted")]
    LeaseCountFull,
    /// A new lease does not fit into the room left.
    #[error("no room for a lease")]
    NoSpace,
    /// The system failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// An immutable share file, open.
#[derive(Debug)]
pub struct ShareFile {
    file: File,
    layout: Layout,
}

impl ShareFile {
    /// Opens a share file to read it. A symbolic link is not followed.
    ///
    /// # Errors
    /// [`ShareFileError::Container`] for what is no immutable container, and whatever the system
    /// says.
    pub fn open(path: &Path) -> Result<Self, ShareFileError> {
        Self::open_with(path, false)
    }

    pub(crate) fn open_to_change(path: &Path) -> Result<Self, ShareFileError> {
        Self::open_with(path, true)
    }

    fn open_with(path: &Path, write: bool) -> Result<Self, ShareFileError> {
        let (file, file_len) = open_regular(path, write)?;
        let mut header = [0; HEADER_LEN];
        if file_len < HEADER_LEN as u64 {
            return Err(ContainerError::TooShort(file_len).into());
        }
        file.read_exact_at(&mut header, 0)?;
        Ok(Self { layout: Layout::parse(&header, file_len)?, file })
    }

    /// Where everything stands in it.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Reads at most `len` bytes of the share from `offset`; fewer only where the share ends.
    ///
    /// # Errors
    /// [`ShareFileError::Cut`] when the file has become shorter, and whatever the system says.
    pub fn read_at(&self, offset: u64, len: usize) -> Result<Vec<u8>, ShareFileError> {
        let left = self.layout.share_len().saturating_sub(offset);
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(len);
        read_exactly(&self.file, self.layout.share_offset().saturating_add(offset), len)
    }

    /// The leases, in the order in which they were added.
    #[must_use]
    pub const fn leases(&self) -> Leases<'_> {
        Leases { share: self, next: 0, ready: Vec::new(), failed: false }
    }

    /// Renews the lease whose renew secret this is, or else adds one.
    pub(crate) fn add_or_renew_lease(
        &mut self,
        secrets: &LeaseSecrets,
        owner: u32,
        now_s: u64,
        available: u64,
    ) -> Result<(), ShareFileError> {
        let form = self.layout.header().version.secret_form();
        let stored = form.stored(secrets);
        let mut found = None;
        for (index, lease) in (0..).zip(self.leases()) {
            let lease = lease?;
            if lease.stored.renew == stored.renew {
                found = Some((index, lease.expiration));
                break;
            }
        }
        match found {
            Some((index, expiration)) => self.renew(index, expiration, now_s),
            None if (LEASE_LEN as u64) > available => Err(ShareFileError::NoSpace),
            None => self.add(&Lease::new(owner, secrets, form, now_s)),
        }
    }

    /// Moves the end of a lease, never backwards.
    fn renew(&self, index: u32, expiration: u32, now_s: u64) -> Result<(), ShareFileError> {
        let renewed = expiration_after(now_s);
        if renewed > expiration {
            let offset = self.layout.lease_offset(index) + EXPIRATION_OFFSET as u64;
            self.file.write_all_at(&renewed.to_be_bytes(), offset)?;
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// The lease is on the disk before the count says that it is there: a crash between the two
    /// leaves the old container with a tail that [`Layout::parse`] recognises.
    fn add(&mut self, lease: &Lease) -> Result<(), ShareFileError> {
        let count =
            self.layout.lease_count_with_one_more().ok_or(ShareFileError::LeaseCountFull)?;
        let offset = self.layout.lease_offset(self.layout.header().lease_count);
        self.file.write_all_at(&lease.to_bytes(), offset)?;
        self.file.sync_data()?;
        self.file.write_all_at(&count.to_be_bytes(), LEASE_COUNT_OFFSET)?;
        self.file.sync_data()?;
        Ok(())
    }
}

/// Removing leases.
impl ShareFile {
    /// Removes the leases that are not to be kept. A lease that is kept is never written over
    /// before its copy is on the disk, and between two steps the file is too long by one lease at
    /// most, which [`Layout::parse`] recognises.
    pub(crate) fn drop_leases(
        &mut self,
        keep: impl Fn(&Lease) -> bool,
    ) -> Result<(), ShareFileError> {
        let mut index = 0;
        while index < self.layout.header().lease_count {
            if keep(&self.lease(index)?) {
                index += 1;
                continue;
            }
            // The last one that is kept takes the place; those behind it just go.
            let last = self.layout.header().lease_count - 1;
            let moved = self.lease(last)?;
            if last > index && keep(&moved) {
                fault::step()?;
                self.file.write_all_at(&moved.to_bytes(), self.layout.lease_offset(index))?;
                fault::step()?;
                self.file.sync_data()?;
            }
            self.cut_last_lease()?;
        }
        Ok(())
    }

    fn cut_last_lease(&mut self) -> Result<(), ShareFileError> {
        let count = self.layout.header().lease_count - 1;
        fault::step()?;
        self.file.write_all_at(&count.to_be_bytes(), LEASE_COUNT_OFFSET)?;
        fault::step()?;
        self.file.sync_data()?;
        self.layout = self.layout.with_lease_count(count);
        fault::step()?;
        self.file.set_len(self.layout.lease_offset(count))?;
        fault::step()?;
        Ok(self.file.sync_all()?)
    }

    fn lease(&self, index: u32) -> Result<Lease, ShareFileError> {
        let mut bytes = [0; LEASE_LEN];
        self.file.read_exact_at(&mut bytes, self.layout.lease_offset(index))?;
        Ok(Lease::parse(&bytes))
    }
}

/// Opens a file to read it, and perhaps to change it; also says how long it is. What is no regular
/// file, or a symbolic link, is not there.
pub(super) fn open_regular(path: &Path, write: bool) -> io::Result<(File, u64)> {
    // NONBLOCK, so that a pipe someone left there blocks nobody.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let flags = i32::try_from(flags).expect("both flags are small");
    let file = match File::options().read(true).write(write).custom_flags(flags).open(path) {
        Err(error) if Errno::from_io_error(&error) == Some(Errno::LOOP) => {
            return Err(io::ErrorKind::NotFound.into());
        }
        file => file?,
    };
    let found = file.metadata()?;
    if found.is_file() { Ok((file, found.len())) } else { Err(io::ErrorKind::NotFound.into()) }
}

/// The `len` bytes at `at`.
pub(super) fn read_exactly(file: &File, at: u64, len: usize) -> Result<Vec<u8>, ShareFileError> {
    let mut data = Vec::with_capacity(len);
    while data.len() < len {
        let at = at.saturating_add(data.len() as u64);
        match rustix::io::pread(file, spare_capacity(&mut data), at) {
            Ok(0) => return Err(ShareFileError::Cut),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
    }
    // The allocator may have given more room than was asked for, and leases follow the share.
    data.truncate(len);
    Ok(data)
}

/// The leases of a share, read a few at a time.
#[derive(Debug)]
pub struct Leases<'a> {
    share: &'a ShareFile,
    next: u32,
    /// Those read and not yet given, the next one last.
    ready: Vec<Lease>,
    failed: bool,
}

impl Iterator for Leases<'_> {
    type Item = Result<Lease, ShareFileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() && !self.failed {
            match self.read_more() {
                Ok(()) => {}
                Err(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
        self.ready.pop().map(Ok)
    }
}

impl Leases<'_> {
    fn read_more(&mut self) -> Result<(), ShareFileError> {
        let layout = &self.share.layout;
        let count = (layout.header().lease_count - self.next).min(LEASES_A_READ);
        let mut bytes = vec![0; count as usize * LEASE_LEN];
        self.share.file.read_exact_at(&mut bytes, layout.lease_offset(self.next))?;
        let (leases, _) = bytes.as_chunks::<LEASE_LEN>();
        self.ready.extend(leases.iter().rev().map(Lease::parse));
        self.next += count;
        Ok(())
    }
}
