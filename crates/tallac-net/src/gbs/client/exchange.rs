//! A request and its answer over one connection, or over two if the first was stale.

use std::error::Error as _;
use std::io;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::HeaderName;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tallac_core::storage::StorageError;
use tokio::time::Instant;

use super::answer::ShareAnswer;
use super::body::{Pace, ShareUpload};
use super::call::Call;
use super::misbehaved;
use super::pool::{Connection, Pool};
use crate::gbs::{CBOR, status};

/// Most that is read of the text of a refusal, in bytes.
const REFUSAL_LEN_MAX: usize = 10_000;

/// Most of it that is repeated to the user, in characters.
const REFUSAL_SHOWN_MAX: usize = 200;

/// An answer whose head is there.
pub(super) struct Exchange {
    pool: Arc<Pool>,
    connection: Connection,
    response: Response<Incoming>,
    /// Whether the connection can carry another request once the answer was read.
    is_reusable: bool,
}

/// Why no answer came.
enum Failure {
    /// The connection broke before any of the answer came.
    Closed(String),
    /// Anything else.
    Other(StorageError),
}

/// Sends a request and waits for its answer.
pub(super) async fn perform(pool: &Arc<Pool>, call: Call) -> Result<Exchange, StorageError> {
    let mut connection = pool.connection().await?;
    if !connection.is_used
        && let Some(upload) = call.upload()
    {
        upload.forget();
    }
    let sent = match send(pool, &mut connection, &call).await {
        Err(Failure::Closed(_)) if connection.is_used && call.can_be_repeated() => {
            connection = pool.fresh_connection().await?;
            send(pool, &mut connection, &call).await
        }
        sent => sent,
    };
    match sent {
        Ok(response) => {
            let is_reusable = call.upload().is_none_or(ShareUpload::is_taken);
            Ok(Exchange { pool: pool.clone(), connection, response, is_reusable })
        }
        Err(Failure::Closed(what)) => Err(StorageError::Unreachable(what)),
        Err(Failure::Other(error)) => Err(error),
    }
}

async fn send(
    pool: &Pool,
    connection: &mut Connection,
    call: &Call,
) -> Result<Response<Incoming>, Failure> {
    let mut request = call.request();
    pool.complete(request.headers_mut(), connection);
    let limit = pool.limits().silence_timeout;
    let mut answer = pin!(connection.sender.send_request(request));
    let mut deadline = Instant::now() + limit;
    loop {
        match tokio::time::timeout_at(deadline, answer.as_mut()).await {
            Ok(Ok(response)) => return Ok(response),
            Ok(Err(error)) => return Err(failure(&error, call)),
            Err(_) => {}
        }
        // Nothing yet; but as long as the server takes our data it is not silent.
        deadline = match call.upload().map(ShareUpload::pace) {
            Some(Pace::WaitsForSource) => Instant::now() + limit,
            Some(Pace::LastTaken(at)) if at + limit > deadline => at + limit,
            _ => {
                let seconds = limit.as_secs();
                return Err(Failure::Other(StorageError::TimedOut { seconds }));
            }
        };
    }
}

fn failure(error: &hyper::Error, call: &Call) -> Failure {
    if let Some(failure) = call.upload().and_then(ShareUpload::failure) {
        return Failure::Other(failure);
    }
    if error.is_parse() {
        return Failure::Other(misbehaved("it does not speak HTTP"));
    }
    let io_error = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    Failure::Closed(match io_error {
        Some(error) => error.to_string(),
        None => error.to_string(),
    })
}

impl Exchange {
    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(super) fn header(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.response.headers().get(name)
    }

    /// The exchange itself if the status is one of those, else the error that it stands for.
    pub(super) async fn expect(self, wanted: &[StatusCode]) -> Result<Self, StorageError> {
        let status = self.status();
        if wanted.contains(&status) {
            return Ok(self);
        }
        let said = self.collect(REFUSAL_LEN_MAX).await.unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let said: String = said
            .trim()
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(REFUSAL_SHOWN_MAX)
            .collect();
        Err(status::to_error(status, &said))
    }

    /// The body, which must be CBOR of at most `len_max` bytes.
    pub(super) async fn message(self, len_max: usize) -> Result<Bytes, StorageError> {
        let media_type = self.header(&header::CONTENT_TYPE).map(HeaderValue::as_bytes);
        if !media_type.is_some_and(|found| found.eq_ignore_ascii_case(CBOR.as_bytes())) {
            return Err(misbehaved("it did not send CBOR"));
        }
        self.collect(len_max).await
    }

    /// Reads a body that means nothing, so that the connection can be used again.
    pub(super) async fn finish(self) -> Result<(), StorageError> {
        self.collect(REFUSAL_LEN_MAX).await.map(drop)
    }

    /// The body, which is share data: of `len` bytes, or however many there are.
    pub(super) fn data(self, len: Option<u64>) -> Result<ShareAnswer, StorageError> {
        let body = self.response.into_body();
        match (len, body.size_hint().exact()) {
            (Some(len), Some(found)) if len != found => {
                Err(misbehaved("the lengths in its headers disagree"))
            }
            _ => Ok(ShareAnswer::new(self.pool, self.connection, body, len)),
        }
    }

    async fn collect(self, len_max: usize) -> Result<Bytes, StorageError> {
        let Self { pool, connection, response, is_reusable } = self;
        let mut body = response.into_body();
        let mut pieces: Vec<Bytes> = Vec::new();
        let mut len = 0;
        let limit = pool.limits().silence_timeout;
        while !body.is_end_stream() {
            let frame = tokio::time::timeout(limit, body.frame()).await;
            let frame = frame.map_err(|_| StorageError::TimedOut { seconds: limit.as_secs() })?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| StorageError::Unreachable(error.to_string()))?;
            let Ok(piece) = frame.into_data() else { continue };
            len += piece.len();
            if len > len_max {
                return Err(misbehaved("its answer is too long"));
            }
            pieces.push(piece);
        }
        if is_reusable {
            pool.keep(connection);
        }
        Ok(match pieces.len() {
            1 => pieces.remove(0),
            _ => pieces.concat().into(),
        })
    }
}
