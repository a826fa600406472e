//! Compressing blocks, the one costly operation: one module an instruction set, all the same to
//! the bit. The best that the machine has is found once, at run time.

mod portable;

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod shani;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod constants;

use std::sync::LazyLock;

/// Bytes that go into a state at once.
pub(crate) const BLOCK_LEN: usize = 64;

/// Bytes that go into a state at once.
pub(crate) type Block = [u8; BLOCK_LEN];

/// The eight words that blocks are compressed into.
pub(crate) type State = [u32; 8];

/// The state before the first block.
pub(crate) const INITIAL_STATE: State = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// Most messages that a kernel works on at once. More than four gain little: the unit is busy.
pub(crate) const LANES_MAX: usize = 4;

/// Blocks to compress into one state.
pub(crate) struct Lane<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) blocks: &'a [Block],
}

/// An instruction set that this machine has, by which blocks are compressed. There is no way to
/// make one that the machine cannot run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    #[cfg(target_arch = "x86_64")]
    ShaNi,
    #[cfg(target_arch = "aarch64")]
    Sha2,
    Portable,
}

impl Kernel {
    /// The fastest kernel of this machine.
    #[must_use]
    pub fn best() -> Self {
        static BEST: LazyLock<Kernel> =
            LazyLock::new(|| Kernel::available().next().unwrap_or(Kernel(Set::Portable)));
        *BEST
    }

    /// All kernels of this machine, the fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Set::ALL.iter().copied().filter(|set| set.is_available()).map(Self)
    }

    /// What it is called in status pages and measurements, e.g. `sha-ni`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::ShaNi => "sha-ni",
            #[cfg(target_arch = "aarch64")]
            Set::Sha2 => "armv8-sha2",
            Set::Portable => "portable",
        }
    }

    /// How many messages it gains from having at once.
    #[must_use]
    pub const fn lanes(self) -> usize {
        match self.0 {
            Set::Portable => 1,
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            _ => LANES_MAX,
        }
    }

    /// Compresses the blocks of every lane into its state.
    ///
    /// # Panics
    /// If the lanes do not have the same number of blocks.
    #[cfg_attr(
        any(target_arch = "x86_64", target_arch = "aarch64"),
        expect(
            unsafe_code,
            reason = "calls functions compiled for instructions found at run time"
        )
    )]
    pub(crate) fn compress<const N: usize>(self, lanes: [Lane<'_>; N]) {
        let count = lanes.first().map_or(0, |lane| lane.blocks.len());
        assert!(lanes.iter().all(|lane| lane.blocks.len() == count));
        match self.0 {
            // Taking turns gains nothing with one lane, and the crate has the same instructions.
            _ if N == 1 => portable::compress(lanes),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a kernel of this set exists only where its instructions were found.
            Set::ShaNi => unsafe { shani::compress(lanes, count) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: a kernel of this set exists only where its instructions were found.
            Set::Sha2 => unsafe { aarch64::compress(lanes, count) },
            Set::Portable => portable::compress(lanes),
        }
    }
}

impl Set {
    /// Every set of this architecture, the fastest first.
    const ALL: &'static [Self] = &[
        #[cfg(target_arch = "x86_64")]
        Self::ShaNi,
        #[cfg(target_arch = "aarch64")]
        Self::Sha2,
        Self::Portable,
    ];

    fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::ShaNi => {
                is_x86_feature_detected!("sha")
                    && is_x86_feature_detected!("ssse3")
                    && is_x86_feature_detected!("sse4.1")
                    && is_x86_feature_detected!("avx")
            }
            #[cfg(target_arch = "aarch64")]
            Self::Sha2 => std::arch::is_aarch64_feature_detected!("sha2"),
            Self::Portable => true,
        }
    }
}
