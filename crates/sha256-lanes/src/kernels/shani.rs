//! SHA-NI: an instruction does two rounds of one message and takes four cycles for it, but another
//! can start every two. So the lanes take turns, four rounds at a time.
#![expect(unsafe_code, reason = "vector loads and stores go through raw pointers")]

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_loadu_si128, _mm_set_epi64x,
    _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8,
    _mm_shuffle_epi32, _mm_storeu_si128,
};

use super::constants::{ROUND_CONSTANTS, sixteen_groups};
use super::{BLOCK_LEN, Block, INITIAL_STATE, Lane, State};

/// One lane in registers. The instructions want the words of a state in this order, from the
/// highest to the lowest of the vector.
#[derive(Clone, Copy)]
struct Registers {
    abef: __m128i,
    cdgh: __m128i,
    /// Four quarters of the message schedule: the last sixteen words of it.
    schedule: [__m128i; 4],
}

/// Compresses the first `count` blocks of every lane.
#[target_feature(enable = "sha,ssse3,sse4.1,avx")]
pub(super) fn compress<const N: usize>(lanes: [Lane<'_>; N], count: usize) {
    let mut registers = [load(&INITIAL_STATE); N];
    for (registers, lane) in registers.iter_mut().zip(&lanes) {
        *registers = load(lane.state);
    }
    for at in 0..count {
        let before = registers;
        let mut blocks = [&[0; BLOCK_LEN]; N];
        for (block, lane) in blocks.iter_mut().zip(&lanes) {
            *block = &lane.blocks[at];
        }
        sixteen_groups!(four_rounds(&mut registers, &blocks));
        for (now, before) in registers.iter_mut().zip(&before) {
            now.abef = _mm_add_epi32(now.abef, before.abef);
            now.cdgh = _mm_add_epi32(now.cdgh, before.cdgh);
        }
    }
    for (lane, registers) in lanes.into_iter().zip(&registers) {
        store(registers, lane.state);
    }
}

/// Rounds `4 * G` to `4 * G + 3` of every lane.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1,avx")]
fn four_rounds<const G: usize, const N: usize>(lanes: &mut [Registers; N], blocks: &[&Block; N]) {
    // SAFETY: a row of the constants is 16 bytes long.
    let constants = unsafe { _mm_loadu_si128(ROUND_CONSTANTS[G].as_ptr().cast()) };
    for (lane, block) in lanes.iter_mut().zip(blocks) {
        let words = if G < 4 { message_words::<G>(block) } else { next_words::<G>(&lane.schedule) };
        lane.schedule[G % 4] = words;
        let sum = _mm_add_epi32(words, constants);
        lane.cdgh = _mm_sha256rnds2_epu32(lane.cdgh, lane.abef, sum);
        lane.abef = _mm_sha256rnds2_epu32(lane.abef, lane.cdgh, _mm_shuffle_epi32::<0x0e>(sum));
    }
}

/// A quarter of a block as big-endian words.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1,avx")]
fn message_words<const G: usize>(block: &Block) -> __m128i {
    let swap = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    let quarter: &[u8; 16] = &block.as_chunks().0[G];
    // SAFETY: a quarter is 16 bytes long.
    _mm_shuffle_epi8(unsafe { _mm_loadu_si128(quarter.as_ptr().cast()) }, swap)
}

/// The four words of the schedule that follow from the last sixteen.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1,avx")]
fn next_words<const G: usize>(schedule: &[__m128i; 4]) -> __m128i {
    let [a, b] = [schedule[G % 4], schedule[(G + 1) % 4]];
    let [c, d] = [schedule[(G + 2) % 4], schedule[(G + 3) % 4]];
    let sum = _mm_add_epi32(_mm_sha256msg1_epu32(a, b), _mm_alignr_epi8::<4>(d, c));
    _mm_sha256msg2_epu32(sum, d)
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1,avx")]
fn load(state: &State) -> Registers {
    let halves: &[[u32; 4]] = state.as_chunks().0;
    // SAFETY: a half of the state is 16 bytes long.
    let (dcba, hgfe) = unsafe {
        (_mm_loadu_si128(halves[0].as_ptr().cast()), _mm_loadu_si128(halves[1].as_ptr().cast()))
    };
    let (cdab, efgh) = (_mm_shuffle_epi32::<0xb1>(dcba), _mm_shuffle_epi32::<0x1b>(hgfe));
    let abef = _mm_alignr_epi8::<8>(cdab, efgh);
    let cdgh = _mm_blend_epi16::<0xf0>(efgh, cdab);
    Registers { abef, cdgh, schedule: [abef; 4] }
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1,avx")]
fn store(registers: &Registers, state: &mut State) {
    let feba = _mm_shuffle_epi32::<0x1b>(registers.abef);
    let dchg = _mm_shuffle_epi32::<0xb1>(registers.cdgh);
    let dcba = _mm_blend_epi16::<0xf0>(feba, dchg);
    let hgfe = _mm_alignr_epi8::<8>(dchg, feba);
    let [first, second] = state.as_chunks_mut::<4>().0 else { unreachable!("eight words") };
    // SAFETY: a half of the state is 16 bytes long.
    unsafe {
        _mm_storeu_si128(first.as_mut_ptr().cast(), dcba);
        _mm_storeu_si128(second.as_mut_ptr().cast(), hgfe);
    }
}
