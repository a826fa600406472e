//! Directories that were read lately, each with the version that it is of.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tallac_core::cap::DirectoryCap;
use tallac_core::dirnode::Directory;
use tallac_core::hash::{sha256d, truncate};

use crate::mutable::Version;

/// Bytes that all kept directories may take, about.
const SIZE_MAX: usize = 64 << 20;

/// What an unpacked directory takes, about, as a multiple of its packed form.
const UNPACKED_FACTOR: usize = 2;

/// Bytes that even an empty directory takes, about.
const OVERHEAD: usize = 500;

/// Which directory, held how: a hash of its cap.
type Key = [u8; 16];

/// A directory as it was when last read.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// Of the mutable file that keeps it; an immutable one has none.
    pub(super) version: Option<Version>,
    pub(super) directory: Arc<Directory>,
}

/// Directories that were read lately. Those not used for longest go first.
#[derive(Debug, Default)]
pub(crate) struct DirectoryCache(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    known: HashMap<Key, (u64, Known)>,
    /// When each was last used, by a count of uses.
    used: BTreeMap<u64, Key>,
    uses: u64,
    size: usize,
}

impl DirectoryCache {
    pub(super) fn look_up(&self, cap: &DirectoryCap) -> Option<Known> {
        let key = key(cap)?;
        let mut inner = self.lock();
        let (_, known) = inner.take(key)?;
        inner.put(key, known.clone());
        Some(known)
    }

    pub(super) fn insert(
        &self,
        cap: &DirectoryCap,
        version: Option<Version>,
        directory: Arc<Directory>,
    ) {
        let Some(key) = key(cap) else { return };
        let mut inner = self.lock();
        inner.take(key);
        inner.put(key, Known { version, directory });
        while inner.size > SIZE_MAX {
            let Some((_, &oldest)) = inner.used.first_key_value() else { break };
            inner.take(oldest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn take(&mut self, key: Key) -> Option<(u64, Known)> {
        let (used, known) = self.known.remove(&key)?;
        self.used.remove(&used);
        self.size -= size(&known);
        Some((used, known))
    }

    fn put(&mut self, key: Key, known: Known) {
        self.uses += 1;
        self.size += size(&known);
        self.used.insert(self.uses, key);
        self.known.insert(key, (self.uses, known));
    }
}

fn size(known: &Known) -> usize {
    let packed = usize::try_from(known.directory.size()).unwrap_or(usize::MAX);
    packed.saturating_mul(UNPACKED_FACTOR).saturating_add(OVERHEAD)
}

/// Literal directories are not worth keeping.
fn key(cap: &DirectoryCap) -> Option<Key> {
    cap.storage_index()?;
    Some(truncate(&sha256d(&[cap.to_string().as_bytes()])))
}
