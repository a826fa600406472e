//! The readers of immutable shares that a server has named, to be used again.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};

use foolscap::RemoteReference;
use tallac_core::ids::{ShareNumber, StorageIndex};

/// Files whose readers are remembered. A server keeps what we remember.
const FILES_MAX: usize = 256;

/// The readers of files that were asked about lately.
#[derive(Default)]
pub(super) struct Readers {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    files: HashMap<StorageIndex, File>,
    /// Grows with every use.
    now: u64,
}

struct File {
    shares: BTreeMap<ShareNumber, RemoteReference>,
    last_used: u64,
}

impl Readers {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().expect("no holder of this lock panics")
    }

    /// Remembers all readers of a file, instead of those known before.
    pub(super) fn remember(
        &self,
        storage_index: StorageIndex,
        shares: BTreeMap<ShareNumber, RemoteReference>,
    ) {
        let mut table = self.table();
        table.now += 1;
        let last_used = table.now;
        match shares.is_empty() {
            true => table.files.remove(&storage_index),
            false => table.files.insert(storage_index, File { shares, last_used }),
        };
        if table.files.len() > FILES_MAX {
            let oldest = table.files.iter().min_by_key(|(_, file)| file.last_used);
            if let Some(oldest) = oldest.map(|(&storage_index, _)| storage_index) {
                table.files.remove(&oldest);
            }
        }
    }

    /// The reader of a share, if it was named on a connection that still stands.
    pub(super) fn find(
        &self,
        storage_index: StorageIndex,
        share_number: ShareNumber,
    ) -> Option<RemoteReference> {
        let mut table = self.table();
        table.now += 1;
        let now = table.now;
        let file = table.files.get_mut(&storage_index)?;
        file.last_used = now;
        file.shares.get(&share_number).filter(|reader| reader.is_connected()).cloned()
    }
}
