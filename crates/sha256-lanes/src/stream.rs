//! A message that comes piece by piece.

use std::fmt;

use crate::Digest;
use crate::job::{End, Job};
use crate::kernels::{BLOCK_LEN, Block, INITIAL_STATE, State};

/// SHA-256 of a message that comes piece by piece, alone or as a part of batches
/// ([`Batch::push_stream`](crate::Batch::push_stream)).
#[derive(Clone)]
pub struct Stream {
    /// What the whole blocks so far come to.
    pub(crate) state: State,
    /// The bytes after the last whole block, at the front.
    pub(crate) buffer: Block,
    /// Bytes so far.
    pub(crate) len: u64,
}

impl Stream {
    /// A message of which nothing is known.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: INITIAL_STATE, buffer: [0; BLOCK_LEN], len: 0 }
    }

    /// A message that begins with `prefix`.
    #[must_use]
    pub fn with_prefix(prefix: &[u8]) -> Self {
        let mut stream = Self::new();
        stream.update(prefix);
        stream
    }

    /// The next piece of the message.
    pub fn update(&mut self, data: &[u8]) {
        let filled = self.buffered();
        if let Some(room) = self.buffer[filled..].get_mut(..data.len())
            && filled + data.len() < BLOCK_LEN
        {
            room.copy_from_slice(data);
            self.len += data.len() as u64;
        } else {
            *self = Job::new(self, data, End::Open).run_alone().into_stream();
        }
    }

    /// SHA-256 of the message.
    #[must_use]
    pub fn finalize(self) -> Digest {
        Job::new(&self, &[], End::Single).run_alone().digest()
    }

    /// SHA-256 of the SHA-256 of the message.
    #[must_use]
    pub fn finalize_double(self) -> Digest {
        Job::new(&self, &[], End::Double).run_alone().digest()
    }

    /// Bytes in the buffer.
    pub(crate) const fn buffered(&self) -> usize {
        self.len.to_le_bytes()[0] as usize % BLOCK_LEN
    }
}

impl Default for Stream {
    fn default() -> Self {
        Self::new()
    }
}

/// Says nothing of the message but its length: it may begin with a secret.
impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("len", &self.len).finish_non_exhaustive()
    }
}
