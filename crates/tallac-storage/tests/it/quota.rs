//! A server that may use so much and no more.

use tallac_core::storage::{StorageError, StorageServer as _};
use tallac_storage::{Config, DiskServer, Limits};

use crate::common::{allocate, numbers, sample, upload};
use crate::slots::{change, cut, put};

const MAX: u64 = 50_000;

/// Waits until the lease index knows of everything, in time that passes at once.
async fn settle() {
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
}

async fn nothing_fits_before_all_is_counted(server: &DiskServer) {
    assert_eq!(server.version().await.unwrap().available_space, 0);
    assert!(allocate(server, 2, &[0], 9_000).await.unwrap().allocated.is_empty());
    let refused = change(server, 4, &[(0, put(0, &sample(10)))]).await;
    assert!(matches!(refused, Err(StorageError::NoSpace)), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_full_server_refuses_before_any_byte_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let limits = || Limits { max_use: Some(MAX), ..Limits::default() };
    let open = || DiskServer::open(Config { limits: limits(), ..Config::new(dir.path()) });
    let without_quota = DiskServer::open(Config::new(dir.path())).unwrap();
    upload(&without_quota, 1, 0, &sample(20_000)).await.unwrap();
    drop(without_quota);
    let server = open().unwrap();
    nothing_fits_before_all_is_counted(&server).await;
    let kept = server.clone();
    let _keeping = tokio::spawn(async move { kept.keep_index().await });
    settle().await;
    assert_eq!(server.stats().await.unwrap().used, 20_084);
    assert_eq!(server.version().await.unwrap().available_space, MAX - 20_084);

    // Three fit, of which two are promised and not yet written.
    let allocation = allocate(&server, 2, &[0, 1, 2, 3], 9_000).await.unwrap();
    assert_eq!(allocation.allocated, numbers(&[0, 1, 2]));
    assert!(allocate(&server, 3, &[0], 9_000).await.unwrap().allocated.is_empty());
    for share in [1, 2] {
        let secret = tallac_core::secrets::UploadSecret::new(vec![2; 20]);
        let number = tallac_core::ids::ShareNumber::new(share);
        server.abort(crate::common::index(2), number, secret).await.unwrap();
    }
    assert!(crate::common::write(&server, 2, 0, 0, &sample(9_000)).await.unwrap().is_complete());
    assert_eq!(server.stats().await.unwrap().used, 29_084);

    change(&server, 4, &[(0, put(0, &sample(10_000)))]).await.unwrap();
    let refused = change(&server, 4, &[(1, put(0, &sample(12_000)))]).await;
    assert!(matches!(refused, Err(StorageError::NoSpace)), "{refused:?}");
    change(&server, 4, &[(0, put(0, &sample(10_000)))]).await.unwrap();
    settle().await;
    assert_eq!(server.stats().await.unwrap().used, 20_084 + 9_084 + 10_472);
    change(&server, 4, &[(0, cut(0))]).await.unwrap();
    settle().await;
    assert_eq!(server.stats().await.unwrap().disk_avail, MAX - 20_084 - 9_084);
    upload(&server, 5, 0, &sample(12_000)).await.unwrap();
}
