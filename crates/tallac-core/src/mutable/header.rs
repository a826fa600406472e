//! The front of a share: what is signed, and where the rest stands (sections 3.8 and 3.9).

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use super::{MutableGeometry, Salt};
use crate::base32;
use crate::cap::MutableFormat;
use crate::hash::Hash;
use crate::immutable::Encoding;

/// Bytes of the longer of the two headers; the other is shorter than every share of its kind.
pub const SHARE_HEADER_LEN_MAX: u64 = MDMF_HEADER_LEN;

/// Bytes of the longer of the two checkstrings.
pub const CHECKSTRING_LEN_MAX: u64 = 57;

const SDMF_SIGNED_LEN: usize = 75;
const SDMF_CHECKSTRING_LEN: usize = 57;
const SDMF_HEADER_LEN: u64 = 107;
const MDMF_SIGNED_LEN: usize = 59;
const MDMF_CHECKSTRING_LEN: usize = 41;
const MDMF_HEADER_LEN: u64 = 123;

/// Where the data of every MDMF share begins, whatever is before it.
pub(super) const MDMF_DATA_OFFSET: u64 = 2167;

/// Bytes of one entry of a share hash chain: a node's number and its hash.
pub(super) const CHAIN_ENTRY_LEN: u64 = 34;

/// Entries of the chain of a tree over 255 leaves.
const CHAIN_ENTRIES_MAX: u64 = 8;

/// Longest key or signature that is accepted, in bytes.
const KEY_LEN_MAX: u64 = 4096;

/// Why the front of a share cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// It ends too early.
    #[error("the share is too short to be one")]
    TooShort,
    /// It is of a layout that we do not know.
    #[error("unknown share version {0}")]
    UnknownVersion(u8),
    /// Its layout is not that of the capability.
    #[error("the share is {found:?}, not {expected:?} as the capability says")]
    WrongFormat {
        /// What the cap says.
        expected: MutableFormat,
        /// What the share says.
        found: MutableFormat,
    },
    /// Numbers that no writer makes, or larger than we hold.
    #[error("impossible encoding or sizes")]
    BadSizes,
    /// Offsets that contradict each other or the sizes.
    #[error("impossible offsets")]
    BadOffsets,
}

/// Which version of a mutable file: the later of two is the one that compares greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionId {
    /// One more than the version before.
    pub sequence_number: u64,
    /// Root of the tree over all shares.
    pub root_hash: Hash,
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seq{}-{}", self.sequence_number, &base32::encode(&self.root_hash)[..4])
    }
}

impl fmt::Debug for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VersionId({self})")
    }
}

/// Where the parts of a share stand, in bytes from its start. They are not signed: whoever changes
/// them makes the share unusable, and no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offsets {
    /// The public key.
    pub public_key: Range<u64>,
    /// Its signature of the header.
    pub signature: Range<u64>,
    /// The siblings on the way from this share's leaf to the root hash.
    pub share_hash_chain: Range<u64>,
    /// The tree over this share's blocks.
    pub block_hash_tree: Range<u64>,
    /// The blocks, each after its salt in MDMF.
    pub data: Range<u64>,
    /// The encrypted private key.
    pub private_key: Range<u64>,
}

impl Offsets {
    /// Bytes of the share.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.private_key.end.max(self.block_hash_tree.end)
    }

    /// The first bytes, up to where hashes, keys and signature are all in; the data and what comes
    /// after it left out.
    #[must_use]
    pub fn front(&self) -> u64 {
        self.signature.end.max(self.public_key.end).max(self.share_hash_chain.end)
    }
}

/// The header of a share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Which version of the file.
    pub version: VersionId,
    /// Its sizes.
    pub geometry: MutableGeometry,
    /// The salt of the one segment of an SDMF version; MDMF keeps one beside each block.
    pub salt: Option<Salt>,
    /// Where things are.
    pub offsets: Offsets,
    signed: Bytes,
}

impl Header {
    /// The header of a share that begins with these bytes.
    ///
    /// # Errors
    /// [`HeaderError`].
    pub fn parse(share: &[u8], expected: MutableFormat) -> Result<Self, HeaderError> {
        let found = match share.first() {
            None => return Err(HeaderError::TooShort),
            Some(0) => MutableFormat::Sdmf,
            Some(1) => MutableFormat::Mdmf,
            Some(other) => return Err(HeaderError::UnknownVersion(*other)),
        };
        if found != expected {
            return Err(HeaderError::WrongFormat { expected, found });
        }
        let mut fields = Fields { bytes: share, at: 1 };
        let sequence_number = fields.u64()?;
        let root_hash = fields.array()?;
        let (salt, signed_len) = match found {
            MutableFormat::Sdmf => (Some(fields.array()?), SDMF_SIGNED_LEN),
            MutableFormat::Mdmf => (None, MDMF_SIGNED_LEN),
        };
        let [k, n] = fields.array()?;
        let (segment_size, size) = (fields.u64()?, fields.u64()?);
        let encoding = Encoding::new(k.into(), n.into()).map_err(|_| HeaderError::BadSizes)?;
        let geometry = MutableGeometry::of_version(found, encoding, size, segment_size)?;
        let offsets = match found {
            MutableFormat::Sdmf => sdmf_offsets(&mut fields)?,
            MutableFormat::Mdmf => mdmf_offsets(&mut fields)?,
        };
        check_offsets(&offsets, &geometry)?;
        let version = VersionId { sequence_number, root_hash };
        let signed = Bytes::copy_from_slice(&share[..signed_len]);
        Ok(Self { version, geometry, salt, offsets, signed })
    }

    /// The header of a new share. The sizes of its parts are given by `parts`.
    pub(super) fn new(
        version: VersionId,
        geometry: MutableGeometry,
        salt: Option<Salt>,
        parts: &PartLens,
    ) -> Self {
        let mut signed = Vec::with_capacity(SDMF_SIGNED_LEN);
        signed.push(u8::from(geometry.format() == MutableFormat::Mdmf));
        signed.extend(version.sequence_number.to_be_bytes());
        signed.extend(version.root_hash);
        signed.extend(salt.iter().flatten());
        for number in [geometry.encoding().needed(), geometry.encoding().total()] {
            signed.push(u8::try_from(number).expect("a geometry has at most 255 shares"));
        }
        signed.extend(geometry.segment_size().to_be_bytes());
        signed.extend(geometry.size().to_be_bytes());
        let offsets = parts.place(&geometry);
        Self { version, geometry, salt, offsets, signed: signed.into() }
    }

    /// The bytes that are signed; also what tells any two versions apart.
    #[must_use]
    pub const fn signed(&self) -> &Bytes {
        &self.signed
    }

    /// The first bytes of a share, by which a server tells one version from another.
    #[must_use]
    pub fn checkstring(&self) -> Bytes {
        self.signed.slice(
            ..match self.geometry.format() {
                MutableFormat::Sdmf => SDMF_CHECKSTRING_LEN,
                MutableFormat::Mdmf => MDMF_CHECKSTRING_LEN,
            },
        )
    }

    /// The whole header as it stands in a share.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.signed.to_vec();
        let o = &self.offsets;
        match self.geometry.format() {
            MutableFormat::Sdmf => {
                for offset in [
                    o.signature.start,
                    o.share_hash_chain.start,
                    o.block_hash_tree.start,
                    o.data.start,
                ] {
                    let short = u32::try_from(offset).expect("keys and hashes of one block");
                    bytes.extend(short.to_be_bytes());
                }
                bytes.extend(o.private_key.start.to_be_bytes());
                bytes.extend(o.private_key.end.to_be_bytes());
            }
            MutableFormat::Mdmf => {
                for offset in [
                    o.private_key.start,
                    o.share_hash_chain.start,
                    o.signature.start,
                    o.public_key.start,
                    o.public_key.end,
                    o.data.start,
                    o.block_hash_tree.start,
                    o.block_hash_tree.end,
                ] {
                    bytes.extend(offset.to_be_bytes());
                }
            }
        }
        bytes
    }
}

/// Bytes of those parts of a share that the geometry does not give.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartLens {
    pub(super) public_key: u64,
    pub(super) signature: u64,
    pub(super) share_hash_chain: u64,
    pub(super) private_key: u64,
}

impl PartLens {
    fn place(&self, geometry: &MutableGeometry) -> Offsets {
        let mut at = 0;
        let mut take = |len: u64| {
            let start = at;
            at += len;
            start..at
        };
        match geometry.format() {
            MutableFormat::Sdmf => {
                take(SDMF_HEADER_LEN);
                Offsets {
                    public_key: take(self.public_key),
                    signature: take(self.signature),
                    share_hash_chain: take(self.share_hash_chain),
                    block_hash_tree: take(geometry.tree_len()),
                    data: take(geometry.data_len()),
                    private_key: take(self.private_key),
                }
            }
            MutableFormat::Mdmf => {
                take(MDMF_HEADER_LEN);
                let private_key = take(self.private_key);
                let share_hash_chain = take(self.share_hash_chain);
                let signature = take(self.signature);
                let public_key = take(self.public_key);
                take(MDMF_DATA_OFFSET - public_key.end);
                let data = take(geometry.data_len());
                let block_hash_tree = take(geometry.tree_len());
                Offsets {
                    public_key,
                    signature,
                    share_hash_chain,
                    block_hash_tree,
                    data,
                    private_key,
                }
            }
        }
    }
}

fn sdmf_offsets(fields: &mut Fields<'_>) -> Result<Offsets, HeaderError> {
    let [signature, chain, tree, data] =
        [fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?].map(u64::from);
    let (private_key, end) = (fields.u64()?, fields.u64()?);
    Ok(Offsets {
        public_key: SDMF_HEADER_LEN..signature,
        signature: signature..chain,
        share_hash_chain: chain..tree,
        block_hash_tree: tree..data,
        data: data..private_key,
        private_key: private_key..end,
    })
}

fn mdmf_offsets(fields: &mut Fields<'_>) -> Result<Offsets, HeaderError> {
    let mut offsets = [0; 8];
    for offset in &mut offsets {
        *offset = fields.u64()?;
    }
    let [private_key, chain, signature, public_key, public_end, data, tree, end] = offsets;
    if private_key < MDMF_HEADER_LEN || public_end > data {
        return Err(HeaderError::BadOffsets);
    }
    Ok(Offsets {
        private_key: private_key..chain,
        share_hash_chain: chain..signature,
        signature: signature..public_key,
        public_key: public_key..public_end,
        data: data..tree,
        block_hash_tree: tree..end,
    })
}

/// Whether every part has a length that it can have. Reversed ranges have none.
fn check_offsets(offsets: &Offsets, geometry: &MutableGeometry) -> Result<(), HeaderError> {
    let len = |range: &Range<u64>| range.end.checked_sub(range.start);
    let chain_max = CHAIN_ENTRIES_MAX * CHAIN_ENTRY_LEN;
    let is_key = |range| len(range).is_some_and(|len| (1..=KEY_LEN_MAX).contains(&len));
    let is_good = is_key(&offsets.public_key)
        && is_key(&offsets.signature)
        && is_key(&offsets.private_key)
        && len(&offsets.share_hash_chain)
            .is_some_and(|len| len <= chain_max && len.is_multiple_of(CHAIN_ENTRY_LEN))
        && len(&offsets.block_hash_tree) == Some(geometry.tree_len())
        && len(&offsets.data) == Some(geometry.data_len())
        && offsets.front() <= 4 * KEY_LEN_MAX;
    if is_good { Ok(()) } else { Err(HeaderError::BadOffsets) }
}

struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], HeaderError> {
        let field = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk);
        self.at += N;
        field.copied().ok_or(HeaderError::TooShort)
    }

    fn u32(&mut self) -> Result<u32, HeaderError> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, HeaderError> {
        self.array().map(u64::from_be_bytes)
    }
}
