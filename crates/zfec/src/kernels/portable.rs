//! Plain Rust: a table look-up a byte. The yardstick for the other kernels, and what runs on
//! machines that have none of their instructions.

use super::Job;
use crate::field::PRODUCTS;
use crate::matrix::Group;

pub(super) fn apply(group: Group<'_>, job: Job<'_, '_>) {
    let rows = job.outputs.len();
    for (row, output) in job.outputs.iter_mut().enumerate() {
        let output = &mut output[job.span.clone()];
        output.fill(0);
        let coefficients = group.coefficients.iter().skip(row).step_by(rows);
        for (input, &coefficient) in job.inputs.iter().zip(coefficients) {
            let products = &PRODUCTS[usize::from(coefficient)];
            for (sum, &byte) in output.iter_mut().zip(&input[job.span.clone()]) {
                *sum ^= products[usize::from(byte)];
            }
        }
    }
}
