//! The journal: every change of mutable shares, and every small immutable share, stands in one
//! file before it is made, so that one sync makes it durable and atomic, however many shares it is
//! about.
//!
//! A change is written here and synced, together with whatever other changes come at the same
//! time; then the files are changed, and nobody waits for those to reach the disk. When the
//! journal is full, or nothing happened for a while, a *checkpoint* syncs them and empties it.
//! A server that starts and finds records does again what they say (`replay`); as a record holds
//! the resulting bytes, doing it twice does no harm. Decision 0007 says why all this.

pub(crate) mod record;
mod replay;

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::{self, IoSlice, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard};

use tallac_core::ids::StorageIndex;

use super::change::{Change, ShareOp};
use super::incoming_file::write_all_at;
use super::{ShareKey, fault, share_path, slot_dir, sync_dir};
use record::{BLOCK_LEN, Payload};

pub(super) use replay::replay;

/// The journal's name in the storage directory. Tahoe-LAFS has nothing of that name.
pub(super) const FILE_NAME: &str = "tallac.journal";

/// Files and directories that are synced one by one; if there are more, the file system is
/// told to sync everything.
const SYNCED_SINGLY_MAX: usize = 24;

/// Slices given to one system call.
const SLICE_COUNT: usize = 1024;

/// Bytes in spilled records that lie on the disk at most before a checkpoint.
const SPILLED_MAX: u64 = 64 << 20;

/// The journal of a storage directory. Its file is made when the first change comes.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    len: u64,
    /// Held by each change from its record until its files are changed; alone by a checkpoint.
    gate: RwLock<()>,
    tail: Mutex<Tail>,
    /// Told when a sync ends.
    synced: Condvar,
    unsynced: Mutex<Unsynced>,
    /// Records written since the start.
    count: AtomicU64,
    /// A change has a record, but its files could not be changed.
    is_half_done: AtomicBool,
}

/// Where the next record goes.
#[derive(Debug, Default)]
struct Tail {
    file: Option<Arc<File>>,
    generation: u64,
    sequence: u64,
    at: u64,
    /// Records written, and those of them that are durable.
    written: u64,
    durable: u64,
    is_syncing: bool,
    /// The disk failed: what it holds is known again after a restart only.
    has_failed: bool,
}

/// What changed since the last checkpoint.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    files: HashSet<ShareKey>,
    slots: HashSet<StorageIndex>,
    spills: Vec<PathBuf>,
    spilled: u64,
}

/// A record that was written, to wait for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket(u64);

impl Journal {
    pub(super) fn new(dir: &Path, len: u64) -> Self {
        Self {
            path: dir.join(FILE_NAME),
            len: len.next_multiple_of(BLOCK_LEN).max(4 * BLOCK_LEN),
            gate: RwLock::default(),
            tail: Mutex::default(),
            synced: Condvar::new(),
            unsynced: Mutex::default(),
            count: AtomicU64::new(0),
            is_half_done: AtomicBool::new(false),
        }
    }

    /// The longest record that goes into the journal itself.
    pub(super) const fn record_len_max(&self) -> u64 {
        self.len / 4
    }

    /// Records written since the start.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether some slot may be in a state between two others, until the server starts anew.
    pub(super) fn is_half_done(&self) -> bool {
        self.is_half_done.load(Ordering::Acquire)
    }

    /// Whether it takes no changes, until the server starts anew.
    pub(super) fn is_out_of_order(&self) -> bool {
        self.is_half_done() || self.tail().has_failed
    }

    /// Whether there may be a record about this share.
    pub(super) fn speaks_of(&self, key: ShareKey) -> bool {
        self.unsynced().files.contains(&key)
    }

    /// Keeps a checkpoint away while files are changed.
    pub(super) fn enter(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Writes a record; `None` when the journal is full.
    pub(super) fn append(&self, payload: &Payload) -> io::Result<Option<Ticket>> {
        let (pieces, payload_len) = payload.encode().finish();
        let len = record::record_len(payload_len);
        let mut tail = self.tail();
        if tail.has_failed || self.is_half_done() {
            return Err(failed_before());
        }
        if tail.at + len > self.len {
            return Ok(None);
        }
        let file = match &tail.file {
            Some(file) => Arc::clone(file),
            None => {
                let file = Arc::new(self.create()?);
                *tail = Tail { generation: tail.generation + 1, ..Tail::default() };
                tail.file.insert(file).clone()
            }
        };
        let header = record::header(tail.generation, tail.sequence, &pieces, payload_len);
        let padding_len = len - record::HEADER_LEN as u64 - payload_len;
        let padding = vec![0; usize::try_from(padding_len).expect("less than a block")];
        let slices = pieces.iter().map(|piece| IoSlice::new(piece));
        let mut slices: Vec<_> = [IoSlice::new(&header)]
            .into_iter()
            .chain(slices)
            .chain([IoSlice::new(&padding)])
            .collect();
        fault::step()?;
        // A record that is only half there is overwritten by the next, and never was said to be.
        let mut at = tail.at;
        for slices in slices.chunks_mut(SLICE_COUNT) {
            let done = slices.iter().map(|slice| slice.len() as u64).sum::<u64>();
            write_all_at(&file, slices, at)?;
            at += done;
        }
        tail.at = at;
        tail.sequence += 1;
        tail.written += 1;
        self.count.fetch_add(1, Ordering::Relaxed);
        Ok(Some(Ticket(tail.written)))
    }

    /// Waits until a record is on the disk. Of those who wait at the same time, one syncs for all.
    pub(super) fn wait(&self, ticket: Ticket) -> io::Result<()> {
        let mut tail = self.tail();
        while tail.durable < ticket.0 {
            if tail.has_failed {
                return Err(failed_before());
            }
            if tail.is_syncing {
                tail = self.synced.wait(tail).unwrap_or_else(|poisoned| poisoned.into_inner());
                continue;
            }
            tail.is_syncing = true;
            let (written, file) = (tail.written, tail.file.clone());
            drop(tail);
            let synced = fault::step().and_then(|()| match &file {
                Some(file) => Ok(rustix::fs::fdatasync(file)?),
                None => Err(failed_before()),
            });
            tail = self.tail();
            tail.is_syncing = false;
            self.synced.notify_all();
            match synced {
                Ok(()) => tail.durable = written,
                Err(error) => {
                    tracing::error!(%error, "the journal of shares cannot be synced");
                    tail.has_failed = true;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Notes what a change did, so that a checkpoint syncs it.
    pub(super) fn note(&self, change: &Change, spill: Option<(PathBuf, u64)>) {
        let mut unsynced = self.unsynced();
        unsynced.note(change);
        if let Some((path, len)) = spill {
            unsynced.spills.push(path);
            unsynced.spilled += len;
        }
    }

    /// Notes that a change could not be made though it has a record.
    pub(super) fn note_half_done(&self, error: &io::Error) {
        tracing::error!(%error,
            "a change of mutable shares stopped half-way: they are refused until this node is \
             started again, which finishes it");
        self.is_half_done.store(true, Ordering::Release);
    }

    /// Whether so much is spilled that it is time for a checkpoint.
    pub(super) fn is_spilling_over(&self) -> bool {
        self.unsynced().spilled > SPILLED_MAX
    }

    /// Syncs whatever was changed, and empties the journal. With `remove`, no journal is left.
    pub(super) fn checkpoint(&self, shares: &Path, remove: bool) -> io::Result<()> {
        let _alone = self.gate.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut tail = self.tail();
        if tail.has_failed || self.is_half_done() {
            return Err(failed_before());
        }
        let Some(file) = tail.file.clone() else { return Ok(()) };
        let emptied = self.empty(&tail, &file, shares);
        // What could not be synced will not be synced by trying again.
        emptied.inspect_err(|_| tail.has_failed = true)?;
        (tail.at, tail.sequence) = (0, 0);
        tail.generation += 1;
        if remove {
            fault::step()?;
            fs::remove_file(&self.path)?;
            tail.file = None;
        }
        Ok(())
    }

    fn empty(&self, tail: &Tail, file: &File, shares: &Path) -> io::Result<()> {
        if tail.sequence == 0 {
            return Ok(());
        }
        let unsynced = std::mem::take(&mut *self.unsynced());
        unsynced.sync(shares)?;
        fault::step()?;
        // Before any record is overwritten no record may be valid any more: the first ones alone
        // would lead back to an older state.
        write_all_at(file, &mut [IoSlice::new(&[0; record::HEADER_LEN])], 0)?;
        fault::step()?;
        rustix::fs::fdatasync(file)?;
        for spill in &unsynced.spills {
            let _left_for_the_next_start = fs::remove_file(spill);
        }
        Ok(())
    }

    /// Makes the file, full of zeros: a write to it changes nothing but its bytes.
    fn create(&self) -> io::Result<File> {
        let unfinished = self.path.with_extension("journal.new");
        let options = File::options().write(true).create(true).truncate(true).mode(0o600).clone();
        fault::step()?;
        let mut file = options.open(&unfinished)?;
        let zeros = vec![0; 256 * 1024];
        let mut left = self.len;
        while left > 0 {
            let len = left.min(zeros.len() as u64);
            file.write_all(&zeros[..usize::try_from(len).expect("at most 256 KiB")])?;
            left -= len;
        }
        fault::step()?;
        file.sync_all()?;
        fault::step()?;
        fs::rename(&unfinished, &self.path)?;
        fault::step()?;
        sync_dir(self.path.parent().unwrap_or(&self.path))?;
        Ok(file)
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn unsynced(&self) -> MutexGuard<'_, Unsynced> {
        self.unsynced.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Unsynced {
    pub(super) fn note(&mut self, change: &Change) {
        for (number, op) in &change.shares {
            let key = ShareKey { storage_index: change.storage_index, number: *number };
            if matches!(op, ShareOp::Delete) {
                self.files.remove(&key);
            } else {
                self.files.insert(key);
            }
            if !matches!(op, ShareOp::Edit(_)) {
                self.slots.insert(change.storage_index);
            }
        }
    }

    /// Syncs the files, and the directories that name them.
    pub(super) fn sync(&self, shares: &Path) -> io::Result<()> {
        fault::step()?;
        if self.files.len() + self.slots.len() > SYNCED_SINGLY_MAX {
            return Ok(rustix::fs::syncfs(File::open(shares)?)?);
        }
        for key in &self.files {
            if_there(File::open(share_path(shares, *key)), |file| file.sync_data())?;
        }
        let mut parents = BTreeSet::new();
        for storage_index in &self.slots {
            let dir = slot_dir(shares, *storage_index);
            if_there(File::open(&dir), |dir| dir.sync_all())?;
            parents.extend(dir.parent().map(Path::to_owned));
        }
        for parent in &parents {
            if_there(File::open(parent), |dir| dir.sync_all())?;
        }
        if parents.is_empty() { Ok(()) } else { sync_dir(shares) }
    }
}

fn if_there(
    opened: io::Result<File>,
    sync: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        opened => sync(&opened?),
    }
}

fn failed_before() -> io::Error {
    io::Error::other("an earlier change failed; this node has to be started again")
}
