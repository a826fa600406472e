//! Reed-Solomon erasure coding over GF(2^8), byte for byte what the C and Python library zfec
//! computes: `k` equal-length primary blocks become `n` shares, and any `k` distinct shares give
//! the primary blocks back.
//!
//! **The code.** The field is GF(2)\[x\] modulo x^8+x^4+x^3+x^2+1 (0x11D) with generator α = 2. The
//! `k` bytes at one offset of the primary blocks are values of a polynomial of degree below `k`
//! at the points of shares `0..k`; share `i` holds its value at the point 0 for `i = 0` and
//! α^(i-1) after that. So shares `0..k` are the primary blocks verbatim, and both encoding and
//! decoding are Lagrange interpolation from `k` points to others: this crate inverts no matrix.
//!
//! **The layers**, bottom up: `field` (tables), `matrix` (interpolation coefficients), `kernels`
//! (matrix times blocks, one module an instruction set, chosen at run time), `codec` (checks and
//! the public face).
//!
//! ```
//! let codec = zfec::Codec::new(3, 10)?;
//! let primary: [&[u8]; 3] = [&[1, 2], &[3, 4], &[5, 6]];
//! let parity = codec.encode(&primary)?;
//! let back = codec.decode(&[(9, &parity[6]), (1, primary[1]), (4, &parity[1])])?;
//! assert_eq!(back, primary);
//! # Ok::<(), zfec::Error>(())
//! ```

mod codec;
mod error;
mod field;
mod kernels;
mod matrix;

pub use codec::Codec;
pub use error::Error;
pub use kernels::Kernel;

/// Most shares that one code can have: the field has this many points.
pub const SHARES_MAX: usize = 256;

/// Name of the kernel that this machine uses, e.g. `avx512-gfni`.
pub fn kernel_name() -> &'static str {
    Kernel::best().name()
}
