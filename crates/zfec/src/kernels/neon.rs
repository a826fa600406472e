//! NEON: 16 bytes times a coefficient is two table look-ups, one for each half of the bytes.
#![expect(unsafe_code, reason = "vector loads and stores go through raw pointers")]

use std::arch::aarch64::{
    vandq_u8, vdupq_n_u8, veorq_u8, vld1q_u8, vqtbl1q_u8, vshrq_n_u8, vst1q_u8,
};

use super::{Job, for_row_count, portable};
use crate::field::NIBBLES;
use crate::matrix::Group;

const WIDTH: usize = 16;

#[target_feature(enable = "neon")]
pub(super) fn apply(group: Group<'_>, job: Job<'_, '_>) {
    if job.span.end < WIDTH {
        return portable::apply(group, job);
    }
    for_row_count!(rows, group.coefficients, job);
}

#[target_feature(enable = "neon")]
fn rows<const R: usize>(coefficients: &[u8], mut job: Job<'_, '_>) {
    let columns = coefficients.as_chunks::<R>().0;
    let outputs = job.output_starts::<R>();
    let nibble = vdupq_n_u8(15);
    let mut done = job.span.start;
    while let Some(at) = job.next_vector::<WIDTH>(done) {
        let mut sums = [vdupq_n_u8(0); R];
        for (input, column) in job.inputs.iter().zip(columns) {
            // SAFETY: `next_vector` gives WIDTH bytes that lie inside every block.
            let x = unsafe { vld1q_u8(input.as_ptr().add(at)) };
            let low = vandq_u8(x, nibble);
            let high = vshrq_n_u8::<4>(x);
            for (sum, &coefficient) in sums.iter_mut().zip(column) {
                let nibbles = &NIBBLES[usize::from(coefficient)];
                // SAFETY: both tables are 16 bytes long.
                let (low_table, high_table) =
                    unsafe { (vld1q_u8(nibbles.low.as_ptr()), vld1q_u8(nibbles.high.as_ptr())) };
                let product = veorq_u8(vqtbl1q_u8(low_table, low), vqtbl1q_u8(high_table, high));
                *sum = veorq_u8(*sum, product);
            }
        }
        for (output, sum) in outputs.iter().zip(sums) {
            // SAFETY: `next_vector` gives WIDTH bytes that lie inside every block.
            unsafe { vst1q_u8(output.add(at), sum) };
        }
        done = at + WIDTH;
    }
}
