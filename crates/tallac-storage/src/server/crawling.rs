//! The crawlers of a server: they run as long as they are awaited.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use tallac_core::ids::{StorageIndex, TubId};

use super::{DiskServer, Shared};
use crate::config::Config;
use crate::crawl::buckets::BucketCounts;
use crate::crawl::leases::{self, LeaseFindings};
use crate::crawl::{self, Crawler, Job, Slice};
use crate::index::{ClientUse, IndexError};

/// How long to sleep where a slice could not be worked.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(60);

/// How often the lease index is brought up to date.
const INDEX_PAUSE: Duration = Duration::from_secs(2);

/// Slices of rest for each slice of work while the lease index is made anew.
const REBUILD_PAUSE_PARTS: u32 = 1;

/// What the crawlers say of themselves, as Tahoe-LAFS's `/storage?t=json` has it.
#[derive(Debug, Clone, PartialEq)]
pub struct CrawlStatus {
    /// `bucket-counter`.
    pub bucket_counter: Value,
    /// `lease-checker`.
    pub lease_checker: Value,
    /// `lease-checker-progress`.
    pub lease_checker_progress: Value,
    /// `bucket-counter` has it as `last-complete-bucket-count`, and the statistics as
    /// `storage_server.total_bucket_count`.
    pub total_bucket_count: Option<u64>,
}

/// The crawlers of a server, and what was last to be said of them.
#[derive(Debug)]
pub(super) struct Crawlers {
    history: PathBuf,
    counter: Mutex<Crawler<BucketCounts>>,
    checker: Mutex<Crawler<LeaseFindings>>,
}

impl Crawlers {
    pub(super) fn load(config: &Config) -> Self {
        let path = |name: &str| config.dir.join(name);
        let [_, count_min] = config.pace.count;
        let [_, check_min] = config.pace.check;
        Self {
            history: path("lease_checker.history.json"),
            counter: Mutex::new(Crawler::load(path("bucket_counter.state.json"), count_min)),
            checker: Mutex::new(Crawler::load(path("lease_checker.state.json"), check_min)),
        }
    }
}

impl DiskServer {
    /// Counts the storage indexes again and again, until it is dropped.
    pub async fn count_buckets(&self) {
        let [wait, _] = self.shared.config.pace.count;
        self.crawl(wait, |shared| &shared.crawlers.counter).await;
    }

    /// Looks at the leases of all shares again and again, and does what the policy says, until it
    /// is dropped.
    pub async fn check_leases(&self) {
        let [wait, _] = self.shared.config.pace.check;
        self.crawl(wait, |shared| &shared.crawlers.checker).await;
    }

    /// What the crawlers say of themselves. It waits for a slice that is being worked.
    ///
    /// # Errors
    /// [`StorageError`](tallac_core::storage::StorageError) when the machine is out of threads.
    pub async fn status(&self) -> Result<CrawlStatus, tallac_core::storage::StorageError> {
        self.blocking(|shared| {
            let counter = lock(&shared.crawlers.counter);
            let (bucket_counter, total_bucket_count) = (counter.to_json(), counter.job().last());
            drop(counter);
            let checker = lock(&shared.crawlers.checker);
            Ok(CrawlStatus {
                bucket_counter,
                lease_checker: leases::status(&checker, shared),
                lease_checker_progress: checker.progress(shared.now_s()),
                total_bucket_count,
            })
        })
        .await
    }

    /// Keeps the lease index, until it is dropped. [`DiskServer::close_index`] should follow.
    ///
    /// # Errors
    /// [`IndexError`], after which the index is made anew.
    pub async fn keep_index(&self) -> Result<(), IndexError> {
        self.on_index(|shared| shared.index.open()).await?;
        loop {
            let slice_max = self.shared.config.pace.slice_max;
            let work = move |shared: &Shared| shared.index.work(shared, &Slice::new(slice_max));
            let is_current = self.on_index(work).await?;
            let pause = if is_current { INDEX_PAUSE } else { slice_max * REBUILD_PAUSE_PARTS };
            tokio::time::sleep(pause).await;
        }
    }

    /// Brings the lease index up to date and closes it, so that the next start can go on with it.
    /// Nobody may change shares any more.
    ///
    /// # Errors
    /// [`IndexError`], after which the index is made anew.
    pub async fn close_index(&self) -> Result<(), IndexError> {
        self.on_index(|shared| {
            // The slices of crawlers that were dropped are over.
            let _counting = lock(&shared.crawlers.counter);
            let _checking = lock(&shared.crawlers.checker);
            shared.index.close(shared)
        })
        .await
    }

    /// Notes that this client, of whom the protocol told, put something under this storage index.
    pub fn note_client(&self, client: TubId, storage_index: StorageIndex) {
        self.shared.index.note_client(client, storage_index);
    }

    /// Who keeps what; `None` while the index is not kept.
    ///
    /// # Errors
    /// [`IndexError`].
    pub async fn clients(&self) -> Result<Option<Vec<ClientUse>>, IndexError> {
        self.on_index(|shared| shared.index.clients()).await
    }

    async fn on_index<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, IndexError> + Send + 'static,
    ) -> Result<T, IndexError> {
        let shared = Arc::clone(&self.shared);
        let done = tokio::task::spawn_blocking(move || work(&shared)).await;
        done.unwrap_or(Err(IndexError::Stopped))
    }

    async fn crawl<J: Job + Send + 'static>(
        &self,
        wait: Duration,
        crawler: fn(&Shared) -> &Mutex<Crawler<J>>,
    ) {
        lock(crawler(&self.shared)).sleep_until(self.shared.now_s() + wait.as_secs_f64());
        let mut pause = wait;
        loop {
            tokio::time::sleep(pause).await;
            let shared = Arc::clone(&self.shared);
            let changes_before = shared.disk.change_count();
            let work = move || lock(crawler(&shared)).work(&shared, &shared.config.pace);
            pause = match tokio::task::spawn_blocking(work).await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::error!(%error, "a crawler stumbled");
                    PAUSE_AFTER_FAILURE
                }
            };
            if self.shared.disk.change_count() != changes_before {
                self.settle_when_idle();
            }
        }
    }
}

impl Shared {
    /// The time, in seconds since 1970.
    pub(crate) fn now_s(&self) -> f64 {
        self.now().as_secs_f64()
    }

    /// The storage indexes that start with a prefix, in their order.
    pub(crate) fn buckets(&self, prefix: &str) -> io::Result<Vec<String>> {
        self.disk.slots(prefix)
    }

    /// What the lease checker found in its last cycles, by their number.
    pub(crate) fn history(&self) -> Map<String, Value> {
        crawl::load(&self.crawlers.history).unwrap_or_default()
    }

    pub(crate) fn save_history(&self, history: &Value) {
        let path = &self.crawlers.history;
        if let Err(error) = crawl::save(path, history) {
            tracing::warn!(%error, file = %path.display(), "cannot save a crawler's history");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
