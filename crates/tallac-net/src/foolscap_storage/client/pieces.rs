//! The bytes of a share on their way out, in pieces of a convenient length.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt as _, StreamExt as _};
use tallac_core::storage::{ShareStream, StorageError};

/// Pieces shorter than this are joined, in bytes.
const LEN_MIN: usize = 256 << 10;

/// Pieces longer than this are cut, in bytes.
const LEN_MAX: usize = 1 << 20;

/// A run of bytes of a share.
pub(super) struct Pieces {
    data: ShareStream,
    /// Where the next piece goes.
    at: u64,
    /// Bytes that have yet to come.
    left: u64,
    gathered: VecDeque<Bytes>,
    gathered_len: usize,
}

impl Pieces {
    /// The bytes of `range`, which `data` must have, no fewer and no more.
    pub(super) fn new(data: ShareStream, range: Range<u64>) -> Self {
        let left = range.end - range.start;
        Self { data, at: range.start, left, gathered: VecDeque::new(), gathered_len: 0 }
    }

    /// The next piece, and where it goes. Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Result<Option<(u64, Bytes)>, StorageError> {
        while self.left > 0 && self.gathered_len < LEN_MIN {
            let piece = self.data.next().await.ok_or_else(|| wrong_length("shorter"))??;
            self.left =
                self.left.checked_sub(piece.len() as u64).ok_or_else(|| wrong_length("longer"))?;
            if !piece.is_empty() {
                self.gathered_len += piece.len();
                self.gathered.push_back(piece);
            }
        }
        if self.left == 0 && self.gathered_len <= LEN_MAX && self.has_more()? {
            return Err(wrong_length("longer"));
        }
        let piece = self.take();
        let at = self.at;
        self.at += piece.len() as u64;
        Ok(Some((at, piece)).filter(|(_, piece)| !piece.is_empty()))
    }

    /// Whether more follows than should. A source that does not end at once gets the benefit of
    /// the doubt: it may end only when it sees that the write was answered.
    fn has_more(&mut self) -> Result<bool, StorageError> {
        loop {
            match self.data.next().now_or_never().flatten().transpose()? {
                Some(piece) if piece.is_empty() => {}
                piece => return Ok(piece.is_some()),
            }
        }
    }

    /// What was gathered, or as much of it as fits.
    fn take(&mut self) -> Bytes {
        let len = self.gathered_len.min(LEN_MAX);
        self.gathered_len -= len;
        match self.gathered.front_mut() {
            None => Bytes::new(),
            Some(first) if first.len() > len => first.split_to(len),
            Some(first) if first.len() == len => self.gathered.pop_front().unwrap_or_default(),
            Some(_) => {
                let mut joined = BytesMut::with_capacity(len);
                while joined.len() < len
                    && let Some(mut piece) = self.gathered.pop_front()
                {
                    let fits = piece.split_to(piece.len().min(len - joined.len()));
                    joined.extend_from_slice(&fits);
                    if !piece.is_empty() {
                        self.gathered.push_front(piece);
                    }
                }
                joined.freeze()
            }
        }
    }
}

fn wrong_length(how: &str) -> StorageError {
    StorageError::BadRange(format!("the data is {how} than its range"))
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use proptest::prelude::*;

    use super::*;

    /// All pieces of a run of `len` bytes whose source has pieces of these lengths.
    fn pieces_of(lens: &[usize], len: u64) -> Result<Vec<(u64, Bytes)>, StorageError> {
        let source: Vec<_> = lens.iter().map(|&len| Ok(vec![7; len].into())).collect();
        let mut pieces = Pieces::new(Box::pin(stream::iter(source)), 10..10 + len);
        let mut all = Vec::new();
        while let Some(piece) = pieces.next().now_or_never().expect("it never waits")? {
            all.push(piece);
        }
        Ok(all)
    }

    #[test]
    fn pieces_have_a_convenient_length() {
        let check = |lens: &[usize], expected: &[usize]| {
            let sum = lens.iter().sum::<usize>() as u64;
            let pieces = pieces_of(lens, sum).unwrap();
            assert_eq!(pieces.iter().map(|(_, p)| p.len()).collect::<Vec<_>>(), expected);
            let mut at = 10;
            for (start, piece) in pieces {
                assert_eq!(start, at);
                at += piece.len() as u64;
            }
        };
        check(&[], &[]);
        check(&[0, 0], &[]);
        check(&[36, 0, 350_000, 350_000], &[350_036, 350_000]);
        check(&[100; 5], &[500]);
        check(&[LEN_MAX], &[LEN_MAX]);
        check(&[LEN_MAX + 1], &[LEN_MAX, 1]);
        check(&[1, 3 * LEN_MAX], &[LEN_MAX, LEN_MAX, LEN_MAX, 1]);
        check(&[LEN_MIN, LEN_MIN - 1, 5], &[LEN_MIN, LEN_MIN + 4]);
    }

    #[test]
    fn a_source_of_another_length_is_refused() {
        for (lens, len, how) in [
            (&[4, 5][..], 10, "shorter"),
            (&[], 1, "shorter"),
            (&[4, 7], 10, "longer"),
            (&[4, 6, 0, 1], 10, "longer"),
            (&[LEN_MAX + 1, 1], LEN_MAX as u64 + 1, "longer"),
            (&[1], 0, "longer"),
        ] {
            let error = pieces_of(lens, len).unwrap_err().to_string();
            assert!(error.contains(how), "{lens:?} of {len}: {error}");
        }
    }

    #[test]
    fn a_source_that_does_not_end_is_not_waited_for() {
        let data = stream::iter([Ok(Bytes::from_static(b"ab"))]).chain(stream::pending());
        let mut pieces = Pieces::new(Box::pin(data), 0..2);
        let first = pieces.next().now_or_never().expect("it has it").unwrap();
        assert_eq!(first, Some((0, Bytes::from_static(b"ab"))));
        assert_eq!(pieces.next().now_or_never().expect("it has it").unwrap(), None);
    }

    proptest! {
        #[test]
        fn no_byte_is_lost(lens in prop::collection::vec(0usize..1_500_000, 0..6)) {
            let sum = lens.iter().sum::<usize>() as u64;
            let pieces = pieces_of(&lens, sum).unwrap();
            prop_assert_eq!(pieces.iter().map(|(_, p)| p.len() as u64).sum::<u64>(), sum);
            prop_assert!(pieces.iter().all(|(_, piece)| (1..=LEN_MAX).contains(&piece.len())));
        }
    }
}
