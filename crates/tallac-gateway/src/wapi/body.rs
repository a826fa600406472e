//! What an answer carries: nothing, bytes at hand, or a file on its way from the grid.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt as _};
use http_body::{Frame, SizeHint};
use tallac_grid::download::{DownloadError, PlaintextStream};

use super::access_log::AccessLine;

/// Why an answer that was begun cannot go on. The connection is then cut, since a length was
/// promised and the client must not take what it has for the whole.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    /// The rest of the file did not come.
    #[error(transparent)]
    Download(DownloadError),
    /// Fewer bytes came than the file has.
    #[error("a download ended early")]
    Short,
    /// A folder that is packed while it is sent cannot be packed to its end.
    #[error("a folder could not be packed to its end: {0}")]
    Packing(String),
}

/// The body of an answer.
pub(super) struct Body {
    source: Source,
    /// Bytes that are still to come, at most.
    left: u64,
    /// Written to the log when the answer is done with.
    access: Option<AccessLine>,
}

enum Source {
    /// At hand; empty once they are given out.
    Bytes(Bytes),
    /// The first piece, if it is not yet given out, and the rest.
    Stream(Option<Bytes>, PlaintextStream),
    /// Made while it is sent: nobody knows how long it will be.
    Lines(BoxStream<'static, Result<Bytes, BodyError>>),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.left)
    }
}

impl Body {
    /// These bytes.
    pub(super) fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { left: bytes.len() as u64, source: Source::Bytes(bytes), access: None }
    }

    /// `len` bytes of a file, of which the first are here already.
    pub(super) const fn stream(first: Option<Bytes>, rest: PlaintextStream, len: u64) -> Self {
        Self { source: Source::Stream(first, rest), left: len, access: None }
    }

    /// Text that is made while it is sent.
    pub(super) fn lines(lines: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        Self::pieces(lines.map(Ok))
    }

    /// What is made while it is sent, and may not come to its end.
    pub(super) fn pieces(
        pieces: impl Stream<Item = Result<Bytes, BodyError>> + Send + 'static,
    ) -> Self {
        Self { source: Source::Lines(Box::pin(pieces)), left: u64::MAX, access: None }
    }

    /// Bytes of it.
    pub(super) const fn len(&self) -> u64 {
        self.left
    }

    /// Has the answer logged when it is done with.
    pub(super) fn log_with(&mut self, access: AccessLine) {
        self.access = Some(access);
    }

    /// The next piece, however long.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        match &mut self.source {
            Source::Bytes(bytes) => Poll::Ready(Some(Ok(std::mem::take(bytes)))),
            Source::Stream(first, rest) => match first.take() {
                Some(first) => Poll::Ready(Some(Ok(first))),
                None => rest.as_mut().poll_next(cx).map_err(BodyError::Download),
            },
            Source::Lines(lines) => lines.as_mut().poll_next(cx),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        while self.left > 0 {
            let mut piece = match ready!(self.poll_piece(cx)) {
                Some(Ok(piece)) => piece,
                None if matches!(self.source, Source::Lines(_)) => {
                    self.left = 0;
                    break;
                }
                None => return Poll::Ready(Some(Err(BodyError::Short))),
                Some(Err(error)) => {
                    tracing::warn!(%error, "a download broke off in the middle");
                    return Poll::Ready(Some(Err(error)));
                }
            };
            piece.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
            if !piece.is_empty() {
                let len = piece.len() as u64;
                self.left -= len;
                if let Some(access) = &mut self.access {
                    access.add(len);
                }
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        match self.source {
            Source::Lines(_) => SizeHint::default(),
            _ => SizeHint::with_exact(self.left),
        }
    }
}
