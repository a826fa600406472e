//! Cases about listing, reading, leases and corruption reports.

use tallac_core::storage::StorageError;

use super::subject::{Subject, assert_refused, numbers, sample};

super::case_table! {
    Tahoe nothing_is_listed_where_nothing_is,
    Tahoe only_what_is_there_can_be_read,
    Tahoe a_range_is_read_alone,
    Tahoe a_range_is_clipped_to_the_share,
    Tahoe a_range_beyond_the_end_reads_as_nothing,
    Tahoe a_lease_needs_a_share,
    Tahoe a_lease_can_be_added_and_renewed,
    Tahoe a_corruption_report_needs_a_share,
    Tahoe a_corruption_report_changes_nothing,
}

async fn nothing_is_listed_where_nothing_is(subject: &Subject<'_>) {
    assert_eq!(subject.list().await, numbers(&[]));
    subject.allocate(&[0], 10, 1).await;
    assert_eq!(subject.list().await, numbers(&[]));
}

async fn only_what_is_there_can_be_read(subject: &Subject<'_>) {
    assert_refused!(subject.read(0, None).await, StorageError::NotFound);
    subject.upload(1, &sample(10)).await;
    assert_refused!(subject.read(0, Some(0..1)).await, StorageError::NotFound);
}

async fn a_range_is_read_alone(subject: &Subject<'_>) {
    let data = sample(300_000);
    subject.upload(0, &data).await;
    for range in [0..1, 0..300_000, 299_999..300_000, 7..65_543, 65_535..262_145] {
        let expected = &data[range.clone()];
        subject.reads(0, Some(range.start as u64..range.end as u64), expected).await;
    }
}

async fn a_range_is_clipped_to_the_share(subject: &Subject<'_>) {
    let data = sample(100);
    subject.upload(0, &data).await;
    subject.reads(0, Some(90..101), &data[90..]).await;
    subject.reads(0, Some(0..1 << 40), &data).await;
}

async fn a_range_beyond_the_end_reads_as_nothing(subject: &Subject<'_>) {
    subject.upload(0, &sample(100)).await;
    for range in [100..101, 101..200, 1 << 40..1 << 41] {
        subject.reads(0, Some(range), &[]).await;
    }
}

async fn a_lease_needs_a_share(subject: &Subject<'_>) {
    assert_refused!(subject.add_lease(1).await, StorageError::NotFound);
    subject.allocate(&[0], 10, 1).await;
    assert_refused!(subject.add_lease(1).await, StorageError::NotFound);
}

async fn a_lease_can_be_added_and_renewed(subject: &Subject<'_>) {
    let data = sample(10);
    subject.upload(0, &data).await;
    subject.upload(1, &data).await;
    for secret in [1, 2, 2, 3] {
        subject.add_lease(secret).await.expect("add_lease");
    }
    // Leases stand behind the data: a read must never reach them.
    subject.reads(0, None, &data).await;
    subject.reads(1, Some(5..100), &data[5..]).await;
}

async fn a_corruption_report_needs_a_share(subject: &Subject<'_>) {
    assert_refused!(subject.advise(0).await, StorageError::NotFound);
    subject.upload(1, &sample(10)).await;
    assert_refused!(subject.advise(0).await, StorageError::NotFound);
}

async fn a_corruption_report_changes_nothing(subject: &Subject<'_>) {
    let data = sample(10);
    subject.upload(0, &data).await;
    subject.advise(0).await.expect("advise_corrupt");
    subject.advise(0).await.expect("advise_corrupt again");
    subject.reads(0, None, &data).await;
    assert_eq!(subject.list().await, numbers(&[0]));
}
