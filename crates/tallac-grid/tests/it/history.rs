//! What is remembered of operations, and counted.

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use tallac_core::cap::MutableFormat;
use tallac_core::storage::StorageError;
use tallac_grid::history::{Kind, Operation};
use tallac_testkit::Fault;

use crate::mutable::{create, open};
use crate::support::{TestGrid, file, storage_index};

fn only(grid: &TestGrid, kind: Kind) -> std::sync::Arc<Operation> {
    let operations = grid.grid.history().operations(kind);
    assert_eq!(operations.len(), 1, "{kind:?}");
    operations[0].clone()
}

#[tokio::test(start_paused = true)]
async fn an_upload_and_a_download() {
    let grid = TestGrid::new(10, (3, 7, 10)).await;
    let cap = grid.put(&file(5000)).await.unwrap().cap;
    let upload = only(&grid, Kind::Upload);
    let state = upload.state();
    assert_eq!(
        (state.status.as_ref(), state.is_active, state.size),
        ("Finished", false, Some(5000))
    );
    assert_eq!((state.shares.len(), state.progress.bytes()), (10, 5000));
    assert_eq!(upload.storage_index(), Some(storage_index(&cap)));

    let mut stream = grid.grid.downloader().read(&cap, 100..4000).await.unwrap();
    let download = only(&grid, Kind::Download);
    assert!(download.is_active() && download.fraction() < 1.0);
    while stream.try_next().await.unwrap().is_some() {}
    drop(stream);
    assert!(!download.is_active());
    assert_eq!((download.state().status.as_ref(), download.fraction()), ("idle", 1.0));
    let events = download.events();
    let reads: Vec<_> = events.reads.iter().map(|read| (read.range.clone(), read.bytes)).collect();
    assert_eq!(reads, [(100..4000, 3900)]);
    assert!(events.segments.iter().all(|run| run.success == Some(true) && run.bytes.is_some()));
    assert!(events.queries.iter().any(|query| query.shares.is_some()));
    assert!(events.blocks.iter().all(|block| block.received.is_some()));

    // Another range is one more read of the same file.
    grid.get(&cap).await.unwrap();
    assert_eq!(only(&grid, Kind::Download).events().reads.len(), 2);
    let expected = [
        ("uploader.files_uploaded", 1),
        ("uploader.bytes_uploaded", 5000),
        ("downloader.files_downloaded", 2),
        ("downloader.bytes_downloaded", 8900),
    ];
    assert_eq!(grid.grid.history().counters(), expected);
}

#[tokio::test(start_paused = true)]
async fn what_fails() {
    let grid = TestGrid::new(10, (3, 7, 10)).await;
    let cap = grid.put(&file(5000)).await.unwrap().cap;
    for sim in &grid.sims {
        sim.set_fault_everywhere(&Fault::Fail(StorageError::Unreachable("gone".to_owned())));
    }
    grid.get(&cap).await.unwrap_err();
    let download = only(&grid, Kind::Download);
    assert_eq!((download.state().status.as_ref(), download.is_active()), ("Failed", false));
    grid.put(&file(6000)).await.unwrap_err();
    let uploads = grid.grid.history().operations(Kind::Upload);
    assert_eq!(uploads[1].state().status, "Failed");
}

#[tokio::test(start_paused = true)]
async fn a_mutable_file() {
    let grid = TestGrid::new(10, (3, 7, 10)).await;
    let cap = create(&grid, MutableFormat::Sdmf, file(3_000_000)).await;
    let publish = only(&grid, Kind::Publish).state();
    assert_eq!((publish.status.as_ref(), publish.shares.len()), ("Finished", 10));
    let other = TestGrid::of(grid.sims.clone(), (3, 7, 10)).await;
    open(&other, &cap).read().await.unwrap();
    let update = only(&other, Kind::MapUpdate);
    let state = update.state();
    assert_eq!((state.mode, state.size), (Some("MODE_READ"), None));
    assert!(!state.round_trips.is_empty() && state.problems.is_empty());
    let retrieve = only(&other, Kind::Retrieve);
    assert_eq!(retrieve.state().size, Some(3_000_000));
    assert_eq!(retrieve.fraction(), 1.0);
    let counted = other.grid.history().counters();
    assert_eq!(counted, [("mutable.files_retrieved", 1), ("mutable.bytes_retrieved", 3_000_000)]);
    open(&other, &cap).overwrite(Bytes::from_static(b"new")).await.unwrap();
    assert_eq!(only(&other, Kind::Publish).state().size, Some(3));
}
