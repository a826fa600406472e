//! A span for every operation of a storage server, so that a trace shows which server holds an
//! upload up. Secrets and shares are left out.

use std::collections::BTreeSet;
use std::sync::Arc;

use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::secrets::{LeaseSecrets, UploadSecret};
use tallac_core::storage::{
    AllocateRequest, Allocation, BoxFuture, ReadRequest, ServerVersion, ShareKind, ShareStream,
    SlotReadAnswer, SlotReadRequest, SlotWriteAnswer, SlotWriteRequest, StorageError,
    StorageServer, WriteProgress, WriteRequest,
};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

type Answer<'a, T> = BoxFuture<'a, Result<T, StorageError>>;

/// A storage server whose operations are traced.
#[derive(Debug)]
pub(crate) struct Traced {
    inner: Arc<dyn StorageServer>,
    /// OpenTelemetry's word for the side that this is: `client` or `server`.
    side: &'static str,
    /// Who it is, if it is another.
    server: Option<String>,
}

impl Traced {
    /// A server of the grid.
    pub(crate) fn other(inner: Arc<dyn StorageServer>, name: &str) -> Self {
        Self { inner, side: "client", server: Some(name.to_owned()) }
    }

    /// This node's own.
    pub(crate) fn own(inner: Arc<dyn StorageServer>) -> Self {
        Self { inner, side: "server", server: None }
    }

    /// The span of an operation; `size` is how many bytes are to be moved, if that is known.
    fn span(&self, name: &'static str, index: &StorageIndex, size: Option<u64>) -> Span {
        tracing::info_span!(
            "storage request",
            otel.name = name,
            otel.kind = self.side,
            otel.status_code = Empty,
            server = self.server,
            storage_index = index.abbreviated(),
            size
        )
    }
}

/// The same work in a span. Where nothing is traced, it is left as it is.
fn within<'a, T: Send + 'a>(span: Span, work: Answer<'a, T>) -> Answer<'a, T> {
    if span.is_disabled() {
        return work;
    }
    Box::pin(async move {
        let done = work.instrument(span.clone()).await;
        if done.is_err() {
            span.record("otel.status_code", "ERROR");
        }
        done
    })
}

impl StorageServer for Traced {
    // Every server is asked for it twice a minute: that is not traced.
    fn version(&self) -> Answer<'_, ServerVersion> {
        self.inner.version()
    }

    fn allocate(&self, request: AllocateRequest) -> Answer<'_, Allocation> {
        let size = request.allocated_size;
        let span = self.span("storage allocate", &request.storage_index, Some(size));
        within(span, self.inner.allocate(request))
    }

    fn write(&self, request: WriteRequest) -> Answer<'_, WriteProgress> {
        let size = request.range.end.saturating_sub(request.range.start);
        let span = self.span("storage write", &request.storage_index, Some(size));
        within(span, self.inner.write(request))
    }

    fn abort(
        &self,
        storage_index: StorageIndex,
        share_number: ShareNumber,
        upload_secret: UploadSecret,
    ) -> Answer<'_, ()> {
        let span = self.span("storage abort", &storage_index, None);
        within(span, self.inner.abort(storage_index, share_number, upload_secret))
    }

    fn list(
        &self,
        kind: ShareKind,
        storage_index: StorageIndex,
    ) -> Answer<'_, BTreeSet<ShareNumber>> {
        let span = self.span("storage list", &storage_index, None);
        within(span, self.inner.list(kind, storage_index))
    }

    fn read(&self, request: ReadRequest) -> Answer<'_, ShareStream> {
        let size = request.range.as_ref().map(|range| range.end.saturating_sub(range.start));
        let span = self.span("storage read", &request.storage_index, size);
        within(span, self.inner.read(request))
    }

    fn write_slot(&self, request: SlotWriteRequest) -> Answer<'_, SlotWriteAnswer> {
        let span = self.span("storage write slot", &request.storage_index, None);
        within(span, self.inner.write_slot(request))
    }

    fn read_slot(&self, request: SlotReadRequest) -> Answer<'_, SlotReadAnswer> {
        let span = self.span("storage read slot", &request.storage_index, None);
        within(span, self.inner.read_slot(request))
    }

    fn add_lease(&self, storage_index: StorageIndex, lease: LeaseSecrets) -> Answer<'_, ()> {
        let span = self.span("storage add lease", &storage_index, None);
        within(span, self.inner.add_lease(storage_index, lease))
    }

    fn advise_corrupt(
        &self,
        kind: ShareKind,
        storage_index: StorageIndex,
        share_number: ShareNumber,
        reason: String,
    ) -> Answer<'_, ()> {
        let span = self.span("storage advise corrupt", &storage_index, None);
        within(span, self.inner.advise_corrupt(kind, storage_index, share_number, reason))
    }
}
