//! The storage directory (section 3.5): the only module that touches share files.
//!
//! Every path below the storage directory is made of the 26 characters of a storage index and of a
//! share number, so that no peer can name any other file.

mod change;
pub(crate) mod fault;
mod incoming_file;
mod journal;
mod removal;
mod share_file;
mod slot_file;
mod slots;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::thread;

use rustix::fs::StatVfs;
use tallac_core::ids::{ShareNumber, StorageIndex};

use crate::config::{Config, OpenError};

pub(crate) use change::{Change, ShareOp};
pub(crate) use incoming_file::{IncomingFile, container, container_len};
use journal::Journal;
pub use share_file::{Leases, ShareFile, ShareFileError};
pub use slot_file::SlotFile;
use slots::{spill_path, staged_path};

/// Crawler states that only Tahoe-LAFS before 1.16 could read.
const OLD_CRAWLER_STATES: [&str; 3] =
    ["bucket_counter.state", "lease_checker.state", "lease_checker.history"];

/// How often a directory is tried again that somebody else removes at the same time.
const ATTEMPTS_MAX: usize = 100;

/// Which share of which file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ShareKey {
    pub(crate) storage_index: StorageIndex,
    pub(crate) number: ShareNumber,
}

/// A storage directory.
#[derive(Debug)]
pub(crate) struct Disk {
    shares: PathBuf,
    incoming: PathBuf,
    advisories: PathBuf,
    reserved_space: AtomicU64,
    readonly: AtomicBool,
    /// Prefix directories whose entry in `shares` is known to be on the disk, by the first ten
    /// bits of the storage index.
    durable_prefixes: Vec<AtomicBool>,
    journal: Journal,
    /// Held by who puts a share into a directory that he made; alone by who removes empty ones.
    directories: RwLock<()>,
    /// Goes into the name of the next file that lies beside its place.
    next_number: AtomicU64,
}

/// What the file system says of its room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) total: u64,
    pub(crate) free_for_root: u64,
    pub(crate) free_for_nonroot: u64,
    /// Free for shares: the reserve taken off; 0 when read-only.
    pub(crate) available: u64,
}

impl Disk {
    /// Prepares the storage directory, finishes the changes that a crash cut short, and deletes
    /// what earlier uploads left unfinished.
    pub(crate) fn open(config: &Config) -> Result<Self, OpenError> {
        let dir = &config.dir;
        for name in OLD_CRAWLER_STATES {
            let path = dir.join(name);
            if path.exists() {
                return Err(OpenError::OldCrawlerState { path });
            }
        }
        let shares = dir.join("shares");
        let incoming = shares.join("incoming");
        let advisories = dir.join("corruption-advisories");
        prepare("make", &incoming, |path| fs::create_dir_all(path))?;
        prepare("finish what stands in the journal of", dir, |dir| {
            journal::replay(dir, &shares, &incoming)
        })?;
        prepare("clear", &incoming, |path| fs::remove_dir_all(path))?;
        prepare("make", &incoming, |path| fs::create_dir_all(path))?;
        prepare("make", &advisories, |path| fs::create_dir_all(path))?;
        prepare("sync", dir, sync_dir)?;
        Ok(Self {
            shares,
            incoming,
            advisories,
            reserved_space: AtomicU64::new(config.limits.reserved_space),
            readonly: AtomicBool::new(config.limits.readonly),
            durable_prefixes: (0..1024).map(|_| AtomicBool::new(false)).collect(),
            journal: Journal::new(dir, config.journal_len),
            directories: RwLock::default(),
            next_number: AtomicU64::new(0),
        })
    }

    /// Leaves this much free from now on, or all there is if it is to take nothing.
    pub(crate) fn set_reserve(&self, reserved_space: u64, readonly: bool) {
        self.reserved_space.store(reserved_space, Ordering::Relaxed);
        self.readonly.store(readonly, Ordering::Relaxed);
    }

    pub(crate) fn room(&self) -> io::Result<Room> {
        let StatVfs { f_frsize, f_blocks, f_bfree, f_bavail, .. } =
            rustix::fs::statvfs(&self.shares)?;
        let free_for_nonroot = f_bavail.saturating_mul(f_frsize);
        let available =
            free_for_nonroot.saturating_sub(self.reserved_space.load(Ordering::Relaxed));
        Ok(Room {
            total: f_blocks.saturating_mul(f_frsize),
            free_for_root: f_bfree.saturating_mul(f_frsize),
            free_for_nonroot,
            available: if self.readonly.load(Ordering::Relaxed) { 0 } else { available },
        })
    }

    /// Bytes free for shares; none when the file system does not say.
    pub(crate) fn available(&self) -> u64 {
        self.room().map_or(0, |room| room.available)
    }

    /// The complete shares of a storage index. Whatever else lies there is ignored.
    pub(crate) fn list(&self, storage_index: StorageIndex) -> io::Result<BTreeSet<ShareNumber>> {
        let entries = match fs::read_dir(slot_dir(&self.shares, storage_index)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            entries => entries?,
        };
        let mut numbers = BTreeSet::new();
        for entry in entries {
            let entry = entry?;
            if let Some(number) = share_number(&entry.file_name())
                && entry.file_type()?.is_file()
            {
                numbers.insert(number);
            }
        }
        Ok(numbers)
    }

    pub(crate) fn has(&self, key: ShareKey) -> bool {
        fs::symlink_metadata(share_path(&self.shares, key)).is_ok_and(|found| found.is_file())
    }

    pub(crate) fn open_share(&self, key: ShareKey) -> Result<ShareFile, ShareFileError> {
        ShareFile::open(&share_path(&self.shares, key))
    }

    pub(crate) fn open_share_to_change(&self, key: ShareKey) -> Result<ShareFile, ShareFileError> {
        ShareFile::open_to_change(&share_path(&self.shares, key))
    }

    /// Makes the file for an upload, empty.
    pub(crate) fn create_incoming(&self, key: ShareKey) -> io::Result<File> {
        let path = self.incoming_path(key);
        File::options().read(true).write(true).create_new(true).open(path)
    }

    /// Puts a finished upload in its place, for good: its bytes first, then its name. The
    /// directory that the name goes to is made durable while the bytes are.
    pub(crate) fn commit(&self, key: ShareKey, file: &File) -> io::Result<()> {
        let dir = slot_dir(&self.shares, key.storage_index);
        let _stay = self.directories.read().unwrap_or_else(PoisonError::into_inner);
        make_slot_dir(&dir)?;
        thread::scope(|scope| {
            let dir_synced = scope.spawn(|| self.sync_parents(key.storage_index, &dir));
            rustix::fs::fdatasync(file)?;
            dir_synced.join().unwrap_or_else(|_| Err(io::Error::other("a thread stopped")))
        })?;
        change::rename_new(&self.incoming_path(key), &dir.join(key.number.to_string()))?;
        sync_dir(&dir)
    }

    /// Makes the entry of a slot's directory durable.
    fn sync_parents(&self, storage_index: StorageIndex, dir: &Path) -> io::Result<()> {
        sync_dir(dir.parent().unwrap_or(&self.shares))?;
        let is_durable = self.is_durable(storage_index);
        if !is_durable.load(Ordering::Acquire) {
            sync_dir(&self.shares)?;
            is_durable.store(true, Ordering::Release);
        }
        Ok(())
    }

    fn is_durable(&self, storage_index: StorageIndex) -> &AtomicBool {
        let [high, low, ..] = *storage_index.as_bytes();
        &self.durable_prefixes[usize::from(high) << 2 | usize::from(low) >> 6]
    }

    /// Deletes the file of an upload that is given up.
    pub(crate) fn discard_incoming(&self, key: ShareKey) -> io::Result<()> {
        fs::remove_file(self.incoming_path(key))
    }

    /// Nobody but this server looks into `incoming`, so files lie there without the directories
    /// that Tahoe-LAFS makes: two made and removed for each share are a large part of the cost
    /// of a small one.
    fn incoming_path(&self, key: ShareKey) -> PathBuf {
        self.incoming.join(format!("{}-{}", key.storage_index, key.number))
    }

    /// Keeps a corruption report.
    pub(crate) fn write_advisory(&self, name: &str, text: &str) -> io::Result<()> {
        fs::write(self.advisories.join(name), text)
    }
}

fn prepare(
    action: &'static str,
    path: &Path,
    act: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<(), OpenError> {
    act(path).map_err(|source| OpenError::Io { action, path: path.to_owned(), source })
}

fn slot_dir(parent: &Path, storage_index: StorageIndex) -> PathBuf {
    let name = storage_index.to_string();
    let mut path = parent.join(&name[..2]);
    path.push(name);
    path
}

fn share_path(parent: &Path, key: ShareKey) -> PathBuf {
    let mut path = slot_dir(parent, key.storage_index);
    path.push(key.number.to_string());
    path
}

/// The share number that a file name spells in the one way that we write it.
fn share_number(name: &std::ffi::OsStr) -> Option<ShareNumber> {
    let name = name.to_str()?;
    let number: u8 = name.parse().ok()?;
    (number.to_string() == name).then_some(ShareNumber::new(number))
}

/// Makes a slot's directory, and the prefix directory around it, where they are not there.
fn make_slot_dir(dir: &Path) -> io::Result<()> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for _ in 0..ATTEMPTS_MAX {
        match fs::create_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => last = error,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            other => return other,
        }
        match dir.parent().map(fs::create_dir) {
            Some(Err(error)) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Err(last)
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
