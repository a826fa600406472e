//! Mutable files, SDMF and MDMF (specification sections 2.4, 2.9 and 3.7 to 3.9): keys and
//! signatures, the two share layouts, coding of a version into shares and back.
//!
//! All of it is synchronous and pure. What comes from servers is believed in this order: the
//! public key by the fingerprint in the cap, the header by its signature, the hash trees by the
//! root hash in the header, the blocks by the trees.

mod decoder;
mod encoder;
mod geometry;
mod header;
mod keys;
mod patch;
mod share;
#[cfg(test)]
mod tests;

pub use decoder::decode_segment;
pub use encoder::{EncodedVersion, Publication, encode};
pub use geometry::{MDMF_SEGMENT_SIZE, MutableGeometry};
pub use header::{
    CHECKSTRING_LEN_MAX, Header, HeaderError, Offsets, SHARE_HEADER_LEN_MAX, VersionId,
};
pub use keys::{KeyError, MutableKeyPair, SIGNATURE_LEN, VerifyingKey};
pub use patch::{Patch, PatchError, PatchedVersion, SharePatch};
pub use share::{BlockRun, ShareError, ShareProof};

/// A salt: new for every segment that is written, so that no key stream is used twice.
pub type Salt = [u8; 16];

/// Bytes of a [`Salt`].
pub const SALT_LEN: u64 = size_of::<Salt>() as u64;
