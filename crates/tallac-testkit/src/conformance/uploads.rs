//! Cases about allocating, writing and giving up.

use tallac_core::storage::{Allocation, StorageError};

use super::subject::{Subject, assert_refused, numbers, sample};

super::case_table! {
    Tahoe the_server_says_what_it_would_take,
    Tahoe a_share_comes_back_as_it_went,
    Tahoe a_large_share_comes_back_as_it_went,
    Tahoe writes_may_come_in_pieces_and_out_of_order,
    Tahoe the_same_bytes_may_be_written_twice,
    Tahoe other_bytes_conflict,
    Tahoe a_share_is_seen_only_when_whole,
    Full a_write_past_the_end_is_refused,
    Full a_short_body_is_refused_and_loses_nothing,
    Full a_long_body_is_refused_and_loses_nothing,
    Tahoe a_write_needs_an_upload,
    Tahoe a_write_needs_the_upload_secret,
    Tahoe an_abort_needs_an_upload,
    Tahoe an_abort_needs_the_upload_secret,
    Tahoe a_complete_share_cannot_be_aborted,
    Tahoe an_aborted_share_can_be_uploaded_again,
    Tahoe already_have_is_all_that_the_server_has,
    Tahoe a_share_on_its_way_is_not_given_to_another,
    Full an_allocation_may_be_repeated,
    Full a_share_too_large_for_any_disk_is_not_allocated,
}

async fn the_server_says_what_it_would_take(subject: &Subject<'_>) {
    let version = subject.server.version().await.expect("version");
    assert!(version.available_space > 0, "no space to test with: {version:?}");
    assert!(version.immutable_share_size_max > 0, "{version:?}");
    assert!(version.mutable_share_size_max > 0, "{version:?}");
    assert!(!version.application_version.is_empty());
}

async fn a_share_comes_back_as_it_went(subject: &Subject<'_>) {
    let data = sample(1000);
    let allocation = subject.allocate(&[0, 3, 255], data.len(), 1).await;
    assert_eq!(allocation.already_have, numbers(&[]));
    assert_eq!(allocation.allocated, numbers(&[0, 3, 255]));
    for share in [0, 3, 255] {
        subject.write_leaves(share, 0, &data, &[]).await;
    }
    assert_eq!(subject.list().await, numbers(&[0, 3, 255]));
    for share in [0, 3, 255] {
        subject.reads(share, None, &data).await;
    }
}

async fn a_large_share_comes_back_as_it_went(subject: &Subject<'_>) {
    // More than any buffer on the way, and no multiple of one.
    let data = sample(3 * 1024 * 1024 + 12_345);
    let (first, rest) = data.split_at(1_000_000);
    subject.allocate(&[1], data.len(), 1).await;
    subject.write_leaves(1, 0, first, &[(1_000_000, data.len() as u64)]).await;
    subject.write_leaves(1, first.len(), rest, &[]).await;
    subject.reads(1, None, &data).await;
}

async fn writes_may_come_in_pieces_and_out_of_order(subject: &Subject<'_>) {
    let data = sample(90);
    subject.allocate(&[2], 90, 1).await;
    subject.write_leaves(2, 60, &data[60..90], &[(0, 60)]).await;
    subject.write_leaves(2, 10, &data[10..20], &[(0, 10), (20, 60)]).await;
    subject.write_leaves(2, 0, &data[0..10], &[(20, 60)]).await;
    subject.write_leaves(2, 15, &data[15..70], &[]).await;
    subject.reads(2, None, &data).await;
}

async fn the_same_bytes_may_be_written_twice(subject: &Subject<'_>) {
    let data = sample(50);
    subject.allocate(&[0], 50, 1).await;
    subject.write_leaves(0, 5, &data[5..30], &[(0, 5), (30, 50)]).await;
    subject.write_leaves(0, 5, &data[5..30], &[(0, 5), (30, 50)]).await;
    subject.write_leaves(0, 0, &data, &[]).await;
    subject.reads(0, None, &data).await;
}

async fn other_bytes_conflict(subject: &Subject<'_>) {
    let data = sample(50);
    let mut other = data.clone();
    other[20] ^= 1;
    subject.allocate(&[0], 50, 1).await;
    subject.write_leaves(0, 0, &data[..40], &[(40, 50)]).await;
    assert_refused!(subject.write(0, 1, 10, &other[10..30]).await, StorageError::Conflict);
    assert_refused!(subject.write(0, 1, 0, &other).await, StorageError::Conflict);
    assert_eq!(subject.list().await, numbers(&[]));
    subject.write_leaves(0, 0, &data, &[]).await;
    subject.reads(0, None, &data).await;
}

async fn a_share_is_seen_only_when_whole(subject: &Subject<'_>) {
    let data = sample(100);
    subject.allocate(&[4, 5], 100, 1).await;
    subject.write_leaves(4, 0, &data[..99], &[(99, 100)]).await;
    assert_eq!(subject.list().await, numbers(&[]));
    assert_refused!(subject.read(4, None).await, StorageError::NotFound);
    assert_refused!(subject.add_lease(1).await, StorageError::NotFound);
    subject.write_leaves(4, 99, &data[99..], &[]).await;
    assert_eq!(subject.list().await, numbers(&[4]));
}

async fn a_write_past_the_end_is_refused(subject: &Subject<'_>) {
    let data = sample(120);
    subject.allocate(&[0], 100, 1).await;
    for range in [0..101, 100..101, 99..120] {
        let body = &data[range.clone()];
        assert_refused!(subject.write(0, 1, range.start, body).await, StorageError::BadRange(_));
    }
    let far = 1 << 40;
    assert_refused!(subject.write(0, 1, far, &data).await, StorageError::BadRange(_));
    subject.write_leaves(0, 0, &data[..100], &[]).await;
    subject.reads(0, None, &data[..100]).await;
}

async fn a_short_body_is_refused_and_loses_nothing(subject: &Subject<'_>) {
    let data = sample(100);
    subject.allocate(&[0], 100, 1).await;
    subject.write_leaves(0, 0, &data[..10], &[(10, 100)]).await;
    let answer = subject.write_body(0, 1, 10..100, &data[10..60]).await;
    assert_refused!(answer, StorageError::BadRange(_));
    assert_eq!(subject.list().await, numbers(&[]));
    subject.write_leaves(0, 10, &data[10..], &[]).await;
    subject.reads(0, None, &data).await;
}

async fn a_long_body_is_refused_and_loses_nothing(subject: &Subject<'_>) {
    let data = sample(100);
    subject.allocate(&[0], 100, 1).await;
    let answer = subject.write_body(0, 1, 0..50, &data).await;
    assert_refused!(answer, StorageError::BadRange(_));
    assert_eq!(subject.list().await, numbers(&[]));
    subject.write_leaves(0, 0, &data, &[]).await;
    subject.reads(0, None, &data).await;
}

async fn a_write_needs_an_upload(subject: &Subject<'_>) {
    let data = sample(10);
    assert_refused!(subject.write(0, 1, 0, &data).await, StorageError::NotFound);
    subject.allocate(&[1], 10, 1).await;
    assert_refused!(subject.write(0, 1, 0, &data).await, StorageError::NotFound);
    subject.write_leaves(1, 0, &data, &[]).await;
    assert_refused!(subject.write(1, 1, 0, &data).await, StorageError::NotFound);
}

async fn a_write_needs_the_upload_secret(subject: &Subject<'_>) {
    let data = sample(10);
    subject.allocate(&[0], 10, 1).await;
    assert_refused!(subject.write(0, 2, 0, &data).await, StorageError::Unauthorized);
    assert_eq!(subject.list().await, numbers(&[]));
    subject.write_leaves(0, 0, &data, &[]).await;
}

async fn an_abort_needs_an_upload(subject: &Subject<'_>) {
    assert_refused!(subject.abort(0, 1).await, StorageError::NotFound);
    subject.allocate(&[1], 10, 1).await;
    assert_refused!(subject.abort(0, 1).await, StorageError::NotFound);
}

async fn an_abort_needs_the_upload_secret(subject: &Subject<'_>) {
    let data = sample(10);
    subject.allocate(&[0], 10, 1).await;
    assert_refused!(subject.abort(0, 2).await, StorageError::Unauthorized);
    subject.write_leaves(0, 0, &data, &[]).await;
    subject.reads(0, None, &data).await;
}

async fn a_complete_share_cannot_be_aborted(subject: &Subject<'_>) {
    let data = sample(10);
    subject.upload(0, &data).await;
    assert_refused!(subject.abort(0, 1).await, StorageError::AlreadyComplete);
    subject.reads(0, None, &data).await;
}

async fn an_aborted_share_can_be_uploaded_again(subject: &Subject<'_>) {
    let data = sample(20);
    subject.allocate(&[0], 10, 1).await;
    subject.write_leaves(0, 0, &[9; 5], &[(5, 10)]).await;
    subject.abort(0, 1).await.expect("abort");
    assert_refused!(subject.abort(0, 1).await, StorageError::NotFound);
    assert_refused!(subject.write(0, 1, 0, &data).await, StorageError::NotFound);
    subject.upload(0, &data).await;
    subject.reads(0, None, &data).await;
}

async fn already_have_is_all_that_the_server_has(subject: &Subject<'_>) {
    let data = sample(10);
    subject.upload(7, &data).await;
    subject.upload(9, &data).await;
    let allocation = subject.allocate(&[7, 8], 10, 2).await;
    let expected = Allocation { already_have: numbers(&[7, 9]), allocated: numbers(&[8]) };
    assert_eq!(allocation, expected);
    subject.reads(7, None, &data).await;
}

async fn a_share_on_its_way_is_not_given_to_another(subject: &Subject<'_>) {
    let data = sample(10);
    subject.allocate(&[0], 10, 1).await;
    subject.write_leaves(0, 0, &data[..5], &[(5, 10)]).await;
    let allocation = subject.allocate(&[0, 1], 10, 2).await;
    let expected = Allocation { already_have: numbers(&[]), allocated: numbers(&[1]) };
    assert_eq!(allocation, expected);
    subject.write_leaves(0, 5, &data[5..], &[]).await;
    subject.reads(0, None, &data).await;
}

async fn an_allocation_may_be_repeated(subject: &Subject<'_>) {
    let data = sample(10);
    let first = subject.allocate(&[0, 1], 10, 1).await;
    subject.write_leaves(0, 0, &data[..5], &[(5, 10)]).await;
    assert_eq!(subject.allocate(&[0, 1], 10, 1).await, first);
    subject.write_leaves(0, 5, &data[5..], &[]).await;
    subject.reads(0, None, &data).await;
}

async fn a_share_too_large_for_any_disk_is_not_allocated(subject: &Subject<'_>) {
    for size in [usize::MAX, usize::MAX - 12, usize::MAX >> 1] {
        let allocation = subject.allocate(&[0], size, 1).await;
        assert_eq!(allocation, Allocation::default());
    }
}
