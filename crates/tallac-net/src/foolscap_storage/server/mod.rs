//! The server's side: lets clients reach any [`StorageServer`].

mod reader;
mod uploads;
mod writer;

use std::fmt;
use std::sync::Arc;

use foolscap::object::BoxFuture;
use foolscap::{Arguments, Failure, IncomingCall, Object, Referenceable, Value};
use tallac_core::ids::{StorageIndex, TubId};
use tallac_core::storage::{ShareKind, StorageError, StorageServer};

use super::failures::failure_of;
use super::messages::{bucket, share, slot, version};
use super::{STORAGE_SERVER, messages};
use crate::identity::node_id;
use reader::{BucketReader, Room};

/// Lets the peers of a tub reach a [`StorageServer`], as `RIStorageServer`.
pub struct FoolscapStorage {
    storage: Arc<dyn StorageServer>,
    room: Room,
    note_client: Option<Arc<NoteClient>>,
}

/// Is told which client put something under a storage index.
type NoteClient = dyn Fn(TubId, StorageIndex) + Send + Sync;

impl fmt::Debug for FoolscapStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FoolscapStorage").field("storage", &self.storage).finish_non_exhaustive()
    }
}

impl FoolscapStorage {
    /// What to register with a tub so that others may store there.
    #[must_use]
    pub fn new(storage: Arc<dyn StorageServer>) -> Self {
        Self { storage, room: Room::default(), note_client: None }
    }

    /// The same, which tells `note` whenever a client put something under a storage index: in this
    /// protocol clients have proven who they are.
    #[must_use]
    pub fn noting_clients(
        mut self,
        note: impl Fn(TubId, StorageIndex) + Send + Sync + 'static,
    ) -> Self {
        self.note_client = Some(Arc::new(note));
        self
    }

    fn note(&self, peer: foolscap::TubId, storage_index: StorageIndex) {
        if let Some(note) = &self.note_client {
            note(node_id(peer), storage_index);
        }
    }

    async fn answer(&self, call: IncomingCall) -> Result<Value, Failure> {
        let IncomingCall { method, arguments, peer } = call;
        match method.as_str() {
            "get_version" => self.version(arguments).await,
            "allocate_buckets" => self.allocate(peer, arguments).await,
            "add_lease" => self.add_lease(arguments).await,
            "get_buckets" => self.list(arguments).await,
            "slot_readv" => self.read_slot(arguments).await,
            "slot_testv_and_readv_and_writev" => self.write_slot(peer, arguments).await,
            "advise_corrupt_share" => {
                let report = share::Report::read(arguments)?;
                advise_corrupt(&*self.storage, report).await
            }
            _ => Err(Failure::violation("there is no such method")),
        }
    }

    async fn version(&self, arguments: Arguments) -> Result<Value, Failure> {
        let [] = arguments.bind([])?;
        Ok(version::answer(&self.storage.version().await.map_err(failure_of)?))
    }

    async fn allocate(
        &self,
        peer: foolscap::TubId,
        arguments: Arguments,
    ) -> Result<Value, Failure> {
        let (request, canary) = messages::allocate::Request::read(arguments)?;
        let storage_index = request.storage_index;
        let answer = uploads::allocate(Arc::clone(&self.storage), request, canary).await?;
        self.note(peer, storage_index);
        Ok(answer)
    }

    async fn add_lease(&self, arguments: Arguments) -> Result<Value, Failure> {
        let (storage_index, lease) = share::read_lease(arguments)?;
        done_or_nothing_there(self.storage.add_lease(storage_index, lease).await)
    }

    async fn list(&self, arguments: Arguments) -> Result<Value, Failure> {
        let storage_index = bucket::read_list(arguments)?;
        let listed = self.storage.list(ShareKind::Immutable, storage_index).await;
        let readers = listed.map_err(failure_of)?.into_iter().map(|number| {
            let (storage, room) = (Arc::clone(&self.storage), self.room.clone());
            let reader = BucketReader::new(storage, room, storage_index, number);
            (number, Object::Local(Arc::new(reader)))
        });
        Ok(bucket::readers(readers))
    }

    async fn read_slot(&self, arguments: Arguments) -> Result<Value, Failure> {
        let request = slot::read_read(arguments)?;
        Ok(slot::read_answer(self.storage.read_slot(request).await.map_err(failure_of)?))
    }

    async fn write_slot(
        &self,
        peer: foolscap::TubId,
        arguments: Arguments,
    ) -> Result<Value, Failure> {
        let request = slot::read_write(arguments)?;
        let (storage_index, has_changes) = (request.storage_index, !request.changes.is_empty());
        let answer = self.storage.write_slot(request).await.map_err(failure_of)?;
        if answer.success && has_changes {
            self.note(peer, storage_index);
        }
        Ok(slot::write_answer(answer))
    }
}

impl Referenceable for FoolscapStorage {
    fn interface(&self) -> Option<&str> {
        Some(STORAGE_SERVER)
    }

    fn call(self: Arc<Self>, call: IncomingCall) -> BoxFuture<'static, Result<Value, Failure>> {
        Box::pin(async move { self.answer(call).await })
    }
}

async fn advise_corrupt(
    storage: &dyn StorageServer,
    report: share::Report,
) -> Result<Value, Failure> {
    let share::Report { kind, storage_index, share_number, reason } = report;
    done_or_nothing_there(storage.advise_corrupt(kind, storage_index, share_number, reason).await)
}

/// The answer of those methods that keep quiet about shares that are not there.
fn done_or_nothing_there(result: Result<(), StorageError>) -> Result<Value, Failure> {
    match result {
        Ok(()) | Err(StorageError::NotFound) => Ok(Value::None),
        Err(error) => Err(failure_of(error)),
    }
}
