//! Bytes that wait to be written.

use std::collections::VecDeque;

use bytes::Bytes;

/// Bytes that are written at a time, or a little more.
const BATCH_LEN: usize = 256 * 1024;

/// Pieces that are written at a time.
const BATCH_PIECES: usize = 64;

/// What bytes are for, as the two wait for different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Calls of ours.
    Call,
    /// Answers to calls of the peer.
    Answer,
}

/// Bytes by purpose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) calls: usize,
    pub(super) answers: usize,
}

impl Tally {
    const fn of(&mut self, purpose: Purpose) -> &mut usize {
        match purpose {
            Purpose::Call => &mut self.calls,
            Purpose::Answer => &mut self.answers,
        }
    }
}

/// Pieces of messages, in the order in which they are to be sent.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pieces: VecDeque<(Purpose, Bytes)>,
    /// What is in it, and what was taken and is not written yet.
    waiting: Tally,
}

impl Queue {
    /// Appends a message.
    pub(super) fn push(&mut self, purpose: Purpose, pieces: impl IntoIterator<Item = Bytes>) {
        for piece in pieces {
            if !piece.is_empty() {
                *self.waiting.of(purpose) += piece.len();
                self.pieces.push_back((purpose, piece));
            }
        }
    }

    /// What waits.
    pub(super) const fn waiting(&self) -> Tally {
        self.waiting
    }

    /// Moves what is to be written next into `batch`. It still counts as waiting.
    pub(super) fn take(&mut self, batch: &mut VecDeque<Bytes>) -> Tally {
        let mut taken = Tally::default();
        while batch.len() < BATCH_PIECES && taken.calls + taken.answers < BATCH_LEN {
            let Some((purpose, piece)) = self.pieces.pop_front() else { break };
            *taken.of(purpose) += piece.len();
            batch.push_back(piece);
        }
        taken
    }

    /// What was taken has been written.
    pub(super) const fn written(&mut self, taken: Tally) {
        self.waiting.calls = self.waiting.calls.saturating_sub(taken.calls);
        self.waiting.answers = self.waiting.answers.saturating_sub(taken.answers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_counts_until_it_is_written() {
        let mut queue = Queue::default();
        queue.push(Purpose::Call, [Bytes::from_static(b"call"), Bytes::new()]);
        queue.push(Purpose::Answer, [Bytes::from_static(b"an"), Bytes::from_static(b"swer")]);
        let mut batch = VecDeque::new();
        let taken = queue.take(&mut batch);
        assert_eq!(Vec::from(batch), [&b"call"[..], b"an", b"swer"]);
        assert_eq!(queue.waiting(), Tally { calls: 4, answers: 6 });
        queue.written(taken);
        assert_eq!(queue.waiting(), Tally::default());
    }

    #[test]
    fn a_batch_has_an_end() {
        let mut queue = Queue::default();
        queue.push(Purpose::Call, vec![Bytes::from_static(b"x"); BATCH_PIECES + 1]);
        let mut batch = VecDeque::new();
        assert_eq!(queue.take(&mut batch), Tally { calls: BATCH_PIECES, answers: 0 });
        queue.push(Purpose::Call, vec![Bytes::from(vec![0; BATCH_LEN]); 2]);
        batch.clear();
        assert_eq!(queue.take(&mut batch).calls, BATCH_LEN + 1);
    }
}
