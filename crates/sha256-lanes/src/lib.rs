//! SHA-256 of several messages at once on one core.
//!
//! The processor's SHA-256 instructions have a long latency: one message leaves their unit idle
//! half of the time, because each round waits for the one before it. Messages do not wait for each
//! other, so the rounds of up to four are interleaved, which is about twice as fast.
//!
//! A message is a prefix and data, so that a tagged hash needs no copy of either; it is hashed once
//! or twice (SHA-256d, the hash of the hash). A [`Batch`] is a queue of messages of any lengths. A
//! [`Stream`] takes its message piece by piece, alone or as a part of batches.
//!
//! **The layers**, bottom up: `kernels` (compress blocks, one module an instruction set, chosen at
//! run time), `job` (a message as runs of whole blocks), `stream` and `batch` (the public face).
//!
//! ```
//! use sha256_lanes::{Batch, Stream, sha256d};
//!
//! let mut whole = Stream::with_prefix(b"file:");
//! let mut batch = Batch::new();
//! batch.push_stream(&mut whole, b"of two parts");
//! batch.push_double(b"part:", b"of two");
//! batch.push_double(b"part:", b" parts");
//! let digests = batch.run();
//! assert_eq!(digests, [sha256d(b"part:", b"of two"), sha256d(b"part:", b" parts")]);
//! assert_eq!(whole.finalize_double(), sha256d(b"file:", b"of two parts"));
//! ```

mod batch;
mod job;
mod kernels;
mod stream;

#[cfg(test)]
mod tests;

pub use batch::Batch;
pub use kernels::Kernel;
pub use stream::Stream;

use job::{End, Job};

/// What comes out of SHA-256.
pub type Digest = [u8; 32];

/// SHA-256 of `prefix` and then `data`.
#[must_use]
pub fn sha256(prefix: &[u8], data: &[u8]) -> Digest {
    Job::new(&Stream::with_prefix(prefix), data, End::Single).run_alone().digest()
}

/// SHA-256 of the SHA-256 of `prefix` and then `data`.
#[must_use]
pub fn sha256d(prefix: &[u8], data: &[u8]) -> Digest {
    Job::new(&Stream::with_prefix(prefix), data, End::Double).run_alone().digest()
}

/// Name of the kernel that this machine uses, e.g. `sha-ni`.
#[must_use]
pub fn kernel_name() -> &'static str {
    Kernel::best().name()
}
