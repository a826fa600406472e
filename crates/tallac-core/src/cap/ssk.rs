//! Caps of mutable files, SDMF and MDMF, which have the same fields (section 1.2).

use std::fmt;

use super::fields::Fields;
use super::{CapKind, FileKind, Fingerprint, Malformation, MutableFormat, ReadKey, WriteKey};
use crate::base32;
use crate::ids::StorageIndex;

/// `URI:SSK:` or `URI:MDMF:` `<write key>:<fingerprint>`: changes a mutable file.
#[derive(Clone, PartialEq, Eq)]
pub struct SskWriteCap {
    format: MutableFormat,
    write_key: WriteKey,
    fingerprint: Fingerprint,
    read_key: ReadKey,
    storage_index: StorageIndex,
}

impl SskWriteCap {
    /// The cap of a file with this write key and this hash of its public key.
    #[must_use]
    pub fn new(format: MutableFormat, write_key: WriteKey, fingerprint: Fingerprint) -> Self {
        let read_key = write_key.read_key();
        let storage_index = read_key.storage_index();
        Self { format, write_key, fingerprint, read_key, storage_index }
    }

    pub(super) fn parse(format: MutableFormat, tail: &str) -> Result<Self, Malformation> {
        let (key, fingerprint) = parse(format, "write key", tail)?;
        Ok(Self::new(format, WriteKey::new(key), fingerprint))
    }

    /// SDMF or MDMF.
    #[must_use]
    pub const fn format(&self) -> MutableFormat {
        self.format
    }

    /// Decrypts the private key in the shares.
    #[must_use]
    pub const fn write_key(&self) -> &WriteKey {
        &self.write_key
    }

    /// Decrypts the content.
    #[must_use]
    pub const fn read_key(&self) -> &ReadKey {
        &self.read_key
    }

    /// Proves the public key in the shares.
    #[must_use]
    pub const fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Where servers keep its shares.
    #[must_use]
    pub const fn storage_index(&self) -> StorageIndex {
        self.storage_index
    }

    /// The cap that reads this file, and cannot change it.
    #[must_use]
    pub fn to_readonly(&self) -> SskReadCap {
        SskReadCap {
            format: self.format,
            read_key: self.read_key.clone(),
            fingerprint: self.fingerprint,
            storage_index: self.storage_index,
        }
    }

    /// The cap that checks the shares of this file, and can neither read nor change it.
    #[must_use]
    pub const fn to_verifier(&self) -> SskVerifyCap {
        SskVerifyCap::new(self.format, self.storage_index, self.fingerprint)
    }

    pub(super) fn tail(&self) -> String {
        format!("{}:{}", base32::encode(self.write_key.expose()), self.fingerprint)
    }

    pub(super) const fn kind(&self) -> FileKind {
        FileKind::SskWrite(self.format)
    }
}

/// `URI:SSK-RO:` or `URI:MDMF-RO:` `<read key>:<fingerprint>`: reads a mutable file.
#[derive(Clone, PartialEq, Eq)]
pub struct SskReadCap {
    format: MutableFormat,
    read_key: ReadKey,
    fingerprint: Fingerprint,
    storage_index: StorageIndex,
}

impl SskReadCap {
    /// The cap of a file with this read key and this hash of its public key.
    #[must_use]
    pub fn new(format: MutableFormat, read_key: ReadKey, fingerprint: Fingerprint) -> Self {
        let storage_index = read_key.storage_index();
        Self { format, read_key, fingerprint, storage_index }
    }

    pub(super) fn parse(format: MutableFormat, tail: &str) -> Result<Self, Malformation> {
        let (key, fingerprint) = parse(format, "read key", tail)?;
        Ok(Self::new(format, ReadKey::new(key), fingerprint))
    }

    /// SDMF or MDMF.
    #[must_use]
    pub const fn format(&self) -> MutableFormat {
        self.format
    }

    /// Decrypts the content.
    #[must_use]
    pub const fn read_key(&self) -> &ReadKey {
        &self.read_key
    }

    /// Proves the public key in the shares.
    #[must_use]
    pub const fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Where servers keep its shares.
    #[must_use]
    pub const fn storage_index(&self) -> StorageIndex {
        self.storage_index
    }

    /// The cap that checks the shares of this file, and cannot read it.
    #[must_use]
    pub const fn to_verifier(&self) -> SskVerifyCap {
        SskVerifyCap::new(self.format, self.storage_index, self.fingerprint)
    }

    pub(super) fn tail(&self) -> String {
        format!("{}:{}", base32::encode(self.read_key.expose()), self.fingerprint)
    }

    pub(super) const fn kind(&self) -> FileKind {
        FileKind::SskRead(self.format)
    }
}

/// `URI:SSK-Verifier:` or `URI:MDMF-Verifier:` `<storage index>:<fingerprint>`: checks a mutable
/// file's shares.
#[derive(Clone, PartialEq, Eq)]
pub struct SskVerifyCap {
    format: MutableFormat,
    storage_index: StorageIndex,
    fingerprint: Fingerprint,
}

impl SskVerifyCap {
    /// The cap that checks the shares kept under this storage index.
    #[must_use]
    pub const fn new(
        format: MutableFormat,
        storage_index: StorageIndex,
        fingerprint: Fingerprint,
    ) -> Self {
        Self { format, storage_index, fingerprint }
    }

    pub(super) fn parse(format: MutableFormat, tail: &str) -> Result<Self, Malformation> {
        let (bytes, fingerprint) = parse(format, "storage index", tail)?;
        Ok(Self::new(format, StorageIndex::new(bytes), fingerprint))
    }

    /// SDMF or MDMF.
    #[must_use]
    pub const fn format(&self) -> MutableFormat {
        self.format
    }

    /// Proves the public key in the shares.
    #[must_use]
    pub const fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Where servers keep its shares.
    #[must_use]
    pub const fn storage_index(&self) -> StorageIndex {
        self.storage_index
    }

    pub(super) fn tail(&self) -> String {
        format!("{}:{}", self.storage_index, self.fingerprint)
    }

    pub(super) const fn kind(&self) -> FileKind {
        FileKind::SskVerify(self.format)
    }
}

/// Both fields of any of these. Only MDMF had caps with more in them, which is ignored.
fn parse(
    format: MutableFormat,
    first: &'static str,
    tail: &str,
) -> Result<([u8; 16], Fingerprint), Malformation> {
    const FINGERPRINT: &str = "fingerprint";
    let mut fields = Fields(tail);
    let bytes = fields.bytes(first)?;
    let fingerprint = match format {
        MutableFormat::Sdmf => fields.last_bytes(FINGERPRINT)?,
        MutableFormat::Mdmf => fields.last_bytes_extensible(FINGERPRINT)?,
    };
    Ok((bytes, Fingerprint::new(fingerprint)))
}

/// Printing, the same for all three: the cap as a text, and its storage index for debugging.
macro_rules! show {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let kind = CapKind { file: self.kind(), is_directory: false };
                write!(f, "{}{}", kind.prefix(), self.tail())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?} {})"), self.format, self.storage_index)
            }
        }
    )*};
}

show!(SskWriteCap SskReadCap SskVerifyCap);
