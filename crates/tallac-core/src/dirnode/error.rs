//! Why a directory cannot be read or changed as asked.

use super::{ChildName, ChildType};
use crate::cap::{CapError, CapKind};
use crate::netstring::NetstringError;

/// Why a directory cannot be read or changed as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// No child of this name.
    #[error("there is no child named {:?} in the directory", .name.as_str())]
    NoSuchChild {
        /// The name.
        name: ChildName,
    },
    /// A child of this name that is not to be replaced.
    #[error(
        "child {:?} already exists{}",
        .name.as_str(),
        if *.is_directory { " as a directory" } else { "" }
    )]
    ExistingChild {
        /// The name.
        name: ChildName,
        /// Whether it was spared because it is a directory.
        is_directory: bool,
    },
    /// A child of the other type than the one that may be removed.
    #[error("child {:?} is not a {expected}, which alone was to be removed", .name.as_str())]
    WrongType {
        /// The name.
        name: ChildName,
        /// What alone may be removed.
        expected: ChildType,
    },
    /// The cap at hand only reads the directory, or the directory is immutable.
    #[error("the directory cannot be changed through this capability; use its write capability")]
    NotWriteable,
    /// The cap at hand does not read a directory.
    #[error("a {0} does not read a directory")]
    NotReadable(CapKind),
    /// A child that may change, in a directory that must never change.
    #[error(
        "child {:?} can change, so it is not allowed in an immutable directory",
        .name.as_str()
    )]
    DeepImmutable {
        /// The name.
        name: ChildName,
    },
    /// A child whose cap cannot stand there.
    #[error("child {:?}: {error}", .name.as_str())]
    Child {
        /// The name.
        name: ChildName,
        /// What is wrong with the cap.
        error: CapError,
    },
    /// The table is not one of a directory; whoever wrote it wrote something else.
    #[error("the directory is damaged at byte {offset}: {damage}")]
    Damaged {
        /// Where the entry begins.
        offset: usize,
        /// What is wrong with it.
        damage: Damage,
    },
}

/// What is wrong with an entry of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The entry or one of its fields is no netstring.
    #[error("{0}")]
    Netstring(#[from] NetstringError),
    /// The name is not UTF-8.
    #[error("a name is not UTF-8")]
    Name,
    /// A write cap in a directory that cannot have any.
    #[error("an immutable directory has a write capability in it")]
    WriteCap,
}
