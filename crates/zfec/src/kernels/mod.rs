//! Matrix times blocks, the one costly operation: one module an instruction set, all the same to
//! the byte. The best that the machine has is found once, at run time.

mod portable;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx2_gfni;
#[cfg(target_arch = "x86_64")]
mod avx512_gfni;
#[cfg(target_arch = "aarch64")]
mod neon;

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::LazyLock;

use crate::matrix::{GROUP_ROWS, Group, Matrix};

/// Input bytes to work on at a time when they are read more than once. They should be found again
/// in the second-level cache, which is 256 KiB on the smallest machines with these instructions.
const WORKING_SET_BYTES: usize = 128 * 1024;

/// Shortest span of a block to work on at a time: below it, starting costs more than caches save.
const SPAN_MIN: usize = 1024;

/// An instruction set that this machine has, by which blocks are multiplied. There is no way to
/// make one that the machine cannot run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    #[cfg(target_arch = "x86_64")]
    Avx512Gfni,
    #[cfg(target_arch = "x86_64")]
    Avx2Gfni,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Portable,
}

/// Some rows of outputs to compute from all inputs, over a span of every block. Made only by
/// [`Kernel::apply`], which has checked that the span lies inside every block.
struct Job<'a, 'b> {
    inputs: &'a [&'a [u8]],
    outputs: &'a mut [&'b mut [u8]],
    span: Range<usize>,
}

impl Kernel {
    /// The fastest kernel of this machine.
    pub fn best() -> Self {
        static BEST: LazyLock<Kernel> =
            LazyLock::new(|| Kernel::available().next().unwrap_or(Kernel(Set::Portable)));
        *BEST
    }

    /// All kernels of this machine, the fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Set::ALL.iter().copied().filter(|set| set.is_available()).map(Self)
    }

    /// What it is called in status pages and measurements, e.g. `avx512-gfni`.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512Gfni => "avx512-gfni",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2Gfni => "avx2-gfni",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Set::Neon => "neon",
            Set::Portable => "portable",
        }
    }

    /// Writes `matrix` times `inputs` to `outputs`.
    ///
    /// # Panics
    /// If the blocks do not have the matrix's shape or one length: the kernels' memory safety
    /// rests on that, so it is checked here and not only by the codec.
    pub(crate) fn apply(self, matrix: &Matrix, inputs: &[&[u8]], outputs: &mut [&mut [u8]]) {
        assert_eq!((outputs.len(), inputs.len()), (matrix.rows(), matrix.columns()));
        let length = inputs.first().map_or(0, |input| input.len());
        assert!(inputs.iter().all(|input| input.len() == length));
        assert!(outputs.iter().all(|output| output.len() == length));

        let step = span_length(length, matrix);
        for start in (0..length).step_by(step) {
            for (group, outputs) in matrix.groups().zip(outputs.chunks_mut(GROUP_ROWS)) {
                let span = start..length.min(start + step);
                self.apply_group(group, Job { inputs, outputs, span });
            }
        }
    }

    #[cfg_attr(
        any(target_arch = "x86_64", target_arch = "aarch64"),
        expect(
            unsafe_code,
            reason = "calls functions compiled for instructions found at run time"
        )
    )]
    fn apply_group(self, group: Group<'_>, job: Job<'_, '_>) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a kernel of this set exists only where its instructions were found.
            Set::Avx512Gfni => unsafe { avx512_gfni::apply(group, job) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a kernel of this set exists only where its instructions were found.
            Set::Avx2Gfni => unsafe { avx2_gfni::apply(group, job) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a kernel of this set exists only where its instructions were found.
            Set::Avx2 => unsafe { avx2::apply(group, job) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: a kernel of this set exists only where its instructions were found.
            Set::Neon => unsafe { neon::apply(group, job) },
            Set::Portable => portable::apply(group, job),
        }
    }
}

impl Set {
    /// Every set of this architecture, the fastest first.
    const ALL: &'static [Self] = &[
        #[cfg(target_arch = "x86_64")]
        Self::Avx512Gfni,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2Gfni,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2,
        #[cfg(target_arch = "aarch64")]
        Self::Neon,
        Self::Portable,
    ];

    fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Gfni => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("gfni")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2Gfni => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("gfni"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            Self::Portable => true,
        }
    }
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
impl Job<'_, '_> {
    /// Where each output block begins.
    #[inline(always)]
    fn output_starts<const R: usize>(&mut self) -> [*mut u8; R] {
        std::array::from_fn(|row| self.outputs[row].as_mut_ptr())
    }

    /// Where to go on after everything before `at` is done, in vectors of `WIDTH` bytes: `at`, or
    /// for the rest of the span back so far that one vector ends with it. That computes some bytes
    /// twice, which does no harm: no output is an input. `None` once the span is done.
    ///
    /// The span must not end before `WIDTH`; then `WIDTH` bytes from the answer lie inside it and
    /// what comes before it.
    #[inline(always)]
    fn next_vector<const WIDTH: usize>(&self, at: usize) -> Option<usize> {
        (at < self.span.end).then(|| at.min(self.span.end - WIDTH))
    }
}

/// Calls `$rows::<R>($table, $job)` with R the number of the job's outputs.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! for_row_count {
    ($rows:ident, $table:expr, $job:expr) => {
        match $job.outputs.len() {
            1 => $rows::<1>($table, $job),
            2 => $rows::<2>($table, $job),
            3 => $rows::<3>($table, $job),
            4 => $rows::<4>($table, $job),
            5 => $rows::<5>($table, $job),
            6 => $rows::<6>($table, $job),
            7 => $rows::<7>($table, $job),
            8 => $rows::<8>($table, $job),
            count => unreachable!("a group has 1 to 8 rows, not {count}"),
        }
    };
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use for_row_count;

/// How much of every block to work on before going on to the next span: all of it if one pass
/// over the inputs is enough, else as much as stays in the cache from pass to pass.
fn span_length(length: usize, matrix: &Matrix) -> usize {
    if matrix.rows() <= GROUP_ROWS {
        return length.max(1);
    }
    let fair = WORKING_SET_BYTES / matrix.columns().max(1);
    // Whole cache lines, so that spans are no worse aligned than blocks.
    (fair & !63).max(SPAN_MIN)
}
