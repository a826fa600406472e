//! A server and a cap that belong together and mean no good.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use tallac_core::cap::{ChkReadCap, ChkShape, EncryptionKey, UebHash};
use tallac_core::ids::{ServerId, ShareNumber, StorageIndex, TubId};
use tallac_core::immutable::{Encoding, Geometry, ShareLayout, Ueb};
use tallac_core::secrets::{ConvergenceSecret, LeaseSecret, LeaseSecrets, UploadSecret};
use tallac_core::storage::{
    AllocateRequest, Allocation, BoxFuture, ReadRequest, ServerVersion, ShareKind, ShareStream,
    SlotReadAnswer, SlotReadRequest, SlotWriteAnswer, SlotWriteRequest, StorageError,
    StorageServer, WriteProgress, WriteRequest,
};
use tallac_grid::download::DownloadError;
use tallac_grid::grid::{Grid, GridConfig};
use tallac_grid::servers::{GridServer, ServerInfo, ServerList};
use tallac_grid::upload::ImmutableCap;

/// A server that has one share, far larger than any disk: a header, zeros, and a UEB.
#[derive(Debug)]
struct Boaster {
    header: Vec<u8>,
    ueb_at: u64,
    ueb: Vec<u8>,
}

impl Boaster {
    /// For a file of segments of one byte: `size` of them.
    fn new(size: u64) -> (Self, ImmutableCap) {
        let encoding = Encoding::new(1, 1).unwrap();
        let geometry = Geometry::with_segment_size(encoding, size, 1).unwrap();
        let hash = [0; 32];
        let ueb = Ueb { geometry, crypttext_hash: None, crypttext_root: hash, share_root: hash };
        let ueb = ueb.to_bytes();
        let shape = ChkShape::new(UebHash::new(Ueb::hash(&ueb)), encoding, size);
        let cap = ChkReadCap::new(EncryptionKey::new([7; 16]), shape);
        let layout = ShareLayout::for_upload(&geometry);
        let mut tail = (ueb.len() as u64).to_be_bytes().to_vec();
        tail.extend_from_slice(&ueb);
        (Self { header: layout.to_bytes(), ueb_at: layout.ueb, ueb: tail }, ImmutableCap::Chk(cap))
    }

    /// What it answers; of the zeros it only sends a few, and those in two pieces.
    fn answer(&self, request: &ReadRequest) -> ShareStream {
        let start = request.range.as_ref().map_or(0, |range| range.start);
        let pieces = match start {
            0 => vec![Bytes::from(self.header.clone())],
            at if at == self.ueb_at => vec![Bytes::from(self.ueb.clone())],
            _ => vec![Bytes::from_static(&[0]), Bytes::from_static(&[0])],
        };
        Box::pin(stream::iter(pieces.into_iter().map(Ok)))
    }
}

fn refused<T: Send + 'static>() -> BoxFuture<'static, Result<T, StorageError>> {
    Box::pin(async { Err(StorageError::Unreachable("only boasting".to_owned())) })
}

impl StorageServer for Boaster {
    fn version(&self) -> BoxFuture<'_, Result<ServerVersion, StorageError>> {
        let version = ServerVersion {
            immutable_share_size_max: 0,
            mutable_share_size_max: 0,
            available_space: 0,
            application_version: "boaster/1".to_owned(),
        };
        Box::pin(async { Ok(version) })
    }

    fn allocate(&self, _: AllocateRequest) -> BoxFuture<'_, Result<Allocation, StorageError>> {
        refused()
    }

    fn write(&self, _: WriteRequest) -> BoxFuture<'_, Result<WriteProgress, StorageError>> {
        refused()
    }

    fn abort(
        &self,
        _: StorageIndex,
        _: ShareNumber,
        _: UploadSecret,
    ) -> BoxFuture<'_, Result<(), StorageError>> {
        refused()
    }

    fn list(
        &self,
        _: ShareKind,
        _: StorageIndex,
    ) -> BoxFuture<'_, Result<BTreeSet<ShareNumber>, StorageError>> {
        Box::pin(async { Ok(BTreeSet::from([ShareNumber::new(0)])) })
    }

    fn read(&self, request: ReadRequest) -> BoxFuture<'_, Result<ShareStream, StorageError>> {
        let answer = self.answer(&request);
        Box::pin(async { Ok(answer) })
    }

    fn write_slot(
        &self,
        _: SlotWriteRequest,
    ) -> BoxFuture<'_, Result<SlotWriteAnswer, StorageError>> {
        refused()
    }

    fn read_slot(&self, _: SlotReadRequest) -> BoxFuture<'_, Result<SlotReadAnswer, StorageError>> {
        refused()
    }

    fn add_lease(
        &self,
        _: StorageIndex,
        _: LeaseSecrets,
    ) -> BoxFuture<'_, Result<(), StorageError>> {
        refused()
    }

    fn advise_corrupt(
        &self,
        _: ShareKind,
        _: StorageIndex,
        _: ShareNumber,
        _: String,
    ) -> BoxFuture<'_, Result<(), StorageError>> {
        refused()
    }
}

#[tokio::test]
async fn hash_trees_larger_than_memory_are_refused_before_they_are_made_room_for() {
    let (server, cap) = Boaster::new(1 << 41);
    let info = ServerInfo {
        id: ServerId::new("v0-boaster"),
        nickname: "boaster".to_owned(),
        tub_id: TubId::new([0; 20]),
        permutation_seed: vec![0; 32],
    };
    let server = Arc::new(GridServer::new(info, Arc::new(server)));
    server.poll().await;
    let servers = ServerList::new(vec![server]);
    let convergence = ConvergenceSecret::new(vec![1; 32]);
    let config = GridConfig::new(LeaseSecret::new([1; 32]), convergence).unwrap();
    let grid = Grid::new(config, servers);
    let error = grid.downloader().read(&cap, 0..10).await.map(drop).unwrap_err();
    assert!(matches!(error, DownloadError::TooManySegments { size: 0x200_0000_0000 }), "{error}");
}
