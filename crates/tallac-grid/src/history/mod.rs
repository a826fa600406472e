//! What a client does and has lately done, for whoever looks at it (specification sections 8.2 and
//! 11.9): operations under way, some that are over, and how many there were in all.
//!
//! Operations are known by their storage index alone: no cap and no key is kept here. Whoever does
//! one notes what happens at most once for each run of segments.

mod events;
mod operation;

pub use events::{BlockRequest, Events, Read, Segments, ShareQuery};
pub(crate) use events::{Fetching, Reading};
pub(crate) use operation::Running;
pub use operation::{Operation, Progress, State};

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tallac_core::ids::StorageIndex;

/// What kind of operation it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An immutable file goes to the grid.
    Upload,
    /// An immutable file is read.
    Download,
    /// Servers are asked which shares of a mutable file they have.
    MapUpdate,
    /// A version of a mutable file goes to the grid.
    Publish,
    /// A version of a mutable file is read.
    Retrieve,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Upload, Self::Download, Self::MapUpdate, Self::Publish, Self::Retrieve];

    /// What Tahoe-LAFS calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Download => "download",
            Self::MapUpdate => "mapupdate",
            Self::Publish => "publish",
            Self::Retrieve => "retrieve",
        }
    }

    /// What stands before the number in the name of its page.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Upload => "up",
            Self::Download => "down",
            other => other.name(),
        }
    }

    /// How many are remembered that are over, as in Tahoe-LAFS.
    const fn remembered(self) -> usize {
        match self {
            Self::Upload | Self::Download => 10,
            Self::MapUpdate | Self::Publish => 20,
            Self::Retrieve => 40,
        }
    }
}

/// Operations of one kind that are under way and remembered, at most.
const ACTIVE_MAX: usize = 1000;

/// What has been counted since the node started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// Immutable files that were to be uploaded.
    FilesUploaded,
    /// Their bytes.
    BytesUploaded,
    /// Reads of immutable files.
    FilesDownloaded,
    /// The bytes that were asked for.
    BytesDownloaded,
    /// Versions of mutable files that were to be written.
    FilesPublished,
    /// Their bytes.
    BytesPublished,
    /// Reads of mutable files from servers.
    FilesRetrieved,
    /// The bytes of these files.
    BytesRetrieved,
}

/// Names of the counters in Tahoe-LAFS, in order.
const NAMES: [&str; 8] = [
    "uploader.files_uploaded",
    "uploader.bytes_uploaded",
    "downloader.files_downloaded",
    "downloader.bytes_downloaded",
    "mutable.files_published",
    "mutable.bytes_published",
    "mutable.files_retrieved",
    "mutable.bytes_retrieved",
];

/// What a client does and has lately done. Clones are the same history.
#[derive(Debug, Clone, Default)]
pub struct History(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    lists: [Mutex<List>; Kind::ALL.len()],
    counters: [AtomicU64; NAMES.len()],
}

#[derive(Debug, Default)]
struct List {
    /// Number of the next.
    next: u64,
    /// In the order in which they began.
    operations: VecDeque<Arc<Operation>>,
}

impl History {
    fn list(&self, kind: Kind) -> MutexGuard<'_, List> {
        self.0.lists[kind as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An operation begins. It is over, at the latest, when what is returned is dropped.
    pub(crate) fn begin(&self, kind: Kind, storage_index: Option<StorageIndex>) -> Running {
        let mut list = self.list(kind);
        let operation = Arc::new(Operation::new(kind, list.next, storage_index));
        list.next += 1;
        list.operations.push_back(Arc::clone(&operation));
        list.shorten(kind);
        drop(list);
        Running::new(operation)
    }

    /// Counts one file and its bytes.
    pub(crate) fn count(&self, files: Counter, bytes: Counter, size: u64) {
        self.0.counters[files as usize].fetch_add(1, Ordering::Relaxed);
        self.0.counters[bytes as usize].fetch_add(size, Ordering::Relaxed);
    }

    /// A counter.
    #[must_use]
    pub fn counter(&self, counter: Counter) -> u64 {
        self.0.counters[counter as usize].load(Ordering::Relaxed)
    }

    /// All counters by Tahoe-LAFS's names. As there, those of something that never happened are
    /// left out.
    #[must_use]
    pub fn counters(&self) -> Vec<(&'static str, u64)> {
        let value = |at: usize| self.0.counters[at].load(Ordering::Relaxed);
        // A file and its bytes stand beside each other.
        let is_counted = |at: &usize| value(at & !1) > 0;
        (0..NAMES.len()).filter(is_counted).map(|at| (NAMES[at], value(at))).collect()
    }

    /// All that are remembered of a kind, in the order in which they began.
    #[must_use]
    pub fn operations(&self, kind: Kind) -> Vec<Arc<Operation>> {
        self.list(kind).operations.iter().cloned().collect()
    }

    /// How many of a kind are under way.
    #[must_use]
    pub fn active(&self, kind: Kind) -> usize {
        self.list(kind).operations.iter().filter(|operation| operation.is_active()).count()
    }

    /// One of them by its number, if it is remembered.
    #[must_use]
    pub fn operation(&self, kind: Kind, number: u64) -> Option<Arc<Operation>> {
        let list = self.list(kind);
        list.operations.iter().find(|operation| operation.number() == number).cloned()
    }
}

impl List {
    /// Forgets the oldest: those that are over first, and others when there are very many.
    fn shorten(&mut self, kind: Kind) {
        let over = self.operations.iter().filter(|operation| !operation.is_active()).count();
        let mut surplus = over.saturating_sub(kind.remembered());
        if surplus > 0 {
            self.operations.retain(|operation| {
                let goes = surplus > 0 && !operation.is_active();
                surplus -= usize::from(goes);
                !goes
            });
        }
        while self.operations.len() > ACTIVE_MAX {
            self.operations.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_remembered_and_all_that_go_on() {
        let history = History::default();
        let first = history.begin(Kind::Upload, None);
        for _ in 0..30 {
            history.begin(Kind::Upload, None).done();
        }
        let _last = history.begin(Kind::Upload, None);
        let numbers: Vec<_> =
            history.operations(Kind::Upload).iter().map(|one| one.number()).collect();
        let expected: Vec<u64> = std::iter::once(0).chain(21..=31).collect();
        assert_eq!(numbers, expected);
        assert_eq!(history.active(Kind::Upload), 2);
        first.done();
        assert_eq!(history.active(Kind::Upload), 1);
        assert!(history.operation(Kind::Upload, 31).is_some());
        assert!(history.operation(Kind::Upload, 20).is_none());
        assert!(history.operation(Kind::Download, 0).is_none());
    }

    #[test]
    fn what_is_dropped_has_failed() {
        let history = History::default();
        drop(history.begin(Kind::Publish, None));
        let state = history.operations(Kind::Publish)[0].state();
        assert_eq!((state.status.as_ref(), state.is_active), ("Failed", false));
    }

    #[test]
    fn counters_appear_once_they_count() {
        let history = History::default();
        assert_eq!(history.counters(), []);
        history.count(Counter::FilesPublished, Counter::BytesPublished, 0);
        let expected = [("mutable.files_published", 1), ("mutable.bytes_published", 0)];
        assert_eq!(history.counters(), expected);
    }
}
