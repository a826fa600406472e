//! Slots on the disk: which shares are mutable, and how a change of them is carried out.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tallac_core::ids::ShareNumber;
use tallac_core::storage::ShareKind;

use super::change::{self, Change, ShareOp};
use super::incoming_file::write_all_at;
use super::journal::record::{self, Payload};
use super::share_file::{ShareFileError, open_regular};
use super::slot_file::SlotFile;
use super::{Disk, ShareKey, fault, make_slot_dir, share_path, slot_dir, sync_dir};
use crate::container::edit::Step;
use crate::container::immutable;
use crate::container::mutable::{self, MAGIC_LEN};

/// The longest immutable container that goes through the journal, in bytes. A longer one is
/// written once only: to its own file, which is synced.
const JOURNALLED_LEN_MAX: u64 = 64 << 10;

/// What a change needs before it can be made, and what becomes of it if it is not.
struct Ready {
    change: Change,
    /// New containers, beside their places.
    staged: BTreeMap<ShareNumber, PathBuf>,
    /// The file of a record that is too long for the journal, and its length.
    spill: Option<(PathBuf, u64)>,
    /// There is no record yet, so nobody needs those files if the change is given up.
    is_revocable: bool,
}

impl Drop for Ready {
    fn drop(&mut self) {
        if self.is_revocable && fault::step().is_ok() {
            let spill = self.spill.as_ref().map(|(path, _)| path);
            for path in self.staged.values().chain(spill) {
                let _left_for_the_next_start = fs::remove_file(path);
            }
        }
    }
}

impl Disk {
    /// What kind of share a file holds, by its first bytes; what nobody can tell is taken for
    /// immutable, as Tahoe-LAFS does.
    pub(crate) fn kind(&self, key: ShareKey) -> io::Result<ShareKind> {
        Ok(self.certain_kind(key)?.unwrap_or(ShareKind::Immutable))
    }

    /// What kind of share a file holds, unless its first bytes are damaged.
    pub(crate) fn certain_kind(&self, key: ShareKey) -> io::Result<Option<ShareKind>> {
        let (file, file_len) = open_regular(&share_path(&self.shares, key), false)?;
        let mut start = [0; MAGIC_LEN];
        let there = usize::try_from(file_len).unwrap_or(usize::MAX).min(MAGIC_LEN);
        file.read_exact_at(&mut start[..there], 0)?;
        let start = &start[..there];
        Ok(match () {
            () if mutable::is_mutable(start) => Some(ShareKind::Mutable),
            () if immutable::is_immutable(start) => Some(ShareKind::Immutable),
            () => None,
        })
    }

    pub(crate) fn open_slot_share(&self, key: ShareKey) -> Result<SlotFile, ShareFileError> {
        if self.journal.is_half_done() {
            return Err(ShareFileError::HalfDone);
        }
        SlotFile::open(&share_path(&self.shares, key))
    }

    pub(crate) fn open_slot_share_to_change(
        &self,
        key: ShareKey,
    ) -> Result<SlotFile, ShareFileError> {
        if self.journal.is_half_done() {
            return Err(ShareFileError::HalfDone);
        }
        SlotFile::open_to_change(&share_path(&self.shares, key))
    }

    /// Changes written to the journal since the start.
    pub(crate) fn change_count(&self) -> u64 {
        self.journal.count()
    }

    /// Brings all changes home, so that the journal is empty; with `remove`, it is not even there.
    pub(crate) fn checkpoint(&self, remove: bool) -> io::Result<()> {
        self.journal.checkpoint(&self.shares, remove)
    }

    /// Whether an immutable container of this length is kept by the journal: a sync that others
    /// share, and that changes no metadata, in place of two of its own.
    pub(crate) fn journals(&self, len: u64) -> bool {
        len <= JOURNALLED_LEN_MAX.min(self.journal.record_len_max() / 2)
            && !self.journal.is_out_of_order()
    }

    /// Puts a whole immutable container in its place, for good.
    pub(crate) fn keep_journalled(&self, key: ShareKey, container: Bytes) -> io::Result<()> {
        let steps = vec![Step::Write { at: 0, data: container }];
        let shares = vec![(key.number, ShareOp::Create(steps))];
        let change = Change { storage_index: key.storage_index, shares };
        self.change_slot(change, &BTreeMap::new(), || ())
    }

    /// Makes sure that the journal says nothing of this share, which is about to be changed without
    /// it: a replay would undo that.
    pub(crate) fn bring_home(&self, key: ShareKey) -> io::Result<()> {
        if self.journal_speaks_of(key) { self.checkpoint(false) } else { Ok(()) }
    }

    /// Whether there may be a record about this share in the journal.
    pub(crate) fn journal_speaks_of(&self, key: ShareKey) -> bool {
        self.journal.speaks_of(key)
    }

    /// Carries a change out, durably, all of it or nothing. `shares` are the files of the slot as
    /// they were looked at; `touch` waits until nobody reads them.
    pub(crate) fn change_slot<G>(
        &self,
        change: Change,
        shares: &BTreeMap<ShareNumber, SlotFile>,
        touch: impl FnOnce() -> G,
    ) -> io::Result<()> {
        let _stay = self.directories.read().unwrap_or_else(PoisonError::into_inner);
        let (mut ready, payload) = self.prepare(change, shares)?;
        let (_entered, ticket) = loop {
            let entered = self.journal.enter();
            match self.journal.append(&payload)? {
                Some(ticket) => break (entered, ticket),
                None => drop(entered),
            }
            self.checkpoint(false)?;
        };
        ready.is_revocable = false;
        self.journal.wait(ticket)?;
        let is_spilled = ready.spill.is_some();
        self.journal.note(&ready.change, ready.spill.take());
        {
            let _untouched = touch();
            self.apply(&ready, shares)?;
        }
        drop(_entered);
        if is_spilled && self.journal.is_spilling_over() {
            self.checkpoint(false)?;
        }
        Ok(())
    }

    /// Makes the new containers beside their places, and sure that there is room for the rest.
    fn prepare(
        &self,
        change: Change,
        shares: &BTreeMap<ShareNumber, SlotFile>,
    ) -> io::Result<(Ready, Payload)> {
        let (staged, spill) = (BTreeMap::new(), None);
        let mut ready = Ready { change, staged, spill, is_revocable: true };
        let mut numbers = Vec::new();
        for (number, op) in &ready.change.shares {
            match op {
                ShareOp::Create(steps) => {
                    let staged = self.next_number.fetch_add(1, Ordering::Relaxed);
                    let path = staged_path(&self.incoming, staged);
                    fault::step()?;
                    let file = File::create_new(&path)?;
                    ready.staged.insert(*number, path);
                    change::perform(&file, steps)?;
                    numbers.push((staged, file));
                }
                ShareOp::Edit(steps) => {
                    let share = &shares[number];
                    change::reserve(share.file(), share.file_len(), steps)?;
                }
                ShareOp::Delete | ShareOp::Place(_) => {}
            }
        }
        if !numbers.is_empty() {
            make_slot_dir(&slot_dir(&self.shares, ready.change.storage_index))?;
        }
        let payload = self.record(&mut ready, &numbers)?;
        Ok((ready, payload))
    }

    /// What the journal gets to know of the change. What is too long for it goes to files of
    /// its own, synced before any record speaks of them: a new container to the one that will be
    /// moved into place, so that its bytes are written once only; any other change to a spill.
    fn record(&self, ready: &mut Ready, staged: &[(u64, File)]) -> io::Result<Payload> {
        let len_max = self.journal.record_len_max();
        let payload = Payload::Change(ready.change.clone());
        if record::record_len(payload.encode().finish().1) <= len_max {
            return Ok(payload);
        }
        let mut numbers = staged.iter();
        for (_, op) in &mut ready.change.shares {
            if matches!(op, ShareOp::Create(_))
                && let Some((number, file)) = numbers.next()
            {
                fault::step()?;
                rustix::fs::fdatasync(file)?;
                *op = ShareOp::Place(*number);
            }
        }
        let mut payload = Payload::Change(ready.change.clone());
        let (pieces, len) = payload.encode().finish();
        if record::record_len(len) > len_max {
            let number = self.next_number.fetch_add(1, Ordering::Relaxed);
            let path = spill_path(&self.incoming, number);
            fault::step()?;
            let file = File::create_new(&path)?;
            ready.spill = Some((path, len));
            let mut at = 0;
            for pieces in pieces.chunks(1024) {
                let mut slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
                fault::step()?;
                write_all_at(&file, &mut slices, at)?;
                at += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
            }
            fault::step()?;
            rustix::fs::fdatasync(&file)?;
            payload = Payload::Spilled { number, len, checksum: record::checksum(&[], &pieces) };
        }
        fault::step()?;
        sync_dir(&self.incoming)?;
        Ok(payload)
    }

    /// Makes the change that now stands in the journal.
    fn apply(&self, ready: &Ready, shares: &BTreeMap<ShareNumber, SlotFile>) -> io::Result<()> {
        let dir = slot_dir(&self.shares, ready.change.storage_index);
        let mut outcome = Ok(());
        for (number, op) in &ready.change.shares {
            let path = dir.join(number.to_string());
            let applied = match op {
                ShareOp::Create(_) | ShareOp::Place(_) => {
                    place(&ready.staged[number], &path, &mut outcome)
                }
                ShareOp::Edit(steps) => change::perform(shares[number].file(), steps),
                ShareOp::Delete => fault::step().and_then(|()| fs::remove_file(path)),
            };
            applied.inspect_err(|error| self.journal.note_half_done(error))?;
        }
        // Only now, as the same change may have put another share there.
        let has_deleted = ready.change.shares.iter().any(|(_, op)| matches!(op, ShareOp::Delete));
        if has_deleted && fault::step().is_ok() {
            let _not_empty = fs::remove_dir(dir);
        }
        outcome
    }
}

/// Where a new container lies until it is moved into its place.
pub(super) fn staged_path(incoming: &Path, number: u64) -> PathBuf {
    incoming.join(format!("slot-{number}"))
}

/// Where a record lies that is too long for the journal.
pub(super) fn spill_path(incoming: &Path, number: u64) -> PathBuf {
    incoming.join(format!("spill-{number}"))
}

/// A share of the other kind that somebody put there meanwhile stays, as it does when the journal
/// is replayed.
fn place(staged: &Path, path: &Path, outcome: &mut io::Result<()>) -> io::Result<()> {
    fault::step()?;
    let placed = match change::rename_new(staged, path) {
        // The directory was empty, so that somebody removed it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_slot_dir(path.parent().unwrap_or(path))?;
            change::rename_new(staged, path)
        }
        placed => placed,
    };
    match placed {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            *outcome = Err(error);
            Ok(())
        }
        other => other,
    }
}
