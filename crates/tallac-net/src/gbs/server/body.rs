//! The body of a request, on its way from the connection to the storage server.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use connections::Silence;
use futures_core::Stream;
use http::{HeaderMap, StatusCode, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tallac_core::storage::StorageError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::ServerLimits;
use super::reply::Refusal;
use crate::gbs::CBOR;

/// Most that is read of a body that nobody wants, so that its sender gets to see the answer.
const UNWANTED_LEN_MAX: u64 = 64 * 1024 * 1024;

/// How long that may take.
const UNWANTED_TIME_MAX: Duration = Duration::from_secs(10);

/// Memory for large messages, which is shared out in units.
pub(super) struct Room(Arc<Semaphore>);

/// Bytes in a unit of [`Room`].
const UNIT: usize = 4096;

impl Room {
    pub(super) fn new(len: usize) -> Self {
        Self(Arc::new(Semaphore::new(len.div_ceil(UNIT).min(Semaphore::MAX_PERMITS))))
    }

    /// Waits until there is room for a body of at most `len_max` bytes. The room is the caller's
    /// until it drops what it gets. Small bodies get nothing and never wait; neither do those that
    /// are too long, which will be refused.
    ///
    /// # Errors
    /// When there is none for too long.
    pub(super) async fn for_body(
        &self,
        body: &Incoming,
        len_max: usize,
        patience: Duration,
    ) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
        let len = body.size_hint().upper().and_then(|len| usize::try_from(len).ok());
        let len = len.unwrap_or(len_max).min(len_max);
        let is_too_long = body.size_hint().lower() > len_max as u64;
        if len <= ServerLimits::SMALL_BODY_LEN || is_too_long {
            return Ok(None);
        }
        let units = u32::try_from(len.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let room = tokio::time::timeout(patience, self.0.clone().acquire_many_owned(units)).await;
        let busy = || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too many large requests");
        Ok(room.map_err(|_| busy())?.ok())
    }
}

/// Reads a CBOR message of at most `len_max` bytes.
pub(super) async fn read_message(
    headers: &HeaderMap,
    mut body: Incoming,
    len_max: usize,
    silence: Duration,
) -> Result<Bytes, Refusal> {
    let media_type = headers.get(header::CONTENT_TYPE).map(|value| {
        let value = value.as_bytes();
        value.split(|byte| *byte == b';').next().unwrap_or(value).trim_ascii()
    });
    if media_type.is_some_and(|found| !found.eq_ignore_ascii_case(CBOR.as_bytes())) {
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be CBOR"));
    }
    let too_large =
        || Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("at most {len_max} bytes"));
    if body.size_hint().lower() > len_max as u64 {
        discard(body, silence);
        return Err(too_large());
    }
    let mut message = BytesMut::new();
    loop {
        let frame = tokio::time::timeout(silence, body.frame()).await;
        let frame = match frame
            .map_err(|_| StorageError::TimedOut { seconds: silence.as_secs() })?
        {
            None => return Ok(message.freeze()),
            Some(frame) => frame.map_err(|error| StorageError::Unreachable(error.to_string()))?,
        };
        let Ok(piece) = frame.into_data() else { continue };
        if message.len() + piece.len() > len_max {
            discard(body, silence);
            return Err(too_large());
        }
        message.extend_from_slice(&piece);
    }
}

/// Reads and forgets the rest of a body in the background. A client that is still sending would
/// otherwise find its connection reset, and never see why.
pub(super) fn discard(mut body: Incoming, silence: Duration) {
    if body.is_end_stream() {
        return;
    }
    let read = async move {
        let mut left = UNWANTED_LEN_MAX;
        while let Ok(Some(Ok(frame))) = tokio::time::timeout(silence, body.frame()).await {
            let len = frame.data_ref().map_or(0, Bytes::len) as u64;
            let Some(rest) = left.checked_sub(len) else { return };
            left = rest;
        }
    };
    tokio::spawn(tokio::time::timeout(UNWANTED_TIME_MAX, read));
}

/// A body of share data. It ends with an error unless it has exactly the expected length.
pub(super) struct ShareBody {
    body: Option<Incoming>,
    left: u64,
    silence: Silence,
    give_back: Option<oneshot::Sender<Incoming>>,
}

impl ShareBody {
    /// The body, and where what is left of it comes when nobody reads it any more.
    pub(super) fn new(
        body: Incoming,
        len: u64,
        silence: Duration,
    ) -> (Self, oneshot::Receiver<Incoming>) {
        let (give_back, rest) = oneshot::channel();
        let silence = Silence::new(silence);
        (Self { body: Some(body), left: len, silence, give_back: Some(give_back) }, rest)
    }
}

impl Drop for ShareBody {
    fn drop(&mut self) {
        if let (Some(give_back), Some(body)) = (self.give_back.take(), self.body.take()) {
            let _ = give_back.send(body);
        }
    }
}

impl Stream for ShareBody {
    type Item = Result<Bytes, StorageError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(body) = this.body.as_mut() else { return Poll::Ready(None) };
        loop {
            let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) else {
                ready!(this.silence.poll_too_long(cx));
                let seconds = this.silence.limit().as_secs();
                return Poll::Ready(Some(Err(StorageError::TimedOut { seconds })));
            };
            this.silence.end();
            let data = match frame {
                None if this.left == 0 => return Poll::Ready(None),
                None => return Poll::Ready(Some(Err(wrong_length("shorter")))),
                Some(Err(error)) => {
                    let error = StorageError::Unreachable(error.to_string());
                    return Poll::Ready(Some(Err(error)));
                }
                Some(Ok(frame)) => frame.into_data(),
            };
            let Ok(piece) = data else { continue };
            let Some(left) = this.left.checked_sub(piece.len() as u64) else {
                return Poll::Ready(Some(Err(wrong_length("longer"))));
            };
            this.left = left;
            return Poll::Ready(Some(Ok(piece)));
        }
    }
}

fn wrong_length(how: &str) -> StorageError {
    StorageError::BadRange(format!("the body is {how} than its range"))
}
