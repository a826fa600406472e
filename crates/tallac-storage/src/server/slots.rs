//! Mutable slots (section 3.6): everything is looked at first, then the whole change is planned,
//! and only then anything is written.

use std::collections::BTreeMap;

use bytes::Bytes;
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::secrets::{LeaseSecrets, WriteEnabler};
use tallac_core::storage::{
    ReadVector, SLOT_ANSWER_MAX, ShareChange, ShareKind, SlotReadAnswer, SlotReadRequest,
    SlotWriteAnswer, SlotWriteRequest, StorageError, TestVector, VECTORS_MAX,
};

use super::locks::SlotLock;
use super::{Shared, share_error};
use crate::container::edit::{Edit, EditError, LeaseRequest, Step};
use crate::disk::{Change, ShareKey, ShareOp, SlotFile};
use crate::incoming::storage_error;

/// The mutable shares that a slot holds, open.
type Shares = BTreeMap<ShareNumber, SlotFile>;

impl Shared {
    pub(super) fn read_slot(
        &self,
        request: &SlotReadRequest,
    ) -> Result<SlotReadAnswer, StorageError> {
        let lock = self.slot_locks.of(request.storage_index);
        let _unchanged = lock.to_read();
        let wanted =
            |number| request.share_numbers.is_empty() || request.share_numbers.contains(&number);
        let mut shares = Shares::new();
        let mut damaged = None;
        for number in self.list(ShareKind::Mutable, request.storage_index)? {
            let key = ShareKey { storage_index: request.storage_index, number };
            if !wanted(number) {
                continue;
            }
            match self.disk.open_slot_share(key) {
                Ok(share) => {
                    shares.insert(number, share);
                }
                // One damaged share keeps nobody from reading the others.
                Err(error) => damaged = Some(self.damaged(key, share_error(error))),
            }
        }
        match damaged {
            Some(error) if shares.is_empty() => Err(error),
            _ => read_all(&shares, &request.reads),
        }
    }

    fn damaged(&self, key: ShareKey, error: StorageError) -> StorageError {
        let ShareKey { storage_index, number } = key;
        tracing::warn!(si = %storage_index, share = %number, %error, "a share cannot be read");
        error
    }

    pub(super) fn write_slot(
        &self,
        request: &SlotWriteRequest,
    ) -> Result<SlotWriteAnswer, StorageError> {
        let lock = self.slot_locks.of(request.storage_index);
        let _changing = lock.to_change();
        let shares = self.open_slot(request.storage_index, &request.write_enabler)?;
        let success = tests_hold(&shares, &request.changes)?;
        let read = read_all(&shares, &request.reads)?;
        if success {
            let change = self.plan(request, &shares)?;
            self.make_room(&change, &shares)?;
            self.perform(&lock, change, &shares)?;
        }
        Ok(SlotWriteAnswer { success, read })
    }

    /// The shares of a slot, whose write enabler must be this one: for every share that is there,
    /// whatever is asked.
    fn open_slot(
        &self,
        storage_index: StorageIndex,
        write_enabler: &WriteEnabler,
    ) -> Result<Shares, StorageError> {
        let mut shares = Shares::new();
        for number in
            self.disk.list(storage_index).map_err(|error| storage_error("list", &error))?
        {
            let key = ShareKey { storage_index, number };
            match self.disk.open_slot_share_to_change(key).map_err(share_error) {
                Ok(share) => shares.insert(number, share),
                // Not passed over: no write enabler allows to change it.
                Err(StorageError::NotFound) => {
                    let reason = format!("share {number} here is no mutable share");
                    return Err(StorageError::BadRequest(reason));
                }
                Err(error) => return Err(error),
            };
        }
        if shares.values().any(|share| share.header().write_enabler != *write_enabler) {
            return Err(StorageError::Unauthorized);
        }
        Ok(shares)
    }

    /// What the request comes to, share by share.
    fn plan(&self, request: &SlotWriteRequest, shares: &Shares) -> Result<Change, StorageError> {
        let storage_index = request.storage_index;
        let mut change = Change { storage_index, shares: Vec::new() };
        for (number, wanted) in &request.changes {
            let share = shares.get(number);
            if wanted.new_length == Some(0) {
                if share.is_some() {
                    change.shares.push((*number, ShareOp::Delete));
                }
                continue;
            }
            let mut edit = match share {
                Some(share) => share.edit().map_err(share_error)?,
                // Tahoe-LAFS would make an empty share of it.
                None if wanted.writes.is_empty() => continue,
                None => Edit::create(self.config.node, request.write_enabler.clone()),
            };
            for write in &wanted.writes {
                edit.write(write.offset, write.data.clone()).map_err(edit_error)?;
            }
            if let Some(len) = wanted.new_length {
                edit.truncate(len);
            }
            edit.lease(&self.lease_request(&request.lease)).map_err(edit_error)?;
            let steps = edit.finish();
            if !steps.is_empty() {
                let op =
                    if share.is_some() { ShareOp::Edit(steps) } else { ShareOp::Create(steps) };
                change.shares.push((*number, op));
            }
        }
        Ok(change)
    }

    /// Refuses what would make the shares larger than the quota allows.
    fn make_room(&self, change: &Change, shares: &Shares) -> Result<(), StorageError> {
        if self.limits().max_use.is_none() {
            return Ok(());
        }
        let growths = change.shares.iter().map(|(number, op)| {
            let (ShareOp::Create(steps) | ShareOp::Edit(steps)) = op else { return 0 };
            let before = shares.get(number).map_or(0, SlotFile::file_len);
            let end = |step: &Step| match step {
                Step::Write { at, data } => at.saturating_add(data.len() as u64),
                Step::Zero { .. } => 0,
            };
            steps.iter().map(end).max().unwrap_or(0).saturating_sub(before)
        });
        let growth = growths.fold(0, u64::saturating_add);
        if growth > self.quota_left() {
            return Err(StorageError::NoSpace);
        }
        self.index.mark_growth(change.storage_index, growth);
        Ok(())
    }

    /// Puts the lease on these mutable shares.
    pub(super) fn lease_slot(
        &self,
        storage_index: StorageIndex,
        lease: &LeaseSecrets,
    ) -> Result<(), StorageError> {
        let lock = self.slot_locks.of(storage_index);
        let _changing = lock.to_change();
        let (mut shares, mut change) =
            (Shares::new(), Change { storage_index, shares: Vec::new() });
        let numbers = self.list(ShareKind::Mutable, storage_index)?;
        if numbers.is_empty() {
            // They ran out a moment ago.
            return Err(StorageError::NotFound);
        }
        for number in numbers {
            let key = ShareKey { storage_index, number };
            let share = self.disk.open_slot_share_to_change(key);
            let edit = share.and_then(|share| Ok((share.edit()?, share)));
            let (mut edit, share) = match edit.map_err(share_error) {
                Ok(both) => both,
                // Such a file can take no lease, and may not keep the others from theirs.
                Err(StorageError::Damaged(error)) => {
                    tracing::warn!(si = %storage_index, share = %number, error, "no lease added");
                    continue;
                }
                Err(error) => return Err(error),
            };
            edit.lease(&self.lease_request(lease)).map_err(edit_error)?;
            let steps = edit.finish();
            if !steps.is_empty() {
                change.shares.push((number, ShareOp::Edit(steps)));
                shares.insert(number, share);
            }
        }
        self.perform(&lock, change, &shares)
    }

    fn lease_request<'a>(&self, secrets: &'a LeaseSecrets) -> LeaseRequest<'a> {
        let (node, now_s) = (self.config.node, self.now().as_secs());
        LeaseRequest { secrets, node, now_s, available: self.disk.available() }
    }

    fn perform(
        &self,
        lock: &SlotLock,
        change: Change,
        shares: &Shares,
    ) -> Result<(), StorageError> {
        if change.shares.is_empty() {
            return Ok(());
        }
        self.index.mark(change.storage_index);
        self.disk
            .change_slot(change, shares, || lock.to_touch_files())
            .map_err(|error| storage_error("change", &error))
    }
}

/// Whether all tests hold. A share that is not there is empty.
fn tests_hold(
    shares: &Shares,
    changes: &BTreeMap<ShareNumber, ShareChange>,
) -> Result<bool, StorageError> {
    if changes.values().any(|change| change.tests.len() > VECTORS_MAX) {
        return Err(too_many_vectors());
    }
    for (number, change) in changes {
        for test in &change.tests {
            let holds = match shares.get(number) {
                Some(share) => test_holds(share, test)?,
                None => test.specimen.is_empty(),
            };
            if !holds {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn test_holds(share: &SlotFile, test: &TestVector) -> Result<bool, StorageError> {
    let len = test.specimen.len();
    if share.clipped(test.offset, test.size) != len as u64 {
        return Ok(false);
    }
    Ok(share.read_at(test.offset, len).map_err(share_error)? == test.specimen)
}

fn read_all(shares: &Shares, reads: &[ReadVector]) -> Result<SlotReadAnswer, StorageError> {
    if reads.len() > VECTORS_MAX {
        return Err(too_many_vectors());
    }
    let lens = shares
        .values()
        .flat_map(|share| reads.iter().map(move |read| share.clipped(read.offset, read.size)));
    if lens.fold(0, u64::saturating_add) > SLOT_ANSWER_MAX {
        let reason = format!("more than {SLOT_ANSWER_MAX} bytes cannot be read at once");
        return Err(StorageError::BadRequest(reason));
    }
    let read_one = |share: &SlotFile| {
        let read = |read: &ReadVector| {
            let len = usize::try_from(read.size).unwrap_or(usize::MAX);
            share.read_at(read.offset, len).map(Bytes::from)
        };
        reads.iter().map(read).collect::<Result<Vec<_>, _>>().map_err(share_error)
    };
    shares.iter().map(|(number, share)| Ok((*number, read_one(share)?))).collect()
}

fn too_many_vectors() -> StorageError {
    StorageError::BadRequest(format!("more than {VECTORS_MAX} vectors for one share"))
}

fn edit_error(error: EditError) -> StorageError {
    match error {
        EditError::NoSpace => StorageError::NoSpace,
        EditError::TooLarge | EditError::TooManyLeases => {
            StorageError::BadRequest(error.to_string())
        }
    }
}
