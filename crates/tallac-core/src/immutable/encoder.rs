//! Plaintext to shares, a segment at a time (specification section 3.1).

use bytes::Bytes;
use sha256_lanes::{Batch, Stream};
use zfec::Codec;

use super::layout::{CHAIN_ENTRY, tree_len};
use super::{Geometry, LayoutVersion, ShareLayout, Ueb};
use crate::crypto::Aes128Ctr;
use crate::hash::{BLOCK, CRYPTTEXT, CRYPTTEXT_SEGMENT, Hash};
use crate::ids::ShareNumber;
use crate::merkle::MerkleTree;

/// What the caller of an encoder did wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A segment has another length than the file's size gives it: the source changed while it was
    /// read, or said the wrong size.
    #[error("segment {segment} has {found} bytes where {expected} belong: did the file change?")]
    WrongLength {
        /// Which segment.
        segment: u64,
        /// Bytes that belong there.
        expected: u64,
        /// Bytes given.
        found: u64,
    },
    /// Segments are missing.
    #[error("the file has {expected} segments, only {found} were encoded")]
    Unfinished {
        /// Segments of the file.
        expected: u64,
        /// Segments given.
        found: u64,
    },
    /// The shares would not be those of the file that they are made for.
    #[error("coding the file again makes other shares than those that it has")]
    OtherShares,
}

/// The blocks of one segment, one for each share, in order of their numbers.
#[derive(Debug, Clone)]
pub struct EncodedSegment {
    /// Which segment.
    pub number: u64,
    /// Its blocks.
    pub blocks: Vec<Bytes>,
}

/// Turns the segments of one file into blocks, and remembers the hashes that go after them.
pub struct Encoder {
    geometry: Geometry,
    layout: ShareLayout,
    /// None for what is encrypted already.
    cipher: Option<Aes128Ctr>,
    codec: Codec,
    crypttext: Stream,
    segment_hashes: Vec<Hash>,
    /// For each share, the hashes of its blocks.
    block_hashes: Vec<Vec<Hash>>,
    /// The UEB of the file whose shares are made anew.
    known: Option<(Ueb, Bytes)>,
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder")
            .field("geometry", &self.geometry)
            .field("segments_done", &self.segment_hashes.len())
            .finish_non_exhaustive()
    }
}

impl Encoder {
    /// For a file of these sizes, encrypted with `key`.
    #[must_use]
    pub fn new(geometry: Geometry, key: &[u8; 16]) -> Self {
        Self { cipher: Some(Aes128Ctr::new(key)), ..Self::for_ciphertext(geometry) }
    }

    /// For a file of these sizes that is given as ciphertext.
    #[must_use]
    pub fn for_ciphertext(geometry: Geometry) -> Self {
        let (k, n) = (geometry.encoding().needed(), geometry.encoding().total());
        Self {
            layout: ShareLayout::for_upload(&geometry),
            cipher: None,
            codec: Codec::new(k.into(), n.into()).expect("an Encoding has numbers that zfec takes"),
            crypttext: Stream::with_prefix(CRYPTTEXT.prefix()),
            segment_hashes: Vec::new(),
            block_hashes: vec![Vec::new(); n.into()],
            known: None,
            geometry,
        }
    }

    /// For a file that exists, given as ciphertext: the shares made are those that it has, or none.
    /// `bytes` are those of its `ueb`.
    #[must_use]
    pub fn for_repair(ueb: Ueb, bytes: Bytes) -> Self {
        Self { known: Some((ueb.clone(), bytes)), ..Self::for_ciphertext(ueb.geometry) }
    }

    /// Its file's sizes.
    #[must_use]
    pub const fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Bytes of every share of the file, known before the first segment.
    #[must_use]
    pub fn share_size(geometry: &Geometry) -> u64 {
        ShareLayout::for_upload(geometry).share_size(Ueb::len_for(geometry))
    }

    /// Bytes of every share that this encoder makes.
    #[must_use]
    pub fn share_len(&self) -> u64 {
        match &self.known {
            None => Self::share_size(&self.geometry),
            Some((_, bytes)) => self.layout.share_size(bytes.len() as u64),
        }
    }

    /// The first bytes of every share.
    #[must_use]
    pub fn header(&self) -> Bytes {
        self.layout.to_bytes().into()
    }

    /// Encrypts, codes and hashes the next segment, given as plaintext; as ciphertext if the
    /// encoder is for that.
    ///
    /// # Errors
    /// [`EncodeError::WrongLength`], also when there is no next segment.
    pub fn encode(&mut self, plaintext: Vec<u8>) -> Result<EncodedSegment, EncodeError> {
        let number = self.segment_hashes.len() as u64;
        let expected = self.geometry.segment_len(number);
        let found = plaintext.len() as u64;
        if found != expected || expected == 0 {
            return Err(EncodeError::WrongLength { segment: number, expected, found });
        }
        let mut segment = plaintext;
        if let Some(cipher) = &mut self.cipher {
            cipher.apply(self.geometry.segment_offset(number), &mut segment);
        }
        let blocks = self.code(number, segment);
        Ok(EncodedSegment { number, blocks })
    }

    /// Codes a segment of ciphertext and takes all of its hashes.
    fn code(&mut self, number: u64, mut segment: Vec<u8>) -> Vec<Bytes> {
        let encoding = self.geometry.encoding();
        let (k, n) = (usize::from(encoding.needed()), usize::from(encoding.total()));
        let crypttext_len = segment.len();
        let block_len = crypttext_len.div_ceil(k);
        segment.resize(block_len * k, 0);

        let mut parity = vec![0; block_len * (n - k)];
        let primary: Vec<&[u8]> = segment.chunks_exact(block_len).collect();
        let mut parity_blocks: Vec<&mut [u8]> = parity.chunks_exact_mut(block_len).collect();
        self.codec
            .encode_into(&primary, &mut parity_blocks)
            .expect("k blocks and n - k blocks of one length");

        // The one long stream first, then the segment, then the blocks: none waits at the end.
        let mut batch = Batch::new();
        let crypttext = &segment[..crypttext_len];
        batch.push_stream(&mut self.crypttext, crypttext);
        batch.push_double(CRYPTTEXT_SEGMENT.prefix(), crypttext);
        for block in primary.into_iter().chain(parity.chunks_exact(block_len)) {
            batch.push_double(BLOCK.prefix(), block);
        }
        let mut hashes = batch.run().into_iter();
        self.segment_hashes.extend(hashes.next());
        for (share, hash) in self.block_hashes.iter_mut().zip(hashes) {
            share.push(hash);
        }
        debug_assert_eq!(self.segment_hashes.len() as u64, number + 1);

        let (segment, parity) = (Bytes::from(segment), Bytes::from(parity));
        let cut = |from: &Bytes, i: usize| from.slice(i * block_len..(i + 1) * block_len);
        (0..k).map(|i| cut(&segment, i)).chain((0..n - k).map(|i| cut(&parity, i))).collect()
    }

    /// Hashes the trees and makes what comes after the blocks.
    ///
    /// # Errors
    /// [`EncodeError::Unfinished`] before the last segment; [`EncodeError::OtherShares`].
    pub fn finish(self) -> Result<EncodedFile, EncodeError> {
        let (expected, found) = (self.geometry.segment_count(), self.segment_hashes.len() as u64);
        if found != expected {
            return Err(EncodeError::Unfinished { expected, found });
        }
        let crypttext_tree = MerkleTree::from_leaves(&self.segment_hashes);
        let block_trees: Vec<_> =
            self.block_hashes.iter().map(|hashes| MerkleTree::from_leaves(hashes)).collect();
        let roots: Vec<Hash> = block_trees.iter().map(MerkleTree::root).collect();
        let share_tree = MerkleTree::from_leaves(&roots);
        let (crypttext_root, share_root) = (crypttext_tree.root(), share_tree.root());
        let ueb = match self.known {
            None => {
                let crypttext_hash = Some(self.crypttext.finalize_double());
                let geometry = self.geometry;
                Ueb { geometry, crypttext_hash, crypttext_root, share_root }.to_bytes().into()
            }
            // It may have fields that only its own writer knew.
            Some((ueb, bytes))
                if (ueb.crypttext_root, ueb.share_root) == (crypttext_root, share_root) =>
            {
                bytes
            }
            Some(_) => return Err(EncodeError::OtherShares),
        };
        let tree_len = usize::try_from(tree_len(&self.geometry)).expect("trees fit in memory");
        Ok(EncodedFile {
            ueb_hash: Ueb::hash(&ueb),
            plaintext_tree: vec![0; tree_len].into(),
            crypttext_tree: crypttext_tree.to_bytes().into(),
            block_trees,
            share_tree,
            ueb_section: ueb_section(self.layout.version, &ueb).into(),
            ueb,
        })
    }
}

/// The UEB as it ends a share: its length, then itself.
fn ueb_section(version: LayoutVersion, ueb: &[u8]) -> Vec<u8> {
    let len = (ueb.len() as u64).to_be_bytes();
    let field = match version {
        LayoutVersion::V1 => &len[4..],
        LayoutVersion::V2 => &len[..],
    };
    [field, ueb].concat()
}

/// What comes after the blocks of the shares of one file.
#[derive(Debug)]
pub struct EncodedFile {
    /// What the cap says of the file.
    pub ueb_hash: Hash,
    /// What it is the hash of.
    pub ueb: Bytes,
    plaintext_tree: Bytes,
    crypttext_tree: Bytes,
    block_trees: Vec<MerkleTree>,
    share_tree: MerkleTree,
    ueb_section: Bytes,
}

impl EncodedFile {
    /// The bytes after the last block of a share, to its end, in pieces.
    ///
    /// # Panics
    /// If the file has no such share.
    #[must_use]
    pub fn trailer(&self, share: ShareNumber) -> Vec<Bytes> {
        let proof = self.share_tree.proof(share.index());
        let mut chain = Vec::with_capacity(proof.len() * CHAIN_ENTRY);
        for (node, hash) in proof {
            let node = u16::try_from(node).expect("256 leaves make 511 nodes");
            chain.extend_from_slice(&node.to_be_bytes());
            chain.extend_from_slice(&hash);
        }
        vec![
            self.plaintext_tree.clone(),
            self.crypttext_tree.clone(),
            self.block_trees[share.index()].to_bytes().into(),
            chain.into(),
            self.ueb_section.clone(),
        ]
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]
mod tests {
    use super::super::{ConvergentKey, CrypttextHasher, Encoding};
    use super::*;
    use crate::hash;
    use crate::secrets::ConvergenceSecret;

    /// Section 15.3: the whole share, and the hash that stands in its cap.
    #[test]
    fn the_share_of_section_15_3() {
        let plaintext = vec![b'a'; 56];
        let geometry = Geometry::for_upload(Encoding::new(1, 1).unwrap(), 56, 131_072).unwrap();
        let secret = ConvergenceSecret::new(vec![b'a'; 16]);
        let mut key = ConvergentKey::new(&geometry, &secret);
        key.update(&plaintext[..20]);
        key.update(&plaintext[20..]);
        let key = key.finish();
        assert_eq!(crate::base32::encode(&key), "yzxcoagbetwet65ltjpbqyli3m");
        assert_eq!(hash::storage_index(&key).to_string(), "i5nhq74zw2crkop634ra4hrvzm");

        let mut encoder = Encoder::new(geometry, &key);
        let mut share = encoder.header().to_vec();
        let segment = encoder.encode(plaintext).unwrap();
        share.extend_from_slice(&segment.blocks[0]);
        let file = encoder.finish().unwrap();
        for part in file.trailer(ShareNumber::new(0)) {
            share.extend_from_slice(&part);
        }
        assert_eq!(
            crate::base32::encode(&file.ueb_hash),
            "6b7inuiha2xdtgqzd55i6aeggutnxzr6qfwpv2ep5xlln6pgef7a"
        );
        assert_eq!(share.len(), 531);
        assert_eq!(share.len() as u64, Encoder::share_size(&geometry));
        assert!(hex::encode(&share).starts_with(concat!(
            "000000010000003800000038000000240000005c0000007c0000009c000000bc000000de",
            "561a358556560c7f9754bd0ff48e5a3f2baf1137c031e3aab298cf440117834a79566b6681c9451d",
            "431ab7dd87b7ad7e7f40fe16b7a42ae1",
        )));
    }

    #[test]
    fn ciphertext_is_coded_as_it_is() {
        let geometry = Geometry::for_upload(Encoding::new(2, 3).unwrap(), 500, 256).unwrap();
        let plaintext = vec![b'a'; 500];
        let mut ciphertext = plaintext.clone();
        Aes128Ctr::new(&[7; 16]).apply(0, &mut ciphertext);
        let mut encoders = [Encoder::new(geometry, &[7; 16]), Encoder::for_ciphertext(geometry)];
        let mut hasher = CrypttextHasher::new(&geometry);
        for segment in 0..2 {
            let at = segment * 256..(segment * 256 + 256).min(500);
            hasher.update(&ciphertext[at.clone()]);
            let blocks = [&plaintext, &ciphertext]
                .map(|text| text[at.clone()].to_vec())
                .into_iter()
                .zip(&mut encoders)
                .map(|(text, encoder)| encoder.encode(text).unwrap().blocks);
            let [a, b] = &blocks.collect::<Vec<_>>()[..] else { panic!("two encoders") };
            assert_eq!(a, b);
        }
        let [a, b] = encoders.map(|encoder| encoder.finish().unwrap());
        assert_eq!(a.ueb, b.ueb);
        let ueb = Ueb::parse(&a.ueb, &a.ueb_hash, geometry.encoding(), 500).unwrap();
        assert_eq!(ueb.crypttext_root, hasher.finish());
    }

    #[test]
    fn a_repair_keeps_the_ueb_or_makes_nothing() {
        let geometry = Geometry::for_upload(Encoding::new(2, 3).unwrap(), 500, 256).unwrap();
        let coded = |mut encoder: Encoder, byte: u8| {
            for segment in 0..2 {
                encoder.encode(vec![byte; geometry.segment_len(segment) as usize]).unwrap();
            }
            encoder.finish()
        };
        let first = coded(Encoder::for_ciphertext(geometry), 7).unwrap();
        let mut bytes = first.ueb.to_vec();
        bytes.extend_from_slice(b"zz_future:1:x,");
        let ueb = Ueb::parse(&bytes, &Ueb::hash(&bytes), geometry.encoding(), 500).unwrap();
        let again = || Encoder::for_repair(ueb.clone(), bytes.clone().into());
        let file = coded(again(), 7).unwrap();
        assert_eq!((&file.ueb[..], file.ueb_hash), (&bytes[..], Ueb::hash(&bytes)));
        assert_eq!(file.trailer(ShareNumber::new(1))[..4], first.trailer(ShareNumber::new(1))[..4]);
        let trailer: usize = file.trailer(ShareNumber::new(1)).iter().map(Bytes::len).sum();
        let share = again().header().len() as u64 + geometry.share_data_size() + trailer as u64;
        assert_eq!(again().share_len(), share);
        assert_eq!(coded(again(), 8).unwrap_err(), EncodeError::OtherShares);
    }

    #[test]
    fn a_source_that_changes_is_noticed() {
        let geometry = Geometry::for_upload(Encoding::new(3, 10).unwrap(), 1000, 256).unwrap();
        let mut encoder = Encoder::new(geometry, &[0; 16]);
        assert!(encoder.encode(vec![0; 257]).is_err());
        for segment in 0..4 {
            let len = geometry.segment_len(segment) as usize;
            encoder.encode(vec![0; len]).unwrap();
        }
        assert!(matches!(
            encoder.encode(vec![]),
            Err(EncodeError::WrongLength { segment: 4, expected: 0, found: 0 })
        ));
        assert!(encoder.finish().is_ok());
        let early = Encoder::new(geometry, &[0; 16]).finish();
        assert_eq!(early.unwrap_err(), EncodeError::Unfinished { expected: 4, found: 0 });
    }
}
