//! Every kernel of this machine against the portable one, and that one against the definition.

use super::{Kernel, Set, WORKING_SET_BYTES};
use crate::field::{multiply, share_point};
use crate::matrix::Matrix;

/// Bytes that look random, the same on every run.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        state.to_be_bytes()[0]
    })
    .take(length)
    .collect()
}

/// Coefficients from share points `0..columns` to the `rows` after them.
fn matrix(columns: usize, rows: usize) -> Matrix {
    let points: Vec<u8> = (0..columns + rows).map(share_point).collect();
    Matrix::interpolate(&points[..columns], &points[columns..])
}

/// Runs a kernel on blocks that begin at odd places, and checks that it writes nothing else.
fn run(kernel: Kernel, matrix: &Matrix, length: usize, offset: usize) -> Vec<Vec<u8>> {
    const GUARD: u8 = 0xa5;
    let inputs: Vec<Vec<u8>> = (0..matrix.columns())
        .map(|column| noise(column as u64 + 1, offset + column % 3 + length))
        .collect();
    let inputs: Vec<&[u8]> = inputs.iter().map(|input| &input[input.len() - length..]).collect();
    let mut outputs = vec![vec![GUARD; offset + length + 70]; matrix.rows()];
    let mut slices: Vec<&mut [u8]> =
        outputs.iter_mut().map(|output| &mut output[offset..offset + length]).collect();
    kernel.apply(matrix, &inputs, &mut slices);
    outputs
        .into_iter()
        .map(|output| {
            let (before, rest) = output.split_at(offset);
            let (middle, after) = rest.split_at(length);
            assert!(before.iter().chain(after).all(|&byte| byte == GUARD), "wrote outside");
            middle.to_vec()
        })
        .collect()
}

fn check_all(columns: usize, rows: usize, length: usize, offset: usize) {
    let matrix = matrix(columns, rows);
    let expected = run(Kernel(Set::Portable), &matrix, length, offset);
    for kernel in Kernel::available() {
        assert!(
            run(kernel, &matrix, length, offset) == expected,
            "{} differs: {columns} columns, {rows} rows, {length} bytes at {offset}",
            kernel.name(),
        );
    }
}

#[test]
fn portable_is_the_definition() {
    let points: Vec<u8> = (0..16).map(share_point).collect();
    let matrix = matrix(5, 11);
    let inputs: Vec<Vec<u8>> = (0..5).map(|column| noise(column + 1, 40)).collect();
    let inputs: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
    let mut outputs = vec![vec![0; 40]; 11];
    let mut slices: Vec<&mut [u8]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
    Kernel(Set::Portable).apply(&matrix, &inputs, &mut slices);
    // A polynomial of degree below 5 takes the same value wherever it is interpolated from: going
    // back from five of the outputs gives the inputs.
    let back = Matrix::interpolate(&points[8..13], &points[..5]);
    let sources: Vec<&[u8]> = outputs[3..8].iter().map(Vec::as_slice).collect();
    let mut again = vec![vec![0; 40]; 5];
    let mut slices: Vec<&mut [u8]> = again.iter_mut().map(Vec::as_mut_slice).collect();
    Kernel(Set::Portable).apply(&back, &sources, &mut slices);
    assert_eq!(again, inputs);
    // And two points make a line: from 0 and 1 to 2, value 3 a + 2 b.
    let line = Matrix::interpolate(&[0, 1], &[2]);
    let mut sum = [0];
    Kernel(Set::Portable).apply(&line, &[&[7], &[9]], &mut [&mut sum]);
    assert_eq!(sum[0], multiply(3, 7) ^ multiply(2, 9));
}

#[test]
fn every_length_up_to_300() {
    for length in 0..=300 {
        check_all(3, 7, length, length % 5);
    }
}

#[test]
fn every_count_of_rows_and_offset() {
    for rows in 1..=19 {
        for offset in [0, 1, 7, 31, 33, 63] {
            check_all(4, rows, 200 + rows, offset);
        }
    }
}

#[test]
fn every_count_of_columns() {
    for columns in 1..=40 {
        check_all(columns, 9, 130 + columns, 1);
    }
    for (columns, rows) in [(1, 255), (255, 1), (128, 128), (200, 56)] {
        check_all(columns, rows, 193, 3);
    }
}

#[test]
fn blocks_longer_than_a_span() {
    check_all(3, 7, 43_691, 1);
    check_all(3, 17, WORKING_SET_BYTES + 77, 1);
    check_all(16, 15, 3 * (WORKING_SET_BYTES / 16) + 1, 5);
    check_all(130, 12, 2 * 1024 + 5, 0);
}

#[test]
fn the_best_is_the_first_available() {
    assert_eq!(Some(Kernel::best()), Kernel::available().next());
    assert_eq!(Kernel::available().last(), Some(Kernel(Set::Portable)));
}
