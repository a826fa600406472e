//! Deleting immutable shares, and directories that are empty.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::Ordering;

use tallac_core::ids::StorageIndex;

use super::{Disk, ShareKey, fault, share_path, slot_dir, sync_dir};

/// What a file takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// Its length.
    pub(crate) bytes: u64,
    /// What it takes of the file system.
    pub(crate) disk_bytes: u64,
}

impl From<fs::Metadata> for Size {
    fn from(metadata: fs::Metadata) -> Self {
        let disk_bytes = metadata.blocks().saturating_mul(512);
        Self { bytes: metadata.len(), disk_bytes }
    }
}

impl Disk {
    /// What a share file takes.
    pub(crate) fn share_size(&self, key: ShareKey) -> io::Result<Size> {
        fs::symlink_metadata(share_path(&self.shares, key)).map(Size::from)
    }

    /// What the directory of a slot takes.
    pub(crate) fn slot_size(&self, storage_index: StorageIndex) -> io::Result<Size> {
        fs::symlink_metadata(slot_dir(&self.shares, storage_index)).map(Size::from)
    }

    /// The storage indexes that start with a prefix, in their order.
    pub(crate) fn slots(&self, prefix: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.shares.join(prefix))? {
            let name = entry?.file_name();
            if let Some(name) = name.to_str()
                && name.starts_with(prefix)
                && name.parse::<StorageIndex>().is_ok()
            {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Deletes an immutable share. Who has it open reads it to its end.
    pub(crate) fn delete_immutable(&self, key: ShareKey) -> io::Result<()> {
        self.bring_home(key)?;
        fault::step()?;
        fs::remove_file(share_path(&self.shares, key))
    }

    /// Makes deletions durable, and removes the directories that they left empty. Where others put
    /// shares into their places just now, the directories stay until somebody comes by again.
    pub(crate) fn tidy(&self, storage_index: StorageIndex) -> io::Result<()> {
        let dir = slot_dir(&self.shares, storage_index);
        let prefix = dir.parent().unwrap_or(&self.shares);
        let removed = match self.directories.try_write() {
            Ok(_alone) => {
                fault::step()?;
                let is_removed = fs::remove_dir(&dir).is_ok();
                let is_empty = |mut entries: fs::ReadDir| entries.next().is_none();
                if is_removed && fs::read_dir(prefix).is_ok_and(is_empty) {
                    // First, so that who makes it anew makes it durable anew.
                    self.is_durable(storage_index).store(false, Ordering::Release);
                    fault::step()?;
                    let _filled_meanwhile = fs::remove_dir(prefix);
                }
                is_removed
            }
            Err(_busy) => false,
        };
        let mut remaining = if removed { prefix } else { &dir };
        loop {
            fault::step()?;
            match sync_dir(remaining) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    remaining = remaining.parent().unwrap_or(&self.shares);
                }
                other => return other,
            }
        }
    }
}
