//! The simulated server keeps to the conformance suite, and its faults do what they say.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::secrets::{CancelSecret, LeaseSecrets, RenewSecret, UploadSecret};
use tallac_core::storage::{
    AllocateRequest, ReadRequest, ShareKind, StorageError, StorageServer, WriteProgress,
    WriteRequest,
};
use tallac_testkit::conformance::{self, Profile};
use tallac_testkit::{Fault, Operation, SimServer};

const SI: StorageIndex = StorageIndex::new([7; 16]);
const SHARE: ShareNumber = ShareNumber::new(0);

#[tokio::test]
async fn the_simulated_server_conforms() {
    conformance::run(&SimServer::new("sim"), Profile::Full).await;
}

#[tokio::test]
async fn cases_can_run_twice_against_one_server() {
    let server = SimServer::new("sim");
    conformance::run(&server, Profile::Tahoe).await;
    conformance::run(&server, Profile::Full).await;
}

#[tokio::test]
async fn an_operation_fails_until_healed() {
    let server = SimServer::new("sim");
    server.set_fault(Operation::List, Fault::Fail(StorageError::NoSpace));
    let listed = server.list(ShareKind::Immutable, SI).await;
    assert!(matches!(listed, Err(StorageError::NoSpace)));
    server.heal(Operation::List);
    assert_eq!(server.list(ShareKind::Immutable, SI).await.unwrap(), BTreeSet::new());
    assert_eq!(server.call_count(Operation::List), 2);
}

#[tokio::test]
async fn a_call_hangs_until_released() {
    let server = SimServer::new("sim");
    server.set_fault_everywhere(&Fault::Hang);
    let other = server.clone();
    let mut call = Box::pin(async move { other.version().await });
    assert!(futures_util::poll!(&mut call).is_pending());
    server.heal_all();
    assert!(call.await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_delay_runs_on_the_virtual_clock() {
    let server = SimServer::new("sim");
    server.set_fault(Operation::Version, Fault::Delay(Duration::from_secs(3600)));
    let start = tokio::time::Instant::now();
    server.version().await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(3600));
}

#[tokio::test]
async fn writes_fail_after_so_many_bytes() {
    let server = SimServer::new("sim");
    server.fault_after_written(25, Fault::Fail(StorageError::NoSpace));
    assert!(matches!(upload(&server, 40).await, Err(StorageError::NoSpace)));
    assert_eq!((server.bytes_written(), server.upload_count()), (20, 1));
    assert_eq!(server.shares(), vec![]);
}

#[tokio::test]
async fn a_read_breaks_in_the_middle() {
    let server = SimServer::new("sim");
    upload(&server, 100_000).await.unwrap();
    server.fault_after_read(20_000, Fault::Fail(StorageError::Unreachable("cut".into())));
    let mut stream = server.read(read_request()).await.unwrap();
    assert!(stream.next().await.unwrap().is_ok());
    assert!(stream.next().await.unwrap().is_err());
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn shares_are_corrupted_cut_and_lost() {
    let server = SimServer::new("sim");
    upload(&server, 100).await.unwrap();
    assert!(server.corrupt(SI, SHARE, 3, 0x80));
    assert!(!server.corrupt(SI, SHARE, 100, 0x80));
    assert!(server.truncate(SI, SHARE, 50));
    let stream = server.read(read_request()).await.unwrap();
    let data = stream.try_collect::<Vec<_>>().await.unwrap().concat();
    assert_eq!((data.len(), data[2], data[3]), (50, 5, 5 ^ 0x80));
    assert!(server.drop_share(SI, SHARE));
    assert!(matches!(server.read(read_request()).await, Err(StorageError::NotFound)));
}

#[tokio::test]
async fn a_full_or_readonly_server_allocates_nothing() {
    let server = SimServer::new("sim");
    server.set_space(99);
    assert!(server.allocate(allocate_request(100)).await.unwrap().allocated.is_empty());
    server.set_space(100);
    server.set_readonly(true);
    assert!(server.allocate(allocate_request(100)).await.unwrap().allocated.is_empty());
    assert_eq!(server.version().await.unwrap().immutable_share_size_max, 0);
    server.set_readonly(false);
    assert_eq!(server.allocate(allocate_request(100)).await.unwrap().allocated.len(), 1);
    assert_eq!(server.version().await.unwrap().available_space, 0);
}

#[tokio::test]
async fn corruption_reports_are_remembered() {
    let server = SimServer::new("sim");
    server.put_share(SI, SHARE, Bytes::from_static(b"share"));
    server.advise_corrupt(ShareKind::Immutable, SI, SHARE, "bad".into()).await.unwrap();
    assert_eq!(server.advisories()[0].reason, "bad");
}

async fn upload(server: &SimServer, len: usize) -> Result<WriteProgress, StorageError> {
    server.allocate(allocate_request(len as u64)).await?;
    let pieces: Vec<_> = vec![5; len].chunks(10).map(|c| Ok(Bytes::copy_from_slice(c))).collect();
    server
        .write(WriteRequest {
            storage_index: SI,
            share_number: SHARE,
            upload_secret: UploadSecret::new(vec![1; 20]),
            range: 0..len as u64,
            total: len as u64,
            data: Box::pin(stream::iter(pieces)),
        })
        .await
}

fn allocate_request(size: u64) -> AllocateRequest {
    AllocateRequest {
        storage_index: SI,
        share_numbers: BTreeSet::from([SHARE]),
        allocated_size: size,
        upload_secret: UploadSecret::new(vec![1; 20]),
        lease: LeaseSecrets {
            renew: RenewSecret::new([2; 32]),
            cancel: CancelSecret::new([3; 32]),
        },
    }
}

fn read_request() -> ReadRequest {
    ReadRequest { kind: ShareKind::Immutable, storage_index: SI, share_number: SHARE, range: None }
}
