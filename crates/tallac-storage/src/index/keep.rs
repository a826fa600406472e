//! Keeping the lease index: who changes shares only says which, and this looks at them later.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tallac_core::ids::{StorageIndex, TubId};

use super::{ClientUse, IndexError, LeaseIndex, stamp};
use crate::crawl::{PREFIX_COUNT, Slice, prefix_name};
use crate::server::Shared;

/// Storage indexes that wait to be looked at; if there are more, all is looked at.
const MARKED_MAX: usize = 1 << 20;

/// Storage indexes in one transaction.
const BATCH_MAX: usize = 500;

/// What changed since the index was written, and how far its making is.
#[derive(Debug)]
pub(crate) struct Keeper {
    storage: PathBuf,
    /// Somebody keeps the index.
    is_kept: AtomicBool,
    /// All that lies in the directory was counted since it was opened, or before.
    knows_all: AtomicBool,
    marked: Mutex<HashSet<StorageIndex>>,
    /// Whose storage indexes are, that is not written yet.
    clients: Mutex<HashMap<StorageIndex, TubId>>,
    /// Bytes of all share files, as the index has them.
    used: AtomicU64,
    /// Bytes that came since the index was written.
    fresh: AtomicU64,
    open: Mutex<Option<Open>>,
}

#[derive(Debug)]
struct Open {
    index: LeaseIndex,
    /// The prefix to be looked at next; the index is complete if there is none.
    next: usize,
}

impl Keeper {
    pub(crate) fn new(storage: &Path) -> Self {
        Self {
            storage: storage.to_owned(),
            is_kept: AtomicBool::new(false),
            knows_all: AtomicBool::new(false),
            marked: Mutex::default(),
            clients: Mutex::default(),
            used: AtomicU64::new(0),
            fresh: AtomicU64::new(0),
            open: Mutex::default(),
        }
    }

    /// What lies under this storage index changed, or is about to.
    pub(crate) fn mark(&self, storage_index: StorageIndex) {
        if self.is_kept.load(Ordering::Relaxed) {
            lock(&self.marked).insert(storage_index);
        }
    }

    /// What lies under this storage index grew, or is about to.
    pub(crate) fn mark_growth(&self, storage_index: StorageIndex, bytes: u64) {
        if self.is_kept.load(Ordering::Relaxed) {
            self.fresh.fetch_add(bytes, Ordering::Relaxed);
        }
        self.mark(storage_index);
    }

    /// This client put something under this storage index. Beyond a bound it is not noted.
    pub(crate) fn note_client(&self, client: TubId, storage_index: StorageIndex) {
        let mut clients = lock(&self.clients);
        if self.is_kept.load(Ordering::Relaxed) && clients.len() < MARKED_MAX {
            clients.entry(storage_index).or_insert(client);
        }
    }

    /// Who keeps what; `None` while there is no index.
    pub(crate) fn clients(&self) -> Result<Option<Vec<ClientUse>>, IndexError> {
        lock(&self.open).as_ref().map(|open| open.index.clients()).transpose()
    }

    /// Bytes of all share files, as far as they are known.
    pub(crate) fn used(&self) -> u64 {
        let (used, fresh) = (self.used.load(Ordering::Relaxed), self.fresh.load(Ordering::Relaxed));
        used.saturating_add(fresh)
    }

    /// Bytes of all share files, unless some were not counted yet.
    pub(crate) fn used_in_all(&self) -> Option<u64> {
        self.knows_all.load(Ordering::Acquire).then(|| self.used())
    }

    /// Opens the index. From now on changes are noted; if any may have been missed before, the
    /// index is made anew.
    pub(crate) fn open(&self) -> Result<(), IndexError> {
        self.is_kept.store(true, Ordering::SeqCst);
        let index = LeaseIndex::open_to_write(&self.storage)?;
        let is_current = index.is_complete()?
            && index.meta("left")?.is_some_and(|left| left == stamp(&self.storage));
        index.set_meta("is_complete", if is_current { "1" } else { "0" })?;
        index.set_meta("left", "not yet")?;
        self.used.store(index.sum_bytes("")?, Ordering::Relaxed);
        self.knows_all.store(is_current, Ordering::Release);
        let next = if is_current { PREFIX_COUNT } else { 0 };
        *lock(&self.open) = Some(Open { index, next });
        Ok(())
    }

    /// Writes what changed, then goes on with the making, until the slice is over. Returns whether
    /// the index knows everything by now.
    pub(crate) fn work(&self, server: &Shared, slice: &Slice) -> Result<bool, IndexError> {
        let mut open = lock(&self.open);
        let Some(open) = open.as_mut() else { return Ok(true) };
        self.write_clients(open)?;
        self.write_marked(server, open, Some(slice))?;
        while open.next < PREFIX_COUNT && !slice.is_over() {
            let prefix = prefix_name(open.next);
            let buckets = server.buckets(&prefix).unwrap_or_default();
            let transaction = open.index.connection.unchecked_transaction()?;
            let before = open.index.sum_bytes(&prefix)?;
            open.index.clear(&prefix)?;
            for bucket in &buckets {
                // What cannot be looked at is not in the index.
                if let Ok(seen) = server.look_only(bucket) {
                    open.index.put(bucket, &seen)?;
                }
            }
            self.note_use(before, open.index.sum_bytes(&prefix)?);
            open.next += 1;
            if open.next == PREFIX_COUNT {
                open.index.set_meta("is_complete", "1")?;
            }
            transaction.commit()?;
        }
        if open.next == PREFIX_COUNT {
            self.knows_all.store(true, Ordering::Release);
        }
        Ok(open.next == PREFIX_COUNT && lock(&self.marked).is_empty())
    }

    fn write_clients(&self, open: &Open) -> Result<(), IndexError> {
        let clients = std::mem::take(&mut *lock(&self.clients));
        if clients.is_empty() {
            return Ok(());
        }
        let transaction = open.index.connection.unchecked_transaction()?;
        for (storage_index, client) in clients {
            open.index.put_client(&storage_index.to_string(), &client.to_string())?;
        }
        Ok(transaction.commit()?)
    }

    fn write_marked(
        &self,
        server: &Shared,
        open: &mut Open,
        slice: Option<&Slice>,
    ) -> Result<(), IndexError> {
        loop {
            let mut marked = lock(&self.marked);
            if marked.len() > MARKED_MAX {
                marked.clear();
                open.next = 0;
                drop(marked);
                return open.index.set_meta("is_complete", "0");
            }
            let fresh = self.fresh.load(Ordering::Relaxed);
            let batch: Vec<_> = marked.iter().copied().take(BATCH_MAX).collect();
            for storage_index in &batch {
                marked.remove(storage_index);
            }
            drop(marked);
            if batch.is_empty() {
                return Ok(());
            }
            let transaction = open.index.connection.unchecked_transaction()?;
            for storage_index in batch {
                let name = storage_index.to_string();
                if let Ok(seen) = server.look_only(&name) {
                    let before = open.index.sum_bytes(&name)?;
                    open.index.put(&name, &seen)?;
                    self.note_use(before, seen.bytes());
                }
            }
            transaction.commit()?;
            if lock(&self.marked).is_empty() {
                self.fresh.fetch_sub(fresh, Ordering::Relaxed);
            }
            if slice.is_some_and(Slice::is_over) {
                return Ok(());
            }
        }
    }

    fn note_use(&self, before: u64, after: u64) {
        let used = self.used.load(Ordering::Relaxed);
        let used = used.saturating_sub(before).saturating_add(after);
        self.used.store(used, Ordering::Relaxed);
    }

    /// Writes what changed, and notes that nothing is missing. Nobody may change shares any more.
    pub(crate) fn close(&self, server: &Shared) -> Result<(), IndexError> {
        let Some(mut open) = lock(&self.open).take() else { return Ok(()) };
        self.write_clients(&open)?;
        self.write_marked(server, &mut open, None)?;
        self.is_kept.store(false, Ordering::SeqCst);
        open.index.set_meta("left", &stamp(&self.storage))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
