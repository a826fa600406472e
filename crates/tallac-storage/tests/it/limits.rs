//! Room: the reserve, promises to uploads, read-only servers, full disks.

use std::path::Path;
use std::process::Command;

use tallac_core::storage::{ShareKind, StorageError, StorageServer as _};
use tallac_storage::{Config, DiskServer, Limits};

use crate::common::{allocate, incoming, index, lease, list, numbers, open, plant, sample, upload};

#[tokio::test]
async fn what_is_promised_is_not_promised_again() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path());
    let space = server.version().await.unwrap().available_space;
    let most = space / 3 * 2;
    let allocation = allocate(&server, 1, &[0, 1], most).await.unwrap();
    assert_eq!(allocation.allocated, numbers(&[0]));
    assert!(allocate(&server, 2, &[0], most).await.unwrap().allocated.is_empty());
    let stats = server.stats().await.unwrap();
    assert_eq!((stats.upload_count, stats.allocated), (1, most));
    assert!(server.version().await.unwrap().available_space < space / 2);

    let secret = tallac_core::secrets::UploadSecret::new(vec![1; 20]);
    let share = tallac_core::ids::ShareNumber::new(0);
    server.abort(index(1), share, secret).await.unwrap();
    assert_eq!(allocate(&server, 2, &[0], most).await.unwrap().allocated, numbers(&[0]));
}

#[tokio::test]
async fn a_share_already_there_takes_no_room_from_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path());
    upload(&server, 1, 0, b"share").await.unwrap();
    let most = server.version().await.unwrap().available_space / 3 * 2;
    let allocation = allocate(&server, 1, &[0, 1], most).await.unwrap();
    assert_eq!(allocation.allocated, numbers(&[1]));
}

#[tokio::test]
async fn the_reserve_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    upload(&open(dir.path()), 1, 0, b"share").await.unwrap();
    let limits = Limits { reserved_space: u64::MAX, ..Limits::default() };
    let config = Config { limits, ..Config::new(dir.path()) };
    refuses_all_but_renewal(DiskServer::open(config).unwrap()).await;
}

#[tokio::test]
async fn a_readonly_server_takes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    upload(&open(dir.path()), 1, 0, b"share").await.unwrap();
    let limits = Limits { readonly: true, ..Limits::default() };
    let config = Config { limits, ..Config::new(dir.path()) };
    let server = DiskServer::open(config).unwrap();
    assert!(allocate(&server, 3, &[0], 0).await.unwrap().allocated.is_empty());
    refuses_all_but_renewal(server).await;
}

#[tokio::test]
async fn limits_change_while_it_runs() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path());
    upload(&server, 1, 0, b"share").await.unwrap();
    let before = server.limits();
    server.set_limits(Limits { readonly: true, ..Limits::default() });
    assert!(server.limits().readonly);
    refuses_all_but_renewal(server.clone()).await;
    server.set_limits(Limits { reserved_space: u64::MAX, ..Limits::default() });
    refuses_all_but_renewal(server.clone()).await;
    server.set_limits((*before).clone());
    assert_eq!(allocate(&server, 3, &[0], 10).await.unwrap().allocated, numbers(&[0]));
}

async fn refuses_all_but_renewal(server: DiskServer) {
    assert_eq!(server.version().await.unwrap().immutable_share_size_max, 0);
    assert!(!server.stats().await.unwrap().accepting_immutable_shares);
    assert!(allocate(&server, 2, &[0], 1).await.unwrap().allocated.is_empty());
    // A lease that is there is renewed; one that would need room is not taken.
    server.add_lease(index(1), lease(1)).await.unwrap();
    let added = server.add_lease(index(1), lease(2)).await;
    assert!(matches!(added, Err(StorageError::NoSpace)), "{added:?}");
    assert_eq!(crate::common::read(&server, 1, 0).await.unwrap(), b"share");
}

/// A file system of two megabytes, where this machine lets us mount one.
pub(crate) struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    pub(crate) fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
            .arg(dir.path())
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then_some(Self(dir))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _or_left_mounted = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[tokio::test]
async fn a_disk_that_fills_up_drops_the_upload_and_nothing_else() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: this user may not mount a small file system");
        return;
    };
    let server = open(disk.path());
    upload(&server, 1, 0, &sample(300_000)).await.unwrap();
    allocate(&server, 2, &[0], 1_500_000).await.unwrap();
    // Somebody else takes the room that was promised.
    let hog = disk.path().join("hog");
    std::fs::write(&hog, vec![1; 1_200_000]).unwrap();
    let written = crate::common::write(&server, 2, 0, 0, &sample(1_500_000)).await;
    assert!(matches!(written, Err(StorageError::NoSpace)), "{written:?}");
    assert_eq!((list(&server, 2).await, incoming(disk.path())), (numbers(&[]), 0));
    assert_eq!(server.stats().await.unwrap().upload_count, 0);
    assert_eq!(crate::common::read(&server, 1, 0).await.unwrap(), sample(300_000));

    std::fs::remove_file(hog).unwrap();
    upload(&server, 2, 0, &sample(1_400_000)).await.unwrap();
}

#[tokio::test]
async fn reports_are_kept_as_tahoe_keeps_them() {
    let dir = tempfile::tempdir().unwrap();
    let clock =
        tallac_storage::Clock::new(|| std::time::Duration::from_micros(1_700_000_000_250_000));
    let server = DiskServer::open(Config { clock, ..Config::new(dir.path()) }).unwrap();
    plant(dir.path(), 1, 5, b"whatever");
    let share = tallac_core::ids::ShareNumber::new(5);
    let reason = "block 3: ∎\nbad".to_owned();
    server.advise_corrupt(ShareKind::Immutable, index(1), share, reason).await.unwrap();
    let name = format!("2023-11-14T221320.250000--{}-5", index(1));
    let text =
        std::fs::read_to_string(dir.path().join("corruption-advisories").join(name)).unwrap();
    let expected = format!(
        "report: Share Corruption\ntype: immutable\nstorage_index: {}\nshare_number: 5\n\n\
         block 3: ∎\nbad\n\n",
        index(1)
    );
    assert_eq!(text, expected);

    let long = "x".repeat(32_766);
    let answer = server.advise_corrupt(ShareKind::Immutable, index(1), share, long).await;
    assert!(matches!(answer, Err(StorageError::BadRequest(_))), "{answer:?}");
}
