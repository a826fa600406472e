//! Cases about reads of mutable slots, and of either kind of slot as the other.

use bytes::Bytes;
use tallac_core::storage::{
    SLOT_ANSWER_MAX, ShareChange, ShareKind, StorageError, VECTORS_MAX, WriteVector,
};

use super::subject::{Subject, assert_refused, expected_pieces, numbers, pieces_of, sample};

super::case_table! {
    Tahoe a_slot_without_shares_reads_as_nothing,
    Tahoe a_slot_is_read_in_several_runs,
    Tahoe reads_of_a_slot_are_clipped_to_the_share,
    Tahoe shares_of_a_slot_can_be_named,
    Tahoe reading_nothing_tells_what_is_there,
    Tahoe a_change_reads_what_was_there_before,
    Tahoe a_mutable_share_is_read_like_any_other,
    Tahoe a_corruption_report_of_a_slot_needs_a_share,
    Tahoe as_many_reads_as_there_may_be,
    Tahoe too_many_reads_in_a_change_are_refused,
    Tahoe too_many_reads_are_refused,
    // Tahoe-LAFS answers at any length.
    Full more_than_fits_an_answer_is_refused,
    // Tahoe-LAFS does not look of which kind a share is: it lists it as either, or says 500.
    Full a_slot_is_no_immutable_file,
    Full an_immutable_file_is_no_slot,
}

/// The slot of a case, with these shares.
async fn slot<'a>(subject: &Subject<'a>, shares: &[(u8, &[u8])]) -> Subject<'a> {
    let slot = subject.of_kind(ShareKind::Mutable);
    let changes: Vec<_> = shares.iter().map(|(share, data)| (*share, write(data))).collect();
    slot.change(&changes, true).await;
    slot
}

/// A change that writes `data` to the beginning of a share.
fn write(data: &[u8]) -> ShareChange {
    let writes = vec![WriteVector { offset: 0, data: Bytes::copy_from_slice(data) }];
    ShareChange { writes, ..ShareChange::default() }
}

async fn a_slot_without_shares_reads_as_nothing(subject: &Subject<'_>) {
    let slot = slot(subject, &[]).await;
    slot.reads_slot(&[], &[(0, 10)], &[]).await;
    slot.reads_slot(&[0, 7], &[(0, 10)], &[]).await;
    slot.reads_slot(&[], &[], &[]).await;
    slot.reads_slot(&[0], &[], &[]).await;
    assert_refused!(slot.read(0, None).await, StorageError::NotFound);
}

async fn a_slot_is_read_in_several_runs(subject: &Subject<'_>) {
    let slot = slot(subject, &[(0, b"0123456789"), (9, b"abcdefghij")]).await;
    slot.reads_slot(
        &[],
        &[(8, 2), (0, 3), (0, 3), (4, 1)],
        &[(0, &[b"89", b"012", b"012", b"4"]), (9, &[b"ij", b"abc", b"abc", b"e"])],
    )
    .await;
}

async fn reads_of_a_slot_are_clipped_to_the_share(subject: &Subject<'_>) {
    let slot = slot(subject, &[(0, b"0123456789"), (1, b"abc"), (2, b"")]).await;
    slot.reads_slot(
        &[],
        &[(2, 5), (3, 1 << 40), (10, 1), (1 << 40, 1 << 40), (1, 0)],
        &[
            (0, &[b"23456", b"3456789", b"", b"", b""]),
            (1, &[b"c", b"", b"", b"", b""]),
            (2, &[b"", b"", b"", b"", b""]),
        ],
    )
    .await;
}

async fn shares_of_a_slot_can_be_named(subject: &Subject<'_>) {
    let slot = slot(subject, &[(0, b"zero"), (1, b"one"), (2, b"two"), (255, b"last")]).await;
    slot.reads_slot(&[255, 1], &[(0, 9)], &[(1, &[b"one"]), (255, &[b"last"])]).await;
    slot.reads_slot(&[2, 2], &[(0, 9)], &[(2, &[b"two"])]).await;
    slot.reads_slot(&[0, 3], &[(0, 9)], &[(0, &[b"zero"])]).await;
    slot.reads_slot(&[3], &[(0, 9)], &[]).await;
}

async fn reading_nothing_tells_what_is_there(subject: &Subject<'_>) {
    let slot = slot(subject, &[(0, b"zero"), (1, b"")]).await;
    slot.reads_slot(&[], &[], &[(0, &[]), (1, &[])]).await;
    slot.reads_slot(&[1, 2], &[], &[(1, &[])]).await;
    slot.reads_slot(&[0, 2], &[(3, 0)], &[(0, &[b""])]).await;
}

async fn a_change_reads_what_was_there_before(subject: &Subject<'_>) {
    let slot = slot(subject, &[(0, b"zero"), (1, b"one"), (2, b"two")]).await;
    let removal = ShareChange { new_length: Some(0), ..ShareChange::default() };
    let changes = [(0, write(b"changed")), (1, removal), (3, write(b"new"))];
    let answer = slot.try_change(1, &changes, &[(0, 100), (2, 1)]).await.expect("write_slot");
    assert!(answer.success);
    // All shares that were there, whether named or not; none that came.
    let read = [(0, &[&b"zero"[..], b"r"][..]), (1, &[b"one", b"e"]), (2, &[b"two", b"o"])];
    assert_eq!(pieces_of(answer.read), expected_pieces(&read));
    slot.holds(&[(0, b"changed"), (2, b"two"), (3, b"new")]).await;
}

async fn a_mutable_share_is_read_like_any_other(subject: &Subject<'_>) {
    let data = sample(300_000);
    let slot = slot(subject, &[(4, &data)]).await;
    slot.reads(4, None, &data).await;
    for range in [0..1, 0..300_000, 299_999..300_000, 7..65_543, 65_535..262_145] {
        let expected = &data[range.clone()];
        slot.reads(4, Some(range.start as u64..range.end as u64), expected).await;
    }
    slot.reads(4, Some(299_990..1 << 40), &data[299_990..]).await;
    for range in [300_000..300_001, 1 << 40..1 << 41] {
        slot.reads(4, Some(range), &[]).await;
    }
    assert_refused!(slot.read(5, Some(0..1)).await, StorageError::NotFound);
}

async fn a_corruption_report_of_a_slot_needs_a_share(subject: &Subject<'_>) {
    let slot = slot(subject, &[(0, b"zero")]).await;
    assert_refused!(slot.advise(1).await, StorageError::NotFound);
    slot.advise(0).await.expect("advise_corrupt");
    slot.holds(&[(0, b"zero")]).await;
}

async fn as_many_reads_as_there_may_be(subject: &Subject<'_>) {
    let slot = slot(subject, &[(0, b"zero"), (1, b"one")]).await;
    let reads = [(1, 2); VECTORS_MAX];
    let expected: [(u8, &[&[u8]]); 2] =
        [(0, &[&b"er"[..]; VECTORS_MAX]), (1, &[&b"ne"[..]; VECTORS_MAX])];
    slot.reads_slot(&[], &reads, &expected).await;
    let answer = slot.try_change(1, &[], &reads).await.expect("write_slot");
    assert_eq!(pieces_of(answer.read), expected_pieces(&expected));
}

async fn too_many_reads_in_a_change_are_refused(subject: &Subject<'_>) {
    let slot = slot(subject, &[(0, b"zero")]).await;
    let answer = slot.try_change(1, &[(0, write(b"x"))], &[(0, 1); VECTORS_MAX + 1]).await;
    assert_refused!(answer, StorageError::BadRequest(_));
    slot.holds(&[(0, b"zero")]).await;
}

async fn too_many_reads_are_refused(subject: &Subject<'_>) {
    let slot = slot(subject, &[(0, b"zero")]).await;
    let answer = slot.try_read_slot(&[], &[(0, 1); VECTORS_MAX + 1]).await;
    assert_refused!(answer, StorageError::BadRequest(_));
}

async fn more_than_fits_an_answer_is_refused(subject: &Subject<'_>) {
    let third = SLOT_ANSWER_MAX / 3;
    let data = sample(usize::try_from(third).expect("10 MiB fit"));
    let slot = slot(subject, &[(0, &data), (1, &data)]).await;
    let reads = [(0, third), (0, 1 << 40)];
    assert_refused!(slot.try_read_slot(&[], &reads).await, StorageError::BadRequest(_));
    let answer = slot.try_change(1, &[(0, write(b"x"))], &reads).await;
    assert_refused!(answer, StorageError::BadRequest(_));
    // What was refused was not done; one share alone can be read.
    slot.reads_slot(&[1], &reads, &[(1, &[&data, &data])]).await;
    slot.reads_slot(&[], &[(0, 3)], &[(0, &[&data[..3]]), (1, &[&data[..3]])]).await;
}

async fn a_slot_is_no_immutable_file(subject: &Subject<'_>) {
    let mutable = slot(subject, &[(0, b"zero")]).await;
    let other = mutable.of_kind(ShareKind::Immutable);
    assert_eq!(other.list().await, numbers(&[]));
    assert_refused!(other.read(0, None).await, StorageError::NotFound);
    assert_refused!(other.advise(0).await, StorageError::NotFound);
    mutable.holds(&[(0, b"zero")]).await;
}

async fn an_immutable_file_is_no_slot(subject: &Subject<'_>) {
    let data = sample(10);
    subject.upload(0, &data).await;
    let slot = subject.of_kind(ShareKind::Mutable);
    slot.holds(&[]).await;
    assert_refused!(slot.read(0, None).await, StorageError::NotFound);
    assert_refused!(slot.advise(0).await, StorageError::NotFound);
    subject.reads(0, None, &data).await;
}
