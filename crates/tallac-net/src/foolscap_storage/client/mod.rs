//! The client's side: a [`StorageServer`] that is somewhere else.

mod pieces;
mod readers;
mod shares;
mod slots;
mod uploads;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use foolscap::object::BoxFuture as CallFuture;
use foolscap::{
    Arguments, CallError, Failure, Furl, IncomingCall, Object, Referenceable, RemoteReference, Tub,
    Value,
};
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::secrets::{LeaseSecrets, UploadSecret};
use tallac_core::storage::{
    AllocateRequest, Allocation, BoxFuture, ReadRequest, ServerVersion, ShareKind, ShareStream,
    SlotReadAnswer, SlotReadRequest, SlotWriteAnswer, SlotWriteRequest, StorageError,
    StorageServer, WriteProgress, WriteRequest,
};

use super::failures::{error_of, error_of_connecting};
use super::messages::version;
use readers::Readers;
use uploads::Uploads;

/// A storage server that is reached over Foolscap.
///
/// Nothing is sent before the first operation. A connection that was lost is made anew by the next
/// one; uploads that were under way are over then. Clones share the connection.
#[derive(Clone)]
pub struct FoolscapClient {
    shared: Arc<Shared>,
}

struct Shared {
    tub: Tub,
    furl: Furl,
    /// The server, as long as the connection lasts.
    server: tokio::sync::Mutex<Option<RemoteReference>>,
    canary: Arc<Canary>,
    uploads: Uploads,
    readers: Readers,
}

impl fmt::Debug for FoolscapClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FoolscapClient").field("furl", &self.shared.furl).finish()
    }
}

impl FoolscapClient {
    /// A client of the server with that FURL, which the tub connects to.
    #[must_use]
    pub fn new(tub: Tub, furl: Furl) -> Self {
        let shared = Shared {
            tub,
            furl,
            server: tokio::sync::Mutex::default(),
            canary: Arc::default(),
            uploads: Uploads::default(),
            readers: Readers::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The server, over a connection that stands, as far as we know.
    async fn server(&self) -> Result<RemoteReference, StorageError> {
        let Shared { tub, furl, server, .. } = &*self.shared;
        // Those who come while it is being connected wait here.
        let mut server = server.lock().await;
        if let Some(server) = server.as_ref().filter(|server| server.is_connected()) {
            return Ok(server.clone());
        }
        let reference = tub.get_reference(furl).await.map_err(|e| error_of_connecting(&e))?;
        *server = Some(reference.clone());
        Ok(reference)
    }

    async fn call(&self, method: &str, arguments: Arguments) -> Result<Value, StorageError> {
        self.server().await?.call(method, arguments).await.map_err(error_of)
    }

    async fn call_version(&self) -> Result<ServerVersion, StorageError> {
        let server = self.server().await?;
        match server.call("get_version", Arguments::none()).await {
            Ok(answer) => Ok(version::read_answer(answer)?),
            // Servers of old have no such method.
            Err(CallError::Remote(_)) => Ok(version::presumed()),
            Err(error) => Err(error_of(error)),
        }
    }
}

/// An object of ours whose loss tells a server that we are gone. There is nothing to call.
#[derive(Debug, Default)]
struct Canary;

impl Referenceable for Canary {
    fn call(self: Arc<Self>, _call: IncomingCall) -> CallFuture<'static, Result<Value, Failure>> {
        Box::pin(async { Err(Failure::violation("there is no such method")) })
    }
}

impl Shared {
    fn canary(&self) -> Object {
        Object::Local(Arc::clone(&self.canary) as Arc<dyn Referenceable>)
    }
}

impl StorageServer for FoolscapClient {
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
        Box::pin(self.call_abort((storage_index, share_number), upload_secret))
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
        Box::pin(self.call_advise_corrupt(kind, (storage_index, share_number), reason))
    }
}
