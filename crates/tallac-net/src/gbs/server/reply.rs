//! Answers: their status, headers and bodies.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use tallac_core::storage::{ShareStream, StorageError};

use crate::gbs::auth::SecretsError;
use crate::gbs::messages::MessageError;
use crate::gbs::{CBOR, OCTETS, status};

/// An answer that is no success: a status and one plain sentence.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: Cow<'static, str>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, message: message.into() }
    }
}

impl From<StorageError> for Refusal {
    fn from(error: StorageError) -> Self {
        let status = status::of_error(&error);
        if status.is_server_error() {
            match error {
                StorageError::Unreachable(_) | StorageError::TimedOut { .. } => {
                    tracing::debug!(%error, "a client broke off");
                }
                _ => tracing::warn!(%error, "a storage operation failed"),
            }
            // What is wrong with this machine is for its operator, not for the client.
            return Self::new(status, status.canonical_reason().unwrap_or_default());
        }
        Self::new(status, error.to_string())
    }
}

impl From<SecretsError> for Refusal {
    fn from(error: SecretsError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl From<MessageError> for Refusal {
    fn from(error: MessageError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl From<Refusal> for Response<ReplyBody> {
    /// The sentence is sent with those statuses that do not say everything. With the others the
    /// body is empty, as Tahoe-LAFS has it: its client does not read it, and a body that nobody
    /// reads costs the connection.
    fn from(refusal: Refusal) -> Self {
        let status = refusal.status;
        if status != StatusCode::BAD_REQUEST && !status.is_server_error() {
            return empty(status);
        }
        let mut text = refusal.message.into_owned();
        text.push('\n');
        let body = ReplyBody::from(Bytes::from(text));
        with_type(status, "text/plain; charset=utf-8", body)
    }
}

/// The refusal of a read. Tahoe-LAFS's client looks at the media type before the status.
pub(super) fn refused_read(refusal: Refusal) -> Response<ReplyBody> {
    octets(refusal.status, ReplyBody::from(Bytes::new()))
}

/// An answer with no body.
pub(super) fn empty(status: StatusCode) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::from(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// An answer that is a message.
pub(super) fn message(status: StatusCode, message: Bytes) -> Response<ReplyBody> {
    with_type(status, CBOR, ReplyBody::from(message))
}

/// An answer that is a message in pieces.
pub(super) fn pieces(status: StatusCode, pieces: Vec<Bytes>) -> Response<ReplyBody> {
    with_type(status, CBOR, ReplyBody::whole(pieces.into()))
}

/// An answer that is share data.
pub(super) fn octets(status: StatusCode, body: ReplyBody) -> Response<ReplyBody> {
    with_type(status, OCTETS, body)
}

fn with_type(status: StatusCode, media_type: &'static str, body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// The body of an answer: some bytes at hand, then perhaps a stream of more.
pub(super) struct ReplyBody {
    at_hand: VecDeque<Bytes>,
    rest: Option<ShareStream>,
    /// Bytes still to come, where that is known; the body has exactly that many or breaks off.
    left: Option<u64>,
}

impl From<Bytes> for ReplyBody {
    fn from(bytes: Bytes) -> Self {
        Self::whole(VecDeque::from_iter([bytes]))
    }
}

impl ReplyBody {
    /// A body of these pieces and no more.
    pub(super) fn whole(mut at_hand: VecDeque<Bytes>) -> Self {
        at_hand.retain(|piece| !piece.is_empty());
        let left = at_hand.iter().map(|piece| piece.len() as u64).sum();
        Self { at_hand, rest: None, left: Some(left) }
    }

    /// A body of these pieces and what `rest` has, `len` bytes in all if that is known.
    pub(super) const fn streamed(
        at_hand: VecDeque<Bytes>,
        rest: ShareStream,
        len: Option<u64>,
    ) -> Self {
        Self { at_hand, rest: Some(rest), left: len }
    }

    fn count(&mut self, mut piece: Bytes) -> Frame<Bytes> {
        if let Some(left) = &mut self.left {
            piece.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= piece.len() as u64;
        }
        Frame::data(piece)
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = StorageError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StorageError>>> {
        let this = &mut *self;
        if this.left == Some(0) {
            return Poll::Ready(None);
        }
        if let Some(piece) = this.at_hand.pop_front() {
            return Poll::Ready(Some(Ok(this.count(piece))));
        }
        let next = match &mut this.rest {
            None => None,
            Some(rest) => ready!(rest.as_mut().poll_next(cx)),
        };
        match next {
            Some(Ok(piece)) => Poll::Ready(Some(Ok(this.count(piece)))),
            Some(Err(error)) => {
                tracing::warn!(%error, "a share broke off while it was read");
                Poll::Ready(Some(Err(error)))
            }
            None if this.left.is_none() => Poll::Ready(None),
            None => {
                let error = StorageError::Damaged("the share ended before its end".into());
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
