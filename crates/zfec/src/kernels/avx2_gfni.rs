//! AVX2 with GFNI: 32 bytes times a coefficient is one instruction, as an 8x8 bit matrix.
#![expect(unsafe_code, reason = "vector loads and stores go through raw pointers")]

use std::arch::x86_64::{
    _mm256_gf2p8affine_epi64_epi8, _mm256_loadu_si256, _mm256_set1_epi64x, _mm256_setzero_si256,
    _mm256_storeu_si256, _mm256_xor_si256,
};

use super::{Job, for_row_count, portable};
use crate::matrix::Group;

const WIDTH: usize = 32;

#[target_feature(enable = "avx2,gfni")]
pub(super) fn apply(group: Group<'_>, job: Job<'_, '_>) {
    if job.span.end < WIDTH {
        return portable::apply(group, job);
    }
    for_row_count!(rows, group.bit_matrices, job);
}

#[target_feature(enable = "avx2,gfni")]
fn rows<const R: usize>(bit_matrices: &[u64], mut job: Job<'_, '_>) {
    let columns = bit_matrices.as_chunks::<R>().0;
    let outputs = job.output_starts::<R>();
    let mut done = job.span.start;
    while let Some(at) = job.next_vector::<WIDTH>(done) {
        let mut sums = [_mm256_setzero_si256(); R];
        for (input, column) in job.inputs.iter().zip(columns) {
            // SAFETY: `next_vector` gives WIDTH bytes that lie inside every block.
            let x = unsafe { _mm256_loadu_si256(input.as_ptr().add(at).cast()) };
            for (sum, &matrix) in sums.iter_mut().zip(column) {
                let matrix = _mm256_set1_epi64x(matrix.cast_signed());
                *sum = _mm256_xor_si256(*sum, _mm256_gf2p8affine_epi64_epi8::<0>(x, matrix));
            }
        }
        for (output, sum) in outputs.iter().zip(sums) {
            // SAFETY: `next_vector` gives WIDTH bytes that lie inside every block.
            unsafe { _mm256_storeu_si256(output.add(at).cast(), sum) };
        }
        done = at + WIDTH;
    }
}
