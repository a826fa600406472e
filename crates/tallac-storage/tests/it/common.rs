//! Shorter ways to ask a disk server.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::{TryStreamExt as _, stream};
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::secrets::{CancelSecret, LeaseSecrets, RenewSecret, UploadSecret};
use tallac_core::storage::{
    AllocateRequest, Allocation, ReadRequest, ShareKind, StorageError, StorageServer as _,
    WriteProgress, WriteRequest,
};
use tallac_storage::{Config, DiskServer};

pub(crate) fn open(dir: &Path) -> DiskServer {
    DiskServer::open(Config::new(dir)).unwrap()
}

pub(crate) fn index(seed: u8) -> StorageIndex {
    StorageIndex::new([seed; 16])
}

pub(crate) fn lease(seed: u8) -> LeaseSecrets {
    LeaseSecrets { renew: RenewSecret::new([seed; 32]), cancel: CancelSecret::new([!seed; 32]) }
}

pub(crate) fn sample(len: usize) -> Vec<u8> {
    (0u32..).flat_map(|at| at.wrapping_mul(0x9e37_79b9).to_be_bytes()).take(len).collect()
}

/// Where the share is, or belongs.
pub(crate) fn share_path(dir: &Path, seed: u8, share: u8) -> PathBuf {
    let name = index(seed).to_string();
    dir.join("shares").join(&name[..2]).join(&name).join(share.to_string())
}

/// Puts a container there as another program left it.
pub(crate) fn plant(dir: &Path, seed: u8, share: u8, container: &[u8]) {
    let path = share_path(dir, seed, share);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, container).unwrap();
}

/// Names of what lies in `incoming`.
pub(crate) fn incoming(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("shares/incoming")).unwrap().count()
}

pub(crate) async fn allocate(
    server: &DiskServer,
    seed: u8,
    shares: &[u8],
    size: u64,
) -> Result<Allocation, StorageError> {
    server
        .allocate(AllocateRequest {
            storage_index: index(seed),
            share_numbers: numbers(shares),
            allocated_size: size,
            upload_secret: UploadSecret::new(vec![seed; 20]),
            lease: lease(seed),
        })
        .await
}

pub(crate) fn numbers(shares: &[u8]) -> BTreeSet<ShareNumber> {
    shares.iter().copied().map(ShareNumber::new).collect()
}

pub(crate) async fn write(
    server: &DiskServer,
    seed: u8,
    share: u8,
    at: u64,
    data: &[u8],
) -> Result<WriteProgress, StorageError> {
    let pieces: Vec<_> = data.chunks(16 * 1024).map(|p| Ok(Bytes::copy_from_slice(p))).collect();
    let end = at + data.len() as u64;
    server
        .write(WriteRequest {
            storage_index: index(seed),
            share_number: ShareNumber::new(share),
            upload_secret: UploadSecret::new(vec![seed; 20]),
            range: at..end,
            total: end,
            data: Box::pin(stream::iter(pieces)),
        })
        .await
}

pub(crate) async fn upload(
    server: &DiskServer,
    seed: u8,
    share: u8,
    data: &[u8],
) -> Result<(), StorageError> {
    let allocation = allocate(server, seed, &[share], data.len() as u64).await?;
    if allocation.allocated.is_empty() {
        return Err(StorageError::NoSpace);
    }
    assert!(write(server, seed, share, 0, data).await?.is_complete());
    Ok(())
}

pub(crate) async fn read(
    server: &DiskServer,
    seed: u8,
    share: u8,
) -> Result<Vec<u8>, StorageError> {
    let request = ReadRequest {
        kind: ShareKind::Immutable,
        storage_index: index(seed),
        share_number: ShareNumber::new(share),
        range: None,
    };
    let pieces: Vec<Bytes> = server.read(request).await?.try_collect().await?;
    Ok(pieces.concat())
}

pub(crate) async fn list(server: &DiskServer, seed: u8) -> BTreeSet<ShareNumber> {
    server.list(ShareKind::Immutable, index(seed)).await.unwrap()
}
