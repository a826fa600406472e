//! The kinds of cap and their prefixes: the one table that parsing and printing read.

use std::fmt;

/// How a mutable file lays out its shares; the keys of both are made alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MutableFormat {
    /// Small: one segment (`URI:SSK`).
    Sdmf,
    /// Medium: many segments (`URI:MDMF`).
    Mdmf,
}

/// What a cap gives access to, and which access. The words are those of the prefixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// The content itself.
    Lit,
    /// Read an immutable file.
    ChkRead,
    /// Check the shares of an immutable file.
    ChkVerify,
    /// Change a mutable file.
    SskWrite(MutableFormat),
    /// Read a mutable file.
    SskRead(MutableFormat),
    /// Check the shares of a mutable file.
    SskVerify(MutableFormat),
}

/// The kind of a cap: of a file, or of a directory that is kept in such a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CapKind {
    /// Of the file.
    pub file: FileKind,
    /// Whether the file is to be read as a directory.
    pub is_directory: bool,
}

use FileKind::{ChkRead, ChkVerify, Lit, SskRead, SskVerify, SskWrite};
use MutableFormat::{Mdmf, Sdmf};

/// Each kind, with its prefix for a file and for a directory (sections 1.2 and 1.3).
const TABLE: [(FileKind, &str, &str); 9] = [
    (Lit, "URI:LIT:", "URI:DIR2-LIT:"),
    (ChkRead, "URI:CHK:", "URI:DIR2-CHK:"),
    (ChkVerify, "URI:CHK-Verifier:", "URI:DIR2-CHK-Verifier:"),
    (SskWrite(Sdmf), "URI:SSK:", "URI:DIR2:"),
    (SskRead(Sdmf), "URI:SSK-RO:", "URI:DIR2-RO:"),
    (SskVerify(Sdmf), "URI:SSK-Verifier:", "URI:DIR2-Verifier:"),
    (SskWrite(Mdmf), "URI:MDMF:", "URI:DIR2-MDMF:"),
    (SskRead(Mdmf), "URI:MDMF-RO:", "URI:DIR2-MDMF-RO:"),
    (SskVerify(Mdmf), "URI:MDMF-Verifier:", "URI:DIR2-MDMF-Verifier:"),
];

impl FileKind {
    /// Whether the cap lets its holder change something.
    #[must_use]
    pub const fn is_writeable(self) -> bool {
        matches!(self, SskWrite(_))
    }

    /// Whether what the cap reads may change. A verify cap reads nothing, so it is not mutable.
    #[must_use]
    pub const fn is_mutable(self) -> bool {
        matches!(self, SskWrite(_) | SskRead(_))
    }

    /// Whether the cap only lets its holder check shares.
    #[must_use]
    pub const fn is_verifier(self) -> bool {
        matches!(self, ChkVerify | SskVerify(_))
    }
}

impl CapKind {
    /// Every kind there is.
    pub fn all() -> impl Iterator<Item = Self> {
        [false, true].into_iter().flat_map(|is_directory| {
            TABLE.into_iter().map(move |(file, ..)| Self { file, is_directory })
        })
    }

    /// The kind of this text by its prefix, and what follows the prefix.
    #[must_use]
    pub fn split(text: &str) -> Option<(Self, &str)> {
        Self::all().find_map(|kind| Some((kind, text.strip_prefix(kind.prefix())?)))
    }

    /// What every cap of this kind begins with.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        let row = TABLE.iter().find(|(file, ..)| *file == self.file);
        let (_, file, directory) = row.expect("the table has a row for every kind");
        if self.is_directory { directory } else { file }
    }
}

impl fmt::Display for CapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = match self.file {
            Lit => "literal cap of a small immutable",
            ChkRead => "read cap of an immutable",
            ChkVerify => "verify cap of an immutable",
            SskWrite(_) => "write cap of a mutable",
            SskRead(_) => "read cap of a mutable",
            SskVerify(_) => "verify cap of a mutable",
        };
        let thing = if self.is_directory { "directory" } else { "file" };
        write!(f, "{access} {thing} ({})", self.prefix())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_prefix_begins_another() {
        let prefixes: BTreeSet<_> = CapKind::all().map(CapKind::prefix).collect();
        assert_eq!(prefixes.len(), 18);
        for kind in CapKind::all() {
            assert_eq!(CapKind::split(&format!("{}x", kind.prefix())), Some((kind, "x")));
        }
    }

    #[test]
    fn old_and_foreign_prefixes_are_of_no_kind() {
        for text in ["", "URI:", "URI:DIR:abc", "uri:CHK:", " URI:CHK:", "URI:CHK", "http://x"] {
            assert_eq!(CapKind::split(text), None, "{text}");
        }
    }
}
