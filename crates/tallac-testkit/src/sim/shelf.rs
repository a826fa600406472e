//! The shares of a simulated server: complete, and being uploaded.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bytes::Bytes;
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::secrets::{LeaseSecrets, UploadSecret};
use tallac_core::storage::{AllocateRequest, Allocation, StorageError};

/// Names one share.
pub(super) type Key = (StorageIndex, ShareNumber);

/// Room of a server nobody limited.
const SPACE_DEFAULT: u64 = 1 << 40;

pub(super) struct Shelf {
    pub(super) complete: BTreeMap<Key, Bytes>,
    pub(super) uploads: BTreeMap<Key, Upload>,
    pub(super) leases: BTreeMap<Key, Vec<LeaseSecrets>>,
    pub(super) readonly: bool,
    pub(super) space: u64,
}

/// A share on its way. `data` grows as bytes come; `written` tells which of them came, as runs in
/// ascending order that do not touch.
pub(super) struct Upload {
    size: u64,
    secret: UploadSecret,
    lease: LeaseSecrets,
    data: Vec<u8>,
    written: Vec<Range<usize>>,
}

impl Default for Shelf {
    fn default() -> Self {
        Self {
            complete: BTreeMap::new(),
            uploads: BTreeMap::new(),
            leases: BTreeMap::new(),
            readonly: false,
            space: SPACE_DEFAULT,
        }
    }
}

impl Shelf {
    pub(super) fn available(&self) -> u64 {
        if self.readonly {
            return 0;
        }
        let stored: u64 = self.complete.values().map(|data| data.len() as u64).sum();
        let promised: u64 = self.uploads.values().map(|upload| upload.size).sum();
        self.space.saturating_sub(stored).saturating_sub(promised)
    }

    pub(super) fn list(&self, storage_index: StorageIndex) -> BTreeSet<ShareNumber> {
        let first = (storage_index, ShareNumber::new(0));
        let last = (storage_index, ShareNumber::new(u8::MAX));
        self.complete.range(first..=last).map(|(key, _)| key.1).collect()
    }

    pub(super) fn allocate(&mut self, request: &AllocateRequest) -> Allocation {
        let already_have = self.list(request.storage_index);
        for number in &already_have {
            self.add_one_lease((request.storage_index, *number), &request.lease);
        }
        let mut allocated = BTreeSet::new();
        for number in request.share_numbers.difference(&already_have) {
            let key = (request.storage_index, *number);
            let granted = match self.uploads.get(&key) {
                Some(upload) => {
                    upload.secret == request.upload_secret && upload.size == request.allocated_size
                }
                None if self.readonly || self.available() < request.allocated_size => false,
                None => {
                    self.uploads.insert(key, Upload::new(request));
                    true
                }
            };
            if granted {
                allocated.insert(*number);
            }
        }
        Allocation { already_have, allocated }
    }

    pub(super) fn check_write(
        &self,
        key: Key,
        secret: &UploadSecret,
        range: &Range<u64>,
    ) -> Result<(), StorageError> {
        let upload = self.uploads.get(&key).ok_or(StorageError::NotFound)?;
        if upload.secret != *secret {
            return Err(StorageError::Unauthorized);
        }
        if range.start > range.end || range.end > upload.size {
            return Err(StorageError::BadRange(format!("beyond the {} allocated", upload.size)));
        }
        Ok(())
    }

    pub(super) fn write(&mut self, key: Key, at: u64, piece: &[u8]) -> Result<(), StorageError> {
        let upload = self.uploads.get_mut(&key).ok_or(StorageError::NotFound)?;
        upload.write(at, piece)
    }

    /// Makes the share visible if all of it is there; else says what is missing.
    pub(super) fn finish(&mut self, key: Key) -> Result<Vec<Range<u64>>, StorageError> {
        let upload = self.uploads.get(&key).ok_or(StorageError::NotFound)?;
        let required = upload.required();
        if required.is_empty()
            && let Some(upload) = self.uploads.remove(&key)
        {
            self.add_one_lease(key, &upload.lease);
            self.complete.insert(key, upload.data.into());
        }
        Ok(required)
    }

    pub(super) fn abort(&mut self, key: Key, secret: &UploadSecret) -> Result<(), StorageError> {
        match self.uploads.get(&key) {
            Some(upload) if upload.secret == *secret => {
                self.uploads.remove(&key);
                Ok(())
            }
            Some(_) => Err(StorageError::Unauthorized),
            None if self.complete.contains_key(&key) => Err(StorageError::AlreadyComplete),
            None => Err(StorageError::NotFound),
        }
    }

    pub(super) fn add_lease(
        &mut self,
        storage_index: StorageIndex,
        lease: &LeaseSecrets,
    ) -> Result<(), StorageError> {
        let numbers = self.list(storage_index);
        if numbers.is_empty() {
            return Err(StorageError::NotFound);
        }
        for number in numbers {
            self.add_one_lease((storage_index, number), lease);
        }
        Ok(())
    }

    pub(super) fn corrupt(
        &mut self,
        storage_index: StorageIndex,
        number: ShareNumber,
        at: u64,
        mask: u8,
    ) -> bool {
        self.change((storage_index, number), |data| {
            let byte = usize::try_from(at).ok().and_then(|at| data.get_mut(at));
            byte.map(|byte| *byte ^= mask).is_some()
        })
    }

    pub(super) fn truncate(
        &mut self,
        storage_index: StorageIndex,
        number: ShareNumber,
        length: usize,
    ) -> bool {
        self.change((storage_index, number), |data| {
            let is_long_enough = data.len() >= length;
            data.truncate(length);
            is_long_enough
        })
    }

    fn change(&mut self, key: Key, change: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
        let Some(data) = self.complete.get_mut(&key) else { return false };
        let mut bytes = data.to_vec();
        let changed = change(&mut bytes);
        *data = bytes.into();
        changed
    }

    fn add_one_lease(&mut self, key: Key, lease: &LeaseSecrets) {
        let leases = self.leases.entry(key).or_default();
        if !leases.iter().any(|known| known.renew == lease.renew) {
            leases.push(lease.clone());
        }
    }
}

impl Upload {
    fn new(request: &AllocateRequest) -> Self {
        Self {
            size: request.allocated_size,
            secret: request.upload_secret.clone(),
            lease: request.lease.clone(),
            data: Vec::new(),
            written: Vec::new(),
        }
    }

    fn write(&mut self, at: u64, piece: &[u8]) -> Result<(), StorageError> {
        let start = usize::try_from(at).map_err(|_| StorageError::NoSpace)?;
        let new = start..start + piece.len();
        for old in &self.written {
            let both = old.start.max(new.start)..old.end.min(new.end);
            if !both.is_empty()
                && self.data[both.clone()] != piece[both.start - start..both.end - start]
            {
                return Err(StorageError::Conflict);
            }
        }
        if self.data.len() < new.end {
            self.data.resize(new.end, 0);
        }
        self.data[new.clone()].copy_from_slice(piece);
        self.note_written(new);
        Ok(())
    }

    fn note_written(&mut self, mut new: Range<usize>) {
        self.written.retain(|old| {
            let touches = old.start <= new.end && new.start <= old.end;
            if touches {
                new = new.start.min(old.start)..new.end.max(old.end);
            }
            !touches
        });
        let at = self.written.partition_point(|old| old.start < new.start);
        self.written.insert(at, new);
    }

    fn required(&self) -> Vec<Range<u64>> {
        let mut required = Vec::new();
        let mut at = 0;
        for run in &self.written {
            if at < run.start as u64 {
                required.push(at..run.start as u64);
            }
            at = run.end as u64;
        }
        if at < self.size {
            required.push(at..self.size);
        }
        required
    }
}
