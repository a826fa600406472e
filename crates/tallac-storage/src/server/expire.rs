//! Looking at the leases of what lies under one storage index, and letting go what nobody wants
//! any more (section 11.7).
//!
//! It happens under the locks of the file's leases: a renewal that came first is seen, and one that
//! comes later finds no share.

use std::collections::BTreeMap;
use std::io;

use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::storage::{ShareKind, StorageError};

use super::Shared;
use crate::container::mutable::Lease as SlotLease;
use crate::disk::{Change, ShareFile, ShareFileError, ShareKey, ShareOp, SlotFile};
use crate::expiry::{ExpiryPolicy, age_s, has_ended};

/// A day, in seconds.
const DAY_S: i64 = 24 * 3600;

/// What lies under one storage index.
#[derive(Debug, Default)]
pub(crate) struct BucketSeen {
    pub(crate) shares: Vec<ShareSeen>,
    /// What the directory takes itself.
    pub(crate) disk_bytes: u64,
}

impl BucketSeen {
    /// Bytes of its share files.
    pub(crate) fn bytes(&self) -> u64 {
        let there = self.shares.iter().filter(|share| !share.is_deleted);
        there.map(|share| share.bytes).fold(0, u64::saturating_add)
    }
}

/// A share, and what its leases say.
#[derive(Debug)]
pub(crate) struct ShareSeen {
    pub(crate) number: ShareNumber,
    /// Nothing if its container is damaged.
    pub(crate) kind: Option<ShareKind>,
    pub(crate) bytes: u64,
    pub(crate) disk_bytes: u64,
    pub(crate) lease_count: u32,
    /// When the last of its leases ends; 0 without any.
    pub(crate) newest_expiration: u32,
    /// How many leases were renewed how many days ago.
    pub(crate) ages: BTreeMap<i64, u64>,
    /// No lease has the end that it says still before it.
    pub(crate) has_ended: bool,
    /// All its leases have run out by the policy.
    pub(crate) has_run_out: bool,
    /// Some lease has.
    is_partly_over: bool,
    pub(crate) is_deleted: bool,
}

impl ShareSeen {
    fn new(number: ShareNumber) -> Self {
        Self {
            number,
            kind: None,
            bytes: 0,
            disk_bytes: 0,
            lease_count: 0,
            newest_expiration: 0,
            ages: BTreeMap::new(),
            has_ended: true,
            has_run_out: true,
            is_partly_over: false,
            is_deleted: false,
        }
    }

    fn note(&mut self, expiration: u32, has_run_out: bool, now_s: u64) {
        self.lease_count = self.lease_count.saturating_add(1);
        self.newest_expiration = self.newest_expiration.max(expiration);
        *self.ages.entry(age_s(expiration, now_s) / DAY_S).or_default() += 1;
        self.has_ended &= has_ended(expiration, now_s);
        self.has_run_out &= has_run_out;
        self.is_partly_over |= has_run_out;
    }

    /// A share that never had a lease stays, as it does with Tahoe-LAFS: nothing ran out.
    const fn is_to_go(&self) -> bool {
        self.kind.is_some() && self.has_run_out && self.lease_count > 0
    }
}

impl Shared {
    /// Looks at everything under a storage index, and does what the policy says.
    pub(crate) fn visit(&self, storage_index: &str) -> Result<BucketSeen, StorageError> {
        let Ok(storage_index) = storage_index.parse() else { return Ok(BucketSeen::default()) };
        let lock = self.slot_locks.of(storage_index);
        let _changing = lock.to_change();
        let leasing = self.leases_of(storage_index);
        // The same for all of it: what one policy found is not deleted by another.
        let limits = self.limits();
        let policy = &limits.expiry;
        let mut bucket =
            self.look(storage_index, policy).map_err(|error| local("look at", &error))?;
        if !policy.is_enabled {
            return Ok(bucket);
        }
        let is_empty = bucket.shares.is_empty();
        if bucket.shares.iter().any(|share| share.is_partly_over) {
            self.index.mark(storage_index);
        }
        let has_deleted = self.expire_immutable(storage_index, &mut bucket, policy);
        drop(leasing);
        let has_deleted = self.expire_mutable(storage_index, &mut bucket, policy)? || has_deleted;
        if has_deleted || is_empty {
            self.disk.tidy(storage_index).map_err(|error| local("delete", &error))?;
        }
        Ok(bucket)
    }

    /// Looks at everything under a storage index.
    pub(crate) fn look_only(&self, storage_index: &str) -> Result<BucketSeen, StorageError> {
        let Ok(storage_index) = storage_index.parse() else { return Ok(BucketSeen::default()) };
        let lock = self.slot_locks.of(storage_index);
        let _changing = lock.to_change();
        let _leasing = self.leases_of(storage_index);
        self.look(storage_index, &self.limits().expiry).map_err(|error| local("look at", &error))
    }

    fn look(&self, storage_index: StorageIndex, policy: &ExpiryPolicy) -> io::Result<BucketSeen> {
        let disk_bytes = self.disk.slot_size(storage_index).map_or(0, |size| size.disk_bytes);
        let mut bucket = BucketSeen { shares: Vec::new(), disk_bytes };
        for number in self.disk.list(storage_index)? {
            let mut seen = ShareSeen::new(number);
            match self.look_at(ShareKey { storage_index, number }, policy, &mut seen) {
                Ok(()) => {}
                Err(ShareFileError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                    continue;
                }
                Err(error) => {
                    tracing::warn!(si = %storage_index, share = %number, %error,
                        "the leases of a share cannot be read");
                    seen = ShareSeen { bytes: seen.bytes, ..ShareSeen::new(number) };
                }
            }
            bucket.shares.push(seen);
        }
        Ok(bucket)
    }

    fn look_at(
        &self,
        key: ShareKey,
        policy: &ExpiryPolicy,
        seen: &mut ShareSeen,
    ) -> Result<(), ShareFileError> {
        let size = self.disk.share_size(key)?;
        (seen.bytes, seen.disk_bytes) = (size.bytes, size.disk_bytes);
        let (kind, now_s) = (self.disk.kind(key)?, self.now().as_secs());
        let has_run_out = |expiration| policy.has_run_out(kind, expiration, now_s);
        match kind {
            ShareKind::Immutable => {
                for lease in self.disk.open_share(key)?.leases() {
                    let expiration = lease?.expiration;
                    seen.note(expiration, has_run_out(expiration), now_s);
                }
            }
            ShareKind::Mutable => {
                for lease in self.disk.open_slot_share(key)?.leases()? {
                    seen.note(lease.expiration, has_run_out(lease.expiration), now_s);
                }
            }
        }
        seen.kind = Some(kind);
        Ok(())
    }

    /// Returns whether a share was deleted.
    fn expire_immutable(
        &self,
        storage_index: StorageIndex,
        bucket: &mut BucketSeen,
        policy: &ExpiryPolicy,
    ) -> bool {
        let mut has_deleted = false;
        for seen in bucket.shares.iter_mut() {
            let key = ShareKey { storage_index, number: seen.number };
            if seen.kind != Some(ShareKind::Immutable) || !seen.is_partly_over {
                continue;
            }
            let done = if seen.is_to_go() {
                self.disk.delete_immutable(key).map_err(ShareFileError::from)
            } else {
                self.drop_leases(key, policy)
            };
            match done {
                Ok(()) => seen.is_deleted = seen.is_to_go(),
                Err(error) => tracing::warn!(si = %storage_index, share = %seen.number, %error,
                    "leases that have run out could not be removed"),
            }
            has_deleted |= seen.is_deleted;
        }
        has_deleted
    }

    fn drop_leases(&self, key: ShareKey, policy: &ExpiryPolicy) -> Result<(), ShareFileError> {
        self.disk.bring_home(key)?;
        let now_s = self.now().as_secs();
        let keep = |expiration| !policy.has_run_out(ShareKind::Immutable, expiration, now_s);
        let mut share: ShareFile = self.disk.open_share_to_change(key)?;
        share.drop_leases(|lease| keep(lease.expiration))
    }

    /// All of it is one change, so that the journal makes it whole. Returns whether a share was
    /// deleted.
    fn expire_mutable(
        &self,
        storage_index: StorageIndex,
        bucket: &mut BucketSeen,
        policy: &ExpiryPolicy,
    ) -> Result<bool, StorageError> {
        let now_s = self.now().as_secs();
        let keep =
            |lease: &SlotLease| !policy.has_run_out(ShareKind::Mutable, lease.expiration, now_s);
        let mut change = Change { storage_index, shares: Vec::new() };
        let mut shares: BTreeMap<ShareNumber, SlotFile> = BTreeMap::new();
        for seen in &bucket.shares {
            if seen.kind != Some(ShareKind::Mutable) || !seen.is_partly_over {
                continue;
            }
            if seen.is_to_go() {
                change.shares.push((seen.number, ShareOp::Delete));
                continue;
            }
            let key = ShareKey { storage_index, number: seen.number };
            let share = self.disk.open_slot_share_to_change(key).map_err(super::share_error)?;
            let mut edit = share.edit().map_err(super::share_error)?;
            edit.drop_leases(keep);
            change.shares.push((seen.number, ShareOp::Edit(edit.finish())));
            shares.insert(seen.number, share);
        }
        if change.shares.is_empty() {
            return Ok(false);
        }
        let lock = self.slot_locks.of(storage_index);
        let changed = self.disk.change_slot(change, &shares, || lock.to_touch_files());
        changed.map_err(|error| local("change", &error))?;
        let mut has_deleted = false;
        for seen in bucket.shares.iter_mut().filter(|seen| seen.kind == Some(ShareKind::Mutable)) {
            seen.is_deleted = seen.is_to_go();
            has_deleted |= seen.is_deleted;
        }
        Ok(has_deleted)
    }
}

fn local(action: &str, error: &io::Error) -> StorageError {
    crate::incoming::storage_error(action, error)
}
