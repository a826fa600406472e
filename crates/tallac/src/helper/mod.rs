//! A helper: it takes ciphertext from clients with slow lines, keeps it in `helper/` until it has
//! all of it, and codes and spreads it for them (specification section 4.3).
//!
//! What came so far is in `CHK_incoming`, and where a connection was lost, the next one goes on.
//! What is whole is in `CHK_encoding` until it is on the grid.

mod counters;
mod fetch;
mod upload;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tallac_core::helper::{Begun, BoxFuture, HelperError, HelperResults, UploadHelper};
use tallac_core::ids::StorageIndex;
use tallac_grid::upload::Uploader;

use counters::{Counter, Counters};
use upload::{Ticket, Upload};

/// Uploads that are under way at most.
const ACTIVE_MAX: usize = 1000;

/// A helper. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Helper(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    incoming: PathBuf,
    encoding: PathBuf,
    uploader: Uploader,
    active: Mutex<HashMap<StorageIndex, Weak<Upload>>>,
    counters: Counters,
}

impl Helper {
    /// A helper that keeps its files in that folder, which is made if there is none.
    ///
    /// # Errors
    /// When the folders cannot be made.
    pub fn open(folder: &Path, uploader: Uploader) -> io::Result<Self> {
        let (incoming, encoding) = (folder.join("CHK_incoming"), folder.join("CHK_encoding"));
        fs::create_dir_all(&incoming)?;
        fs::create_dir_all(&encoding)?;
        let (active, counters) = (Mutex::default(), Counters::default());
        Ok(Self(Arc::new(Inner { incoming, encoding, uploader, active, counters })))
    }

    /// What it has done and what it holds, by the names that Tahoe-LAFS has for it. Looks at its
    /// folders, so it may block.
    ///
    /// # Errors
    /// When the folders cannot be read.
    pub fn stats(&self) -> io::Result<Vec<(&'static str, u64)>> {
        let active = self.active();
        let count = active.values().filter(|upload| upload.strong_count() > 0).count();
        drop(active);
        let mut stats = self.0.counters.stats();
        stats.push(("chk_upload_helper.active_uploads", u64::try_from(count).unwrap_or(u64::MAX)));
        stats.extend(counters::incoming(&self.0.incoming)?);
        stats.extend(counters::encoding(&self.0.encoding)?);
        Ok(stats)
    }

    fn active(&self) -> MutexGuard<'_, HashMap<StorageIndex, Weak<Upload>>> {
        self.0.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, counter: Counter, by: u64) {
        self.0.counters.add(counter, by);
    }

    /// The upload of a file: the one that is under way, or a new one.
    fn upload_of(&self, storage_index: StorageIndex) -> Result<Arc<Upload>, HelperError> {
        let mut active = self.active();
        if let Some(upload) = active.get(&storage_index).and_then(Weak::upgrade) {
            return Ok(upload);
        }
        active.retain(|_, upload| upload.strong_count() > 0);
        if active.len() >= ACTIVE_MAX {
            return Err(HelperError::Failed("the helper has too much to do; try later".to_owned()));
        }
        let upload = Arc::new(Upload::new(self.clone(), storage_index));
        active.insert(storage_index, Arc::downgrade(&upload));
        Ok(upload)
    }

    /// Notes that an upload is over, so that the next client begins anew.
    fn forget(&self, storage_index: StorageIndex) {
        self.active().remove(&storage_index);
    }

    async fn look(&self, storage_index: StorageIndex) -> Result<Begun, HelperError> {
        self.count(Counter::Requests, 1);
        let is_active =
            self.active().get(&storage_index).is_some_and(|upload| upload.strong_count() > 0);
        if !is_active && let Some(found) = self.0.uploader.find_complete(storage_index).await {
            self.count(Counter::AlreadyPresent, 1);
            return Ok(Begun::Present(HelperResults {
                ueb: found.ueb,
                ueb_hash: found.ueb_hash,
                preexisting: u64::try_from(found.shares.len()).unwrap_or(u64::MAX),
                shares: found.shares,
                pushed: 0,
                fetched: 0,
                timings: Vec::new(),
            }));
        }
        if !is_active {
            self.count(Counter::NeedUpload, 1);
        }
        Ok(Begun::Wanted(Arc::new(Ticket(self.upload_of(storage_index)?))))
    }
}

impl UploadHelper for Helper {
    fn begin(&self, storage_index: StorageIndex) -> BoxFuture<'_, Result<Begun, HelperError>> {
        Box::pin(self.look(storage_index))
    }
}

#[cfg(test)]
mod tests;
