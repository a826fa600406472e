//! What a link points at (sections 1.4 and 1.5).

use std::fmt;

use super::Metadata;
use crate::cap::{
    Cap, CapError, Context, DirectoryCap, FileCap, IMMUTABLE_PREFIX, Offender, READONLY_PREFIX,
};
use crate::ids::StorageIndex;

/// A child of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// What the link points at.
    pub node: Node,
    /// What is known of the link.
    pub metadata: Metadata,
}

/// What a link points at: something that we know, or caps that are only passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A file or a directory. Never [`Cap::Unknown`], never a verify cap.
    Known(Cap),
    /// Something of a later version.
    Unknown(UnknownNode),
}

/// Caps of something that we do not know. It can be renamed, unlinked and put into other
/// directories, but not opened.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct UnknownNode {
    write: Option<String>,
    /// Always with `ro.` or `imm.`.
    read: Option<String>,
}

impl Node {
    /// The node of a write cap, a read cap, or both. Empty texts are as none.
    ///
    /// # Errors
    /// When the caps break a constraint of where they stand, so that they must not be stored:
    /// [`CapError::MustBeDeepImmutable`], [`CapError::MustBeReadonly`],
    /// [`CapError::UnknownWriteCap`], [`CapError::Malformed`].
    pub fn from_caps(
        write: Option<&str>,
        read: Option<&str>,
        context: Context,
    ) -> Result<Self, CapError> {
        let (write, read) = (write.filter(|t| !t.is_empty()), read.filter(|t| !t.is_empty()));
        let Some(main) = write.or(read) else {
            return Ok(Self::Unknown(UnknownNode::default()));
        };
        match Cap::parse_in(main, context) {
            Cap::Unknown(_) => UnknownNode::from_caps(write, read, context).map(Self::Unknown),
            cap if is_verifier(&cap) => {
                UnknownNode::from_caps(write, read, context).map(Self::Unknown)
            }
            cap => Ok(Self::Known(cap)),
        }
    }

    /// The cap, if it is of something that we know.
    #[must_use]
    pub const fn cap(&self) -> Option<&Cap> {
        match self {
            Self::Known(cap) => Some(cap),
            Self::Unknown(_) => None,
        }
    }

    /// The cap of the directory, if it is one.
    #[must_use]
    pub const fn directory(&self) -> Option<&DirectoryCap> {
        match self {
            Self::Known(Cap::Directory(cap)) => Some(cap),
            _ => None,
        }
    }

    /// The cap of the file, if it is one.
    #[must_use]
    pub const fn file(&self) -> Option<&FileCap> {
        match self {
            Self::Known(Cap::File(cap)) => Some(cap),
            _ => None,
        }
    }

    /// Whether it is a directory, as far as we know.
    #[must_use]
    pub const fn is_directory(&self) -> bool {
        self.directory().is_some()
    }

    /// Whether it is a file, as far as we know.
    #[must_use]
    pub const fn is_file(&self) -> bool {
        self.file().is_some()
    }

    /// Whether it is of a kind that we do not know.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// Whether it may change, as far as we know.
    #[must_use]
    pub fn is_mutable(&self) -> bool {
        self.cap().is_some_and(Cap::is_mutable)
    }

    /// Whether we can change it, as far as we know.
    #[must_use]
    pub fn is_writeable(&self) -> bool {
        self.cap().is_some_and(Cap::is_writeable)
    }

    /// Whether it says, or is known, to be immutable.
    #[must_use]
    pub fn is_alleged_immutable(&self) -> bool {
        match self {
            Self::Known(cap) => !cap.is_mutable(),
            Self::Unknown(node) => {
                let imm = |text: &String| text.starts_with(IMMUTABLE_PREFIX);
                node.write.is_none() && node.read.as_ref().is_none_or(imm)
            }
        }
    }

    /// Whether an immutable directory may hold it.
    #[must_use]
    pub fn is_allowed_in_immutable_directory(&self) -> bool {
        match self {
            Self::Known(cap) => !cap.is_mutable(),
            Self::Unknown(node) => node.write.is_none(),
        }
    }

    /// The cap that changes it, if we have that.
    #[must_use]
    pub fn write_cap(&self) -> Option<String> {
        match self {
            Self::Known(cap) => cap.is_writeable().then(|| cap.to_string()),
            Self::Unknown(node) => node.write.clone(),
        }
    }

    /// The cap that only reads it; of something unknown with `ro.` or `imm.` before it.
    #[must_use]
    pub fn read_cap(&self) -> Option<String> {
        match self {
            Self::Known(cap) => cap.to_readonly().map(|cap| cap.to_string()),
            Self::Unknown(node) => node.read.clone(),
        }
    }

    /// The strongest cap that we have of it.
    #[must_use]
    pub fn best_cap(&self) -> Option<String> {
        self.write_cap().or_else(|| self.read_cap())
    }

    /// The same without the power to change anything.
    #[must_use]
    pub fn to_readonly(&self) -> Self {
        match self {
            Self::Known(cap) => cap.to_readonly().map_or_else(|| self.clone(), Self::Known),
            Self::Unknown(node) => {
                Self::Unknown(UnknownNode { write: None, read: node.read.clone() })
            }
        }
    }

    /// What only checks its shares, if there are any and the kind is known.
    #[must_use]
    pub fn to_verifier(&self) -> Option<Cap> {
        self.cap().and_then(Cap::to_verifier)
    }

    /// Where servers keep its shares, if there are any and the kind is known.
    #[must_use]
    pub fn storage_index(&self) -> Option<StorageIndex> {
        self.cap().and_then(Cap::storage_index)
    }

    /// Bytes of it, where the cap tells: for all that is immutable.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        match self.cap()?.file()? {
            FileCap::Lit(cap) => Some(cap.data().len() as u64),
            FileCap::ChkRead(cap) => Some(cap.size()),
            _ => None,
        }
    }

    /// What is stored as the read cap: without the prefix that the directory implies.
    pub(super) fn stored_read_cap(&self, context: Context) -> String {
        let text = self.read_cap().unwrap_or_default();
        let prefix = if context == Context::DeepImmutable {
            text.strip_prefix(IMMUTABLE_PREFIX)
        } else {
            None
        };
        let bare = prefix.or_else(|| text.strip_prefix(READONLY_PREFIX));
        bare.map_or_else(|| text.clone(), str::to_owned)
    }
}

impl From<DirectoryCap> for Node {
    fn from(cap: DirectoryCap) -> Self {
        Cap::Directory(cap).into()
    }
}

impl From<FileCap> for Node {
    fn from(cap: FileCap) -> Self {
        Cap::File(cap).into()
    }
}

/// What cannot be opened becomes an unknown node; if it may not even be stored, an empty one.
impl From<Cap> for Node {
    fn from(cap: Cap) -> Self {
        if matches!(cap, Cap::Unknown(_)) || is_verifier(&cap) {
            Self::from_caps(Some(&cap.to_string()), None, Context::Any)
                .unwrap_or_else(|_| Self::Unknown(UnknownNode::default()))
        } else {
            Self::Known(cap)
        }
    }
}

/// Verify caps open nothing, so a link to one is passed on like one that is unknown.
fn is_verifier(cap: &Cap) -> bool {
    cap.kind().is_some_and(|kind| kind.file.is_verifier())
}

impl UnknownNode {
    fn from_caps(
        write: Option<&str>,
        read: Option<&str>,
        context: Context,
    ) -> Result<Self, CapError> {
        let immutable = context == Context::DeepImmutable;
        let (write, read) = match (write, read) {
            // With such a prefix it grants no more than a read cap does.
            (Some(cap), None) if is_alleged_harmless(cap, immutable) => (None, Some(cap)),
            (Some(cap), None) => {
                let why = error_of(cap, context);
                return Err(why.unwrap_or(CapError::UnknownWriteCap { immutable }));
            }
            (Some(_), Some(read)) if immutable || read.starts_with(IMMUTABLE_PREFIX) => {
                return Err(CapError::MustBeDeepImmutable { what: Offender::UnknownWriteCap });
            }
            caps => caps,
        };
        if let Some(error) = read.and_then(|read| error_of(read, context)) {
            return Err(error);
        }
        let read = read.map(|text| match bare(text) {
            bare if immutable => format!("{IMMUTABLE_PREFIX}{bare}"),
            bare if bare.len() < text.len() => text.to_owned(),
            bare => format!("{READONLY_PREFIX}{bare}"),
        });
        Ok(Self { write: write.map(str::to_owned), read })
    }

    /// The write cap, to the letter.
    #[must_use]
    pub fn write(&self) -> Option<&str> {
        self.write.as_deref()
    }

    /// The read cap, with `ro.` or `imm.` before it.
    #[must_use]
    pub fn read(&self) -> Option<&str> {
        self.read.as_deref()
    }
}

/// What is wrong with a text that would be a cap of ours.
fn error_of(text: &str, context: Context) -> Option<CapError> {
    match Cap::parse_in(text, context) {
        Cap::Unknown(cap) => cap.error().cloned(),
        _ => None,
    }
}

fn is_alleged_harmless(cap: &str, immutable: bool) -> bool {
    cap.starts_with(IMMUTABLE_PREFIX) || !immutable && cap.starts_with(READONLY_PREFIX)
}

/// A cap without the one prefix that it may have.
fn bare(cap: &str) -> &str {
    let stripped = cap.strip_prefix(IMMUTABLE_PREFIX);
    stripped.or_else(|| cap.strip_prefix(READONLY_PREFIX)).unwrap_or(cap)
}

impl fmt::Debug for UnknownNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = |cap: &Option<String>| cap.as_ref().map_or(0, String::len);
        write!(f, "UnknownNode({} + {} bytes)", len(&self.write), len(&self.read))
    }
}
