//! The operations of section 7.3, from request to answer.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body as _;
use hyper::body::Incoming;
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::secrets::{LeaseSecrets, UploadSecret, WriteEnabler};
use tallac_core::storage::{
    AllocateRequest, ReadRequest, ShareKind, ShareStream, SlotReadRequest, SlotWriteRequest,
    StorageError, WriteRequest,
};
use tokio::sync::OwnedSemaphorePermit;

use super::State;
use super::body::{self, ShareBody};
use super::reply::{self, Refusal, ReplyBody};
use crate::gbs::auth::{self, Secrets};
use crate::gbs::messages::{allocate, corrupt, list, read_slot, read_test_write, version, write};
use crate::gbs::path::Path;
use crate::gbs::{CBOR, range};

type Answer = Result<Response<ReplyBody>, Refusal>;

/// Bytes of a share that are read before the answer begins. Reads that end within them, which
/// most do, are answered with their length and in one piece.
const READ_AHEAD: u64 = 64 * 1024;

/// Answers a request. Who does not know the swissnum learns nothing, not even what there is.
pub(super) async fn answer(state: &State, request: Request<Incoming>) -> Response<ReplyBody> {
    if !auth::is_authorized(request.headers(), &state.authorization) {
        return Refusal::new(StatusCode::UNAUTHORIZED, "wrong or missing swissnum").into();
    }
    let (parts, body) = request.into_parts();
    let method = match parts.method {
        Method::HEAD => Method::GET,
        method => method,
    };
    let Some(path) = Path::parse(parts.uri.path()) else {
        body::discard(body, state.limits.silence_timeout);
        return Refusal::new(StatusCode::NOT_FOUND, "no such path").into();
    };
    let call = Call { state, headers: &parts.headers };
    call.answer(&method, path, body).await.unwrap_or_else(Response::from)
}

/// A request, less its body.
struct Call<'a> {
    state: &'a State,
    headers: &'a HeaderMap,
}

impl Call<'_> {
    async fn answer(&self, method: &Method, path: Path, body: Incoming) -> Answer {
        match (method, path) {
            (&Method::GET, Path::Version) => self.version().await,
            (&Method::GET, Path::Shares(kind, index)) => self.list(kind, index).await,
            (&Method::GET, Path::Share(kind, index, share)) => {
                let read = self.read(kind, index, share).await;
                Ok(read.unwrap_or_else(reply::refused_read))
            }
            (&Method::POST, Path::Slot(index)) => self.allocate(index, body).await,
            (&Method::PATCH, Path::Share(ShareKind::Immutable, index, share)) => {
                self.write(index, share, body).await
            }
            (&Method::PUT, Path::Abort(index, share)) => self.abort(index, share).await,
            (&Method::PUT, Path::Lease(index)) => self.add_lease(index).await,
            (&Method::POST, Path::Corrupt(kind, index, share)) => {
                self.advise_corrupt((kind, index, share), body).await
            }
            (&Method::POST, Path::ReadTestWrite(index)) => self.write_slot(index, body).await,
            (&Method::POST, Path::ReadSlot(index)) => self.read_slot(index, body).await,
            _ => {
                self.discard(body);
                let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "not with this method");
                let mut response = Response::from(refusal);
                let methods = HeaderValue::from_static(path.methods());
                response.headers_mut().insert(header::ALLOW, methods);
                Ok(response)
            }
        }
    }

    fn secrets(&self) -> Result<Secrets, Refusal> {
        Ok(Secrets::parse(self.headers)?)
    }

    /// Asserts that the client would understand a message: it asks for nothing, or above all for
    /// CBOR. `*/*` does not count.
    fn check_accept(&self) -> Result<(), Refusal> {
        let Some(accept) = self.headers.get(header::ACCEPT) else { return Ok(()) };
        match accept.to_str().ok().and_then(best_media_type) {
            Some(best) if best.eq_ignore_ascii_case(CBOR) => Ok(()),
            _ => Err(Refusal::new(StatusCode::NOT_ACCEPTABLE, "there is only application/cbor")),
        }
    }

    fn discard(&self, body: Incoming) {
        body::discard(body, self.state.limits.silence_timeout);
    }

    async fn message(&self, body: Incoming, len_max: usize) -> Result<Bytes, Refusal> {
        let silence = self.state.limits.silence_timeout;
        body::read_message(self.headers, body, len_max, silence).await
    }

    async fn version(&self) -> Answer {
        self.secrets()?.none()?;
        self.check_accept()?;
        let version = self.state.storage.version().await?;
        Ok(reply::message(StatusCode::OK, version::encode_answer(&version)))
    }

    async fn list(&self, kind: ShareKind, index: StorageIndex) -> Answer {
        self.secrets()?.none()?;
        self.check_accept()?;
        let numbers = self.state.storage.list(kind, index).await?;
        Ok(reply::message(StatusCode::OK, list::encode_answer(&numbers)))
    }

    async fn allocate(&self, storage_index: StorageIndex, body: Incoming) -> Answer {
        let (lease, upload_secret) = self.secrets()?.lease_and_upload()?;
        self.check_accept()?;
        let message = self.message(body, allocate::REQUEST_LEN_MAX).await?;
        let allocate::Request { share_numbers, allocated_size } =
            allocate::Request::decode(&message)?;
        let request =
            AllocateRequest { storage_index, share_numbers, allocated_size, upload_secret, lease };
        let allocation = self.state.storage.allocate(request).await?;
        Ok(reply::message(StatusCode::OK, allocate::encode_answer(&allocation)))
    }

    async fn write(&self, index: StorageIndex, share: ShareNumber, body: Incoming) -> Answer {
        let request = match self.write_request(index, share, &body) {
            Ok(request) => request,
            Err(refusal) => {
                self.discard(body);
                return Err(refusal);
            }
        };
        let len = request.range.end - request.range.start;
        let silence = self.state.limits.silence_timeout;
        let (data, mut unread) = ShareBody::new(body, len, silence);
        let written = self.state.storage.write(request.with_data(Box::pin(data))).await;
        let progress = written.inspect_err(|_| {
            if let Ok(rest) = unread.try_recv() {
                self.discard(rest);
            }
        })?;
        let status = match progress.is_complete() {
            true => StatusCode::CREATED,
            false => StatusCode::OK,
        };
        Ok(reply::message(status, write::encode_answer(&progress)))
    }

    fn write_request(
        &self,
        storage_index: StorageIndex,
        share_number: ShareNumber,
        body: &Incoming,
    ) -> Result<WriteHead, Refusal> {
        let upload_secret = self.secrets()?.upload()?;
        self.check_accept()?;
        let header = self.headers.get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
        let (range, total) = header.and_then(range::parse_content_range).ok_or_else(|| {
            let wanted = "Content-Range must be bytes FIRST-LAST/TOTAL";
            Refusal::new(StatusCode::RANGE_NOT_SATISFIABLE, wanted)
        })?;
        let len = range.end - range.start;
        if body.size_hint().exact().is_some_and(|found| found != len) {
            let message = "the body has another length than Content-Range";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, message));
        }
        let total = total.unwrap_or(range.end);
        Ok(WriteHead { storage_index, share_number, upload_secret, range, total })
    }

    async fn write_slot(&self, storage_index: StorageIndex, body: Incoming) -> Answer {
        let (lease, write_enabler, _room) = match self.before_write_slot(&body).await {
            Ok(all) => all,
            Err(refusal) => {
                self.discard(body);
                return Err(refusal);
            }
        };
        let message = self.message(body, self.state.limits.slot_bodies_max).await?;
        let read_test_write::Request { changes, reads } =
            read_test_write::Request::decode(&message)?;
        let request = SlotWriteRequest { storage_index, write_enabler, lease, changes, reads };
        let answer = self.state.storage.write_slot(request).await?;
        Ok(reply::pieces(StatusCode::OK, read_test_write::encode_answer(&answer)))
    }

    async fn before_write_slot(
        &self,
        body: &Incoming,
    ) -> Result<(LeaseSecrets, WriteEnabler, Option<OwnedSemaphorePermit>), Refusal> {
        let (lease, write_enabler) = self.secrets()?.lease_and_write_enabler()?;
        self.check_accept()?;
        let limits = &self.state.limits;
        let room = &self.state.room;
        let room = room.for_body(body, limits.slot_bodies_max, limits.silence_timeout).await?;
        Ok((lease, write_enabler, room))
    }

    async fn read_slot(&self, storage_index: StorageIndex, body: Incoming) -> Answer {
        self.secrets()?.none()?;
        self.check_accept()?;
        let message = self.message(body, read_slot::REQUEST_LEN_MAX).await?;
        let read_slot::Request { share_numbers, reads } = read_slot::Request::decode(&message)?;
        let share_numbers = share_numbers.into_iter().collect();
        let request = SlotReadRequest { storage_index, share_numbers, reads };
        let answer = self.state.storage.read_slot(request).await?;
        Ok(reply::pieces(StatusCode::OK, read_slot::encode_answer(&answer)))
    }

    async fn abort(&self, index: StorageIndex, share: ShareNumber) -> Answer {
        let secret = self.secrets()?.upload()?;
        self.state.storage.abort(index, share, secret).await?;
        Ok(reply::empty(StatusCode::OK))
    }

    async fn add_lease(&self, index: StorageIndex) -> Answer {
        let lease = self.secrets()?.lease()?;
        self.state.storage.add_lease(index, lease).await?;
        Ok(reply::empty(StatusCode::NO_CONTENT))
    }

    async fn advise_corrupt(
        &self,
        (kind, index, share): (ShareKind, StorageIndex, ShareNumber),
        body: Incoming,
    ) -> Answer {
        self.secrets()?.none()?;
        let message = self.message(body, corrupt::REQUEST_LEN_MAX).await?;
        let reason = corrupt::decode_request(&message)?;
        self.state.storage.advise_corrupt(kind, index, share, reason).await?;
        Ok(reply::empty(StatusCode::OK))
    }

    async fn read(&self, kind: ShareKind, index: StorageIndex, share: ShareNumber) -> Answer {
        self.secrets()?.none()?;
        let range = match self.headers.get(header::RANGE) {
            None => None,
            Some(value) => {
                let range = value.to_str().ok().and_then(range::parse_range);
                let bad = || {
                    let wanted = "Range must be bytes=FIRST-LAST";
                    Refusal::new(StatusCode::RANGE_NOT_SATISFIABLE, wanted)
                };
                Some(range.ok_or_else(bad)?)
            }
        };
        let request = ReadRequest { kind, storage_index: index, share_number: share, range };
        let mut stream = self.state.storage.read(request.clone()).await?;
        let wanted = request.range.as_ref().map_or(u64::MAX, |range| range.end - range.start);
        let (at_hand, len, has_ended) = read_ahead(&mut stream, wanted.min(READ_AHEAD)).await?;
        let has_all = has_ended || len >= wanted;
        let Some(range) = request.range.clone() else {
            let body = match has_all {
                true => ReplyBody::whole(at_hand),
                false => ReplyBody::streamed(at_hand, stream, None),
            };
            return Ok(reply::octets(StatusCode::OK, body));
        };
        if has_all && len == 0 {
            return Ok(reply::empty(StatusCode::NO_CONTENT));
        }
        let (range, body) = match has_all {
            true => (range.start..range.start + len, ReplyBody::whole(at_hand)),
            false => {
                let range = self.clip(&request, range, len).await?;
                let len = range.end - range.start;
                (range, ReplyBody::streamed(at_hand, stream, Some(len)))
            }
        };
        let content_range = HeaderValue::try_from(range::print_content_range(&range, None));
        let mut response = reply::octets(StatusCode::PARTIAL_CONTENT, body);
        response
            .headers_mut()
            .insert(header::CONTENT_RANGE, content_range.expect("digits can stand in a header"));
        Ok(response)
    }

    /// The part of `range` that the share has, of which `known` bytes are there for sure.
    ///
    /// The answer must name it before the last byte was read. That byte is almost always there,
    /// so one look settles it; else the end is searched for, in steps that double and then halve.
    async fn clip(
        &self,
        request: &ReadRequest,
        range: Range<u64>,
        known: u64,
    ) -> Result<Range<u64>, Refusal> {
        if self.has_byte(request, range.end - 1).await? {
            return Ok(range);
        }
        let (mut has, mut lacks) = (range.start + known - 1, range.end - 1);
        let mut step = known;
        while has + 1 < lacks {
            let at = has.saturating_add(step).min(has + (lacks - has) / 2).max(has + 1);
            match self.has_byte(request, at).await? {
                true => (has, step) = (at, step.saturating_mul(2)),
                false => (lacks, step) = (at, u64::MAX),
            }
        }
        Ok(range.start..has + 1)
    }

    async fn has_byte(&self, request: &ReadRequest, at: u64) -> Result<bool, StorageError> {
        let request = ReadRequest { range: Some(at..at + 1), ..request.clone() };
        let mut stream = self.state.storage.read(request).await?;
        while let Some(piece) = stream.next().await {
            if !piece?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// A write, less its data.
struct WriteHead {
    storage_index: StorageIndex,
    share_number: ShareNumber,
    upload_secret: UploadSecret,
    range: Range<u64>,
    total: u64,
}

impl WriteHead {
    fn with_data(self, data: ShareStream) -> WriteRequest {
        let Self { storage_index, share_number, upload_secret, range, total } = self;
        WriteRequest { storage_index, share_number, upload_secret, range, total, data }
    }
}

/// Reads from `stream` until there are `enough` bytes or it ends: the pieces, how many bytes they
/// have, and whether it ended.
async fn read_ahead(
    stream: &mut ShareStream,
    enough: u64,
) -> Result<(VecDeque<Bytes>, u64, bool), StorageError> {
    let mut pieces = VecDeque::new();
    let mut len = 0;
    while len < enough {
        match stream.next().await {
            None => return Ok((pieces, len, true)),
            Some(piece) => {
                let piece = piece?;
                len += piece.len() as u64;
                pieces.push_back(piece);
            }
        }
    }
    Ok((pieces, len, false))
}

/// The media type of highest quality in an `Accept` header, the first of several.
fn best_media_type(header: &str) -> Option<&str> {
    let mut best: Option<(&str, f32)> = None;
    for entry in header.split(',') {
        let (media_type, parameters) = entry.split_once(';').unwrap_or((entry, ""));
        let quality = parameters
            .split(';')
            .find_map(|parameter| parameter.trim().strip_prefix("q="))
            .map_or(Some(1.0), |quality| quality.parse().ok())?;
        if best.is_none_or(|(_, so_far)| quality > so_far) {
            best = Some((media_type.trim(), quality));
        }
    }
    best.map(|(media_type, _)| media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_media_type_is_the_one_of_highest_quality() {
        for (header, best) in [
            ("application/cbor", "application/cbor"),
            ("text/html;q=0.5, application/cbor;q=0.9", "application/cbor"),
            ("application/cbor, */*", "application/cbor"),
            ("*/*", "*/*"),
            ("", ""),
        ] {
            assert_eq!(best_media_type(header), Some(best), "{header}");
        }
        assert_eq!(best_media_type("a;q=x"), None);
    }
}
