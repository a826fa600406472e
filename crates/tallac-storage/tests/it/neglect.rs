//! What is left lying: idle uploads, broken bodies, unfinished files, strange names.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tallac_core::ids::ShareNumber;
use tallac_core::secrets::UploadSecret;
use tallac_core::storage::{StorageError, StorageServer as _, WriteRequest};
use tallac_storage::{Clock, Config, DiskServer, OpenError};

use crate::common::{
    allocate, incoming, index, list, numbers, open, read, sample, share_path, upload, write,
};

#[tokio::test]
async fn an_upload_that_nobody_goes_on_with_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicU64::new(1_700_000_000));
    let told = Arc::clone(&now);
    let clock = Clock::new(move || Duration::from_secs(told.load(Ordering::Relaxed)));
    let server = DiskServer::open(Config { clock, ..Config::new(dir.path()) }).unwrap();
    let pass = |seconds| now.fetch_add(seconds, Ordering::Relaxed);

    allocate(&server, 1, &[0, 1], 100).await.unwrap();
    write(&server, 1, 0, 0, &[1; 10]).await.unwrap();
    pass(1000);
    write(&server, 1, 0, 10, &[2; 10]).await.unwrap();
    pass(1799);
    // The share written to has one second left, the other none.
    assert_eq!(server.drop_idle_uploads().await.unwrap(), 1);
    assert!(matches!(write(&server, 1, 1, 0, &[1; 10]).await, Err(StorageError::NotFound)));
    assert_eq!(incoming(dir.path()), 1);
    pass(1);
    server.version().await.unwrap();
    assert_eq!((incoming(dir.path()), server.stats().await.unwrap().upload_count), (0, 0));
    assert!(matches!(write(&server, 1, 0, 20, &[1; 10]).await, Err(StorageError::NotFound)));
    upload(&server, 1, 0, &[3; 100]).await.unwrap();
}

#[tokio::test]
async fn a_body_that_breaks_off_keeps_what_came() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path());
    let data = sample(100_000);
    allocate(&server, 1, &[0], 100_000).await.unwrap();
    let broken = StorageError::Unreachable("gone".into());
    let pieces = [Ok(Bytes::copy_from_slice(&data[..60_000])), Err(broken)];
    let answer = server.write(request(Box::pin(stream::iter(pieces)), 100_000)).await;
    assert!(matches!(answer, Err(StorageError::Unreachable(_))), "{answer:?}");
    assert_eq!(list(&server, 1).await, numbers(&[]));
    assert!(write(&server, 1, 0, 60_000, &data[60_000..]).await.unwrap().is_complete());
    assert_eq!(read(&server, 1, 0).await.unwrap(), data);
}

#[tokio::test]
async fn a_dropped_write_leaves_the_upload_usable() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path());
    let data = sample(2_000_000);
    allocate(&server, 1, &[0], 2_000_000).await.unwrap();
    let pieces: Vec<_> =
        data[..1_500_000].chunks(4096).map(|p| Ok(Bytes::copy_from_slice(p))).collect();
    // Once all that was sent is taken, the body stays open without an end.
    let (taken, all_taken) = tokio::sync::oneshot::channel();
    let open_end = stream::once(async move {
        taken.send(()).unwrap();
        std::future::pending().await
    });
    let body = stream::iter(pieces).chain(open_end);
    let mut writing = server.write(request(Box::pin(body), 2_000_000));
    tokio::select! {
        ended = &mut writing => panic!("a body without an end ended: {ended:?}"),
        sent = all_taken => sent.unwrap(),
    }
    drop(writing);
    assert!(write(&server, 1, 0, 0, &data).await.unwrap().is_complete());
    assert_eq!(read(&server, 1, 0).await.unwrap(), data);
}

fn request(data: tallac_core::storage::ShareStream, len: u64) -> WriteRequest {
    WriteRequest {
        storage_index: index(1),
        share_number: ShareNumber::new(0),
        upload_secret: UploadSecret::new(vec![1; 20]),
        range: 0..len,
        total: len,
        data,
    }
}

#[tokio::test]
async fn unfinished_files_are_deleted_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path());
    allocate(&server, 1, &[0], 100).await.unwrap();
    write(&server, 1, 0, 0, &[1; 99]).await.unwrap();
    assert_eq!(incoming(dir.path()), 1);
    drop(server);
    // Tahoe-LAFS leaves directories there, with half a container in them.
    let tahoe_dir = dir.path().join("shares/incoming/aa").join(index(0).to_string());
    std::fs::create_dir_all(&tahoe_dir).unwrap();
    std::fs::write(tahoe_dir.join("3"), b"half").unwrap();
    let server = open(dir.path());
    assert_eq!(incoming(dir.path()), 0);
    assert_eq!(list(&server, 1).await, numbers(&[]));
}

#[tokio::test]
async fn names_that_are_no_share_numbers_are_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path());
    upload(&server, 1, 5, b"share").await.unwrap();
    let slot = share_path(dir.path(), 1, 5).parent().unwrap().to_owned();
    for name in ["05", "256", "-1", "+1", "5.tmp", "x", " 5", "99999999999999999999"] {
        std::fs::write(slot.join(name), b"no share").unwrap();
    }
    std::fs::create_dir(slot.join("6")).unwrap();
    std::os::unix::fs::symlink(slot.join("5"), slot.join("7")).unwrap();
    assert_eq!(list(&server, 1).await, numbers(&[5]));
    for share in [6, 7] {
        assert!(matches!(read(&server, 1, share).await, Err(StorageError::NotFound)));
    }
    server.add_lease(index(1), crate::common::lease(2)).await.unwrap();
}

#[test]
fn old_crawler_states_say_what_to_do() {
    for name in ["bucket_counter.state", "lease_checker.state", "lease_checker.history"] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(name), b"pickle").unwrap();
        let error = DiskServer::open(Config::new(dir.path())).unwrap_err();
        assert!(matches!(error, OpenError::OldCrawlerState { .. }));
        assert!(error.to_string().contains("tahoe admin migrate-crawler"), "{error}");
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("lease_checker.state.json"), b"{}").unwrap();
    open(dir.path());
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let error = DiskServer::open(Config::new(&file)).unwrap_err();
    assert!(error.to_string().contains("file/shares/incoming"), "{error}");
}
