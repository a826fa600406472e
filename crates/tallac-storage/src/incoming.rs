//! Uploads under way: who may write what, what came already, and what becomes of it.
//!
//! An upload leaves the table only after its file has left `incoming`, so that a new upload
//! of the same share never meets the old one's file.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use tallac_core::ranges::RangeSet;
use tallac_core::secrets::UploadSecret;
use tallac_core::storage::StorageError;
use tokio::task::JoinHandle;

use crate::container::lease::Lease;
use crate::disk::{Disk, IncomingFile, ShareKey, container, container_len};

/// An upload that nobody writes to for so long is given up (section 3.5).
pub(crate) const IDLE_MAX: Duration = Duration::from_secs(30 * 60);

/// Uploads under way at most; further shares are not allocated.
const UPLOAD_COUNT_MAX: usize = 65_536;

/// Separate runs of bytes that one upload may consist of at a time.
const RUN_COUNT_MAX: usize = 4096;

/// Bytes written before the disk is told to start on them, so that little is left to do
/// when the last byte came.
const WRITE_BACK_LEN: u64 = 8 * 1024 * 1024;

/// Bytes of a share to be written.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) at: u64,
    pub(crate) len: u64,
    pub(crate) pieces: Vec<Bytes>,
}

/// All uploads under way.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    table: Mutex<HashMap<ShareKey, Arc<Upload>>>,
}

/// One share on its way.
#[derive(Debug)]
pub(crate) struct Upload {
    key: ShareKey,
    size: u64,
    secret: UploadSecret,
    lease: Lease,
    /// Milliseconds since 1970 of the last sign of life.
    touched_ms: AtomicU64,
    /// Bytes promised that are not yet on the disk.
    unwritten: AtomicU64,
    progress: Mutex<Progress>,
    /// What the disk is working on already.
    write_back: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Progress {
    phase: Phase,
    written: RangeSet,
    file: Option<IncomingFile>,
    /// Bytes written that the disk was not yet told to start on.
    held_back: u64,
}

/// What the last batch of a body came to.
#[derive(Debug)]
pub(crate) struct Written {
    /// What is still missing.
    pub(crate) missing: Vec<Range<u64>>,
    /// The file, if it is time to start write-back.
    pub(crate) due: Option<Arc<File>>,
    /// The share is kept by the journal, which is to be emptied some time.
    pub(crate) is_journalled: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    Complete,
    Gone,
}

/// What an attempt to start an upload came to.
#[derive(Debug)]
pub(crate) enum Start {
    /// It is new.
    New(Arc<Upload>),
    /// The same client asked for the same before.
    Repeated,
    /// Somebody else uploads that share, or there are too many uploads.
    Refused,
}

impl Uploads {
    /// Starts an upload if it `fits`, or finds it.
    pub(crate) fn start_if(&self, fits: bool, upload: Upload) -> Start {
        let mut table = self.table();
        let is_full = !fits || table.len() >= UPLOAD_COUNT_MAX;
        match table.entry(upload.key) {
            Entry::Occupied(entry) if entry.get().is_repeated_by(&upload) => Start::Repeated,
            Entry::Vacant(entry) if !is_full => {
                Start::New(Arc::clone(entry.insert(Arc::new(upload))))
            }
            _ => Start::Refused,
        }
    }

    pub(crate) fn find(
        &self,
        key: ShareKey,
        secret: &UploadSecret,
    ) -> Result<Arc<Upload>, StorageError> {
        let table = self.table();
        let upload = table.get(&key).ok_or(StorageError::NotFound)?;
        if upload.secret == *secret {
            Ok(Arc::clone(upload))
        } else {
            Err(StorageError::Unauthorized)
        }
    }

    pub(crate) fn forget(&self, upload: &Arc<Upload>) {
        let mut table = self.table();
        if table.get(&upload.key).is_some_and(|found| Arc::ptr_eq(found, upload)) {
            table.remove(&upload.key);
        }
    }

    /// Uploads without a sign of life for [`IDLE_MAX`].
    pub(crate) fn idle(&self, now: Duration) -> Vec<Arc<Upload>> {
        self.table().values().filter(|upload| upload.is_idle(now)).cloned().collect()
    }

    /// Bytes promised that are not yet on the disk.
    pub(crate) fn unwritten(&self) -> u64 {
        let table = self.table();
        let promised = table.values().map(|upload| upload.unwritten.load(Ordering::Relaxed));
        promised.fold(0, u64::saturating_add)
    }

    /// How many there are, and the sizes of their shares together.
    pub(crate) fn summary(&self) -> (usize, u64) {
        let table = self.table();
        (table.len(), table.values().fold(0, |sum, upload| sum.saturating_add(upload.size)))
    }

    fn table(&self) -> MutexGuard<'_, HashMap<ShareKey, Arc<Upload>>> {
        self.table.lock().expect("no holder of this lock panics")
    }
}

impl Upload {
    pub(crate) fn new(
        key: ShareKey,
        size: u64,
        secret: UploadSecret,
        lease: Lease,
        now: Duration,
    ) -> Self {
        Self {
            key,
            size,
            secret,
            lease,
            touched_ms: AtomicU64::new(as_ms(now)),
            unwritten: AtomicU64::new(size),
            progress: Mutex::default(),
            write_back: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) const fn key(&self) -> ShareKey {
        self.key
    }

    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Notes a sign of life.
    pub(crate) fn touch(&self, now: Duration) {
        self.touched_ms.store(as_ms(now), Ordering::Relaxed);
    }

    fn is_idle(&self, now: Duration) -> bool {
        let touched = Duration::from_millis(self.touched_ms.load(Ordering::Relaxed));
        now.saturating_sub(touched) >= IDLE_MAX
    }

    fn is_repeated_by(&self, other: &Self) -> bool {
        self.secret == other.secret && self.size == other.size
    }

    /// Writes a batch to the disk. Returns its file if it is time to start write-back.
    pub(crate) fn write(
        &self,
        disk: &Disk,
        batch: &Batch,
    ) -> Result<Option<Arc<File>>, StorageError> {
        let mut progress = self.open_progress()?;
        self.write_to(&mut progress, disk, batch)?;
        Ok(progress.take_due())
    }

    /// Tells the disk to start on what was written.
    pub(crate) async fn start_write_back(&self, file: Arc<File>) {
        let mut write_back = self.write_back.lock().await;
        if let Some(write_back) = write_back.take() {
            // The disk is slower than the client: let the client wait rather than fill the memory.
            let _early = write_back.await;
        }
        *write_back = Some(tokio::task::spawn_blocking(move || {
            // Only a head start: whatever fails is reported when the share is committed.
            let _early = rustix::fs::fdatasync(&file);
        }));
    }

    /// Writes the last batch of a body and, if nothing is missing any more, puts the share in its
    /// place for good. Returns what is missing.
    pub(crate) fn write_last(&self, disk: &Disk, batch: &Batch) -> Result<Written, StorageError> {
        let mut progress = self.open_progress()?;
        let is_whole = progress.file.is_none() && batch.len == self.size;
        if is_whole && disk.journals(container_len(self.size)) {
            let container = container(&batch.pieces, self.size, &self.lease);
            let kept = disk.keep_journalled(self.key, container);
            kept.or_else(|error| self.fail(&mut progress, disk, "keep", &error))?;
            progress.phase = Phase::Complete;
            self.unwritten.store(0, Ordering::Relaxed);
            return Ok(Written { missing: Vec::new(), due: None, is_journalled: true });
        }
        if batch.len > 0 || self.size == 0 {
            self.write_to(&mut progress, disk, batch)?;
        }
        let missing = progress.written.missing(self.size);
        if missing.is_empty()
            && let Some(file) = &progress.file
        {
            let committed = file.commit(disk);
            committed.or_else(|error| self.fail(&mut progress, disk, "commit", &error))?;
            progress.phase = Phase::Complete;
            progress.file = None;
        }
        Ok(Written { missing, due: progress.take_due(), is_journalled: false })
    }

    /// Gives the upload up. Returns whether it was complete instead.
    pub(crate) fn discard(&self, disk: &Disk) -> Result<(), StorageError> {
        match self.open_progress() {
            Ok(mut progress) => {
                self.remove(&mut progress, disk);
                Ok(())
            }
            Err(_) if self.is_complete() => Err(StorageError::AlreadyComplete),
            Err(_) => Ok(()),
        }
    }

    /// Whether nothing more can be written to it, so that it can be forgotten.
    pub(crate) fn is_over(&self) -> bool {
        self.progress().phase != Phase::Open
    }

    fn is_complete(&self) -> bool {
        self.progress().phase == Phase::Complete
    }

    fn write_to(
        &self,
        progress: &mut Progress,
        disk: &Disk,
        batch: &Batch,
    ) -> Result<(), StorageError> {
        let range = batch.at..batch.at + batch.len;
        let mut overlaps = progress.written.overlaps(&range);
        if let Some(file) = &progress.file {
            let all_held = overlaps.try_fold(true, |held, overlap| {
                Ok(held && file.holds(&overlap, batch.at, &batch.pieces)?)
            });
            drop(overlaps);
            match all_held {
                Ok(true) => {}
                Ok(false) => return Err(StorageError::Conflict),
                Err(error) => return self.fail(progress, disk, "compare", &error),
            }
        } else {
            drop(overlaps);
            match IncomingFile::create(disk, self.key) {
                Ok(file) => progress.file = Some(file),
                Err(error) => return self.fail(progress, disk, "create", &error),
            }
        }
        if progress.written.run_count() >= RUN_COUNT_MAX {
            let reason = format!("more than {RUN_COUNT_MAX} separate pieces of one share");
            return Err(StorageError::BadRequest(reason));
        }
        let file = progress.file.as_ref().expect("made above if it was not there");
        let result = file.write(batch.at, &batch.pieces, self.size, &self.lease);
        if let Err(error) = result {
            return self.fail(progress, disk, "write", &error);
        }
        let fresh = progress.written.insert(range);
        self.unwritten.fetch_sub(fresh, Ordering::Relaxed);
        progress.held_back += batch.len;
        Ok(())
    }

    /// Gives the upload up because the disk failed.
    fn fail<T>(
        &self,
        progress: &mut Progress,
        disk: &Disk,
        action: &str,
        error: &io::Error,
    ) -> Result<T, StorageError> {
        tracing::warn!(si = %self.key.storage_index, share = %self.key.number, %error,
            "cannot {action} an incoming share; its upload is dropped");
        self.remove(progress, disk);
        Err(storage_error(action, error))
    }

    fn remove(&self, progress: &mut Progress, disk: &Disk) {
        progress.phase = Phase::Gone;
        if progress.file.take().is_some()
            && let Err(error) = disk.discard_incoming(self.key)
        {
            tracing::warn!(si = %self.key.storage_index, share = %self.key.number, %error,
                "cannot delete an incoming share; the next start deletes it");
        }
    }

    fn open_progress(&self) -> Result<MutexGuard<'_, Progress>, StorageError> {
        let progress = self.progress();
        if progress.phase == Phase::Open { Ok(progress) } else { Err(StorageError::NotFound) }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().expect("no holder of this lock panics")
    }
}

impl Progress {
    /// The file, once enough was written to it since the last time.
    fn take_due(&mut self) -> Option<Arc<File>> {
        let file = self.file.as_ref().filter(|_| self.held_back >= WRITE_BACK_LEN)?;
        self.held_back = 0;
        Some(file.handle())
    }
}

/// What a failure of the disk means to the client. Paths stay in the log.
pub(crate) fn storage_error(action: &str, error: &io::Error) -> StorageError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StorageError::NoSpace
        }
        kind => StorageError::Local(format!("cannot {action} a share: {kind}")),
    }
}

fn as_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
