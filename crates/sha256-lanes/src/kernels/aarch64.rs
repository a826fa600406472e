//! The SHA2 extension of ARMv8: an instruction does four rounds of half the state of one message,
//! and takes longer for it than the next can wait to start. So the lanes take turns.
#![expect(unsafe_code, reason = "vector loads and stores go through raw pointers")]

use std::arch::aarch64::{
    uint32x4_t, vaddq_u32, vld1q_u8, vld1q_u32, vreinterpretq_u32_u8, vrev32q_u8, vsha256h2q_u32,
    vsha256hq_u32, vsha256su0q_u32, vsha256su1q_u32, vst1q_u32,
};

use super::constants::{ROUND_CONSTANTS, sixteen_groups};
use super::{BLOCK_LEN, Block, INITIAL_STATE, Lane, State};

/// One lane in registers.
#[derive(Clone, Copy)]
struct Registers {
    abcd: uint32x4_t,
    efgh: uint32x4_t,
    /// Four quarters of the message schedule: the last sixteen words of it.
    schedule: [uint32x4_t; 4],
}

/// Compresses the first `count` blocks of every lane.
#[target_feature(enable = "neon,sha2")]
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
            now.abcd = vaddq_u32(now.abcd, before.abcd);
            now.efgh = vaddq_u32(now.efgh, before.efgh);
        }
    }
    for (lane, registers) in lanes.into_iter().zip(&registers) {
        store(registers, lane.state);
    }
}

/// Rounds `4 * G` to `4 * G + 3` of every lane.
#[inline]
#[target_feature(enable = "neon,sha2")]
fn four_rounds<const G: usize, const N: usize>(lanes: &mut [Registers; N], blocks: &[&Block; N]) {
    // SAFETY: a row of the constants is four words long.
    let constants = unsafe { vld1q_u32(ROUND_CONSTANTS[G].as_ptr()) };
    for (lane, block) in lanes.iter_mut().zip(blocks) {
        let words = if G < 4 { message_words::<G>(block) } else { next_words::<G>(&lane.schedule) };
        lane.schedule[G % 4] = words;
        let sum = vaddq_u32(words, constants);
        let abcd = lane.abcd;
        lane.abcd = vsha256hq_u32(abcd, lane.efgh, sum);
        lane.efgh = vsha256h2q_u32(lane.efgh, abcd, sum);
    }
}

/// A quarter of a block as big-endian words.
#[inline]
#[target_feature(enable = "neon,sha2")]
fn message_words<const G: usize>(block: &Block) -> uint32x4_t {
    let quarter: &[u8; 16] = &block.as_chunks().0[G];
    // SAFETY: a quarter is 16 bytes long.
    vreinterpretq_u32_u8(vrev32q_u8(unsafe { vld1q_u8(quarter.as_ptr()) }))
}

/// The four words of the schedule that follow from the last sixteen.
#[inline]
#[target_feature(enable = "neon,sha2")]
fn next_words<const G: usize>(schedule: &[uint32x4_t; 4]) -> uint32x4_t {
    let [a, b] = [schedule[G % 4], schedule[(G + 1) % 4]];
    let [c, d] = [schedule[(G + 2) % 4], schedule[(G + 3) % 4]];
    vsha256su1q_u32(vsha256su0q_u32(a, b), c, d)
}

#[inline]
#[target_feature(enable = "neon,sha2")]
fn load(state: &State) -> Registers {
    let halves: &[[u32; 4]] = state.as_chunks().0;
    // SAFETY: a half of the state is four words long.
    let (abcd, efgh) = unsafe { (vld1q_u32(halves[0].as_ptr()), vld1q_u32(halves[1].as_ptr())) };
    Registers { abcd, efgh, schedule: [abcd; 4] }
}

#[inline]
#[target_feature(enable = "neon,sha2")]
fn store(registers: &Registers, state: &mut State) {
    let [first, second] = state.as_chunks_mut::<4>().0 else { unreachable!("eight words") };
    // SAFETY: a half of the state is four words long.
    unsafe {
        vst1q_u32(first.as_mut_ptr(), registers.abcd);
        vst1q_u32(second.as_mut_ptr(), registers.efgh);
    }
}
