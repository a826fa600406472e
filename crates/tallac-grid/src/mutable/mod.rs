//! Mutable files on a grid (specification sections 4.6, 4.7 and 4.9): made, read, changed.
//!
//! A *servermap* tells which server has which share of which version; *retrieve* reads a version
//! from it, *publish* replaces one by another. What two writers do at the same time, and why
//! nothing is lost, is told in [`publish`].

mod error;
mod file;
mod keys;
mod publish;
pub(crate) mod query;
mod retrieve;
mod rewrite;
pub(crate) mod servermap;
pub(crate) mod verify;
mod write;

pub use error::{ModifyError, MutableError};
pub use file::{MutableFile, Version};

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use tallac_core::cap::{FileCap, Fingerprint, MutableFormat, SskWriteCap, WriteKey};
use tallac_core::ids::StorageIndex;
use tallac_core::mutable::MutableKeyPair;

use crate::grid::Grid;
use file::FileState;
use keys::KeyPool;
use query::Subject;

/// Largest mutable file that is read or written, in bytes: it is held in memory.
pub const MUTABLE_SIZE_MAX: u64 = 1 << 30;

/// Files of which something is remembered, at most.
const REMEMBERED_MAX: usize = 48;

/// What a grid keeps of its mutable files: keys made ahead, and one state for each file in use, so
/// that operations on it queue.
#[derive(Debug, Default)]
pub(crate) struct MutableStore {
    keys: KeyPool,
    files: Mutex<Files>,
}

/// What tells files apart. The storage index alone would not do: a made-up cap may name another
/// key beside it.
type FileId = (StorageIndex, Fingerprint, MutableFormat);

#[derive(Debug, Default)]
struct Files {
    by_id: HashMap<FileId, Weak<FileState>>,
    recent: VecDeque<Arc<FileState>>,
}

impl Files {
    /// The one state of this file; the latest used stay.
    fn get(&mut self, id: FileId) -> Arc<FileState> {
        let state = match self.by_id.get(&id).and_then(Weak::upgrade) {
            Some(state) => state,
            None => {
                self.by_id.retain(|_, state| state.strong_count() > 0);
                let state = Arc::new(FileState::default());
                self.by_id.insert(id, Arc::downgrade(&state));
                state
            }
        };
        self.recent.retain(|other| !Arc::ptr_eq(other, &state));
        self.recent.push_front(Arc::clone(&state));
        self.recent.truncate(REMEMBERED_MAX);
        state
    }
}

/// The service that makes and opens mutable files. Clones are the same service.
#[derive(Debug, Clone)]
pub struct MutableFiles {
    grid: Grid,
}

impl MutableFiles {
    pub(crate) const fn new(grid: Grid) -> Self {
        Self { grid }
    }

    /// Makes keys ahead of need from now on, so that making a file does not wait for one.
    pub fn keep_keys_ready(&self) {
        self.grid.mutable_store().keys.keep_full();
    }

    /// Makes a file.
    ///
    /// # Errors
    /// [`MutableError`]; [`MutableError::Conflict`] if there is a file of this key already.
    pub async fn create(
        &self,
        format: MutableFormat,
        content: Bytes,
        key: Option<MutableKeyPair>,
    ) -> Result<SskWriteCap, MutableError> {
        self.create_with(format, key, |_| content).await
    }

    /// Makes a file whose content depends on its write key.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub async fn create_with(
        &self,
        format: MutableFormat,
        key: Option<MutableKeyPair>,
        content: impl FnOnce(&WriteKey) -> Bytes,
    ) -> Result<SskWriteCap, MutableError> {
        let is_fresh = key.is_none();
        let keys = match key {
            Some(keys) => keys,
            None => self.grid.mutable_store().keys.take().await?,
        };
        let content = content(keys.write_key());
        let cap = keys.cap(format);
        let file = self.open(&FileCap::SskWrite(cap.clone()))?;
        file.create(keys, content, is_fresh).await?;
        Ok(cap)
    }

    /// What this process does with a file, if it does anything at present.
    pub(crate) fn in_use(&self, subject: Subject) -> Option<Arc<FileState>> {
        let files = self.grid.mutable_store().files.lock().unwrap_or_else(PoisonError::into_inner);
        let id = (subject.storage_index, subject.fingerprint, subject.format);
        files.by_id.get(&id).and_then(Weak::upgrade)
    }

    /// The file of a cap that reads or writes one. Nothing is asked of any server yet.
    ///
    /// # Errors
    /// [`MutableError::NotMutable`] for other caps.
    pub fn open(&self, cap: &FileCap) -> Result<MutableFile, MutableError> {
        let (read, write) = match cap {
            FileCap::SskWrite(cap) => (cap.to_readonly(), Some(cap.clone())),
            FileCap::SskRead(cap) => (cap.clone(), None),
            _ => return Err(MutableError::NotMutable),
        };
        let store = self.grid.mutable_store();
        let mut files = store.files.lock().unwrap_or_else(PoisonError::into_inner);
        let state = files.get((read.storage_index(), *read.fingerprint(), read.format()));
        Ok(MutableFile::new(self.grid.clone(), read, write, state))
    }
}
