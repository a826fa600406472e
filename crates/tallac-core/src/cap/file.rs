//! Any cap of a file, and the types that a text may be parsed into when only one kind will do.

use std::fmt;
use std::str::FromStr;

use super::{
    Cap, CapError, CapKind, ChkReadCap, ChkVerifyCap, DirectoryCap, FileKind, LitCap, Malformation,
    SskReadCap, SskVerifyCap, SskWriteCap,
};
use crate::ids::StorageIndex;

/// A cap of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileCap {
    /// Holds the file.
    Lit(LitCap),
    /// Reads an immutable file.
    ChkRead(ChkReadCap),
    /// Checks an immutable file.
    ChkVerify(ChkVerifyCap),
    /// Changes a mutable file.
    SskWrite(SskWriteCap),
    /// Reads a mutable file.
    SskRead(SskReadCap),
    /// Checks a mutable file.
    SskVerify(SskVerifyCap),
}

impl FileCap {
    /// Reads what follows the prefix of a cap of this kind.
    pub(super) fn parse(kind: FileKind, tail: &str) -> Result<Self, Malformation> {
        match kind {
            FileKind::Lit => LitCap::parse(tail).map(Self::Lit),
            FileKind::ChkRead => ChkReadCap::parse(tail).map(Self::ChkRead),
            FileKind::ChkVerify => ChkVerifyCap::parse(tail).map(Self::ChkVerify),
            FileKind::SskWrite(format) => SskWriteCap::parse(format, tail).map(Self::SskWrite),
            FileKind::SskRead(format) => SskReadCap::parse(format, tail).map(Self::SskRead),
            FileKind::SskVerify(format) => SskVerifyCap::parse(format, tail).map(Self::SskVerify),
        }
    }

    /// What follows the prefix.
    pub(super) fn tail(&self) -> String {
        match self {
            Self::Lit(cap) => cap.tail(),
            Self::ChkRead(cap) => cap.tail(),
            Self::ChkVerify(cap) => cap.tail(),
            Self::SskWrite(cap) => cap.tail(),
            Self::SskRead(cap) => cap.tail(),
            Self::SskVerify(cap) => cap.tail(),
        }
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> FileKind {
        match self {
            Self::Lit(cap) => cap.kind(),
            Self::ChkRead(cap) => cap.kind(),
            Self::ChkVerify(cap) => cap.kind(),
            Self::SskWrite(cap) => cap.kind(),
            Self::SskRead(cap) => cap.kind(),
            Self::SskVerify(cap) => cap.kind(),
        }
    }

    /// Whether the cap lets its holder change the file.
    #[must_use]
    pub const fn is_writeable(&self) -> bool {
        self.kind().is_writeable()
    }

    /// Whether what the cap reads may change.
    #[must_use]
    pub const fn is_mutable(&self) -> bool {
        self.kind().is_mutable()
    }

    /// Where servers keep the file's shares; a literal one has none.
    #[must_use]
    pub const fn storage_index(&self) -> Option<StorageIndex> {
        match self {
            Self::Lit(_) => None,
            Self::ChkRead(cap) => Some(cap.storage_index()),
            Self::ChkVerify(cap) => Some(cap.storage_index()),
            Self::SskWrite(cap) => Some(cap.storage_index()),
            Self::SskRead(cap) => Some(cap.storage_index()),
            Self::SskVerify(cap) => Some(cap.storage_index()),
        }
    }

    /// The same without the power to change anything; itself where there was none.
    #[must_use]
    pub fn to_readonly(&self) -> Self {
        match self {
            Self::SskWrite(cap) => Self::SskRead(cap.to_readonly()),
            _ => self.clone(),
        }
    }

    /// What only checks the shares; a literal file has none to check.
    #[must_use]
    pub fn to_verifier(&self) -> Option<Self> {
        Some(match self {
            Self::Lit(_) => return None,
            Self::ChkRead(cap) => Self::ChkVerify(cap.to_verifier()),
            Self::SskWrite(cap) => Self::SskVerify(cap.to_verifier()),
            Self::SskRead(cap) => Self::SskVerify(cap.to_verifier()),
            Self::ChkVerify(_) | Self::SskVerify(_) => self.clone(),
        })
    }
}

impl fmt::Display for FileCap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = CapKind { file: self.kind(), is_directory: false };
        write!(f, "{}{}", kind.prefix(), self.tail())
    }
}

/// Conversions between one kind and any kind, and parsing where only one kind will do.
macro_rules! narrow {
    ($($name:ident, $pattern:pat => $inner:ident, $wide:expr, $expected:literal;)*) => {$(
        impl From<$name> for Cap {
            fn from($inner: $name) -> Self {
                $wide
            }
        }

        impl TryFrom<Cap> for $name {
            type Error = CapError;

            fn try_from(cap: Cap) -> Result<Self, CapError> {
                match cap.into_known()? {
                    $pattern => Ok($inner),
                    other => Err(CapError::WrongKind {
                        expected: $expected,
                        found: other.kind().ok_or(CapError::UnknownKind)?,
                    }),
                }
            }
        }

        impl FromStr for $name {
            type Err = CapError;

            fn from_str(text: &str) -> Result<Self, CapError> {
                Cap::parse(text).try_into()
            }
        }
    )*};
}

narrow! {
    FileCap, Cap::File(cap) => cap, Cap::File(cap), "a cap of a file";
    DirectoryCap, Cap::Directory(cap) => cap, Cap::Directory(cap), "a cap of a directory";
    LitCap, Cap::File(FileCap::Lit(cap)) => cap, Cap::File(FileCap::Lit(cap)),
        "a literal cap of a file";
    ChkReadCap, Cap::File(FileCap::ChkRead(cap)) => cap, Cap::File(FileCap::ChkRead(cap)),
        "a read cap of an immutable file";
    ChkVerifyCap, Cap::File(FileCap::ChkVerify(cap)) => cap, Cap::File(FileCap::ChkVerify(cap)),
        "a verify cap of an immutable file";
    SskWriteCap, Cap::File(FileCap::SskWrite(cap)) => cap, Cap::File(FileCap::SskWrite(cap)),
        "a write cap of a mutable file";
    SskReadCap, Cap::File(FileCap::SskRead(cap)) => cap, Cap::File(FileCap::SskRead(cap)),
        "a read cap of a mutable file";
    SskVerifyCap, Cap::File(FileCap::SskVerify(cap)) => cap, Cap::File(FileCap::SskVerify(cap)),
        "a verify cap of a mutable file";
}
