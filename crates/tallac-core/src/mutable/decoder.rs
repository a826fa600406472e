//! Proven blocks back to plaintext.

use bytes::Bytes;
use zfec::Codec;

use super::{MutableGeometry, Salt};
use crate::cap::ReadKey;
use crate::crypto::Aes128Ctr;
use crate::hash;
use crate::ids::ShareNumber;

/// The cipher of one segment.
pub(super) fn segment_cipher(key: &ReadKey, salt: &Salt) -> Aes128Ctr {
    Aes128Ctr::new(&hash::truncate(&hash::SSK_DATAKEY.pair(salt, key.expose())))
}

/// The plaintext of a segment, from `k` proven blocks of different shares.
///
/// # Panics
/// If the blocks are not `k` of the segment's length, with different numbers: proven blocks are.
#[must_use]
pub fn decode_segment(
    geometry: &MutableGeometry,
    segment: u64,
    (key, salt): (&ReadKey, &Salt),
    blocks: &[(ShareNumber, Bytes)],
) -> Vec<u8> {
    let encoding = geometry.encoding();
    let codec = Codec::new(encoding.needed().into(), encoding.total().into())
        .expect("an Encoding has numbers that zfec takes");
    let range = geometry.segment_range(segment);
    let block_len = usize::try_from(geometry.block_len(segment)).expect("blocks are in memory");
    let mut plaintext = vec![0; block_len * codec.k()];
    let blocks: Vec<(usize, &[u8])> =
        blocks.iter().map(|(number, block)| (usize::from(number.get()), &block[..])).collect();
    let mut primary: Vec<&mut [u8]> = plaintext.chunks_exact_mut(block_len.max(1)).collect();
    codec.decode_into(&blocks, &mut primary).expect("k proven blocks of one length");
    plaintext.truncate(usize::try_from(range.end - range.start).expect("segments are in memory"));
    segment_cipher(key, salt).apply(0, &mut plaintext);
    plaintext
}
