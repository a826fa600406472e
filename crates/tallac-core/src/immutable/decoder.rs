//! Blocks to plaintext: decoded, proven with what they decode to, decrypted (specification
//! section 4.4).

use std::ops::Range;

use sha256_lanes::Batch;
use zfec::Codec;

use super::{FileVerifier, Geometry, ShareVerifier};
use crate::crypto::Aes128Ctr;
use crate::hash::{BLOCK, CRYPTTEXT_SEGMENT};
use crate::ids::ShareNumber;

/// Why blocks did not become plaintext.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Blocks of these shares are not the ones that were uploaded.
    #[error("corrupt blocks: {}", describe(.0))]
    BadBlocks(Vec<(ShareNumber, u64)>),
    /// All blocks are right and the segment is not: the file was broken when it was made.
    #[error("segment {0} was encoded wrongly when the file was uploaded")]
    BadSegment(u64),
    /// Not exactly k shares, two of the same number, or not the bytes of these segments.
    #[error("the blocks given are not those of {needed} different shares")]
    WrongBlocks {
        /// Shares it takes.
        needed: u16,
    },
}

fn describe(blocks: &[(ShareNumber, u64)]) -> String {
    let each: Vec<_> =
        blocks.iter().map(|(share, segment)| format!("share {share} segment {segment}")).collect();
    each.join(", ")
}

/// The blocks of a run of segments from one share.
#[derive(Debug, Clone, Copy)]
pub struct ShareRun<'a> {
    /// Whose blocks.
    pub share: &'a ShareVerifier,
    /// The blocks, one after the other.
    pub data: &'a [u8],
}

/// Turns blocks of any `k` shares of one file into its plaintext, or into its ciphertext.
#[derive(Debug)]
pub struct SegmentDecoder {
    geometry: Geometry,
    codec: Codec,
    /// None where ciphertext is wanted.
    cipher: Option<Aes128Ctr>,
}

impl SegmentDecoder {
    /// For a file of these sizes, encrypted with `key`.
    #[must_use]
    pub fn new(geometry: Geometry, key: &[u8; 16]) -> Self {
        Self { cipher: Some(Aes128Ctr::new(key)), ..Self::for_ciphertext(geometry) }
    }

    /// For a file of these sizes that is to stay encrypted.
    #[must_use]
    pub fn for_ciphertext(geometry: Geometry) -> Self {
        let (k, n) = (geometry.encoding().needed(), geometry.encoding().total());
        Self {
            geometry,
            codec: Codec::new(k.into(), n.into()).expect("an Encoding has numbers that zfec takes"),
            cipher: None,
        }
    }

    /// What a run of segments holds, from the blocks of exactly `k` shares.
    ///
    /// # Errors
    /// [`DecodeError`]; it names every corrupt block, so that all their shares can be replaced at
    /// once.
    pub fn decode(
        &self,
        file: &FileVerifier,
        segments: Range<u64>,
        shares: &[ShareRun<'_>],
    ) -> Result<Vec<u8>, DecodeError> {
        let k = self.geometry.encoding().needed();
        let run_len: u64 = segments.clone().map(|s| self.geometry.block_len(s)).sum();
        if shares.len() != usize::from(k) || shares.iter().any(|s| s.data.len() as u64 != run_len) {
            return Err(DecodeError::WrongBlocks { needed: k });
        }
        let mut out = self.join(&segments, shares)?;
        self.check(file, &segments, shares, &out)?;
        if let Some(cipher) = &self.cipher {
            cipher.apply(self.geometry.segment_offset(segments.start), &mut out);
        }
        Ok(out)
    }

    /// The ciphertext of a run of segments, if the blocks are right.
    fn join(&self, segments: &Range<u64>, shares: &[ShareRun<'_>]) -> Result<Vec<u8>, DecodeError> {
        let needed = self.geometry.encoding().needed();
        let k = usize::from(needed);
        let mut out = vec![0; self.offset_in_run(segments, segments.end) * k];
        let mut rest = &mut out[..];
        for segment in segments.clone() {
            let at = self.block_range(segments, segment);
            let (this, after) = rest.split_at_mut(at.len() * k);
            rest = after;
            let blocks: Vec<(usize, &[u8])> =
                shares.iter().map(|s| (s.share.number().index(), &s.data[at.clone()])).collect();
            let mut primary: Vec<&mut [u8]> = this.chunks_exact_mut(at.len()).collect();
            self.codec
                .decode_into(&blocks, &mut primary)
                .map_err(|_| DecodeError::WrongBlocks { needed })?;
        }
        let len: u64 = segments.clone().map(|s| self.geometry.segment_len(s)).sum();
        out.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        Ok(out)
    }

    /// Proves the blocks, and what they were joined to. Both in one batch: blocks and segments
    /// together fill lanes that neither fills alone, and blocks are seldom wrong.
    fn check(
        &self,
        file: &FileVerifier,
        segments: &Range<u64>,
        shares: &[ShareRun<'_>],
        crypttext: &[u8],
    ) -> Result<(), DecodeError> {
        let mut batch = Batch::new();
        let size = usize::try_from(self.geometry.segment_size()).unwrap_or(usize::MAX);
        for segment in crypttext.chunks(size) {
            batch.push_double(CRYPTTEXT_SEGMENT.prefix(), segment);
        }
        let mut expected = Vec::new();
        for run in shares {
            for segment in segments.clone() {
                batch.push_double(BLOCK.prefix(), &run.data[self.block_range(segments, segment)]);
                expected.push((run.share.number(), segment, run.share.block_hash(segment)));
            }
        }
        let hashes = batch.run();
        let (of_segments, of_blocks) = hashes.split_at(hashes.len() - expected.len());
        let bad: Vec<_> = expected
            .into_iter()
            .zip(of_blocks)
            .filter(|((_, _, expected), found)| *expected != Some(found))
            .map(|((share, segment, _), _)| (share, segment))
            .collect();
        if !bad.is_empty() {
            return Err(DecodeError::BadBlocks(bad));
        }
        for (segment, found) in segments.clone().zip(of_segments) {
            if file.segment_hash(segment) != Some(found) {
                return Err(DecodeError::BadSegment(segment));
            }
        }
        Ok(())
    }

    /// Where a segment's block lies in the data of a run. Runs are held in memory, so it fits.
    fn block_range(&self, run: &Range<u64>, segment: u64) -> Range<usize> {
        self.offset_in_run(run, segment)..self.offset_in_run(run, segment + 1)
    }

    fn offset_in_run(&self, run: &Range<u64>, segment: u64) -> usize {
        let len: u64 = (run.start..segment).map(|s| self.geometry.block_len(s)).sum();
        usize::try_from(len).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]
mod tests {
    use proptest::prelude::*;

    use super::super::{Encoder, Encoding, ShareLayout, Ueb};
    use super::*;

    const KEY: [u8; 16] = *b"an immutable key";

    struct Shares {
        geometry: Geometry,
        ueb_hash: [u8; 32],
        shares: Vec<Vec<u8>>,
    }

    fn encode(plaintext: &[u8], k: u64, n: u64, segment_size_max: u64) -> Shares {
        let encoding = Encoding::new(k, n).unwrap();
        let size = plaintext.len() as u64;
        let geometry = Geometry::for_upload(encoding, size, segment_size_max).unwrap();
        let mut encoder = Encoder::new(geometry, &KEY);
        let mut shares = vec![encoder.header().to_vec(); n as usize];
        for segment in plaintext.chunks(geometry.segment_size() as usize) {
            let encoded = encoder.encode(segment.to_vec()).unwrap();
            for (share, block) in shares.iter_mut().zip(encoded.blocks) {
                share.extend_from_slice(&block);
            }
        }
        let file = encoder.finish().unwrap();
        for (number, share) in ShareNumber::first(shares.len()).zip(&mut shares) {
            file.trailer(number).iter().for_each(|part| share.extend_from_slice(part));
            assert_eq!(share.len() as u64, Encoder::share_size(&geometry));
        }
        Shares { geometry, ueb_hash: file.ueb_hash, shares }
    }

    /// Reads some segments from some shares the way a downloader does, without a network.
    fn decode(shares: &Shares, chosen: &[u8], segments: Range<u64>) -> Result<Vec<u8>, String> {
        let text = |e: &dyn std::error::Error| e.to_string();
        let first = &shares.shares[usize::from(chosen[0])];
        let layout = ShareLayout::parse(first).map_err(|e| text(&e))?;
        let at = |offset: u64| offset as usize;
        let size = shares.geometry.size();
        let encoding = shares.geometry.encoding();
        let (ueb_len, ueb) = first[at(layout.ueb)..].split_at(layout.version.field_len() as usize);
        let ueb_len = ueb_len.iter().fold(0, |len, &byte| len << 8 | usize::from(byte));
        let ueb = ueb.get(..ueb_len).ok_or("the UEB is cut off")?;
        let ueb = Ueb::parse(ueb, &shares.ueb_hash, encoding, size).map_err(|e| text(&e))?;
        layout.check(&ueb.geometry).map_err(|e| text(&e))?;
        let mut file = FileVerifier::new(ueb);
        file.add_crypttext_tree(&first[at(layout.crypttext_tree)..at(layout.block_tree)])
            .map_err(|e| text(&e))?;
        let mut proven = Vec::new();
        for &number in chosen {
            let share = &shares.shares[usize::from(number)];
            let chain = &share[at(layout.share_hashes)..at(layout.ueb)];
            let tree = &share[at(layout.block_tree)..at(layout.share_hashes)];
            proven.push(file.share(ShareNumber::new(number), chain, tree).map_err(|e| text(&e))?);
        }
        let geometry = &shares.geometry;
        let from = layout.data + geometry.block_offset(segments.start);
        let len: u64 = segments.clone().map(|s| geometry.block_len(s)).sum();
        let runs: Vec<_> = proven
            .iter()
            .map(|share| ShareRun {
                share,
                data: &shares.shares[share.number().index()][at(from)..at(from + len)],
            })
            .collect();
        SegmentDecoder::new(*geometry, &KEY).decode(&file, segments, &runs).map_err(|e| text(&e))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_k_shares_bring_any_segments_back(
            k in 1_u64..6, more in 0_u64..6,
            plaintext in prop::collection::vec(any::<u8>(), 1..2000),
            segment in 1_u64..700, order in Just((0..12_u8).collect::<Vec<_>>()).prop_shuffle(),
            a: prop::sample::Index, b: prop::sample::Index,
        ) {
            let n = k + more;
            let shares = encode(&plaintext, k, n, segment);
            let chosen: Vec<u8> =
                order.into_iter().filter(|&i| u64::from(i) < n).take(k as usize).collect();
            let count = shares.geometry.segment_count();
            let (a, b) = (a.index(count as usize) as u64, b.index(count as usize) as u64);
            let segments = a.min(b)..a.max(b) + 1;
            let from = shares.geometry.segment_offset(segments.start) as usize;
            let to = (shares.geometry.segment_offset(segments.end) as usize).min(plaintext.len());
            prop_assert_eq!(decode(&shares, &chosen, segments).unwrap(), &plaintext[from..to]);
        }
    }

    #[test]
    fn a_flipped_bit_is_never_passed_on() {
        let plaintext: Vec<u8> = (0..1000_u32).map(|i| i as u8).collect();
        let mut shares = encode(&plaintext, 3, 5, 256);
        let layout = ShareLayout::parse(&shares.shares[0]).unwrap();
        let len = shares.shares[0].len();
        for (share, at) in (0..3).flat_map(|share| (0..len).map(move |at| (share, at))) {
            let bit = 1 << (at % 8);
            shares.shares[share][at] ^= bit;
            let result = std::panic::catch_unwind(|| decode(&shares, &[0, 1, 2], 0..4));
            // Only what nobody reads may change: the legacy sizes, the unused tree, and for shares
            // other than the first everything that one share is enough for.
            if let Ok(Ok(got)) = result {
                assert!(got == plaintext, "share {share} byte {at}");
                let unread = (4..0xc).contains(&at)
                    || (layout.plaintext_tree..layout.crypttext_tree).contains(&(at as u64))
                    || (0x10..0x14).contains(&at);
                assert!(unread || share != 0, "share {share} byte {at}");
            }
            shares.shares[share][at] ^= bit;
        }
    }

    #[test]
    fn every_corrupt_block_is_named() {
        let plaintext = vec![5; 1000];
        let mut shares = encode(&plaintext, 3, 5, 256);
        shares.shares[1][0x24] ^= 1;
        shares.shares[2][0x24 + 90] ^= 1;
        assert_eq!(
            decode(&shares, &[0, 1, 2], 0..4).unwrap_err(),
            "corrupt blocks: share 1 segment 0, share 2 segment 1"
        );
        assert_eq!(decode(&shares, &[0, 3, 4], 0..4).unwrap(), plaintext);
    }
}
