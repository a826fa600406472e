//! Files that were read a moment ago, their shares still open: the next range of one needs no
//! search and no hashes again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tallac_core::cap::ChkReadCap;
use tokio::time::Instant;

use super::pool::File;

/// Files that are kept open, at most.
const OPEN_MAX: usize = 8;

/// How long after it was opened a file is still used: servers come and go.
const OPEN_TIME: Duration = Duration::from_secs(30);

/// The files of a grid that are kept open, the latest opened first.
#[derive(Debug, Default)]
pub(crate) struct OpenFiles(Mutex<VecDeque<(Instant, Arc<File>)>>);

impl OpenFiles {
    /// The file of this cap, if it is open.
    pub(super) fn get(&self, cap: &ChkReadCap) -> Option<Arc<File>> {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        files.retain(|(opened, _)| opened.elapsed() < OPEN_TIME);
        files.iter().find(|(_, file)| file.is_of(cap)).map(|(_, file)| Arc::clone(file))
    }

    /// Keeps a file open for a while.
    pub(super) fn keep(&self, file: &Arc<File>) {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        files.push_front((Instant::now(), Arc::clone(file)));
        files.truncate(OPEN_MAX);
    }

    /// Lets go of a file that failed: the next reader looks for shares anew.
    pub(super) fn drop_file(&self, file: &Arc<File>) {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        files.retain(|(_, other)| !Arc::ptr_eq(other, file));
    }
}
