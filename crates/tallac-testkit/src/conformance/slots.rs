//! Cases about changes to mutable slots.

use bytes::Bytes;
use futures_util::future::join_all;
use tallac_core::storage::{
    ShareChange, ShareKind, StorageError, TestVector, VECTORS_MAX, WriteVector,
};

use super::subject::{Subject, assert_refused, expected_pieces, numbers, pieces_of, sample};

super::case_table! {
    Tahoe a_slot_is_made_by_writing,
    Tahoe a_write_of_nothing_makes_an_empty_share,
    // Tahoe-LAFS makes an empty share.
    Full a_share_without_writes_is_not_made,
    Tahoe a_test_for_absence_fails_where_a_share_is,
    Tahoe tests_compare_what_is_there,
    Tahoe tests_are_clipped_to_the_share,
    Tahoe a_test_that_fails_stops_everything,
    Tahoe of_many_who_test_for_absence_one_succeeds,
    Tahoe of_many_who_test_for_the_same_one_succeeds,
    Tahoe writes_are_made_in_order,
    Tahoe a_hole_is_filled_with_zeros,
    Tahoe a_hole_does_not_show_what_was_cut_off,
    Tahoe a_smaller_new_length_cuts,
    Tahoe a_larger_new_length_does_nothing,
    Tahoe a_new_length_of_zero_removes,
    Tahoe what_is_not_there_can_be_removed,
    Tahoe a_slot_that_is_gone_can_be_made_by_another,
    Tahoe the_write_enabler_is_asked_for_even_by_readers,
    Tahoe a_new_share_needs_the_write_enabler_of_the_others,
    Tahoe a_slot_without_shares_has_no_write_enabler,
    Tahoe leases_and_data_stay_apart,
    Tahoe a_lease_of_a_slot_needs_a_share,
    Tahoe a_large_slot_comes_back_as_it_went,
    Tahoe as_many_tests_as_there_may_be,
    Tahoe too_many_tests_are_refused,
    // Tahoe-LAFS says 500, after it has changed the shares before that one.
    Full a_share_too_large_for_any_disk_is_refused,
}

/// A change that writes each of these where it says.
fn write(writes: &[(u64, &[u8])]) -> ShareChange {
    let vector =
        |&(offset, data): &(u64, &[u8])| WriteVector { offset, data: Bytes::copy_from_slice(data) };
    ShareChange { writes: writes.iter().map(vector).collect(), ..ShareChange::default() }
}

/// A change that removes a share.
fn removal() -> ShareChange {
    cut(0)
}

/// A change to the length alone.
fn cut(length: u64) -> ShareChange {
    ShareChange { new_length: Some(length), ..ShareChange::default() }
}

/// The same change, if these bytes are where they are said to be.
fn only_if(tests: &[(u64, u64, &[u8])], change: ShareChange) -> ShareChange {
    let vector = |&(offset, size, specimen): &(u64, u64, &[u8])| {
        let specimen = Bytes::copy_from_slice(specimen);
        TestVector { offset, size, specimen }
    };
    ShareChange { tests: tests.iter().map(vector).collect(), ..change }
}

/// The same change, if there is no such share.
fn if_absent(change: ShareChange) -> ShareChange {
    ShareChange { tests: vec![TestVector::absent()], ..change }
}

/// The slot of a case.
const fn slot<'a>(subject: &Subject<'a>) -> Subject<'a> {
    subject.of_kind(ShareKind::Mutable)
}

async fn a_slot_is_made_by_writing(subject: &Subject<'_>) {
    let slot = slot(subject);
    slot.holds(&[]).await;
    let change = if_absent(write(&[(0, b"some"), (4, b" share")]));
    let changes = [(0, change.clone()), (5, change.clone()), (255, change)];
    slot.change(&changes, true).await;
    slot.holds(&[(0, b"some share"), (5, b"some share"), (255, b"some share")]).await;
    slot.change(&[(1, write(&[(0, b"another")]))], true).await;
    slot.reads_slot(&[1, 5], &[(0, 100)], &[(1, &[b"another"]), (5, &[b"some share"])]).await;
}

async fn a_write_of_nothing_makes_an_empty_share(subject: &Subject<'_>) {
    let slot = slot(subject);
    slot.change(&[(0, write(&[(0, b"")])), (1, write(&[(3, b"")]))], true).await;
    slot.holds(&[(0, b""), (1, &[0; 3])]).await;
    // It is there, and yet holds what a share that is not there does.
    slot.change(&[(0, if_absent(write(&[(0, b"x")])))], true).await;
    slot.holds(&[(0, b"x"), (1, &[0; 3])]).await;
}

async fn a_share_without_writes_is_not_made(subject: &Subject<'_>) {
    let slot = slot(subject);
    slot.change(&[(0, ShareChange::default()), (1, if_absent(cut(7)))], true).await;
    slot.holds(&[]).await;
}

async fn a_test_for_absence_fails_where_a_share_is(subject: &Subject<'_>) {
    let slot = slot(subject);
    let change = |data| [(0, if_absent(write(&[(0, data)])))];
    slot.change(&change(b"first"), true).await;
    slot.change(&change(b"other"), false).await;
    slot.holds(&[(0, b"first")]).await;
}

async fn tests_compare_what_is_there(subject: &Subject<'_>) {
    let slot = slot(subject);
    slot.change(&[(0, write(&[(0, b"0123456789")]))], true).await;
    for (tests, success) in [
        (&[(0, 10, &b"0123456789"[..])][..], true),
        (&[(3, 4, b"3456")], true),
        (&[(3, 4, b"3457")], false),
        (&[(3, 4, b"345")], false),
        (&[(3, 4, b"34567")], false),
        (&[(3, 0, b"")], true),
        (&[(3, 0, b"3")], false),
        (&[(0, 1, b"0"), (9, 1, b"9")], true),
        (&[(0, 1, b"0"), (9, 1, b"8")], false),
        (&[(0, 1, b"")], false),
    ] {
        slot.change(&[(0, only_if(tests, write(&[(0, b"0")])))], success).await;
    }
    slot.holds(&[(0, b"0123456789")]).await;
}

async fn tests_are_clipped_to_the_share(subject: &Subject<'_>) {
    let slot = slot(subject);
    slot.change(&[(0, write(&[(0, b"0123456789")]))], true).await;
    for (share, test, success) in [
        (0, (8, 100, &b"89"[..]), true),
        (0, (8, 1 << 40, b"89"), true),
        (0, (8, 100, b"89\0"), false),
        (0, (10, 1, b""), true),
        (0, (1 << 40, 5, b""), true),
        (0, (10, 1, b"\0"), false),
        (1, (0, 1, b"\0"), false),
        (1, (7, 1000, b""), true),
    ] {
        let change = only_if(&[test], write(&[(0, b"0123456789")]));
        slot.change(&[(share, change)], success).await;
    }
    slot.holds(&[(0, b"0123456789"), (1, b"0123456789")]).await;
}

async fn a_test_that_fails_stops_everything(subject: &Subject<'_>) {
    let slot = slot(subject);
    let change = |data| write(&[(0, data)]);
    slot.change(&[(1, change(b"one")), (2, change(b"two")), (3, change(b"three"))], true).await;
    let all = [
        (0, if_absent(change(b"new"))),
        (1, change(b"changed")),
        (2, removal()),
        (3, only_if(&[(0, 5, b"other")], change(b"changed"))),
        (4, change(b"new")),
    ];
    let answer = slot.try_change(1, &all, &[(0, 2)]).await.expect("write_slot");
    assert!(!answer.success);
    let read = [(1, &[&b"on"[..]][..]), (2, &[b"tw"]), (3, &[b"th"])];
    assert_eq!(pieces_of(answer.read), expected_pieces(&read));
    slot.holds(&[(1, b"one"), (2, b"two"), (3, b"three")]).await;
}

async fn of_many_who_test_for_absence_one_succeeds(subject: &Subject<'_>) {
    let slot = slot(subject);
    // Of those who race, some name two shares: all of one change is there, or none.
    let changes = (0..8u8).map(|writer| {
        let change = if_absent(write(&[(0, &[writer; 100])]));
        [(0, change.clone()), (1, change)]
    });
    let changes: Vec<_> = changes.collect();
    let answers = join_all(changes.iter().map(|change| slot.try_change(1, change, &[]))).await;
    let winners: Vec<_> = (0..8u8)
        .zip(answers)
        .filter(|(_, answer)| answer.as_ref().expect("write_slot").success)
        .map(|(writer, _)| writer)
        .collect();
    let [winner] = winners[..] else { panic!("several won: {winners:?}") };
    slot.holds(&[(0, &[winner; 100]), (1, &[winner; 100])]).await;
}

async fn of_many_who_test_for_the_same_one_succeeds(subject: &Subject<'_>) {
    let slot = slot(subject);
    slot.change(&[(0, write(&[(0, &[0; 8])]))], true).await;
    for round in 0..5u8 {
        let specimen = [round; 8];
        let change = only_if(&[(0, 8, &specimen)], write(&[(0, &[round + 1; 8])]));
        let change = [(0, change)];
        let answers = join_all((0..4).map(|_| slot.try_change(1, &change, &[]))).await;
        let won = answers.into_iter().filter(|answer| answer.as_ref().expect("write_slot").success);
        assert_eq!(won.count(), 1);
    }
    slot.holds(&[(0, &[5; 8])]).await;
}

async fn writes_are_made_in_order(subject: &Subject<'_>) {
    let slot = slot(subject);
    let change = write(&[(0, b"aaaaaaaaaa"), (2, b"bbbb"), (4, b"cc"), (9, b"dd")]);
    slot.change(&[(0, change)], true).await;
    slot.holds(&[(0, b"aabbccaaadd")]).await;
    slot.change(&[(0, write(&[(10, b"ee"), (0, b"f")]))], true).await;
    slot.holds(&[(0, b"fabbccaaadee")]).await;
}

async fn a_hole_is_filled_with_zeros(subject: &Subject<'_>) {
    let slot = slot(subject);
    slot.change(&[(0, write(&[(3, b"x")])), (1, write(&[(100_000, b"y")]))], true).await;
    let mut far = vec![0; 100_000];
    far.push(b'y');
    slot.holds(&[(0, b"\0\0\0x"), (1, &far)]).await;
    slot.change(&[(0, write(&[(6, b"z")]))], true).await;
    slot.holds(&[(0, b"\0\0\0x\0\0z"), (1, &far)]).await;
}

async fn a_hole_does_not_show_what_was_cut_off(subject: &Subject<'_>) {
    let slot = slot(subject);
    slot.change(&[(0, write(&[(0, b"0123456789")]))], true).await;
    slot.change(&[(0, cut(4))], true).await;
    slot.change(&[(0, write(&[(8, b"x")]))], true).await;
    slot.holds(&[(0, b"0123\0\0\0\0x")]).await;
}

async fn a_smaller_new_length_cuts(subject: &Subject<'_>) {
    let slot = slot(subject);
    slot.change(&[(0, write(&[(0, b"0123456789")])), (1, write(&[(0, b"else")]))], true).await;
    slot.change(&[(0, cut(7))], true).await;
    slot.holds(&[(0, b"0123456"), (1, b"else")]).await;
    // It holds after the writes, however far they reach.
    let change = ShareChange { new_length: Some(5), ..write(&[(3, b"abcdefgh")]) };
    slot.change(&[(0, change)], true).await;
    slot.holds(&[(0, b"012ab"), (1, b"else")]).await;
    let made = ShareChange { new_length: Some(2), ..write(&[(0, b"made")]) };
    slot.change(&[(2, made)], true).await;
    slot.holds(&[(0, b"012ab"), (1, b"else"), (2, b"ma")]).await;
}

async fn a_larger_new_length_does_nothing(subject: &Subject<'_>) {
    let slot = slot(subject);
    slot.change(&[(0, write(&[(0, b"0123456789")]))], true).await;
    for length in [10, 11, 1 << 20, u64::MAX >> 1] {
        slot.change(&[(0, cut(length))], true).await;
    }
    slot.holds(&[(0, b"0123456789")]).await;
}

async fn a_new_length_of_zero_removes(subject: &Subject<'_>) {
    let slot = slot(subject);
    slot.change(&[(0, write(&[(0, b"one")])), (1, write(&[(0, b"two")]))], true).await;
    slot.change(&[(0, removal())], true).await;
    slot.holds(&[(1, b"two")]).await;
    assert_refused!(slot.read(0, None).await, StorageError::NotFound);
    // What would be written goes with the share.
    let change = ShareChange { new_length: Some(0), ..write(&[(0, b"three")]) };
    let change = only_if(&[(0, 3, b"two")], change);
    slot.change(&[(1, change)], true).await;
    slot.holds(&[]).await;
    assert_refused!(slot.read(1, Some(0..1)).await, StorageError::NotFound);
    assert_refused!(slot.add_lease(1).await, StorageError::NotFound);
}

async fn what_is_not_there_can_be_removed(subject: &Subject<'_>) {
    let slot = slot(subject);
    let change = ShareChange { new_length: Some(0), ..write(&[(0, b"never")]) };
    slot.change(&[(0, removal()), (1, change)], true).await;
    slot.holds(&[]).await;
}

async fn a_slot_that_is_gone_can_be_made_by_another(subject: &Subject<'_>) {
    let slot = slot(subject);
    slot.change(&[(0, write(&[(0, b"mine")]))], true).await;
    slot.change(&[(0, removal())], true).await;
    let change = [(3, if_absent(write(&[(0, b"yours")])))];
    assert!(slot.try_change(2, &change, &[]).await.expect("write_slot").success);
    slot.holds(&[(3, b"yours")]).await;
}

async fn the_write_enabler_is_asked_for_even_by_readers(subject: &Subject<'_>) {
    let slot = slot(subject);
    slot.change(&[(0, write(&[(0, b"mine")])), (1, write(&[(0, b"mine")]))], true).await;
    for changes in [
        &[][..],
        &[(0, write(&[(0, b"yours")]))],
        &[(0, removal()), (1, removal())],
        &[(0, only_if(&[(0, 4, b"else")], removal()))],
    ] {
        let answer = slot.try_change(2, changes, &[(0, 4)]).await;
        assert_refused!(answer, StorageError::Unauthorized);
    }
    slot.holds(&[(0, b"mine"), (1, b"mine")]).await;
    let answer = slot.try_change(1, &[], &[(0, 1)]).await.expect("write_slot");
    assert!(answer.success);
    assert_eq!(pieces_of(answer.read), expected_pieces(&[(0, &[b"m"]), (1, &[b"m"])]));
}

async fn a_new_share_needs_the_write_enabler_of_the_others(subject: &Subject<'_>) {
    let slot = slot(subject);
    slot.change(&[(0, write(&[(0, b"mine")]))], true).await;
    let change = [(1, if_absent(write(&[(0, b"yours")])))];
    assert_refused!(slot.try_change(2, &change, &[]).await, StorageError::Unauthorized);
    slot.holds(&[(0, b"mine")]).await;
}

async fn a_slot_without_shares_has_no_write_enabler(subject: &Subject<'_>) {
    let slot = slot(subject);
    for enabler in [1, 2] {
        let answer = slot.try_change(enabler, &[], &[(0, 10)]).await.expect("write_slot");
        assert!(answer.success && answer.read.is_empty(), "{answer:?}");
    }
    assert_eq!(slot.list().await, numbers(&[]));
}

async fn leases_and_data_stay_apart(subject: &Subject<'_>) {
    let slot = slot(subject);
    slot.change(&[(0, write(&[(0, b"0123456789")])), (1, write(&[(0, b"x")]))], true).await;
    // Leases beyond the fourth stand behind the data, and move when it grows.
    for secret in [2, 3, 4, 5, 6, 3, 7] {
        slot.add_lease(secret).await.expect("add_lease");
    }
    slot.holds(&[(0, b"0123456789"), (1, b"x")]).await;
    let long = sample(5000);
    slot.change(&[(0, write(&[(10, &long)]))], true).await;
    let mut expected = b"0123456789".to_vec();
    expected.extend(&long);
    slot.holds(&[(0, &expected), (1, b"x")]).await;
    slot.reads(0, Some(5000..6000), &expected[5000..]).await;
    slot.change(&[(0, cut(5)), (1, write(&[(2000, b"y")]))], true).await;
    let mut hole = vec![0; 2001];
    (hole[0], hole[2000]) = (b'x', b'y');
    slot.holds(&[(0, b"01234"), (1, &hole)]).await;
    slot.change(&[(0, write(&[(700, b"z")]))], true).await;
    let mut hole_too = vec![0; 701];
    hole_too[..5].copy_from_slice(b"01234");
    hole_too[700] = b'z';
    slot.add_lease(8).await.expect("add_lease");
    slot.holds(&[(0, &hole_too), (1, &hole)]).await;
}

async fn a_lease_of_a_slot_needs_a_share(subject: &Subject<'_>) {
    let slot = slot(subject);
    assert_refused!(slot.add_lease(1).await, StorageError::NotFound);
    slot.change(&[(0, write(&[(0, b"some")]))], true).await;
    slot.add_lease(1).await.expect("add_lease");
    slot.add_lease(2).await.expect("add_lease");
}

async fn a_large_slot_comes_back_as_it_went(subject: &Subject<'_>) {
    // More than any buffer on the way, and no multiple of one.
    let slot = slot(subject);
    let data = sample(3 * 1024 * 1024 + 12_345);
    let (first, rest) = data.split_at(1_000_000);
    let change = write(&[(0, first), (first.len() as u64, rest)]);
    slot.change(&[(1, if_absent(change))], true).await;
    slot.holds(&[(1, &data)]).await;
    slot.change(&[(1, write(&[(2_000_000, b"in the middle")]))], true).await;
    let mut changed = data;
    changed[2_000_000..2_000_013].copy_from_slice(b"in the middle");
    slot.holds(&[(1, &changed)]).await;
}

async fn as_many_tests_as_there_may_be(subject: &Subject<'_>) {
    let slot = slot(subject);
    let change = only_if(&[(0, 1, &b""[..]); VECTORS_MAX], write(&[(0, b"x")]));
    let changes: Vec<_> = (0..=u8::MAX).map(|share| (share, change.clone())).collect();
    slot.change(&changes, true).await;
    assert_eq!(slot.list().await.len(), 256);
    let removals: Vec<_> = (0..=u8::MAX).map(|share| (share, removal())).collect();
    slot.change(&removals, true).await;
    slot.holds(&[]).await;
}

async fn too_many_tests_are_refused(subject: &Subject<'_>) {
    let slot = slot(subject);
    let change = only_if(&[(0, 1, &b""[..]); VECTORS_MAX + 1], write(&[(0, b"x")]));
    assert_refused!(slot.try_change(1, &[(0, change)], &[]).await, StorageError::BadRequest(_));
    slot.holds(&[]).await;
}

async fn a_share_too_large_for_any_disk_is_refused(subject: &Subject<'_>) {
    let slot = slot(subject);
    let version = subject.server.version().await.expect("version");
    slot.change(&[(0, write(&[(0, b"some")]))], true).await;
    for offset in [version.mutable_share_size_max, u64::MAX - 1, u64::MAX] {
        // The other shares of the change are not made either.
        let changes = [(0, write(&[(0, b"more")])), (1, write(&[(offset, b"far")]))];
        let answer = slot.try_change(1, &changes, &[]).await;
        assert!(
            matches!(
                answer,
                Err(StorageError::BadRequest(_)
                    | StorageError::NoSpace
                    | StorageError::BadRange(_))
            ),
            "{answer:?}"
        );
    }
    slot.holds(&[(0, b"some")]).await;
}
