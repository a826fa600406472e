//! The client's side of GBS: a [`StorageServer`] that is somewhere else.

mod answer;
mod body;
mod call;
mod exchange;
mod pool;
mod slots;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use http::{HeaderValue, Method, StatusCode, header};
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::secrets::{LeaseSecrets, UploadSecret};
use tallac_core::storage::{
    AllocateRequest, Allocation, BoxFuture, ReadRequest, ServerVersion, ShareKind, ShareStream,
    SlotReadAnswer, SlotReadRequest, SlotWriteAnswer, SlotWriteRequest, StorageError,
    StorageServer, WriteProgress, WriteRequest,
};

use super::messages::{MessageError, allocate, corrupt, list, version, write};
use super::path::Path;
use super::{OCTETS, auth, range};
use crate::identity::{Location, Nurl};
use crate::transport::Ways;
use body::ShareUpload;
use call::Call;
use exchange::Exchange;
use pool::Pool;
use slots::SlotReading;

/// Longest answer that is taken where it is a message, in bytes.
const MESSAGE_LEN_MAX: usize = 256 * 1024;

/// Longest date that is taken, in characters.
const DATE_LEN_MAX: usize = 64;

/// What a client puts up with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientLimits {
    /// How long a connection, with its TLS handshake, may take; one through Tor or I2P has longer.
    pub connect_timeout: Duration,
    /// How long the server may neither send nor take a byte in the middle of a request.
    pub silence_timeout: Duration,
    /// Connections to keep for later while they are not in use. As many as are needed at a time
    /// are made.
    pub idle_connections_max: usize,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            silence_timeout: Duration::from_secs(60),
            idle_connections_max: 10,
        }
    }
}

/// Why there can be no client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GbsClientError {
    /// None of the server's NURLs leads anywhere that we may go.
    #[error(
        "none of the server's addresses can be reached in the ways that [connections] and [tor] \
         allow"
    )]
    NoAddress,
    /// The TLS library refused its configuration.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

/// A storage server that is reached over HTTPS at one or more NURLs, which are tried in turn.
///
/// Connections are kept and used again. Nothing is sent before the first operation. Clones share
/// their connections.
#[derive(Clone)]
pub struct GbsClient {
    pool: Arc<Pool>,
    slot_reading: Arc<SlotReading>,
}

impl fmt::Debug for GbsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GbsClient").field("locations", &self.pool.locations()).finish()
    }
}

impl GbsClient {
    /// A client of the server that all these NURLs are of, with the default limits. Those that
    /// none of the ways leads to are left out.
    ///
    /// # Errors
    /// [`GbsClientError::NoAddress`] when none is left.
    pub fn new(nurls: &[Nurl], ways: &Ways) -> Result<Self, GbsClientError> {
        Self::with_limits(nurls, ways, ClientLimits::default())
    }

    /// The same, with other limits.
    ///
    /// # Errors
    /// [`GbsClientError::NoAddress`] when none is left.
    pub fn with_limits(
        nurls: &[Nurl],
        ways: &Ways,
        limits: ClientLimits,
    ) -> Result<Self, GbsClientError> {
        let pool =
            Pool::new(nurls, ways, limits).map_err(|e| GbsClientError::Tls(e.to_string()))?;
        match pool.locations().is_empty() {
            true => Err(GbsClientError::NoAddress),
            false => Ok(Self { pool: Arc::new(pool), slot_reading: Arc::default() }),
        }
    }

    /// Where the server is looked for, in the order of trial.
    #[must_use]
    pub fn locations(&self) -> Vec<&Location> {
        self.pool.locations()
    }

    /// What the server's clock shows, in the words of its `Date` header; nothing if it does not
    /// tell.
    ///
    /// # Errors
    /// [`StorageError`] when it does not answer.
    pub async fn date(&self) -> Result<Option<String>, StorageError> {
        let answer = self.exchange(Call::new(Method::GET, Path::Version)).await?;
        let answer = answer.expect(&[StatusCode::OK]).await?;
        let date = answer.header(&header::DATE).and_then(|date| date.to_str().ok());
        let date = date.filter(|date| date.len() <= DATE_LEN_MAX).map(str::to_owned);
        // So that the connection may be used again.
        let _ = answer.message(MESSAGE_LEN_MAX).await?;
        Ok(date)
    }

    async fn exchange(&self, call: Call) -> Result<Exchange, StorageError> {
        exchange::perform(&self.pool, call).await
    }

    async fn call_version(&self) -> Result<ServerVersion, StorageError> {
        let answer = self.exchange(Call::new(Method::GET, Path::Version)).await?;
        let message = answer.expect(&[StatusCode::OK]).await?.message(MESSAGE_LEN_MAX).await?;
        let version = version::decode_answer(&message).map_err(misbehaved)?;
        self.slot_reading.learn(&version);
        Ok(version)
    }

    async fn call_allocate(&self, request: AllocateRequest) -> Result<Allocation, StorageError> {
        let AllocateRequest { storage_index, share_numbers, allocated_size, .. } = request;
        let message = allocate::Request { share_numbers, allocated_size };
        let mut call = Call::new(Method::POST, Path::Slot(storage_index))
            .with_secrets(auth::lease_headers(&request.lease))
            .with_secrets([auth::upload_header(&request.upload_secret)]);
        call.set_message(message.encode());
        let answer = self.exchange(call).await?.expect(&[StatusCode::OK]).await?;
        let answer = answer.message(MESSAGE_LEN_MAX).await?;
        let allocation = allocate::decode_answer(&answer).map_err(misbehaved)?;
        if !allocation.allocated.is_subset(&message.share_numbers) {
            return Err(misbehaved("it allocated shares that nobody asked for"));
        }
        if !allocation.allocated.is_disjoint(&allocation.already_have) {
            return Err(misbehaved("it allocated shares that it already has"));
        }
        Ok(allocation)
    }

    async fn call_write(&self, request: WriteRequest) -> Result<WriteProgress, StorageError> {
        let range = request.range;
        if range.is_empty() {
            return Err(StorageError::BadRange("nothing to write".into()));
        }
        let path = Path::Share(ShareKind::Immutable, request.storage_index, request.share_number);
        let content_range = range::print_content_range(&range, Some(request.total.max(range.end)));
        let mut call = Call::new(Method::PATCH, path)
            .with_secrets([auth::upload_header(&request.upload_secret)])
            .with_header(header::CONTENT_RANGE, content_range);
        call.set_upload(ShareUpload::new(request.data, range.end - range.start));
        let answer = self.exchange(call).await?;
        let answer = answer.expect(&[StatusCode::OK, StatusCode::CREATED]).await?;
        let is_complete = answer.status() == StatusCode::CREATED;
        let answer = answer.message(MESSAGE_LEN_MAX).await?;
        let progress = write::decode_answer(&answer).map_err(misbehaved)?;
        match progress.is_complete() == is_complete {
            true => Ok(progress),
            false => Err(misbehaved("its status and its list of missing bytes disagree")),
        }
    }

    async fn call_abort(
        &self,
        storage_index: StorageIndex,
        share: ShareNumber,
        secret: UploadSecret,
    ) -> Result<(), StorageError> {
        let call = Call::new(Method::PUT, Path::Abort(storage_index, share))
            .with_secrets([auth::upload_header(&secret)]);
        self.exchange(call).await?.expect(&[StatusCode::OK]).await?.finish().await
    }

    async fn call_list(
        &self,
        kind: ShareKind,
        storage_index: StorageIndex,
    ) -> Result<BTreeSet<ShareNumber>, StorageError> {
        let answer = self.exchange(Call::new(Method::GET, Path::Shares(kind, storage_index))).await;
        let message = answer?.expect(&[StatusCode::OK]).await?.message(MESSAGE_LEN_MAX).await?;
        list::decode_answer(&message).map_err(misbehaved)
    }

    async fn call_read(&self, request: ReadRequest) -> Result<ShareStream, StorageError> {
        let path = Path::Share(request.kind, request.storage_index, request.share_number);
        let mut call = Call::new(Method::GET, path);
        let Some(range) = request.range else {
            let answer = self.exchange(call).await?.expect(&[StatusCode::OK]).await?;
            check_octets(&answer)?;
            return Ok(Box::pin(answer.data(None)?));
        };
        if range.start > range.end {
            return Err(StorageError::BadRange("it ends before it begins".into()));
        }
        if range.is_empty() {
            return Ok(Box::pin(stream::empty()));
        }
        call = call.with_header(header::RANGE, range::print_range(&range));
        let wanted = [StatusCode::PARTIAL_CONTENT, StatusCode::NO_CONTENT];
        let answer = self.exchange(call).await?.expect(&wanted).await?;
        if answer.status() == StatusCode::NO_CONTENT {
            answer.finish().await?;
            return Ok(Box::pin(stream::empty()));
        }
        check_octets(&answer)?;
        let len = length_within(&answer, &range)?;
        Ok(Box::pin(answer.data(Some(len))?))
    }

    async fn call_add_lease(
        &self,
        storage_index: StorageIndex,
        lease: LeaseSecrets,
    ) -> Result<(), StorageError> {
        let call = Call::new(Method::PUT, Path::Lease(storage_index))
            .with_secrets(auth::lease_headers(&lease));
        self.exchange(call).await?.expect(&[StatusCode::NO_CONTENT]).await?.finish().await
    }

    async fn call_advise_corrupt(&self, path: Path, reason: String) -> Result<(), StorageError> {
        let mut call = Call::new(Method::POST, path);
        call.set_message(corrupt::encode_request(&reason));
        self.exchange(call).await?.expect(&[StatusCode::OK]).await?.finish().await
    }
}

/// How many bytes of `asked` the answer says to have.
fn length_within(answer: &Exchange, asked: &Range<u64>) -> Result<u64, StorageError> {
    let header = answer.header(&header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
    let (found, _) = header
        .and_then(range::parse_content_range)
        .ok_or_else(|| misbehaved("it did not say which bytes it sent"))?;
    match found.start == asked.start && found.end <= asked.end {
        true => Ok(found.end - found.start),
        false => Err(misbehaved("it sent other bytes than those asked for")),
    }
}

fn check_octets(answer: &Exchange) -> Result<(), StorageError> {
    match answer.header(&header::CONTENT_TYPE).map(HeaderValue::as_bytes) {
        Some(found) if found.eq_ignore_ascii_case(OCTETS.as_bytes()) => Ok(()),
        _ => Err(misbehaved("it sent something else than share data")),
    }
}

fn misbehaved(what: impl Into<Misbehaviour>) -> StorageError {
    StorageError::PeerMisbehaved(what.into().0)
}

/// What a server did wrong.
struct Misbehaviour(String);

impl From<&str> for Misbehaviour {
    fn from(what: &str) -> Self {
        Self(what.to_owned())
    }
}

impl From<MessageError> for Misbehaviour {
    fn from(error: MessageError) -> Self {
        Self(error.to_string())
    }
}

impl StorageServer for GbsClient {
    fn version(&self) -> BoxFuture<'_, Result<ServerVersion, StorageError>> {
        Box::pin(self.call_version())
    }

    fn allocate(
        &self,
        request: AllocateRequest,
    ) -> BoxFuture<'_, Result<Allocation, StorageError>> {
        Box::pin(self.call_allocate(request))
    }

    fn write(&self, request: WriteRequest) -> BoxFuture<'_, Result<WriteProgress, StorageError>> {
        Box::pin(self.call_write(request))
    }

    fn abort(
        &self,
        storage_index: StorageIndex,
        share_number: ShareNumber,
        upload_secret: UploadSecret,
    ) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(self.call_abort(storage_index, share_number, upload_secret))
    }

    fn list(
        &self,
        kind: ShareKind,
        storage_index: StorageIndex,
    ) -> BoxFuture<'_, Result<BTreeSet<ShareNumber>, StorageError>> {
        Box::pin(self.call_list(kind, storage_index))
    }

    fn read(&self, request: ReadRequest) -> BoxFuture<'_, Result<ShareStream, StorageError>> {
        Box::pin(self.call_read(request))
    }

    fn write_slot(
        &self,
        request: SlotWriteRequest,
    ) -> BoxFuture<'_, Result<SlotWriteAnswer, StorageError>> {
        Box::pin(self.call_write_slot(request))
    }

    fn read_slot(
        &self,
        request: SlotReadRequest,
    ) -> BoxFuture<'_, Result<SlotReadAnswer, StorageError>> {
        Box::pin(self.call_read_slot(request))
    }

    fn add_lease(
        &self,
        storage_index: StorageIndex,
        lease: LeaseSecrets,
    ) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(self.call_add_lease(storage_index, lease))
    }

    fn advise_corrupt(
        &self,
        kind: ShareKind,
        storage_index: StorageIndex,
        share_number: ShareNumber,
        reason: String,
    ) -> BoxFuture<'_, Result<(), StorageError>> {
        let path = Path::Corrupt(kind, storage_index, share_number);
        Box::pin(self.call_advise_corrupt(path, reason))
    }
}
