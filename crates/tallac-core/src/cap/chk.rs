//! Caps of immutable files, CHK (section 1.2).

use std::fmt;

use super::fields::Fields;
use super::{CapKind, EncryptionKey, FileKind, Malformation, UebHash};
use crate::ids::StorageIndex;
use crate::immutable::{Encoding, EncodingError};

/// What a read cap and its verify cap have in common.
///
/// The numbers are as they were written: whether they make an encoding is asked by
/// [`encoding`](Self::encoding), since Tahoe-LAFS takes and passes on caps with any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChkShape {
    /// Hash of the URI extension block.
    pub ueb_hash: UebHash,
    /// Shares needed, `k`, as written.
    pub needed_shares: u64,
    /// Shares made, `N`, as written.
    pub total_shares: u64,
    /// Size of the file, in bytes.
    pub size: u64,
}

impl ChkShape {
    /// Of a file with this encoding.
    #[must_use]
    pub fn new(ueb_hash: UebHash, encoding: Encoding, size: u64) -> Self {
        let (needed_shares, total_shares) = (encoding.needed().into(), encoding.total().into());
        Self { ueb_hash, needed_shares, total_shares, size }
    }

    /// `k`-of-`N`, if there can be a file of these.
    ///
    /// # Errors
    /// Unless 1 ≤ k ≤ N ≤ 256.
    pub fn encoding(&self) -> Result<Encoding, EncodingError> {
        Encoding::new(self.needed_shares, self.total_shares)
    }

    /// Reads all but the size, which the two kinds of cap end differently.
    fn parse(
        mut fields: Fields<'_>,
        size: impl FnOnce(Fields<'_>) -> Result<u64, Malformation>,
    ) -> Result<Self, Malformation> {
        Ok(Self {
            ueb_hash: UebHash::new(fields.bytes("UEB hash")?),
            needed_shares: fields.number("number of shares needed")?,
            total_shares: fields.number("number of shares made")?,
            size: size(fields)?,
        })
    }
}

impl fmt::Display for ChkShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ueb_hash, needed_shares, total_shares, size } = self;
        write!(f, "{ueb_hash}:{needed_shares}:{total_shares}:{size}")
    }
}

/// The name that the size has in errors.
const SIZE: &str = "file size";

/// `URI:CHK:<key>:<UEB hash>:<k>:<N>:<size>`: reads an immutable file.
#[derive(Clone, PartialEq, Eq)]
pub struct ChkReadCap {
    key: EncryptionKey,
    shape: ChkShape,
    storage_index: StorageIndex,
}

impl ChkReadCap {
    /// The cap of a file that was encrypted with this key.
    #[must_use]
    pub fn new(key: EncryptionKey, shape: ChkShape) -> Self {
        let storage_index = key.storage_index();
        Self { key, shape, storage_index }
    }

    pub(super) fn parse(tail: &str) -> Result<Self, Malformation> {
        let mut fields = Fields(tail);
        let key = EncryptionKey::new(fields.bytes("key")?);
        Ok(Self::new(key, ChkShape::parse(fields, |rest| rest.last_number(SIZE))?))
    }

    /// Decrypts the file.
    #[must_use]
    pub const fn key(&self) -> &EncryptionKey {
        &self.key
    }

    /// Hash and sizes of the file.
    #[must_use]
    pub const fn shape(&self) -> &ChkShape {
        &self.shape
    }

    /// Size of the file, in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.shape.size
    }

    /// `k`-of-`N`, if there can be a file of these: to be asked before a download.
    ///
    /// # Errors
    /// Unless 1 ≤ k ≤ N ≤ 256.
    pub fn encoding(&self) -> Result<Encoding, EncodingError> {
        self.shape.encoding()
    }

    /// Where servers keep its shares.
    #[must_use]
    pub const fn storage_index(&self) -> StorageIndex {
        self.storage_index
    }

    /// The cap that checks the shares of this file, and cannot read it.
    #[must_use]
    pub fn to_verifier(&self) -> ChkVerifyCap {
        ChkVerifyCap { storage_index: self.storage_index, shape: self.shape.clone() }
    }

    pub(super) fn tail(&self) -> String {
        format!("{}:{}", crate::base32::encode(self.key.expose()), self.shape)
    }

    pub(super) const fn kind(&self) -> FileKind {
        FileKind::ChkRead
    }
}

impl fmt::Display for ChkReadCap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = CapKind { file: self.kind(), is_directory: false };
        write!(f, "{}{}", kind.prefix(), self.tail())
    }
}

impl fmt::Debug for ChkReadCap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChkReadCap({})", self.storage_index)
    }
}

/// `URI:CHK-Verifier:<storage index>:<UEB hash>:<k>:<N>:<size>`: checks an immutable file's shares.
#[derive(Clone, PartialEq, Eq)]
pub struct ChkVerifyCap {
    storage_index: StorageIndex,
    shape: ChkShape,
}

impl ChkVerifyCap {
    /// The cap that checks the shares kept under this storage index.
    #[must_use]
    pub const fn new(storage_index: StorageIndex, shape: ChkShape) -> Self {
        Self { storage_index, shape }
    }

    /// What follows the size is dropped: Tahoe-LAFS does not look at the end of these.
    pub(super) fn parse(tail: &str) -> Result<Self, Malformation> {
        let mut fields = Fields(tail);
        let storage_index = StorageIndex::new(fields.bytes("storage index")?);
        let shape = ChkShape::parse(fields, |rest| rest.last_number_unanchored(SIZE))?;
        Ok(Self { storage_index, shape })
    }

    /// Hash and sizes of the file.
    #[must_use]
    pub const fn shape(&self) -> &ChkShape {
        &self.shape
    }

    /// Size of the file, in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.shape.size
    }

    /// `k`-of-`N`, if there can be a file of these: to be asked before a check.
    ///
    /// # Errors
    /// Unless 1 ≤ k ≤ N ≤ 256.
    pub fn encoding(&self) -> Result<Encoding, EncodingError> {
        self.shape.encoding()
    }

    /// Where servers keep its shares.
    #[must_use]
    pub const fn storage_index(&self) -> StorageIndex {
        self.storage_index
    }

    pub(super) fn tail(&self) -> String {
        format!("{}:{}", self.storage_index, self.shape)
    }

    pub(super) const fn kind(&self) -> FileKind {
        FileKind::ChkVerify
    }
}

impl fmt::Display for ChkVerifyCap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = CapKind { file: self.kind(), is_directory: false };
        write!(f, "{}{}", kind.prefix(), self.tail())
    }
}

impl fmt::Debug for ChkVerifyCap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChkVerifyCap({})", self.storage_index)
    }
}
