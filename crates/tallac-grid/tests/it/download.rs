//! Downloads: any shares, any range, corruption, hangs.

use std::ops::Range;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use tallac_core::storage::StorageError;
use tallac_grid::download::DownloadError;
use tallac_testkit::{Fault, Operation};
use tokio::time::{Instant, timeout};

use crate::support::{TestGrid, file, storage_index};

const DEFAULTS: (u64, usize, u64) = (3, 7, 10);

fn unreachable() -> Fault {
    Fault::Fail(StorageError::Unreachable("connection refused".to_owned()))
}

#[tokio::test]
async fn any_three_servers_bring_the_file_back() {
    let data = file(20_000);
    for left in [[0, 1, 2], [7, 8, 9], [0, 5, 9], [2, 4, 6]] {
        let grid = TestGrid::new(10, DEFAULTS).await;
        let cap = grid.put(&data).await.unwrap().cap;
        for (i, sim) in grid.sims.iter().enumerate() {
            if !left.contains(&i) {
                sim.set_fault_everywhere(&unreachable());
            }
        }
        assert_eq!(grid.get(&cap).await.unwrap(), data, "{left:?}");
    }
}

#[tokio::test]
async fn two_servers_are_too_few_and_none_is_another_error() {
    let grid = TestGrid::new(10, DEFAULTS).await;
    let cap = grid.put(&file(20_000)).await.unwrap().cap;
    for sim in &grid.sims[2..] {
        sim.set_fault_everywhere(&unreachable());
    }
    let error = grid.get(&cap).await.unwrap_err();
    assert!(
        matches!(error, DownloadError::NotEnoughShares { found: 2, needed: 3, asked: 2, .. }),
        "{error}"
    );
    for sim in &grid.sims {
        sim.set_fault_everywhere(&unreachable());
    }
    let error = grid.get(&cap).await.unwrap_err();
    assert!(matches!(error, DownloadError::NoShares { asked: 0, unanswered: 10 }), "{error}");
}

/// An offset in a file that is in memory.
fn at(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

#[tokio::test]
async fn ranges_are_exact_and_fetch_only_their_segments() {
    let grid = TestGrid::new(10, DEFAULTS).await;
    let data = file(3_000_000);
    let cap = grid.put(&data).await.unwrap().cap;
    let ranges: [Range<u64>; 8] = [
        0..1,
        0..1002,
        1001..1003,
        1_500_000..1_500_001,
        2_999_999..3_000_000,
        2_999_000..4_000_000,
        3_000_000..3_000_001,
        5..5,
    ];
    for range in ranges {
        let stream = grid.grid.downloader().read(&cap, range.clone()).await.unwrap();
        let pieces: Vec<_> = stream.try_collect().await.unwrap();
        let end = range.end.min(3_000_000);
        let expected = &data[at(range.start)..at(end)];
        assert_eq!(pieces.concat(), expected, "{range:?}");
    }
}

#[tokio::test]
async fn a_range_costs_its_segments_and_the_hashes() {
    let grid = TestGrid::with_usual_segments(10, DEFAULTS).await;
    let data = file(6 << 20);
    let cap = grid.put(&data).await.unwrap().cap;
    for (range, segments) in [(10..20, 1), (3 << 20..(3 << 20) + 1, 2), (5 << 20..6 << 20, 2)] {
        let before = grid.bytes_read();
        let stream = grid.grid.downloader().read(&cap, range.clone()).await.unwrap();
        let pieces: Vec<_> = stream.try_collect().await.unwrap();
        assert_eq!(pieces.concat(), data[at(range.start)..at(range.end)], "{range:?}");
        let read = grid.bytes_read() - before;
        assert!(read < segments * (1 << 20) + 20_000, "{read} bytes for {range:?}");
    }
}

#[tokio::test]
async fn corrupt_shares_are_replaced_and_reported() {
    let grid = TestGrid::new(10, DEFAULTS).await;
    let data = file(20_000);
    let cap = grid.put(&data).await.unwrap().cap;
    let si = storage_index(&cap);
    let holders = grid.holders(si);
    let len = grid.sims[holders[0].0].share(si, holders[0].1).unwrap().len();
    // Seven of ten shares are broken, in every part of a share: data, trees, chain, UEB, cut short.
    for (&(server, share), at) in
        holders.iter().zip([0x24, 3000, len / 2, len - 1, len - 330, len - 400])
    {
        assert!(grid.sims[server].corrupt(si, share, at as u64, 1));
    }
    let (server, share) = holders[6];
    grid.sims[server].truncate(si, share, len / 3);
    assert_eq!(grid.get(&cap).await.unwrap(), data);
    // One broken too many, and nothing wrong is passed on.
    let (server, share) = holders[7];
    assert!(grid.sims[server].corrupt(si, share, 0x24, 1));
    grid.get(&cap).await.unwrap_err();
    let reported = || grid.sims.iter().filter(|sim| !sim.advisories().is_empty()).count();
    while reported() < 4 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn shares_lost_on_the_way_are_replaced_in_flight() {
    let grid = TestGrid::new(10, DEFAULTS).await;
    let data = file(2_000_000);
    let cap = grid.put(&data).await.unwrap().cap;
    let mut stream = grid.grid.downloader().read(&cap, 0..u64::MAX).await.unwrap();
    let mut got = stream.next().await.unwrap().unwrap().to_vec();
    // Whoever served until now goes away in the middle.
    for sim in &grid.sims {
        if sim.call_count(Operation::Read) > 0 {
            sim.fault_after_read(10_000, unreachable());
        }
    }
    while let Some(piece) = stream.next().await {
        got.extend_from_slice(&piece.unwrap());
    }
    assert_eq!(got, data);
}

#[tokio::test(start_paused = true)]
async fn servers_that_hang_cost_a_moment() {
    let data = file(20_000);
    for operation in [Operation::List, Operation::Read] {
        let grid = TestGrid::new(10, DEFAULTS).await;
        let cap = grid.put(&data).await.unwrap().cap;
        for sim in &grid.sims[..7] {
            sim.set_fault(operation, Fault::Hang);
        }
        let started = Instant::now();
        let got = timeout(Duration::from_secs(100), grid.get(&cap)).await.unwrap().unwrap();
        assert_eq!(got, data);
        assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn one_server_that_hangs_is_hardly_noticed() {
    let data = file(20_000);
    let grid = TestGrid::new(10, DEFAULTS).await;
    let cap = grid.put(&data).await.unwrap().cap;
    for hanging in 0..10 {
        grid.sims[hanging].set_fault_everywhere(&Fault::Hang);
        let started = Instant::now();
        assert_eq!(grid.get(&cap).await.unwrap(), data);
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        grid.sims[hanging].heal_all();
    }
}

#[tokio::test]
async fn a_reader_that_stops_is_not_read_ahead_of_far() {
    let grid = TestGrid::with_usual_segments(10, DEFAULTS).await;
    let cap = grid.put(&file(30_000_000)).await.unwrap().cap;
    let before = grid.bytes_read();
    let mut stream = grid.grid.downloader().read(&cap, 0..u64::MAX).await.unwrap();
    stream.next().await.unwrap().unwrap();
    // Let everything that may run ahead do so.
    let mut last = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = grid.bytes_read() - before;
        if now == last {
            break;
        }
        last = now;
    }
    assert!(last < 16 << 20, "{last} bytes were read ahead");
}

/// The second range of a file asks three servers once each; a file whose servers have gone since
/// is looked for anew.
#[tokio::test]
async fn a_file_that_was_just_read_is_still_open() {
    let data = file(100_000);
    let grid = TestGrid::new(10, DEFAULTS).await;
    let cap = grid.put(&data).await.unwrap().cap;
    let read = async |range: Range<u64>| {
        let stream = grid.grid.downloader().read(&cap, range).await.unwrap();
        stream.try_collect::<Vec<_>>().await.unwrap().concat()
    };
    assert_eq!(read(10..20).await, data[10..20]);
    for sim in &grid.sims {
        sim.forget_calls();
    }
    assert_eq!(read(50_000..50_100).await, data[50_000..50_100]);
    let calls: usize = grid.sims.iter().map(|sim| sim.calls().len()).sum();
    assert_eq!(calls, 3, "one read of each of three shares");
    for sim in &grid.sims {
        if sim.call_count(Operation::Read) > 0 {
            sim.set_fault_everywhere(&unreachable());
        }
    }
    assert_eq!(read(60_000..60_100).await, data[60_000..60_100]);
}
