//! Literal caps: a file so small that its cap holds it whole (section 1.2).

use std::fmt;

use super::fields::Fields;
use super::{CapKind, FileKind, Malformation};
use crate::base32;

/// `URI:LIT:<data>`: the file itself. It has no shares, so no storage index and no verify cap.
#[derive(Clone, PartialEq, Eq)]
pub struct LitCap {
    data: Vec<u8>,
}

impl LitCap {
    /// Files of this many bytes or fewer are not stored on servers but kept in their cap. A
    /// longer literal cap is read all the same.
    pub const SIZE_MAX: usize = 55;

    /// The cap of a file with this content.
    #[must_use]
    pub const fn new(data: Vec<u8>) -> Self {
        Self { data }
    }

    pub(super) fn parse(tail: &str) -> Result<Self, Malformation> {
        base32::decode(Fields(tail).line())
            .map(Self::new)
            .map_err(|error| Malformation::BadField { field: "data", error })
    }

    /// The content of the file.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The content of the file, taken out.
    #[must_use]
    pub fn into_data(self) -> Vec<u8> {
        self.data
    }

    pub(super) fn tail(&self) -> String {
        base32::encode(&self.data)
    }

    pub(super) const fn kind(&self) -> FileKind {
        FileKind::Lit
    }
}

impl fmt::Display for LitCap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = CapKind { file: self.kind(), is_directory: false };
        write!(f, "{}{}", kind.prefix(), self.tail())
    }
}

impl fmt::Debug for LitCap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LitCap({} bytes)", self.data.len())
    }
}
