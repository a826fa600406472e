//! A queue of messages over the lanes of a kernel.

use std::cmp::Reverse;

use crate::job::{End, Job};
use crate::kernels::{Kernel, LANES_MAX};
use crate::{Digest, Stream};

/// A queue of messages, hashed together.
///
/// The longest go first, so that at the end no long one is left to run alone; among equals, the
/// first pushed. Whenever a message ends, its lane takes the next.
#[derive(Debug, Default)]
pub struct Batch<'a> {
    messages: Vec<Message<'a>>,
    digests: usize,
}

#[derive(Debug)]
struct Message<'a> {
    data: &'a [u8],
    kind: Kind<'a>,
}

#[derive(Debug)]
enum Kind<'a> {
    /// All of a message. Its digest goes to this place of the answer.
    Whole { prefix: &'a [u8], end: End, place: usize },
    /// A piece of a longer one.
    Piece(&'a mut Stream),
}

impl<'a> Batch<'a> {
    /// An empty queue.
    #[must_use]
    pub const fn new() -> Self {
        Self { messages: Vec::new(), digests: 0 }
    }

    /// An empty queue with room for this many messages.
    #[must_use]
    pub fn with_capacity(messages: usize) -> Self {
        Self { messages: Vec::with_capacity(messages), digests: 0 }
    }

    /// Asks for the SHA-256 of `prefix` and then `data`. Answers its place in what
    /// [`run`](Self::run) gives.
    pub fn push_single(&mut self, prefix: &'a [u8], data: &'a [u8]) -> usize {
        self.push(prefix, data, End::Single)
    }

    /// Asks for the SHA-256 of the SHA-256 of `prefix` and then `data`. Answers its place in what
    /// [`run`](Self::run) gives.
    pub fn push_double(&mut self, prefix: &'a [u8], data: &'a [u8]) -> usize {
        self.push(prefix, data, End::Double)
    }

    /// Has `data` taken in by `stream`. That has no place in what [`run`](Self::run) gives.
    ///
    /// If the batch is dropped before it ran, the stream is as it was.
    pub fn push_stream(&mut self, stream: &'a mut Stream, data: &'a [u8]) {
        self.messages.push(Message { data, kind: Kind::Piece(stream) });
    }

    /// Hashes all, and gives the digests that were asked for, in the order they were.
    #[must_use]
    pub fn run(self) -> Vec<Digest> {
        self.run_on(Kernel::best())
    }

    /// As [`run`](Self::run), on another kernel than the best: for tests and measurements.
    #[must_use]
    pub fn run_on(mut self, kernel: Kernel) -> Vec<Digest> {
        let mut digests = vec![[0; 32]; self.digests];
        self.messages.sort_by_key(|message| Reverse(message.data.len()));
        let mut waiting = self.messages.into_iter();
        let mut lanes: Vec<_> =
            waiting.by_ref().take(kernel.lanes()).map(|message| message.start()).collect();
        loop {
            let mut lane = 0;
            while let Some((job, _)) = lanes.get_mut(lane) {
                if job.is_ready() {
                    lane += 1;
                    continue;
                }
                let (job, kind) = match waiting.next() {
                    Some(message) => std::mem::replace(&mut lanes[lane], message.start()),
                    None => lanes.swap_remove(lane),
                };
                match kind {
                    Kind::Whole { place, .. } => digests[place] = job.digest(),
                    Kind::Piece(stream) => *stream = job.into_stream(),
                }
            }
            if lanes.is_empty() {
                return digests;
            }
            advance(kernel, &mut lanes);
        }
    }

    fn push(&mut self, prefix: &'a [u8], data: &'a [u8], end: End) -> usize {
        let place = self.digests;
        self.digests += 1;
        self.messages.push(Message { data, kind: Kind::Whole { prefix, end, place } });
        place
    }
}

impl<'a> Message<'a> {
    fn start(self) -> (Job<'a>, Kind<'a>) {
        let job = match &self.kind {
            Kind::Whole { prefix, end, .. } => {
                Job::new(&Stream::with_prefix(prefix), self.data, *end)
            }
            Kind::Piece(stream) => Job::new(stream, self.data, End::Open),
        };
        (job, self.kind)
    }
}

/// Moves all lanes on by the fewest blocks that any has left, so that none is ever idle.
fn advance(kernel: Kernel, lanes: &mut [(Job<'_>, Kind<'_>)]) {
    let count = lanes.iter().map(|(job, _)| job.blocks_left()).min().unwrap_or(0);
    const { assert!(LANES_MAX == 4) }
    match lanes {
        [a] => kernel.compress([a].map(|(job, _)| job.take(count))),
        [a, b] => kernel.compress([a, b].map(|(job, _)| job.take(count))),
        [a, b, c] => kernel.compress([a, b, c].map(|(job, _)| job.take(count))),
        [a, b, c, d] => kernel.compress([a, b, c, d].map(|(job, _)| job.take(count))),
        _ => unreachable!("1 to {LANES_MAX} lanes, not {}", lanes.len()),
    }
}
