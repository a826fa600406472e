//! A version of a mutable file to shares (sections 3.7 to 3.9).

use std::ops::Range;

use bytes::Bytes;
use sha256_lanes::Batch;
use zfec::Codec;

use super::decoder::segment_cipher;
use super::header::{CHAIN_ENTRY_LEN, PartLens};
use super::keys::SIGNATURE_LEN;
use super::{Header, MutableGeometry, MutableKeyPair, Salt, VersionId};
use crate::cap::{MutableFormat, ReadKey};
use crate::hash::{BLOCK, Hash};
use crate::merkle::{MerkleTree, leaf_node};

/// What a version is published with, beside its content.
#[derive(Debug, Clone, Copy)]
pub struct Publication<'a> {
    /// Signs it.
    pub keys: &'a MutableKeyPair,
    /// One more than the version before; 1 for the first.
    pub sequence_number: u64,
    /// Random bytes, different for every segment that is ever written.
    pub salts: &'a [Salt],
}

/// All shares of one version, each with its header.
#[derive(Debug, Clone)]
pub struct EncodedVersion {
    /// The header of share 0; those of the others differ in nothing but what is not signed.
    pub header: Header,
    /// The shares, in order of their numbers.
    pub shares: Vec<Bytes>,
}

/// Codes a whole version.
///
/// # Panics
/// If the content has not the size that the geometry says, or there are fewer salts than segments
/// (and one for an empty file).
#[must_use]
pub fn encode(
    geometry: MutableGeometry,
    content: &[u8],
    publication: &Publication<'_>,
) -> EncodedVersion {
    assert_eq!(content.len() as u64, geometry.size(), "the geometry is that of the content");
    let coded = code(&geometry, 0..geometry.segment_count(), content, publication);
    let trees: Vec<MerkleTree> =
        coded.leaves.iter().map(|leaves| MerkleTree::from_leaves(leaves)).collect();
    let sealed = Sealed::new(geometry, publication, &trees);
    let shares = coded.data.into_iter().zip(&trees).enumerate();
    let shares = shares.map(|(number, (data, tree))| sealed.share(number, &data, tree)).collect();
    EncodedVersion { header: sealed.header, shares }
}

/// Segments in a row, coded: for each share its data and the hashes of its blocks.
pub(super) struct Coded {
    pub(super) data: Vec<Vec<u8>>,
    pub(super) leaves: Vec<Vec<Hash>>,
}

/// Codes the segments whose plaintext is given.
pub(super) fn code(
    geometry: &MutableGeometry,
    segments: Range<u64>,
    plaintext: &[u8],
    publication: &Publication<'_>,
) -> Coded {
    let encoding = geometry.encoding();
    let codec = Codec::new(encoding.needed().into(), encoding.total().into())
        .expect("an Encoding has numbers that zfec takes");
    let read_key = publication.keys.write_key().read_key();
    let range = geometry.data_range(&segments);
    let len = usize::try_from(range.end - range.start).expect("the content is in memory");
    let mut coded = Coded {
        data: vec![Vec::with_capacity(len); codec.n()],
        leaves: vec![Vec::new(); codec.n()],
    };
    let mut rest = plaintext;
    for (segment, salt) in segments.zip(publication.salts) {
        let bytes = geometry.segment_range(segment);
        let len = usize::try_from(bytes.end - bytes.start).expect("the content is in memory");
        let (this, after) = rest.split_at(len);
        rest = after;
        code_segment(&codec, geometry.format(), this, (&read_key, salt), &mut coded);
    }
    assert!(rest.is_empty(), "a salt for every segment");
    coded
}

fn code_segment(
    codec: &Codec,
    format: MutableFormat,
    plaintext: &[u8],
    (key, salt): (&ReadKey, &Salt),
    coded: &mut Coded,
) {
    let block_len = plaintext.len().div_ceil(codec.k());
    let mut segment = plaintext.to_vec();
    segment_cipher(key, salt).apply(0, &mut segment);
    segment.resize(block_len * codec.k(), 0);
    let primary: Vec<&[u8]> = segment.chunks_exact(block_len).collect();
    // The blocks go where they belong at once, parity straight from the kernel.
    let starts: Vec<usize> = coded.data.iter().map(Vec::len).collect();
    let mut blocks = Vec::with_capacity(codec.n());
    for data in &mut coded.data {
        if format == MutableFormat::Mdmf {
            data.extend_from_slice(salt);
        }
        let at = data.len();
        data.resize(at + block_len, 0);
        blocks.push(&mut data[at..]);
    }
    let (first, parity) = blocks.split_at_mut(codec.k());
    for (block, primary) in first.iter_mut().zip(&primary) {
        block.copy_from_slice(primary);
    }
    codec.encode_into(&primary, parity).expect("k blocks and n - k blocks of one length");
    let mut batch = Batch::with_capacity(codec.n());
    for (data, start) in coded.data.iter().zip(starts) {
        batch.push_double(BLOCK.prefix(), &data[start..]);
    }
    for (leaves, hash) in coded.leaves.iter_mut().zip(batch.run()) {
        leaves.push(hash);
    }
}

/// A version whose hashes are all known, signed.
pub(super) struct Sealed {
    pub(super) header: Header,
    share_tree: MerkleTree,
    signature: [u8; SIGNATURE_LEN],
    public_key: Bytes,
    private_key: Bytes,
}

impl Sealed {
    pub(super) fn new(
        geometry: MutableGeometry,
        publication: &Publication<'_>,
        trees: &[MerkleTree],
    ) -> Self {
        let roots: Vec<Hash> = trees.iter().map(MerkleTree::root).collect();
        let share_tree = MerkleTree::from_leaves(&roots);
        let version = VersionId {
            sequence_number: publication.sequence_number,
            root_hash: share_tree.root(),
        };
        let salt = match geometry.format() {
            MutableFormat::Sdmf => Some(*publication.salts.first().expect("at least one salt")),
            MutableFormat::Mdmf => None,
        };
        let public_key = publication.keys.public_der().clone();
        let private_key = publication.keys.encrypted();
        // All shares have chains of one length: the padded tree is as deep everywhere.
        let chain_entries = roots.len().next_power_of_two().trailing_zeros();
        let parts = PartLens {
            public_key: public_key.len() as u64,
            signature: SIGNATURE_LEN as u64,
            share_hash_chain: u64::from(chain_entries) * CHAIN_ENTRY_LEN,
            private_key: private_key.len() as u64,
        };
        let header = Header::new(version, geometry, salt, &parts);
        let signature = publication.keys.sign(header.signed());
        Self { header, share_tree, signature, public_key, private_key }
    }

    /// The siblings on the way from a share's leaf to the root, by number; not the leaf itself.
    fn chain(&self, number: usize) -> Vec<u8> {
        let total = usize::from(self.header.geometry.encoding().total());
        let own = leaf_node(total, number);
        let mut chain = Vec::new();
        for (node, hash) in self.share_tree.proof(number) {
            if node != own {
                let node = u16::try_from(node).expect("a tree over 255 leaves has 511 nodes");
                chain.extend(node.to_be_bytes());
                chain.extend(hash);
            }
        }
        chain
    }

    /// A whole share.
    fn share(&self, number: usize, data: &[u8], tree: &MerkleTree) -> Bytes {
        let mut share = Vec::with_capacity(usize::try_from(self.header.offsets.end()).unwrap_or(0));
        self.push_front(&mut share, number);
        match self.header.geometry.format() {
            MutableFormat::Sdmf => {
                share.extend(tree.to_bytes());
                share.extend_from_slice(data);
                share.extend_from_slice(&self.private_key);
            }
            MutableFormat::Mdmf => {
                share.resize(usize::try_from(self.header.offsets.data.start).unwrap_or(0), 0);
                share.extend_from_slice(data);
                share.extend(tree.to_bytes());
            }
        }
        share.into()
    }

    /// What stands before the data of an MDMF share.
    pub(super) fn mdmf_front(&self, number: usize) -> Bytes {
        let mut front = Vec::new();
        self.push_front(&mut front, number);
        front.into()
    }

    fn push_front(&self, share: &mut Vec<u8>, number: usize) {
        share.extend(self.header.to_bytes());
        match self.header.geometry.format() {
            MutableFormat::Sdmf => {
                share.extend_from_slice(&self.public_key);
                share.extend_from_slice(&self.signature);
                share.extend(self.chain(number));
            }
            MutableFormat::Mdmf => {
                share.extend_from_slice(&self.private_key);
                share.extend(self.chain(number));
                share.extend_from_slice(&self.signature);
                share.extend_from_slice(&self.public_key);
            }
        }
    }
}
