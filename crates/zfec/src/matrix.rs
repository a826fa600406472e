//! Interpolation: the coefficients that turn values of a polynomial at some points into its values
//! at others, in the order in which the kernels read them.

use crate::field::{BIT_MATRICES, invert, multiply};

/// Rows (output blocks) that a kernel computes in one pass over the inputs. Eight accumulators fit
/// the registers of every instruction set we use.
pub(crate) const GROUP_ROWS: usize = 8;

/// A matrix over the field, cut into groups of up to [`GROUP_ROWS`] rows. Inside a group the
/// coefficients of one column (input block) lie side by side.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    rows: usize,
    columns: usize,
    coefficients: Vec<u8>,
    bit_matrices: Vec<u64>,
}

/// Some consecutive rows of a [`Matrix`]; entry `column * rows + row`.
#[derive(Clone, Copy)]
pub(crate) struct Group<'a> {
    /// The coefficients themselves.
    pub(crate) coefficients: &'a [u8],
    /// The same, each as the bit matrix of its multiplication.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(dead_code, reason = "only x86 has an instruction for bit matrices")
    )]
    pub(crate) bit_matrices: &'a [u64],
}

impl Matrix {
    /// Coefficients from the values at `sources` to the value at each of `targets`. The sources
    /// are distinct and no target is a source.
    pub(crate) fn interpolate(sources: &[u8], targets: &[u8]) -> Self {
        // Lagrange: target t takes source s times the product over the other sources m of
        // (t - m) / (s - m). In this field minus is plus is exclusive or.
        let weights: Vec<u8> = sources
            .iter()
            .map(|&s| {
                let others = sources.iter().filter(|&&m| m != s);
                invert(others.fold(1, |product, &m| multiply(product, s ^ m)))
            })
            .collect();
        let mut coefficients = Vec::with_capacity(sources.len() * targets.len());
        for group in targets.chunks(GROUP_ROWS) {
            let scales: Vec<u8> = group
                .iter()
                .map(|&t| sources.iter().fold(1, |product, &m| multiply(product, t ^ m)))
                .collect();
            for (&source, &weight) in sources.iter().zip(&weights) {
                coefficients.extend(group.iter().zip(&scales).map(|(&target, &scale)| {
                    multiply(multiply(scale, weight), invert(target ^ source))
                }));
            }
        }
        let bit_matrices = coefficients.iter().map(|&c| BIT_MATRICES[usize::from(c)]).collect();
        Self { rows: targets.len(), columns: sources.len(), coefficients, bit_matrices }
    }

    /// Output blocks.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Input blocks.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// The groups in the order of their rows; all but the last have [`GROUP_ROWS`] rows.
    pub(crate) fn groups(&self) -> impl Iterator<Item = Group<'_>> {
        let entries = GROUP_ROWS * self.columns;
        self.coefficients
            .chunks(entries)
            .zip(self.bit_matrices.chunks(entries))
            .map(|(coefficients, bit_matrices)| Group { coefficients, bit_matrices })
    }
}
