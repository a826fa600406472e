//! Caps of directories: the cap of the file that keeps the directory, under another prefix
//! (section 1.3).

use std::fmt;

use super::{CapKind, FileCap};
use crate::ids::StorageIndex;

/// A cap of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryCap(FileCap);

impl DirectoryCap {
    /// The cap of the directory that this file keeps.
    #[must_use]
    pub const fn new(file: FileCap) -> Self {
        Self(file)
    }

    /// The cap of the file that keeps the directory.
    #[must_use]
    pub const fn file(&self) -> &FileCap {
        &self.0
    }

    /// The cap of the file that keeps the directory, taken out.
    #[must_use]
    pub fn into_file(self) -> FileCap {
        self.0
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> CapKind {
        CapKind { file: self.0.kind(), is_directory: true }
    }

    /// Whether the cap lets its holder change the directory.
    #[must_use]
    pub const fn is_writeable(&self) -> bool {
        self.0.is_writeable()
    }

    /// Whether the directory that the cap reads may change.
    #[must_use]
    pub const fn is_mutable(&self) -> bool {
        self.0.is_mutable()
    }

    /// Where servers keep the directory's shares; a literal one has none.
    #[must_use]
    pub const fn storage_index(&self) -> Option<StorageIndex> {
        self.0.storage_index()
    }

    /// The same without the power to change anything; itself where there was none.
    #[must_use]
    pub fn to_readonly(&self) -> Self {
        Self(self.0.to_readonly())
    }

    /// What only checks the shares; a literal directory has none to check.
    #[must_use]
    pub fn to_verifier(&self) -> Option<Self> {
        self.0.to_verifier().map(Self)
    }
}

impl fmt::Display for DirectoryCap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind().prefix(), self.0.tail())
    }
}
