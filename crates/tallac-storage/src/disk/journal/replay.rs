//! What a start does with the records that a crash left: it does again what they say, in order.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use bytes::Bytes;

use super::record::{self, Payload};
use super::{FILE_NAME, Unsynced};
use crate::container::edit::Step;
use crate::container::immutable;
use crate::container::mutable::{self, MAGIC_LEN};
use crate::disk::change::{self, Change, ShareOp};
use crate::disk::share_file::open_regular;
use crate::disk::{
    ShareKey, fault, make_slot_dir, share_path, slot_dir, spill_path, staged_path, sync_dir,
};

/// Finishes what the journal in `dir` says, and removes it.
pub(in crate::disk) fn replay(dir: &Path, shares: &Path, incoming: &Path) -> io::Result<()> {
    let path = dir.join(FILE_NAME);
    remove_if_there(&path.with_extension("journal.new"))?;
    let journal = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        journal => journal?,
    };
    let changes = changes(journal.into(), incoming)?;
    if !changes.is_empty() {
        tracing::info!(count = changes.len(), "finishing changes of shares");
    }
    let first = first_to_do(&changes, incoming);
    let mut unsynced = Unsynced::default();
    for (at, change) in changes.iter().enumerate() {
        for (number, op) in &change.shares {
            let key = ShareKey { storage_index: change.storage_index, number: *number };
            if first.get(&key).is_none_or(|first| at >= *first) {
                redo(shares, incoming, key, op)?;
            }
        }
        unsynced.note(change);
    }
    unsynced.sync(shares)?;
    fault::step()?;
    fs::remove_file(&path)?;
    sync_dir(dir)
}

/// The changes in the journal, those that were spilled among them.
fn changes(journal: Bytes, incoming: &Path) -> io::Result<Vec<Change>> {
    let mut changes = Vec::new();
    for payload in record::read_all(journal) {
        let change = match payload {
            Payload::Change(change) => Some(change),
            Payload::Spilled { number, len, checksum } => {
                read_spill(&spill_path(incoming, number), len, checksum)?
            }
        };
        match change {
            Some(change) => changes.push(change),
            None => {
                tracing::error!("a change of mutable shares is lost: its file is damaged");
                break;
            }
        }
    }
    Ok(changes)
}

fn read_spill(path: &Path, len: u64, checksum: [u8; 32]) -> io::Result<Option<Change>> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => Bytes::from(bytes?),
    };
    if bytes.len() as u64 != len || record::checksum(&[], std::slice::from_ref(&bytes)) != checksum
    {
        return Ok(None);
    }
    Ok(match Payload::decode(bytes) {
        Some(Payload::Change(change)) => Some(change),
        _ => None,
    })
}

/// For shares that were put into their place: the last change that did so already. What came
/// before would undo it, and what it put there is not to be had again.
fn first_to_do(changes: &[Change], incoming: &Path) -> HashMap<ShareKey, usize> {
    let mut first = HashMap::new();
    for (at, change) in changes.iter().enumerate() {
        for (number, op) in &change.shares {
            if let ShareOp::Place(staged) = op
                && fs::symlink_metadata(staged_path(incoming, *staged)).is_err()
            {
                let storage_index = change.storage_index;
                first.insert(ShareKey { storage_index, number: *number }, at);
            }
        }
    }
    first
}

fn redo(shares: &Path, incoming: &Path, key: ShareKey, op: &ShareOp) -> io::Result<()> {
    let path = share_path(shares, key);
    let dir = slot_dir(shares, key.storage_index);
    let is_there = match open_regular(&path, true) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        opened => Some(opened?.0),
    };
    // What has the name of the share is that share, perhaps half written, unless it is a share of
    // the other kind.
    if let Some(file) = &is_there
        && is_of_other_kind(file, op)?
    {
        return Ok(());
    }
    fault::step()?;
    match op {
        ShareOp::Create(steps) => {
            let staged = incoming.join("replayed");
            let file = File::create(&staged)?;
            change::perform(&file, steps)?;
            make_slot_dir(&dir)?;
            fs::rename(staged, path)
        }
        ShareOp::Edit(steps) => match is_there {
            Some(file) => change::perform(&file, steps),
            // Deleted by a change that comes later in the journal.
            None => Ok(()),
        },
        ShareOp::Delete => {
            remove_if_there(&path)?;
            let _not_empty = fs::remove_dir(dir);
            Ok(())
        }
        ShareOp::Place(staged) => {
            make_slot_dir(&dir)?;
            match fs::rename(staged_path(incoming, *staged), path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                other => other,
            }
        }
    }
}

fn is_of_other_kind(file: &File, op: &ShareOp) -> io::Result<bool> {
    let mut start = [0; MAGIC_LEN];
    let read = rustix::io::pread(file, &mut start[..], 0)?;
    let start = &start[..read];
    Ok(match op {
        ShareOp::Create(steps) if makes_immutable(steps) => mutable::is_mutable(start),
        _ => immutable::is_immutable(start),
    })
}

fn makes_immutable(steps: &[Step]) -> bool {
    matches!(steps, [Step::Write { at: 0, data }, ..] if immutable::is_immutable(data))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
