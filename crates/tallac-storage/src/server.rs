//! The storage server: the operations of section 7.3 on a disk.
//!
//! All disk work runs on tokio's blocking threads. A small share is one hop there; a large one goes
//! in batches, one being written while the next is gathered.

mod body;
#[cfg(test)]
mod crash_tests;
mod crawling;
mod expire;
#[cfg(test)]
mod expire_tests;
mod locks;
mod reading;
mod slots;
#[cfg(test)]
mod small_share_tests;

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;

use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::secrets::{LeaseSecrets, UploadSecret};
use tallac_core::storage::{
    AllocateRequest, Allocation, BoxFuture, ReadRequest, ServerVersion, ShareKind, ShareStream,
    SlotReadAnswer, SlotReadRequest, SlotWriteAnswer, SlotWriteRequest, StorageError,
    StorageServer, WriteProgress, WriteRequest,
};

use crate::advisory;
use crate::config::{Config, Limits, OpenError};
use crate::container::immutable::{ContainerError, SHARE_SIZE_MAX, Version};
use crate::container::lease::{Lease, OWNER_OF_ADDED, OWNER_OF_UPLOAD};
use crate::container::mutable;
use crate::disk::{Disk, ShareFileError, ShareKey};
use crate::incoming::{Start, Upload, Uploads, storage_error};
use crate::index::Keeper;
use crate::stats::Stats;
pub use crawling::CrawlStatus;
use crawling::Crawlers;
pub(crate) use expire::{BucketSeen, ShareSeen};
use locks::SlotLocks;

/// The journal is emptied once so much time passed without a change.
const JOURNAL_IDLE_MAX: Duration = Duration::from_secs(3);

/// Locks that keep two changes of one file's leases apart.
const LEASE_LOCK_COUNT: usize = 16;

/// A storage server on a disk. Clones are handles on the same server.
#[derive(Debug, Clone)]
pub struct DiskServer {
    shared: Arc<Shared>,
}

/// What the operations share, on whatever thread they run.
#[derive(Debug)]
pub(crate) struct Shared {
    config: Config,
    /// Those of now; `config` has those of the start.
    limits: RwLock<Arc<Limits>>,
    disk: Disk,
    uploads: Uploads,
    lease_locks: [Mutex<()>; LEASE_LOCK_COUNT],
    slot_locks: SlotLocks,
    crawlers: Crawlers,
    index: Keeper,
    /// Somebody waits for a while without changes, to empty the journal.
    is_settling: AtomicBool,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Err(error) = self.disk.checkpoint(true) {
            tracing::error!(%error, "changes of shares stay in the journal");
        }
    }
}

impl DiskServer {
    /// Opens the storage directory, making it where it is not there. Uploads that an earlier run
    /// left unfinished are deleted. Reads and writes the disk: not to be called on an async
    /// thread that others wait for.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub fn open(config: Config) -> Result<Self, OpenError> {
        let disk = Disk::open(&config)?;
        let (crawlers, index) = (Crawlers::load(&config), Keeper::new(&config.dir));
        let (uploads, lease_locks) = (Uploads::default(), Default::default());
        let shared = Shared {
            limits: RwLock::new(Arc::new(config.limits.clone())),
            config,
            disk,
            uploads,
            lease_locks,
            slot_locks: SlotLocks::default(),
            crawlers,
            index,
            is_settling: AtomicBool::new(false),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// What it takes and keeps at present.
    #[must_use]
    pub fn limits(&self) -> Arc<Limits> {
        self.shared.limits()
    }

    /// Takes and keeps this from now on. Uploads that are under way go on, and a crawler looks by
    /// the new policy from the next storage index on.
    pub fn set_limits(&self, limits: Limits) {
        self.shared.disk.set_reserve(limits.reserved_space, limits.readonly);
        let mut now = self.shared.limits.write().unwrap_or_else(PoisonError::into_inner);
        *now = Arc::new(limits);
    }

    /// What a status page shows.
    ///
    /// # Errors
    /// [`StorageError::Local`] when the file system does not say how full it is.
    pub async fn stats(&self) -> Result<Stats, StorageError> {
        self.blocking(Shared::stats).await
    }

    /// Gives up uploads that nobody has written to for 30 minutes; returns how many. Allocations do
    /// so by themselves; a node calls it now and then for the sake of the disk.
    ///
    /// # Errors
    /// [`StorageError::Local`] when the machine is out of threads.
    pub async fn drop_idle_uploads(&self) -> Result<usize, StorageError> {
        self.blocking(|shared| Ok(shared.drop_idle_uploads())).await
    }

    /// Brings all changes of shares home and removes their journal, so that any other
    /// program may take the storage directory over. A server that is dropped does so as well; one
    /// that is killed does not, and nothing is lost.
    ///
    /// # Errors
    /// [`StorageError::Local`] when the disk fails.
    pub async fn settle(&self) -> Result<(), StorageError> {
        self.blocking(|shared| {
            shared.disk.checkpoint(true).map_err(|error| storage_error("settle", &error))
        })
        .await
    }

    /// Empties the journal once no change came for a while.
    fn settle_when_idle(&self) {
        if self.shared.is_settling.swap(true, Ordering::AcqRel) {
            return;
        }
        let weak = Arc::downgrade(&self.shared);
        let count =
            move |weak: &Weak<Shared>| weak.upgrade().map(|shared| shared.disk.change_count());
        tokio::spawn(async move {
            let mut before = count(&weak);
            loop {
                tokio::time::sleep(JOURNAL_IDLE_MAX).await;
                let now = count(&weak);
                if now == before {
                    break;
                }
                before = now;
            }
            let Some(shared) = weak.upgrade() else { return };
            shared.is_settling.store(false, Ordering::Release);
            let settled = tokio::task::spawn_blocking(move || shared.disk.checkpoint(false)).await;
            if let Ok(Err(error)) = settled {
                tracing::error!(%error, "changes of shares stay in the journal");
            }
        });
    }

    /// Runs `work` on a thread that may wait for the disk.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let shared = Arc::clone(&self.shared);
        let result = tokio::task::spawn_blocking(move || work(&shared)).await;
        result.unwrap_or_else(|_| Err(body::stopped()))
    }
}

impl Shared {
    fn now(&self) -> Duration {
        self.config.clock.now()
    }

    pub(crate) fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Room for new shares: what is promised to uploads and not yet written is taken off.
    fn available(&self) -> u64 {
        self.disk.available().saturating_sub(self.uploads.unwritten()).min(self.quota_left())
    }

    /// What the quota leaves; what is promised to uploads is taken off. It leaves nothing as long
    /// as what is there was not all counted.
    fn quota_left(&self) -> u64 {
        self.limits().max_use.map_or(u64::MAX, |max| {
            let (_, promised) = self.uploads.summary();
            let used = self.index.used_in_all().unwrap_or(u64::MAX);
            max.saturating_sub(used).saturating_sub(promised)
        })
    }

    fn version(&self) -> ServerVersion {
        self.drop_idle_uploads();
        let available_space = self.available();
        ServerVersion {
            immutable_share_size_max: available_space.min(SHARE_SIZE_MAX),
            mutable_share_size_max: mutable::SHARE_SIZE_MAX,
            available_space,
            application_version: self.config.application_version.clone(),
        }
    }

    fn stats(&self) -> Result<Stats, StorageError> {
        let room = self.disk.room().map_err(|error| storage_error("find room for", &error))?;
        let (limits, (upload_count, allocated)) = (self.limits(), self.uploads.summary());
        let available = room.available.min(self.quota_left());
        Ok(Stats {
            accepting_immutable_shares: available > 0,
            allocated,
            upload_count,
            reserved_space: limits.reserved_space,
            disk_total: room.total,
            disk_used: room.total.saturating_sub(room.free_for_root),
            disk_free_for_root: room.free_for_root,
            disk_free_for_nonroot: room.free_for_nonroot,
            disk_avail: available,
            max_use: limits.max_use,
            used: self.index.used(),
        })
    }

    fn drop_idle_uploads(&self) -> usize {
        let idle = self.uploads.idle(self.now());
        for upload in &idle {
            let ShareKey { storage_index, number } = upload.key();
            tracing::info!(si = %storage_index, share = %number, "nobody goes on with this upload");
            let _or_complete_by_now = self.discard(upload);
        }
        idle.len()
    }

    fn discard(&self, upload: &Arc<Upload>) -> Result<(), StorageError> {
        let result = upload.discard(&self.disk);
        self.uploads.forget(upload);
        result
    }

    fn allocate(&self, request: &AllocateRequest) -> Result<Allocation, StorageError> {
        self.drop_idle_uploads();
        if !self.list(ShareKind::Mutable, request.storage_index)?.is_empty() {
            let reason = "this storage index holds a mutable file";
            return Err(StorageError::BadRequest(reason.into()));
        }
        let there = self.list(ShareKind::Immutable, request.storage_index)?;
        let (mut allocated, fresh) = self.start_uploads(request, &there);
        // Listed again: an upload that ended meanwhile has left the table, but only after its share
        // was in place, so every share is found in one or the other.
        let answer = self.renew_complete(request);
        for upload in &fresh {
            let number = upload.key().number;
            if answer.as_ref().map_or(true, |already_have| already_have.contains(&number)) {
                let _never_written_to = self.discard(upload);
            }
        }
        let already_have = answer?;
        allocated.retain(|number| !already_have.contains(number));
        Ok(Allocation { already_have, allocated })
    }

    /// Starts the uploads that there is room for; returns all that the client may write to, and
    /// which of them are new.
    fn start_uploads(
        &self,
        request: &AllocateRequest,
        there: &BTreeSet<ShareNumber>,
    ) -> (BTreeSet<ShareNumber>, Vec<Arc<Upload>>) {
        let now = self.now();
        let form = Version::V2.secret_form();
        let lease = Lease::new(OWNER_OF_UPLOAD, &request.lease, form, now.as_secs());
        let size = request.allocated_size;
        let mut room = self.available().min(SHARE_SIZE_MAX);
        let readonly = self.limits().readonly;
        let (mut allocated, mut fresh) = (BTreeSet::new(), Vec::new());
        for number in request.share_numbers.difference(there) {
            let key = ShareKey { storage_index: request.storage_index, number: *number };
            let upload = Upload::new(key, size, request.upload_secret.clone(), lease.clone(), now);
            let fits = size <= room && !readonly;
            match self.uploads.start_if(fits, upload) {
                Start::New(upload) => {
                    room -= size;
                    allocated.insert(*number);
                    fresh.push(upload);
                }
                Start::Repeated => {
                    allocated.insert(*number);
                }
                Start::Refused => {}
            }
        }
        (allocated, fresh)
    }

    /// Puts the request's lease on all shares that are there; returns which.
    fn renew_complete(
        &self,
        request: &AllocateRequest,
    ) -> Result<BTreeSet<ShareNumber>, StorageError> {
        let already_have = self.list(ShareKind::Immutable, request.storage_index)?;
        self.lease_all(request.storage_index, already_have, &request.lease, OWNER_OF_UPLOAD)
    }

    /// The shares of one kind. One storage index holds shares of one kind only, unless somebody
    /// wants to confuse us.
    fn list(
        &self,
        kind: ShareKind,
        storage_index: StorageIndex,
    ) -> Result<BTreeSet<ShareNumber>, StorageError> {
        let listed = || {
            let mut numbers = self.disk.list(storage_index)?;
            let mut kinds = Vec::with_capacity(numbers.len());
            for number in &numbers {
                match self.disk.kind(ShareKey { storage_index, number: *number }) {
                    // Deleted meanwhile.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => kinds.push(None),
                    found => kinds.push(Some(found?)),
                }
            }
            let mut kinds = kinds.into_iter();
            numbers.retain(|_| kinds.next().flatten() == Some(kind));
            Ok(numbers)
        };
        listed().map_err(|error| storage_error("list", &error))
    }

    /// Puts the lease on these immutable shares; returns those that are still there.
    fn lease_all(
        &self,
        storage_index: StorageIndex,
        mut numbers: BTreeSet<ShareNumber>,
        lease: &LeaseSecrets,
        owner: u32,
    ) -> Result<BTreeSet<ShareNumber>, StorageError> {
        if numbers.is_empty() {
            return Ok(numbers);
        }
        let _changing = self.leases_of(storage_index);
        self.index.mark(storage_index);
        let now_s = self.now().as_secs();
        for number in numbers.clone() {
            let key = ShareKey { storage_index, number };
            self.disk.bring_home(key).map_err(|error| storage_error("keep", &error))?;
            let leased = self.disk.open_share_to_change(key).and_then(|mut share| {
                share.add_or_renew_lease(lease, owner, now_s, self.disk.available())
            });
            match leased {
                // Such a file can take no lease, and may not keep the others from theirs.
                Err(ShareFileError::Container(error)) => {
                    tracing::warn!(si = %storage_index, share = %number, %error, "no lease added");
                }
                // It expired meanwhile, before the lock was ours.
                Err(ShareFileError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                    numbers.remove(&number);
                }
                other => other.map_err(share_error)?,
            }
        }
        Ok(numbers)
    }

    /// Keeps others from changing the leases of this immutable file.
    fn leases_of(&self, storage_index: StorageIndex) -> MutexGuard<'_, ()> {
        let lock = usize::from(storage_index.as_bytes()[0]) % LEASE_LOCK_COUNT;
        self.lease_locks[lock].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add_lease(
        &self,
        storage_index: StorageIndex,
        lease: &LeaseSecrets,
    ) -> Result<(), StorageError> {
        let immutable = self.list(ShareKind::Immutable, storage_index)?;
        let mutable = self.list(ShareKind::Mutable, storage_index)?;
        let immutable = self.lease_all(storage_index, immutable, lease, OWNER_OF_ADDED)?;
        if immutable.is_empty() && mutable.is_empty() {
            return Err(StorageError::NotFound);
        }
        if mutable.is_empty() { Ok(()) } else { self.lease_slot(storage_index, lease) }
    }

    fn abort(&self, key: ShareKey, secret: &UploadSecret) -> Result<(), StorageError> {
        match self.uploads.find(key, secret) {
            Ok(upload) => self.discard(&upload),
            Err(StorageError::NotFound) if self.disk.has(key) => Err(StorageError::AlreadyComplete),
            Err(error) => Err(error),
        }
    }

    fn advise_corrupt(
        &self,
        kind: ShareKind,
        key: ShareKey,
        reason: &str,
    ) -> Result<(), StorageError> {
        match self.disk.certain_kind(key) {
            Ok(Some(found)) if found != kind => return Err(StorageError::NotFound),
            Ok(_) => {}
            // A share that the disk does not give back is worth a report more than any other.
            Err(error) if error.kind() != io::ErrorKind::NotFound => {}
            Err(_) => return Err(StorageError::NotFound),
        }
        if reason.len() > advisory::REASON_LEN_MAX {
            return Err(StorageError::BadRequest("the reason is too long".into()));
        }
        let ShareKey { storage_index, number } = key;
        tracing::warn!(si = %storage_index, share = %number, ?reason, "reported as corrupt");
        let text = advisory::text(kind, storage_index, number, reason);
        if text.len() as u64 > self.disk.available() {
            return Ok(());
        }
        let name = advisory::file_name(self.now(), storage_index, number);
        self.disk
            .write_advisory(&name, &text)
            .map_err(|error| storage_error("keep the report on", &error))
    }
}

impl StorageServer for DiskServer {
    fn version(&self) -> BoxFuture<'_, Result<ServerVersion, StorageError>> {
        Box::pin(self.blocking(|shared| Ok(shared.version())))
    }

    fn allocate(
        &self,
        request: AllocateRequest,
    ) -> BoxFuture<'_, Result<Allocation, StorageError>> {
        Box::pin(self.blocking(move |shared| shared.allocate(&request)))
    }

    fn write(&self, request: WriteRequest) -> BoxFuture<'_, Result<WriteProgress, StorageError>> {
        Box::pin(self.write_body(request))
    }

    fn abort(
        &self,
        storage_index: StorageIndex,
        share_number: ShareNumber,
        upload_secret: UploadSecret,
    ) -> BoxFuture<'_, Result<(), StorageError>> {
        let key = ShareKey { storage_index, number: share_number };
        Box::pin(self.blocking(move |shared| shared.abort(key, &upload_secret)))
    }

    fn list(
        &self,
        kind: ShareKind,
        storage_index: StorageIndex,
    ) -> BoxFuture<'_, Result<BTreeSet<ShareNumber>, StorageError>> {
        Box::pin(self.blocking(move |shared| shared.list(kind, storage_index)))
    }

    fn read(&self, request: ReadRequest) -> BoxFuture<'_, Result<ShareStream, StorageError>> {
        Box::pin(self.read_share(request))
    }

    fn write_slot(
        &self,
        request: SlotWriteRequest,
    ) -> BoxFuture<'_, Result<SlotWriteAnswer, StorageError>> {
        Box::pin(async move {
            let changes_nothing = request.changes.is_empty();
            let answer = self.blocking(move |shared| shared.write_slot(&request)).await;
            if !changes_nothing {
                self.settle_when_idle();
            }
            answer
        })
    }

    fn read_slot(
        &self,
        request: SlotReadRequest,
    ) -> BoxFuture<'_, Result<SlotReadAnswer, StorageError>> {
        Box::pin(self.blocking(move |shared| shared.read_slot(&request)))
    }

    fn add_lease(
        &self,
        storage_index: StorageIndex,
        lease: LeaseSecrets,
    ) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(async move {
            let before = self.shared.disk.change_count();
            self.blocking(move |shared| shared.add_lease(storage_index, &lease)).await?;
            if self.shared.disk.change_count() != before {
                self.settle_when_idle();
            }
            Ok(())
        })
    }

    fn advise_corrupt(
        &self,
        kind: ShareKind,
        storage_index: StorageIndex,
        share_number: ShareNumber,
        reason: String,
    ) -> BoxFuture<'_, Result<(), StorageError>> {
        let key = ShareKey { storage_index, number: share_number };
        Box::pin(self.blocking(move |shared| shared.advise_corrupt(kind, key, &reason)))
    }
}

/// What a share file's failure means to the client.
fn share_error(error: ShareFileError) -> StorageError {
    match error {
        ShareFileError::Io(error) if error.kind() == io::ErrorKind::NotFound => {
            StorageError::NotFound
        }
        ShareFileError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            StorageError::Damaged(ShareFileError::Cut.to_string())
        }
        ShareFileError::Io(error) => storage_error("use", &error),
        ShareFileError::NoSpace => StorageError::NoSpace,
        ShareFileError::HalfDone => StorageError::Local(error.to_string()),
        ShareFileError::LeaseCountFull => StorageError::BadRequest(error.to_string()),
        ShareFileError::Container(ContainerError::Mutable)
        | ShareFileError::Mutable(mutable::ContainerError::NotMutable) => StorageError::NotFound,
        ShareFileError::Container(_) | ShareFileError::Mutable(_) | ShareFileError::Cut => {
            StorageError::Damaged(error.to_string())
        }
    }
}
