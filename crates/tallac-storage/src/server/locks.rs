//! One lock for each slot in use: changes of a slot happen one after the other, and no reader
//! sees half a change.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tallac_core::ids::StorageIndex;

/// The locks of the slots in use.
#[derive(Debug, Default)]
pub(super) struct SlotLocks {
    table: Arc<Mutex<HashMap<StorageIndex, Arc<Lock>>>>,
}

#[derive(Debug, Default)]
struct Lock {
    /// Held by who changes the slot, from looking at it until the change is done.
    changing: Mutex<()>,
    /// Held by readers; and, while files are touched, by who changes the slot.
    files: RwLock<()>,
    /// Goes up with every change, as long as anybody uses the lock.
    change_count: AtomicU64,
}

/// The lock of one slot, which stays in the table as long as somebody has this.
#[derive(Debug)]
pub(super) struct SlotLock {
    table: Arc<Mutex<HashMap<StorageIndex, Arc<Lock>>>>,
    storage_index: StorageIndex,
    lock: Arc<Lock>,
}

impl SlotLocks {
    pub(super) fn of(&self, storage_index: StorageIndex) -> SlotLock {
        let mut table = self.table.lock().expect("no holder of this lock panics");
        let lock = Arc::clone(table.entry(storage_index).or_default());
        SlotLock { table: Arc::clone(&self.table), storage_index, lock }
    }
}

impl SlotLock {
    /// Waits until nobody else changes the slot.
    pub(super) fn to_change(&self) -> MutexGuard<'_, ()> {
        // What a thread that panicked was about to do did not happen, or the journal has it.
        self.lock.changing.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits until no files are touched, and lets none be.
    pub(super) fn to_read(&self) -> RwLockReadGuard<'_, ()> {
        self.lock.files.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits until nobody reads, and counts the change.
    pub(super) fn to_touch_files(&self) -> RwLockWriteGuard<'_, ()> {
        let guard = self.lock.files.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.lock.change_count.fetch_add(1, Ordering::Relaxed);
        guard
    }

    /// Differs from what it said before if the slot was changed meanwhile.
    pub(super) fn change_count(&self) -> u64 {
        self.lock.change_count.load(Ordering::Relaxed)
    }
}

impl Drop for SlotLock {
    fn drop(&mut self) {
        let mut table = self.table.lock().expect("no holder of this lock panics");
        // The table's and ours; nobody can get another while the table is locked.
        if Arc::strong_count(&self.lock) == 2 {
            table.remove(&self.storage_index);
        }
    }
}
