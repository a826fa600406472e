//! AVX-512 with GFNI: 64 bytes times a coefficient is one instruction, as an 8x8 bit matrix.
//! (GFNI's own multiplication is for another polynomial.)
#![expect(unsafe_code, reason = "vector loads and stores go through raw pointers")]

use std::arch::x86_64::{
    __m512i, __mmask64, _mm512_gf2p8affine_epi64_epi8, _mm512_loadu_si512, _mm512_mask_storeu_epi8,
    _mm512_maskz_loadu_epi8, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_storeu_si512,
    _mm512_xor_si512,
};

use super::{Job, for_row_count};
use crate::matrix::Group;

const WIDTH: usize = 64;

#[target_feature(enable = "avx512f,avx512bw,gfni")]
pub(super) fn apply(group: Group<'_>, job: Job<'_, '_>) {
    for_row_count!(rows, group.bit_matrices, job);
}

#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn rows<const R: usize>(bit_matrices: &[u64], mut job: Job<'_, '_>) {
    let columns = bit_matrices.as_chunks::<R>().0;
    let outputs = job.output_starts::<R>();
    let mut at = job.span.start;

    // Two vectors at a time hide the latency of the sums when there are few rows.
    while job.span.end - at >= 2 * WIDTH {
        let mut first = [_mm512_setzero_si512(); R];
        let mut second = [_mm512_setzero_si512(); R];
        for (input, column) in job.inputs.iter().zip(columns) {
            // SAFETY: the span, hence `at + 2 * WIDTH`, lies inside every block.
            let (x, y) = unsafe {
                let from = input.as_ptr().add(at);
                (_mm512_loadu_si512(from.cast()), _mm512_loadu_si512(from.add(WIDTH).cast()))
            };
            add_products(&mut first, column, x);
            add_products(&mut second, column, y);
        }
        for row in 0..R {
            // SAFETY: the span, hence `at + 2 * WIDTH`, lies inside every block.
            unsafe {
                let to = outputs[row].add(at);
                _mm512_storeu_si512(to.cast(), first[row]);
                _mm512_storeu_si512(to.add(WIDTH).cast(), second[row]);
            }
        }
        at += 2 * WIDTH;
    }

    while at < job.span.end {
        let count = WIDTH.min(job.span.end - at);
        let mask: __mmask64 = !0 >> (WIDTH - count);
        let mut sums = [_mm512_setzero_si512(); R];
        for (input, column) in job.inputs.iter().zip(columns) {
            // SAFETY: the mask keeps to `count` bytes, which the span, hence the block, has.
            let x = unsafe { _mm512_maskz_loadu_epi8(mask, input.as_ptr().add(at).cast()) };
            add_products(&mut sums, column, x);
        }
        for (output, sum) in outputs.iter().zip(sums) {
            // SAFETY: the mask keeps to `count` bytes, which the span, hence the block, has.
            unsafe { _mm512_mask_storeu_epi8(output.add(at).cast(), mask, sum) };
        }
        at += count;
    }
}

/// Adds each of the column's coefficients times `x` to its sum.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn add_products<const R: usize>(sums: &mut [__m512i; R], column: &[u64; R], x: __m512i) {
    for (sum, &matrix) in sums.iter_mut().zip(column) {
        let matrix = _mm512_set1_epi64(matrix.cast_signed());
        *sum = _mm512_xor_si512(*sum, _mm512_gf2p8affine_epi64_epi8::<0>(x, matrix));
    }
}
