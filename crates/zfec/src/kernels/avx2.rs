//! AVX2: 32 bytes times a coefficient is two shuffles, one for each half of the bytes.
#![expect(unsafe_code, reason = "vector loads and stores go through raw pointers")]

use std::arch::x86_64::{
    __m256i, _mm_load_si128, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_loadu_si256,
    _mm256_set1_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16,
    _mm256_storeu_si256, _mm256_xor_si256,
};

use super::{Job, for_row_count, portable};
use crate::field::{NIBBLES, Nibbles};
use crate::matrix::Group;

const WIDTH: usize = 32;

#[target_feature(enable = "avx2")]
pub(super) fn apply(group: Group<'_>, job: Job<'_, '_>) {
    if job.span.end < WIDTH {
        return portable::apply(group, job);
    }
    for_row_count!(rows, group.coefficients, job);
}

#[target_feature(enable = "avx2")]
fn rows<const R: usize>(coefficients: &[u8], mut job: Job<'_, '_>) {
    let columns = coefficients.as_chunks::<R>().0;
    let outputs = job.output_starts::<R>();
    let nibble = _mm256_set1_epi8(15);
    let mut done = job.span.start;
    while let Some(at) = job.next_vector::<WIDTH>(done) {
        let mut sums = [_mm256_setzero_si256(); R];
        for (input, column) in job.inputs.iter().zip(columns) {
            // SAFETY: `next_vector` gives WIDTH bytes that lie inside every block.
            let x = unsafe { _mm256_loadu_si256(input.as_ptr().add(at).cast()) };
            let low = _mm256_and_si256(x, nibble);
            // There is no shift of bytes; what comes in from the neighbour is masked away.
            let high = _mm256_and_si256(_mm256_srli_epi16::<4>(x), nibble);
            for (sum, &coefficient) in sums.iter_mut().zip(column) {
                let (low_table, high_table) = tables(&NIBBLES[usize::from(coefficient)]);
                let product = _mm256_xor_si256(
                    _mm256_shuffle_epi8(low_table, low),
                    _mm256_shuffle_epi8(high_table, high),
                );
                *sum = _mm256_xor_si256(*sum, product);
            }
        }
        for (output, sum) in outputs.iter().zip(sums) {
            // SAFETY: `next_vector` gives WIDTH bytes that lie inside every block.
            unsafe { _mm256_storeu_si256(output.add(at).cast(), sum) };
        }
        done = at + WIDTH;
    }
}

/// Both tables of a coefficient, each twice over: the shuffle works on 16-byte halves.
#[inline]
#[target_feature(enable = "avx2")]
fn tables(nibbles: &Nibbles) -> (__m256i, __m256i) {
    // SAFETY: the fields are 16 bytes each, and aligned to 16 because the struct is to 32.
    unsafe {
        (
            _mm256_broadcastsi128_si256(_mm_load_si128(nibbles.low.as_ptr().cast())),
            _mm256_broadcastsi128_si256(_mm_load_si128(nibbles.high.as_ptr().cast())),
        )
    }
}
