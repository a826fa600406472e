//! Uploads: placement, faults, existing shares.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tallac_core::storage::StorageError;
use tallac_grid::upload::UploadError;
use tallac_testkit::{Fault, Operation, SimServer};
use tokio::time::{Instant, timeout};

use crate::support::{TestGrid, file, storage_index};

const DEFAULTS: (u64, usize, u64) = (3, 7, 10);

fn unreachable() -> Fault {
    Fault::Fail(StorageError::Unreachable("connection refused".to_owned()))
}

#[tokio::test]
async fn files_of_all_sizes_come_back() {
    let grid = TestGrid::new(10, DEFAULTS).await;
    for len in [0, 1, 55, 56, 57, 998, 999, 1000, 1001, 1002, 1003, 2004, 2005, 20_000, 300_000] {
        let data = file(len);
        let results = grid.put(&data).await.unwrap();
        assert_eq!(results.cap.to_string().starts_with("URI:LIT:"), len <= 55, "{len} bytes");
        assert_eq!(grid.get(&results.cap).await.unwrap(), data, "{len} bytes");
    }
}

#[tokio::test]
async fn a_new_file_takes_one_round_of_requests_and_one_share_a_server() {
    let grid = TestGrid::new(10, DEFAULTS).await;
    let results = grid.put(&file(20_000)).await.unwrap();
    assert_eq!((results.happiness, results.pushed.len()), (10, 10));
    let holders = grid.holders(storage_index(&results.cap));
    assert_eq!(holders.iter().map(|(server, _)| server).collect::<BTreeSet<_>>().len(), 10);
    for sim in &grid.sims {
        assert_eq!(sim.call_count(Operation::Allocate), 1);
        assert_eq!(sim.call_count(Operation::List), 0);
        assert_eq!(sim.call_count(Operation::Write), 1, "a share goes up as one stream");
        assert_eq!(sim.upload_count(), 0);
    }
}

#[tokio::test]
async fn a_file_that_is_there_is_not_sent_again() {
    let grid = TestGrid::new(10, DEFAULTS).await;
    let first = grid.put(&file(20_000)).await.unwrap();
    let written: u64 = grid.sims.iter().map(|sim| sim.bytes_written()).sum();
    let again = grid.put(&file(20_000)).await.unwrap();
    assert_eq!(again.cap, first.cap);
    assert_eq!((again.pushed.len(), again.preexisting.len()), (0, 10));
    assert_eq!(grid.sims.iter().map(|sim| sim.bytes_written()).sum::<u64>(), written);
    assert!(grid.sims.iter().all(|sim| sim.upload_count() == 0), "no room is kept for nothing");
}

#[tokio::test]
async fn only_lost_shares_are_sent_again() {
    let grid = TestGrid::new(10, DEFAULTS).await;
    let first = grid.put(&file(20_000)).await.unwrap();
    let si = storage_index(&first.cap);
    let lost: BTreeSet<_> = grid.holders(si).into_iter().take(4).collect();
    for &(server, share) in &lost {
        grid.sims[server].drop_share(si, share);
    }
    let again = grid.put(&file(20_000)).await.unwrap();
    let sent: BTreeSet<_> = again.pushed.keys().copied().collect();
    assert_eq!(sent, lost.iter().map(|&(_, share)| share).collect());
    assert_eq!((again.happiness, again.preexisting.len()), (10, 6));
    assert!(grid.sims.iter().all(|sim| sim.upload_count() == 0));
}

#[tokio::test]
async fn few_servers_take_several_shares_each() {
    let grid = TestGrid::new(3, (3, 3, 10)).await;
    let results = grid.put(&file(5000)).await.unwrap();
    assert_eq!((results.happiness, results.pushed.len()), (3, 10));
    grid.sims[0].set_fault_everywhere(&unreachable());
    grid.sims[1].set_fault_everywhere(&unreachable());
    assert_eq!(grid.get(&results.cap).await.unwrap(), file(5000), "three shares are on one server");
}

#[tokio::test]
async fn a_server_that_fails_in_the_middle_loses_only_its_share() {
    let grid = TestGrid::new(10, DEFAULTS).await;
    for sim in &grid.sims[..3] {
        sim.fault_after_written(3000, unreachable());
    }
    let results = grid.put(&file(50_000)).await.unwrap();
    assert_eq!((results.happiness, results.pushed.len()), (7, 7));
    assert_eq!(grid.get(&results.cap).await.unwrap(), file(50_000));
}

#[tokio::test]
async fn one_failure_too_many_is_unhappy_and_leaves_nothing() {
    let grid = TestGrid::new(10, DEFAULTS).await;
    for sim in &grid.sims[..4] {
        sim.fault_after_written(3000, unreachable());
    }
    // Large enough to notice it before anyone has a whole share.
    let error = grid.put(&file(1_000_000)).await.unwrap_err();
    assert!(matches!(error, UploadError::Unhappy(_)), "{error}");
    assert!(error.to_string().contains("shares could be placed on only 6 server(s)"), "{error}");
    let given_up = |sim: &SimServer| sim.call_count(Operation::Abort) > 0;
    while grid.sims.iter().filter(|sim| given_up(sim)).count() < 10 {
        tokio::task::yield_now().await;
    }
    assert!(grid.sims.iter().all(|sim| sim.shares().is_empty()));
}

#[tokio::test]
async fn too_few_servers_are_told_in_tahoes_words() {
    let grid = TestGrid::new(5, DEFAULTS).await;
    let error = grid.put(&file(5000)).await.unwrap_err().to_string();
    assert!(
        error.contains("shares could be placed on only 5 server(s) such that any 3"),
        "{error}"
    );
    let empty = TestGrid::new(0, DEFAULTS).await;
    let error = empty.put(&file(5000)).await.unwrap_err().to_string();
    assert!(error.contains("client gave us zero servers"), "{error}");
    assert!(empty.put(&file(55)).await.is_ok(), "a literal file needs no server");
}

#[tokio::test]
async fn full_and_readonly_servers_are_passed_over() {
    let grid = TestGrid::new(12, DEFAULTS).await;
    grid.sims[0].set_readonly(true);
    grid.sims[1].set_space(10);
    let results = grid.put(&file(5000)).await.unwrap();
    assert_eq!((results.happiness, results.pushed.len()), (10, 10));
    assert!(grid.sims[..2].iter().all(|sim| sim.shares().is_empty()));
}

// In real time: the clock of a test does not advance while a thread encodes the first segment.
#[tokio::test]
async fn a_server_that_hangs_when_asked_for_room_costs_a_moment() {
    let grid = TestGrid::new(12, DEFAULTS).await;
    for sim in &grid.sims[..2] {
        sim.set_fault(Operation::Allocate, Fault::Hang);
        sim.set_fault(Operation::List, Fault::Hang);
    }
    let started = Instant::now();
    let results = timeout(Duration::from_secs(60), grid.put(&file(5000))).await.unwrap().unwrap();
    assert_eq!((results.happiness, results.pushed.len()), (10, 10));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_in_the_middle_costs_a_moment() {
    let grid = TestGrid::new(10, DEFAULTS).await;
    grid.sims[3].fault_after_written(3000, Fault::Hang);
    let started = Instant::now();
    let results =
        timeout(Duration::from_secs(60), grid.put(&file(300_000))).await.unwrap().unwrap();
    assert_eq!(results.happiness, 9);
    assert!(started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_slow_server_keeps_its_share_when_it_keeps_up_somehow() {
    let grid = TestGrid::new(10, DEFAULTS).await;
    grid.sims[3].set_fault(Operation::Write, Fault::Delay(Duration::from_secs(3)));
    let results = grid.put(&file(5000)).await.unwrap();
    assert_eq!(results.happiness, 10);
}

#[tokio::test]
async fn an_upload_that_is_dropped_gives_its_room_back() {
    let grid = TestGrid::new(10, DEFAULTS).await;
    for sim in &grid.sims {
        sim.fault_after_written(3000, Fault::Hang);
    }
    let grid = Arc::new(grid);
    let other = Arc::clone(&grid);
    let upload = tokio::spawn(async move { other.put(&file(300_000)).await });
    let begun = |sim: &Arc<SimServer>| sim.call_count(Operation::Write) == 1;
    while !grid.sims.iter().all(begun) {
        tokio::task::yield_now().await;
    }
    upload.abort();
    assert!(upload.await.unwrap_err().is_cancelled());
    while grid.sims.iter().any(|sim| sim.upload_count() > 0) {
        tokio::task::yield_now().await;
    }
}
