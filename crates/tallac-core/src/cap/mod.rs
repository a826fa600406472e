//! Capabilities: the texts that name a file or directory and are the right to use it
//! (specification section 1).
//!
//! [`Cap::parse`] answers any text, as directories hold caps of versions to come; where only one
//! kind will do, parse into that type: `text.parse::<ChkReadCap>()`. `Display` prints the cap, keys
//! and all, since that text is what users keep; `Debug` shows the kind and the storage index only.

use std::fmt;

mod chk;
mod directory;
mod error;
mod fields;
mod file;
mod keys;
mod kind;
mod lit;
mod ssk;
#[cfg(test)]
mod tests;
mod unknown;

pub use chk::{ChkReadCap, ChkShape, ChkVerifyCap};
pub use directory::DirectoryCap;
pub use error::{CapError, Malformation, Offender};
pub use file::FileCap;
pub use keys::{EncryptionKey, Fingerprint, ReadKey, UebHash, WriteKey};
pub use kind::{CapKind, FileKind, MutableFormat};
pub use lit::LitCap;
pub use ssk::{SskReadCap, SskVerifyCap, SskWriteCap};
pub use unknown::UnknownCap;

use crate::ids::StorageIndex;

/// What a cap begins with that says of itself that it only reads.
pub const READONLY_PREFIX: &str = "ro.";

/// What a cap begins with that says of itself that all it reaches is immutable.
pub const IMMUTABLE_PREFIX: &str = "imm.";

/// Prefix by which Tahoe-LAFS tests how a future write cap fares.
const FUTURE_WRITEABLE: &str = "x-tahoe-future-test-writeable:";

/// Prefix by which Tahoe-LAFS tests how a future read cap of something mutable fares.
const FUTURE_MUTABLE: &str = "x-tahoe-future-test-mutable:";

/// Whether a text is meant as a cap, good or not, rather than as an alias or a path.
#[must_use]
pub fn has_uri_prefix(text: &str) -> bool {
    let unprefixed = [READONLY_PREFIX, IMMUTABLE_PREFIX].iter().find_map(|p| text.strip_prefix(p));
    unprefixed.unwrap_or(text).starts_with("URI:")
}

/// What may stand in the place that a cap is parsed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Context {
    /// Any cap.
    Any,
    /// Only caps that cannot write.
    Readonly,
    /// Only caps of what can never change, such as an immutable directory holds.
    DeepImmutable,
}

impl Context {
    /// Whether a cap may stand here.
    ///
    /// # Errors
    /// The constraint that it breaks, the strongest first.
    fn admit(self, what: Offender, writeable: bool, mutable: bool) -> Result<(), CapError> {
        match self {
            Self::DeepImmutable if writeable || mutable => {
                Err(CapError::MustBeDeepImmutable { what })
            }
            Self::Readonly if writeable => Err(CapError::MustBeReadonly { what }),
            _ => Ok(()),
        }
    }
}

/// Any cap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cap {
    /// Of a file.
    File(FileCap),
    /// Of a directory.
    Directory(DirectoryCap),
    /// Of a kind that we do not know, malformed, or not allowed where it stands.
    Unknown(UnknownCap),
}

impl Cap {
    /// The cap that a text is, where any may stand.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self::parse_in(text, Context::Any)
    }

    /// The cap that a text is, where not every one may stand. A text with `ro.` or `imm.` in front
    /// brings that constraint along; the prefix is no part of the cap that comes out.
    #[must_use]
    pub fn parse_in(text: &str, context: Context) -> Self {
        let (bare, context) = if let Some(bare) = text.strip_prefix(IMMUTABLE_PREFIX) {
            (bare, Context::DeepImmutable)
        } else if let Some(bare) = text.strip_prefix(READONLY_PREFIX) {
            (bare, context.max(Context::Readonly))
        } else {
            (text, context)
        };
        match parse_bare(bare, context) {
            Ok(Some(cap)) => cap,
            Ok(None) => Self::Unknown(UnknownCap::new(text, None)),
            Err(error) => Self::Unknown(UnknownCap::new(text, Some(error))),
        }
    }

    /// Itself, if it is of a kind that can be used.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn into_known(self) -> Result<Self, CapError> {
        match self {
            Self::Unknown(cap) => Err(cap.why()),
            cap => Ok(cap),
        }
    }

    /// Its kind, if we know it.
    #[must_use]
    pub const fn kind(&self) -> Option<CapKind> {
        match self {
            Self::File(cap) => Some(CapKind { file: cap.kind(), is_directory: false }),
            Self::Directory(cap) => Some(cap.kind()),
            Self::Unknown(_) => None,
        }
    }

    /// The cap of the file, or of the file that keeps the directory.
    #[must_use]
    pub const fn file(&self) -> Option<&FileCap> {
        match self {
            Self::File(cap) => Some(cap),
            Self::Directory(cap) => Some(cap.file()),
            Self::Unknown(_) => None,
        }
    }

    /// Whether the cap lets its holder change something, as far as we know.
    #[must_use]
    pub fn is_writeable(&self) -> bool {
        self.file().is_some_and(FileCap::is_writeable)
    }

    /// Whether what the cap reads may change, as far as we know.
    #[must_use]
    pub fn is_mutable(&self) -> bool {
        self.file().is_some_and(FileCap::is_mutable)
    }

    /// Where servers keep the shares, if there are any and the kind is known.
    #[must_use]
    pub fn storage_index(&self) -> Option<StorageIndex> {
        self.file().and_then(FileCap::storage_index)
    }

    /// The same without the power to change anything. An unknown cap cannot be weakened.
    #[must_use]
    pub fn to_readonly(&self) -> Option<Self> {
        match self {
            Self::File(cap) => Some(Self::File(cap.to_readonly())),
            Self::Directory(cap) => Some(Self::Directory(cap.to_readonly())),
            Self::Unknown(_) => None,
        }
    }

    /// What only checks the shares, if there are any and the kind is known.
    #[must_use]
    pub fn to_verifier(&self) -> Option<Self> {
        match self {
            Self::File(cap) => cap.to_verifier().map(Self::File),
            Self::Directory(cap) => cap.to_verifier().map(Self::Directory),
            Self::Unknown(_) => None,
        }
    }
}

/// The cap that a text without `ro.` or `imm.` is; nothing if no prefix of ours fits.
fn parse_bare(text: &str, context: Context) -> Result<Option<Cap>, CapError> {
    let Some((kind, tail)) = CapKind::split(text) else {
        if text.starts_with(FUTURE_WRITEABLE) {
            context.admit(Offender::FutureTest(FUTURE_WRITEABLE), true, true)?;
        } else if text.starts_with(FUTURE_MUTABLE) {
            context.admit(Offender::FutureTest(FUTURE_MUTABLE), false, true)?;
        }
        return Ok(None);
    };
    let (writeable, mutable) = (kind.file.is_writeable(), kind.file.is_mutable());
    context.admit(Offender::Known(kind), writeable, mutable)?;
    let file =
        FileCap::parse(kind.file, tail).map_err(|problem| CapError::Malformed { kind, problem })?;
    Ok(Some(if kind.is_directory {
        Cap::Directory(DirectoryCap::new(file))
    } else {
        Cap::File(file)
    }))
}

impl fmt::Display for Cap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(cap) => cap.fmt(f),
            Self::Directory(cap) => cap.fmt(f),
            Self::Unknown(cap) => cap.fmt(f),
        }
    }
}
