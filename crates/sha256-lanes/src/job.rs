//! One message cut into runs of whole blocks, so that a kernel sees nothing else: the block where
//! buffer and data meet (copied), the whole blocks of the data (where they lie), the padded end
//! (copied), and for a double hash the block of the digest.

use crate::kernels::{BLOCK_LEN, Block, INITIAL_STATE, Kernel, Lane, State};
use crate::{Digest, Stream};

/// Most bytes that two blocks can hold with their padding: one byte for its beginning, eight for
/// the length.
const TWO_BLOCKS_MAX: usize = 2 * BLOCK_LEN - 9;

/// What becomes of a message when its data is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It may go on later.
    Open,
    /// It is finished, and its digest is wanted.
    Single,
    /// It is finished, and the digest of its digest is wanted.
    Double,
}

/// The runs of blocks, in their order.
#[derive(Clone, Copy)]
enum Phase {
    Joint,
    Body,
    Padding,
    Outer,
    Done,
}

/// Where the next blocks are.
#[derive(Clone, Copy)]
enum Run<'a> {
    /// In the scratch blocks of the job, from the first index to before the second.
    Scratch(usize, usize),
    /// In the data.
    Data(&'a [Block]),
}

/// A message on its way through a lane.
pub(crate) struct Job<'a> {
    state: State,
    run: Run<'a>,
    phase: Phase,
    end: End,
    /// Copied blocks; between runs, the first `filled` bytes are the buffer of the stream.
    scratch: [Block; 2],
    filled: usize,
    /// Data that no run has had yet.
    data: &'a [u8],
    /// Bytes of the message, those of `data` included.
    len: u64,
}

impl<'a> Job<'a> {
    /// To take `data` in after what `stream` has had.
    pub(crate) fn new(stream: &Stream, data: &'a [u8], end: End) -> Self {
        let filled = stream.buffered();
        let short = end != End::Open && filled + data.len() <= TWO_BLOCKS_MAX;
        Self {
            state: stream.state,
            run: Run::Scratch(0, 0),
            // Short messages go at once: a run costs something, however few blocks it has.
            phase: if short { Phase::Padding } else { Phase::Joint },
            end,
            scratch: [stream.buffer, [0; BLOCK_LEN]],
            filled,
            data,
            len: stream.len + data.len() as u64,
        }
    }

    /// Whether blocks are left, after preparing the next run if one has just ended.
    pub(crate) fn is_ready(&mut self) -> bool {
        while self.blocks_left() == 0 {
            match self.phase {
                Phase::Joint => self.begin_joint(),
                Phase::Body => self.begin_body(),
                Phase::Padding if self.end == End::Open => self.keep_rest(),
                Phase::Padding => self.begin_padding(),
                Phase::Outer => self.begin_outer(),
                Phase::Done => return false,
            }
        }
        true
    }

    /// Blocks of the run at hand.
    pub(crate) const fn blocks_left(&self) -> usize {
        match self.run {
            Run::Scratch(from, to) => to - from,
            Run::Data(blocks) => blocks.len(),
        }
    }

    /// Takes the next `count` blocks of the run at hand, which must have that many.
    pub(crate) fn take(&mut self, count: usize) -> Lane<'_> {
        let blocks = match &mut self.run {
            Run::Scratch(from, _) => {
                let blocks = &self.scratch[*from..*from + count];
                *from += count;
                blocks
            }
            Run::Data(blocks) => {
                let (now, later) = blocks.split_at(count);
                *blocks = later;
                now
            }
        };
        Lane { state: &mut self.state, blocks }
    }

    /// All of the message with no other beside it.
    pub(crate) fn run_alone(mut self) -> Self {
        let kernel = Kernel::best();
        while self.is_ready() {
            kernel.compress([self.take(self.blocks_left())]);
        }
        self
    }

    /// What the message came to, once it is done.
    pub(crate) fn digest(&self) -> Digest {
        let mut digest = [0; 32];
        for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(self.state) {
            *bytes = word.to_be_bytes();
        }
        digest
    }

    /// The message so far, once the data is in.
    pub(crate) fn into_stream(self) -> Stream {
        Stream { state: self.state, buffer: self.scratch[0], len: self.len }
    }

    /// Fills the buffer up to a whole block, if there is data enough.
    fn begin_joint(&mut self) {
        self.phase = Phase::Body;
        if self.filled == 0 {
            return;
        }
        if let Some((head, rest)) = self.data.split_at_checked(BLOCK_LEN - self.filled) {
            self.scratch[0][self.filled..].copy_from_slice(head);
            self.filled = 0;
            self.data = rest;
            self.run = Run::Scratch(0, 1);
        }
    }

    fn begin_body(&mut self) {
        self.phase = Phase::Padding;
        if self.filled == 0 {
            let (blocks, rest) = self.data.as_chunks();
            self.data = rest;
            self.run = Run::Data(blocks);
        }
    }

    /// Puts what is left of the data in the buffer.
    fn keep_rest(&mut self) {
        self.phase = Phase::Done;
        let end = self.filled + self.data.len();
        self.scratch[0][self.filled..end].copy_from_slice(self.data);
        (self.filled, self.data) = (end, &[]);
    }

    fn begin_padding(&mut self) {
        self.phase = if self.end == End::Double { Phase::Outer } else { Phase::Done };
        let end = self.filled + self.data.len();
        let count = if end + 9 <= BLOCK_LEN { 1 } else { 2 };
        let bytes = self.scratch.as_flattened_mut();
        bytes[self.filled..end].copy_from_slice(self.data);
        bytes[end] = 0x80;
        let length_at = count * BLOCK_LEN - 8;
        bytes[end + 1..length_at].fill(0);
        bytes[length_at..length_at + 8].copy_from_slice(&(self.len * 8).to_be_bytes());
        self.run = Run::Scratch(0, count);
    }

    /// Makes the digest the next message.
    fn begin_outer(&mut self) {
        self.phase = Phase::Done;
        let digest = self.digest();
        let block = &mut self.scratch[0];
        block.fill(0);
        block[..32].copy_from_slice(&digest);
        block[32] = 0x80;
        block[56..].copy_from_slice(&256_u64.to_be_bytes());
        self.state = INITIAL_STATE;
        self.run = Run::Scratch(0, 1);
    }
}
