//! The number that tells a newer announcement from an older one: `announcement-seqnum`.

use super::{Damage, NodeFileError};
use crate::config::NodeDirectory;
use crate::files::{self, Access};

/// The number for the next announcement: one more than the last, which the file holds.
///
/// # Errors
/// When the file holds no number, or cannot be read or written.
pub fn next_seqnum(directory: &NodeDirectory) -> Result<u64, NodeFileError> {
    let file = directory.file("announcement-seqnum");
    let last = match files::read_text(&file)?.as_deref().map(str::trim) {
        None | Some("") => 0,
        Some(text) => text.parse().map_err(|_| NodeFileError::damaged(&file, Damage::Number))?,
    };
    let next = u64::checked_add(last, 1).ok_or(NodeFileError::damaged(&file, Damage::Number))?;
    files::write(&file, &format!("{next}\n"), Access::Umask)?;
    Ok(next)
}
