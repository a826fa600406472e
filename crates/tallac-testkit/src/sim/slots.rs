//! The mutable shares of a simulated server.

use std::collections::BTreeMap;

use bytes::Bytes;
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::secrets::{LeaseSecrets, WriteEnabler};
use tallac_core::storage::{
    ReadVector, SLOT_ANSWER_MAX, ShareChange, SlotReadAnswer, SlotReadRequest, SlotWriteAnswer,
    SlotWriteRequest, StorageError, TestVector, VECTORS_MAX,
};

/// Longest share that is kept, in bytes: this is memory, and holes take up as much as data.
const SHARE_LEN_MAX: u64 = 1 << 30;

/// One mutable share, in its container.
#[derive(Clone)]
pub(super) struct SlotShare {
    pub(super) write_enabler: WriteEnabler,
    pub(super) leases: Vec<LeaseSecrets>,
    pub(super) data: Vec<u8>,
}

/// All of them, by file.
#[derive(Default, Clone)]
pub(super) struct Slots(BTreeMap<StorageIndex, BTreeMap<ShareNumber, SlotShare>>);

impl Slots {
    pub(super) fn of(&self, si: StorageIndex) -> impl Iterator<Item = (ShareNumber, &SlotShare)> {
        self.0.get(&si).into_iter().flatten().map(|(number, share)| (*number, share))
    }

    pub(super) fn get(&self, si: StorageIndex, number: ShareNumber) -> Option<&SlotShare> {
        self.0.get(&si)?.get(&number)
    }

    pub(super) fn get_mut(
        &mut self,
        si: StorageIndex,
        number: ShareNumber,
    ) -> Option<&mut SlotShare> {
        self.0.get_mut(&si)?.get_mut(&number)
    }

    pub(super) fn remove(&mut self, si: StorageIndex, number: ShareNumber) -> bool {
        self.0.get_mut(&si).is_some_and(|slot| slot.remove(&number).is_some())
    }

    /// Copies a share to another place, as a server might that mixes things up.
    pub(super) fn put(&mut self, si: StorageIndex, number: ShareNumber, share: SlotShare) {
        self.0.entry(si).or_default().insert(number, share);
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = (StorageIndex, ShareNumber)> {
        self.0.iter().flat_map(|(si, slot)| slot.keys().map(|number| (*si, *number)))
    }

    pub(super) fn read(&self, request: &SlotReadRequest) -> Result<SlotReadAnswer, StorageError> {
        let wanted =
            |number| request.share_numbers.is_empty() || request.share_numbers.contains(&number);
        let shares = self.of(request.storage_index).filter(|(number, _)| wanted(*number));
        read_all(shares, &request.reads)
    }

    pub(super) fn write(
        &mut self,
        request: &SlotWriteRequest,
    ) -> Result<SlotWriteAnswer, StorageError> {
        if self
            .of(request.storage_index)
            .any(|(_, share)| share.write_enabler != request.write_enabler)
        {
            return Err(StorageError::Unauthorized);
        }
        let read = read_all(self.of(request.storage_index), &request.reads)?;
        let holds = |number: &ShareNumber, change: &ShareChange| {
            let data = self.get(request.storage_index, *number).map_or(&[][..], |s| &s.data);
            change.tests.iter().all(|test| test_holds(test, data))
        };
        if request.changes.values().any(|change| change.tests.len() > VECTORS_MAX) {
            return Err(StorageError::BadRequest("too many test vectors".into()));
        }
        let mut writes = request.changes.values().flat_map(|change| &change.writes);
        if writes.any(|w| w.offset.saturating_add(w.data.len() as u64) > SHARE_LEN_MAX) {
            return Err(StorageError::NoSpace);
        }
        if !request.changes.iter().all(|(number, change)| holds(number, change)) {
            return Ok(SlotWriteAnswer { success: false, read });
        }
        let slot = self.0.entry(request.storage_index).or_default();
        for (number, change) in &request.changes {
            change_share(slot, *number, change, request);
        }
        Ok(SlotWriteAnswer { success: true, read })
    }

    pub(super) fn add_lease(&mut self, si: StorageIndex, lease: &LeaseSecrets) {
        for share in self.0.get_mut(&si).into_iter().flat_map(BTreeMap::values_mut) {
            share.lease(lease);
        }
    }
}

impl SlotShare {
    fn lease(&mut self, lease: &LeaseSecrets) {
        if !self.leases.iter().any(|known| known.renew == lease.renew) {
            self.leases.push(lease.clone());
        }
    }
}

fn change_share(
    slot: &mut BTreeMap<ShareNumber, SlotShare>,
    number: ShareNumber,
    change: &ShareChange,
    request: &SlotWriteRequest,
) {
    if change.new_length == Some(0) {
        slot.remove(&number);
        return;
    }
    if change.writes.is_empty() && !slot.contains_key(&number) {
        return;
    }
    let share = slot.entry(number).or_insert_with(|| SlotShare {
        write_enabler: request.write_enabler.clone(),
        leases: Vec::new(),
        data: Vec::new(),
    });
    for write in &change.writes {
        let start = usize::try_from(write.offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(write.data.len());
        if share.data.len() < end {
            share.data.resize(end, 0);
        }
        share.data[start..end].copy_from_slice(&write.data);
    }
    if let Some(length) = change.new_length.and_then(|length| usize::try_from(length).ok()) {
        share.data.truncate(length);
    }
    share.lease(&request.lease);
}

fn test_holds(test: &TestVector, data: &[u8]) -> bool {
    clip(&ReadVector::new(test.offset, test.size), data) == &test.specimen[..]
}

fn clip<'a>(read: &ReadVector, data: &'a [u8]) -> &'a [u8] {
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(data.len());
    &data[at(read.offset)..at(read.offset.saturating_add(read.size))]
}

fn read_all<'a>(
    shares: impl Iterator<Item = (ShareNumber, &'a SlotShare)>,
    reads: &[ReadVector],
) -> Result<SlotReadAnswer, StorageError> {
    if reads.len() > VECTORS_MAX {
        return Err(StorageError::BadRequest("too many read vectors".into()));
    }
    let mut total = 0;
    let mut answer = SlotReadAnswer::new();
    for (number, share) in shares {
        let pieces: Vec<Bytes> =
            reads.iter().map(|read| Bytes::copy_from_slice(clip(read, &share.data))).collect();
        total += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        if total > SLOT_ANSWER_MAX {
            return Err(StorageError::BadRequest("more than can be read at once".into()));
        }
        answer.insert(number, pieces);
    }
    Ok(answer)
}
