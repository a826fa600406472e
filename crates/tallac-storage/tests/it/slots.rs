//! Mutable slots: tests, reads, writes, enablers, lengths, leases.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use tallac_core::ids::ShareNumber;
use tallac_core::secrets::WriteEnabler;
use tallac_core::storage::{
    ReadRequest, ReadVector, ShareChange, ShareKind, SlotReadRequest, SlotWriteAnswer,
    SlotWriteRequest, StorageError, StorageServer as _, TestVector, WriteVector,
};
use tallac_storage::DiskServer;
use tallac_storage::disk::SlotFile;

use crate::common::{
    allocate, index, lease, list, numbers, open, plant, read, sample, share_path, upload,
};

const WHOLE: ReadVector = ReadVector::new(0, 1 << 20);

pub(crate) fn request(seed: u8, changes: &[(u8, ShareChange)]) -> SlotWriteRequest {
    SlotWriteRequest {
        storage_index: index(seed),
        write_enabler: WriteEnabler::new([seed; 32]),
        lease: lease(seed),
        changes: changes.iter().map(|(n, c)| (ShareNumber::new(*n), c.clone())).collect(),
        reads: vec![WHOLE],
    }
}

pub(crate) fn put(offset: u64, data: &[u8]) -> ShareChange {
    let data = Bytes::copy_from_slice(data);
    ShareChange { writes: vec![WriteVector { offset, data }], ..ShareChange::default() }
}

pub(crate) fn cut(len: u64) -> ShareChange {
    ShareChange { new_length: Some(len), ..ShareChange::default() }
}

pub(crate) async fn change(
    server: &DiskServer,
    seed: u8,
    changes: &[(u8, ShareChange)],
) -> Result<SlotWriteAnswer, StorageError> {
    server.write_slot(request(seed, changes)).await
}

pub(crate) async fn content(server: &DiskServer, seed: u8) -> BTreeMap<u8, Vec<u8>> {
    let request =
        SlotReadRequest { storage_index: index(seed), share_numbers: vec![], reads: vec![WHOLE] };
    let read = server.read_slot(request).await.unwrap();
    read.into_iter().map(|(number, data)| (number.get(), data.concat())).collect()
}

async fn check(server: &DiskServer, seed: u8, expected: &[(u8, &[u8])]) {
    let expected: BTreeMap<_, _> = expected.iter().map(|(n, data)| (*n, data.to_vec())).collect();
    assert_eq!(content(server, seed).await, expected);
    let listed = server.list(ShareKind::Mutable, index(seed)).await.unwrap();
    assert!(listed.iter().map(|number| number.get()).eq(expected.keys().copied()));
}

#[tokio::test]
async fn shares_are_written_cut_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path());
    let answer = change(&server, 1, &[(0, put(0, b"abcdef")), (5, put(3, b"x"))]).await.unwrap();
    assert_eq!(answer, SlotWriteAnswer { success: true, read: BTreeMap::new() });
    check(&server, 1, &[(0, b"abcdef"), (5, b"\0\0\0x")]).await;

    let mut both = put(8, b"ij");
    both.new_length = Some(9);
    let answer = change(&server, 1, &[(0, both)]).await.unwrap();
    assert_eq!(answer.read[&ShareNumber::new(0)], [&b"abcdef"[..]]);
    check(&server, 1, &[(0, b"abcdef\0\0i"), (5, b"\0\0\0x")]).await;
    // What was cut off is not seen again.
    change(&server, 1, &[(0, cut(2)), (5, cut(100))]).await.unwrap();
    change(&server, 1, &[(0, put(6, b"!"))]).await.unwrap();
    check(&server, 1, &[(0, b"ab\0\0\0\0!"), (5, b"\0\0\0x")]).await;

    change(&server, 1, &[(0, cut(0)), (7, cut(0))]).await.unwrap();
    check(&server, 1, &[(5, b"\0\0\0x")]).await;
    assert!(share_path(dir.path(), 1, 5).exists());
    change(&server, 1, &[(5, cut(0))]).await.unwrap();
    check(&server, 1, &[]).await;
    assert!(!share_path(dir.path(), 1, 5).parent().unwrap().exists());
}

#[tokio::test]
async fn nothing_changes_unless_all_tests_hold() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path());
    change(&server, 1, &[(0, put(0, b"zero")), (1, put(0, b"one"))]).await.unwrap();
    let testing = |test: TestVector| ShareChange { tests: vec![test], ..put(0, b"new") };
    let starts = |text: &'static [u8]| TestVector::starts_with(Bytes::from_static(text));
    let at = |offset, size, text: &'static [u8]| TestVector {
        offset,
        size,
        specimen: Bytes::from_static(text),
    };
    for (number, failing) in [
        (0, starts(b"one")),
        (0, TestVector::absent()),
        (0, at(0, 4, b"zer")),
        (0, at(0, 3, b"zero")),
        (0, at(3, 10, b"oo")),
        (0, at(u64::MAX, u64::MAX, b"x")),
        (2, starts(b"x")),
    ] {
        let changes = [(1, testing(starts(b"one"))), (number, testing(failing))];
        let answer = change(&server, 1, &changes).await.unwrap();
        assert!(!answer.success);
        assert_eq!(answer.read.len(), 2);
        check(&server, 1, &[(0, b"zero"), (1, b"one")]).await;
    }
    let holding = [
        (0, testing(at(3, 10, b"o"))),
        (1, testing(at(u64::MAX, u64::MAX, b""))),
        (2, testing(TestVector::absent())),
    ];
    assert!(change(&server, 1, &holding).await.unwrap().success);
    check(&server, 1, &[(0, b"newo"), (1, b"new"), (2, b"new")]).await;
}

#[tokio::test]
async fn the_write_enabler_of_every_share_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path());
    change(&server, 1, &[(0, put(0, b"zero"))]).await.unwrap();
    for changes in [&[][..], &[(0, put(0, b"new"))], &[(9, put(0, b"new"))]] {
        let mut request = request(1, changes);
        request.write_enabler = WriteEnabler::new([9; 32]);
        let answer = server.write_slot(request).await;
        assert!(matches!(answer, Err(StorageError::Unauthorized)), "{answer:?}");
    }
    check(&server, 1, &[(0, b"zero")]).await;
    assert!(change(&server, 1, &[]).await.unwrap().success);
}

#[tokio::test]
async fn neither_kind_is_taken_for_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path());
    change(&server, 1, &[(0, put(0, b"mutable"))]).await.unwrap();
    upload(&server, 2, 0, b"immutable").await.unwrap();
    assert_eq!(list(&server, 1).await, numbers(&[]));
    check(&server, 2, &[]).await;
    assert!(matches!(read(&server, 1, 0).await, Err(StorageError::NotFound)));
    let answer = allocate(&server, 1, &[1], 5).await;
    assert!(matches!(answer, Err(StorageError::BadRequest(_))), "{answer:?}");
    for number in [0, 1] {
        let answer = change(&server, 2, &[(number, put(0, b"new"))]).await;
        assert!(matches!(answer, Err(StorageError::BadRequest(_))), "{answer:?}");
    }
    assert_eq!(read(&server, 2, 0).await.unwrap(), b"immutable");
}

async fn stream(server: &DiskServer, range: Option<std::ops::Range<u64>>) -> Vec<u8> {
    let request = ReadRequest {
        kind: ShareKind::Mutable,
        storage_index: index(1),
        share_number: ShareNumber::new(0),
        range,
    };
    let pieces: Vec<Bytes> = server.read(request).await.unwrap().try_collect().await.unwrap();
    pieces.concat()
}

#[tokio::test]
async fn shares_are_streamed_and_cut_at_their_end() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path());
    let data = sample(700_000);
    change(&server, 1, &[(0, put(0, &data))]).await.unwrap();
    assert_eq!(stream(&server, None).await, data);
    assert_eq!(stream(&server, Some(5..300_000)).await, &data[5..300_000]);
    assert_eq!(stream(&server, Some(699_999..u64::MAX)).await, &data[699_999..]);
    assert_eq!(stream(&server, Some(700_000..700_001)).await, b"");
    change(&server, 1, &[(0, cut(10))]).await.unwrap();
    assert_eq!(stream(&server, None).await, &data[..10]);
}

#[tokio::test]
async fn numbers_without_bounds_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path());
    change(&server, 1, &[(0, put(0, b"zero"))]).await.unwrap();
    for offset in [u64::MAX, u64::MAX - 2, 69_105_000_000_000_000] {
        let answer = change(&server, 1, &[(0, put(offset, b"new")), (1, put(0, b"1"))]).await;
        assert!(matches!(answer, Err(StorageError::BadRequest(_))), "{answer:?}");
    }
    let many = vec![TestVector::starts_with(Bytes::from_static(b"z")); 31];
    let answer = change(&server, 1, &[(0, ShareChange { tests: many, ..cut(1) })]).await;
    assert!(matches!(answer, Err(StorageError::BadRequest(_))), "{answer:?}");
    let answer = server
        .read_slot(SlotReadRequest {
            storage_index: index(1),
            share_numbers: vec![],
            reads: vec![WHOLE; 31],
        })
        .await;
    assert!(matches!(answer, Err(StorageError::BadRequest(_))), "{answer:?}");
    check(&server, 1, &[(0, b"zero")]).await;
}

#[tokio::test]
async fn a_damaged_share_is_named_and_hides_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path());
    change(&server, 1, &[(0, put(0, b"zero")), (1, put(0, b"one"))]).await.unwrap();
    let path = share_path(dir.path(), 1, 0);
    let mut container = std::fs::read(&path).unwrap();
    container[84..92].fill(0xff);
    plant(dir.path(), 1, 0, &container);
    assert_eq!(content(&server, 1).await, BTreeMap::from([(1, b"one".to_vec())]));
    let answer = change(&server, 1, &[(1, put(0, b"new"))]).await;
    assert!(matches!(answer, Err(StorageError::Damaged(_))), "{answer:?}");
    let one = SlotReadRequest {
        storage_index: index(1),
        share_numbers: vec![ShareNumber::new(0)],
        reads: vec![WHOLE],
    };
    let answer = server.read_slot(one).await;
    assert!(matches!(answer, Err(StorageError::Damaged(_))), "{answer:?}");
    // It keeps no other from its lease.
    server.add_lease(index(1), lease(9)).await.unwrap();
    let file = SlotFile::open(&share_path(dir.path(), 1, 1)).unwrap();
    assert_eq!(file.leases().unwrap().len(), 2);
}
