//! Slots on the disk: which shares are mutable, and how a change of them is carried out.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::storage::ShareKind;

use super::change::{self, Change, ShareOp};
use super::share_file::{ShareFileError, open_regular};
use super::slot_file::SlotFile;
use super::{Disk, ShareKey, make_slot_dir, share_path, slot_dir, sync_dir};
use crate::container::mutable::{self, MAGIC_LEN};

impl Disk {
    /// What kind of share a file holds, by its first bytes.
    pub(crate) fn kind(&self, key: ShareKey) -> io::Result<ShareKind> {
        let (file, file_len) = open_regular(&share_path(&self.shares, key), false)?;
        let mut start = [0; MAGIC_LEN];
        let there = usize::try_from(file_len).unwrap_or(usize::MAX).min(MAGIC_LEN);
        file.read_exact_at(&mut start[..there], 0)?;
        let is_mutable = mutable::is_mutable(&start[..there]);
        Ok(if is_mutable { ShareKind::Mutable } else { ShareKind::Immutable })
    }

    pub(crate) fn open_slot_share(&self, key: ShareKey) -> Result<SlotFile, ShareFileError> {
        SlotFile::open(&share_path(&self.shares, key))
    }

    pub(crate) fn open_slot_share_to_change(
        &self,
        key: ShareKey,
    ) -> Result<SlotFile, ShareFileError> {
        SlotFile::open_to_change(&share_path(&self.shares, key))
    }

    /// Carries a change out. `shares` are the files of the slot as they were looked at;
    /// `touch` waits until nobody reads them.
    pub(crate) fn change_slot<G>(
        &self,
        change: Change,
        shares: BTreeMap<ShareNumber, SlotFile>,
        touch: impl FnOnce() -> G,
    ) -> io::Result<()> {
        let dir = slot_dir(&self.shares, change.storage_index);
        let mut staged: BTreeMap<ShareNumber, PathBuf> = BTreeMap::new();
        for (number, op) in &change.shares {
            match (op, shares.get(number)) {
                (ShareOp::Create(steps), _) => {
                    make_slot_dir(&dir)?;
                    let path = self.staged_path(change.storage_index, *number);
                    let file = File::create(&path)?;
                    staged.insert(*number, path);
                    change::perform(&file, steps)?;
                    file.sync_data()?;
                }
                (ShareOp::Edit(steps), Some(share)) => {
                    change::reserve(share.file(), share.file_len(), steps)?;
                }
                (ShareOp::Edit(_) | ShareOp::Delete, _) => {}
            }
        }
        let _untouched = touch();
        for (number, op) in &change.shares {
            let path = dir.join(number.to_string());
            match op {
                ShareOp::Create(_) => change::rename_new(&staged[number], &path)?,
                ShareOp::Edit(steps) => {
                    change::perform(shares[number].file(), steps)?;
                    shares[number].file().sync_data()?;
                }
                ShareOp::Delete => {
                    fs::remove_file(path)?;
                    let _not_empty = fs::remove_dir(&dir);
                }
            }
        }
        if dir.exists() {
            sync_dir(&dir)?;
        }
        Ok(())
    }

    fn staged_path(&self, storage_index: StorageIndex, number: ShareNumber) -> PathBuf {
        self.incoming.join(format!("slot-{storage_index}-{number}"))
    }
}
