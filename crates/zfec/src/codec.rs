//! The public face: checks every argument, then lets a kernel do the sums.

use crate::SHARES_MAX;
use crate::error::Error;
use crate::field::share_point;
use crate::kernels::Kernel;
use crate::matrix::Matrix;

/// A code that needs `k` of `n` shares, with its tables.
#[derive(Clone, Debug)]
pub struct Codec {
    k: usize,
    n: usize,
    kernel: Kernel,
    parity: Matrix,
}

impl Codec {
    /// The code with `k` needed of `n` shares, `1 <= k <= n <= 256`, on this machine's best kernel.
    pub fn new(k: usize, n: usize) -> Result<Self, Error> {
        Self::with_kernel(k, n, Kernel::best())
    }

    /// The same with a kernel of the caller's choice, for tests and measurements.
    pub fn with_kernel(k: usize, n: usize, kernel: Kernel) -> Result<Self, Error> {
        if k < 1 || k > n || n > SHARES_MAX {
            return Err(Error::BadParameters { k, n });
        }
        let points: Vec<u8> = (0..n).map(share_point).collect();
        let parity = Matrix::interpolate(&points[..k], &points[k..]);
        Ok(Self { k, n, kernel, parity })
    }

    /// Shares needed.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Shares in all.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Writes shares `k..n` of `k` equal-length primary blocks (shares `0..k`), each to its slice
    /// in `parity`: `n - k` slices as long as the blocks.
    pub fn encode_into(&self, primary: &[&[u8]], parity: &mut [&mut [u8]]) -> Result<(), Error> {
        let length = self.check_blocks(primary.iter().copied())?;
        check_outputs(parity, self.n - self.k, length)?;
        self.kernel.apply(&self.parity, primary, parity);
        Ok(())
    }

    /// Shares `k..n` of `k` equal-length primary blocks in fresh vectors.
    pub fn encode(&self, primary: &[&[u8]]) -> Result<Vec<Vec<u8>>, Error> {
        let length = self.check_blocks(primary.iter().copied())?;
        let mut parity = vec![vec![0; length]; self.n - self.k];
        self.encode_into(primary, &mut slices(&mut parity))?;
        Ok(parity)
    }

    /// Writes primary block `i` to `out[i]` (`k` slices as long as the blocks), from any `k`
    /// distinct shares, each with its number, in any order. Primary blocks given are just copied.
    pub fn decode_into(
        &self,
        blocks: &[(usize, &[u8])],
        out: &mut [&mut [u8]],
    ) -> Result<(), Error> {
        let inputs: Vec<&[u8]> = blocks.iter().map(|&(_, block)| block).collect();
        let length = self.check_blocks(inputs.iter().copied())?;
        let given = self.check_shares(blocks)?;
        check_outputs(out, self.k, length)?;

        for &(share, block) in blocks {
            if share < self.k {
                out[share].copy_from_slice(block);
            }
        }
        let (targets, mut missing): (Vec<u8>, Vec<&mut [u8]>) = out
            .iter_mut()
            .enumerate()
            .filter(|(share, _)| !given[*share])
            .map(|(share, slice)| (share_point(share), &mut **slice))
            .unzip();
        if !missing.is_empty() {
            let sources: Vec<u8> = blocks.iter().map(|&(share, _)| share_point(share)).collect();
            self.kernel.apply(&Matrix::interpolate(&sources, &targets), &inputs, &mut missing);
        }
        Ok(())
    }

    /// The `k` primary blocks in fresh vectors, from any `k` distinct shares.
    pub fn decode(&self, blocks: &[(usize, &[u8])]) -> Result<Vec<Vec<u8>>, Error> {
        let length = self.check_blocks(blocks.iter().map(|&(_, block)| block))?;
        let mut primary = vec![vec![0; length]; self.k];
        self.decode_into(blocks, &mut slices(&mut primary))?;
        Ok(primary)
    }

    /// Checks that there are `k` blocks of one length, and returns it.
    fn check_blocks<'a>(
        &self,
        blocks: impl ExactSizeIterator<Item = &'a [u8]>,
    ) -> Result<usize, Error> {
        if blocks.len() != self.k {
            return Err(Error::WrongBlockCount { expected: self.k, got: blocks.len() });
        }
        let mut lengths = blocks.map(<[u8]>::len);
        let expected = lengths.next().unwrap_or(0);
        match lengths.find(|&length| length != expected) {
            Some(got) => Err(Error::UnequalBlocks { expected, got }),
            None => Ok(expected),
        }
    }

    /// Checks that share numbers are distinct and in range, and returns which were given.
    fn check_shares(&self, blocks: &[(usize, &[u8])]) -> Result<[bool; SHARES_MAX], Error> {
        let mut given = [false; SHARES_MAX];
        for &(share, _) in blocks {
            if share >= self.n {
                return Err(Error::ShareOutOfRange { share, n: self.n });
            }
            if std::mem::replace(&mut given[share], true) {
                return Err(Error::DuplicateShare { share });
            }
        }
        Ok(given)
    }
}

fn check_outputs(outputs: &[&mut [u8]], count: usize, expected: usize) -> Result<(), Error> {
    if outputs.len() != count {
        return Err(Error::WrongOutputCount { expected: count, got: outputs.len() });
    }
    match outputs.iter().find(|output| output.len() != expected) {
        Some(output) => Err(Error::WrongOutputLength { expected, got: output.len() }),
        None => Ok(()),
    }
}

fn slices(blocks: &mut [Vec<u8>]) -> Vec<&mut [u8]> {
    blocks.iter_mut().map(Vec::as_mut_slice).collect()
}
