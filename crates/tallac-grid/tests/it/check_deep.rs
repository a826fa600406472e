//! Deep check of directories over a grid of simulated servers.

use std::collections::BTreeMap;

use futures_util::TryStreamExt as _;
use tallac_core::cap::{
    Cap, ChkReadCap, ChkShape, DirectoryCap, EncryptionKey, FileCap, MutableFormat, UebHash,
};
use tallac_core::dirnode::{ChildName, Node};
use tallac_core::ids::ShareNumber;
use tallac_core::immutable::Encoding;
use tallac_grid::check::{CheckOptions, DeepCheckCounts, DeepItem, DeepRepairCounts};
use tallac_grid::directory::{CreateOptions, DeepStats};
use tallac_grid::upload::ImmutableCap;
use tallac_testkit::Operation;

use crate::check::{LOOK, VERIFY};
use crate::directory::{child, node};
use crate::mutable::create;
use crate::support::{TestGrid, file};

const UNKNOWN: &str = "x-tallac-test:something";

/// A directory with twenty immutable files, a mutable one, a literal one and an unknown one in it,
/// and a directory that holds five of the same files again.
async fn tree(grid: &TestGrid) -> Node {
    let mut children = BTreeMap::new();
    for i in 0..20 {
        let ImmutableCap::Chk(cap) = grid.put(&file(1000 + i)).await.unwrap().cap else {
            panic!("a file with shares");
        };
        let child = child(FileCap::ChkRead(cap).into());
        children.insert(ChildName::new(&format!("file {i:02}")), child);
    }
    let some = children.iter().take(5).map(|(name, child)| (name.clone(), child.clone()));
    let inner = grid.grid.directories().create_immutable(&some.collect()).await.unwrap();
    children.insert("inner".into(), child(inner.into()));
    let mutable = create(grid, MutableFormat::Sdmf, file(500)).await;
    children.insert("mutable".into(), child(FileCap::SskWrite(mutable).into()));
    children.insert("literal".into(), child(node("URI:LIT:nbswy3dp")));
    let unknown = Node::from_caps(None, Some(UNKNOWN), tallac_core::cap::Context::Any).unwrap();
    children.insert("unknown".into(), child(unknown));
    let options = CreateOptions { children, key: None, format: None };
    grid.grid.directories().create(options).await.unwrap().into()
}

fn calls(grid: &TestGrid, operation: Operation) -> usize {
    grid.sims.iter().map(|sim| sim.call_count(operation)).sum()
}

#[tokio::test]
async fn every_object_is_checked_once_in_one_round_trip() {
    let grid = TestGrid::new(10, (3, 1, 10)).await;
    let root = tree(&grid).await;
    grid.sims.iter().for_each(|sim| sim.forget_calls());
    let mut stream = grid.grid.checker().deep_check(grid.grid.directories().walk(&root), LOOK);
    let (mut counts, mut stats, mut names) =
        (DeepCheckCounts::default(), DeepStats::new(), Vec::new());
    while let Some(DeepItem { visit, results }) = stream.try_next().await.unwrap() {
        stats.add(&visit);
        if let Some(results) = &results {
            counts.add(results);
        }
        let name = visit.path.last().map_or("", |name| name.as_str()).to_owned();
        names.push((name, results.is_some()));
    }
    assert_eq!(names.len(), 25);
    let expected = [("", true), ("unknown", false), ("file 00", true)];
    assert_eq!(names[..3], expected.map(|(name, has)| (name.to_owned(), has)));
    assert_eq!(names[24], ("inner".to_owned(), true));
    assert!(names.contains(&("literal".to_owned(), false)));
    let expected = DeepCheckCounts { checked: 23, healthy: 23, ..DeepCheckCounts::default() };
    assert_eq!(counts, expected);
    assert_eq!((stats.immutable_files, stats.directories, stats.unknown), (20, 2, 1));
    // 21 immutable objects; the root and a file that are mutable, and reading the root. The inner
    // directory is looked for once more to be read.
    assert!(calls(&grid, Operation::List) <= 22 * 10, "{}", calls(&grid, Operation::List));
    assert!(calls(&grid, Operation::ReadSlot) <= 3 * 10, "{}", calls(&grid, Operation::ReadSlot));
}

#[tokio::test]
async fn what_is_not_healthy_is_repaired_and_counted() {
    let grid = TestGrid::new(10, (3, 1, 10)).await;
    let root = tree(&grid).await;
    // Share 0 of everything is lost, and of one file all but two.
    for sim in &grid.sims {
        for (si, number) in sim.shares() {
            if number.get() == 0 {
                sim.drop_share(si, number);
            }
        }
        for (si, number) in sim.slot_shares() {
            if number.get() == 0 {
                sim.drop_slot_share(si, number);
            }
        }
    }
    let ImmutableCap::Chk(lost) = grid.put(&file(1019)).await.unwrap().cap else {
        panic!("a file with shares");
    };
    for sim in &grid.sims {
        for number in (2..10).map(ShareNumber::new) {
            sim.drop_share(lost.storage_index(), number);
        }
    }
    let checker = grid.grid.checker();
    let mut counts = DeepRepairCounts::default();
    let mut stream = checker.deep_check_and_repair(grid.grid.directories().walk(&root), VERIFY);
    while let Some(item) = stream.try_next().await.unwrap() {
        if let Some(results) = &item.results {
            counts.add(results);
        }
    }
    let pre = DeepCheckCounts {
        checked: 23,
        unhealthy: 23,
        unrecoverable: 1,
        ..DeepCheckCounts::default()
    };
    let post = DeepCheckCounts { healthy: 22, unhealthy: 1, ..pre };
    let (attempted, successful, unsuccessful) = (23, 22, 1);
    let expected = DeepRepairCounts { pre, post, attempted, successful, unsuccessful };
    assert_eq!(counts, expected);
    let mut counts = DeepCheckCounts::default();
    let mut stream = checker.deep_check(grid.grid.directories().walk(&root), VERIFY);
    while let Some(item) = stream.try_next().await.unwrap() {
        item.results.iter().for_each(|results| counts.add(results));
    }
    assert_eq!(counts, post);
}

#[tokio::test]
async fn a_directory_that_cannot_be_read_has_results_and_ends_it() {
    let grid = TestGrid::new(10, (3, 1, 10)).await;
    let root = tree(&grid).await;
    for sim in &grid.sims {
        for (si, number) in sim.slot_shares() {
            if number.get() >= 2 {
                sim.drop_slot_share(si, number);
            }
        }
    }
    // Another process, which remembers nothing.
    let other = TestGrid::of(grid.sims.clone(), (3, 1, 10)).await;
    let mut stream =
        other.grid.checker().deep_check_and_repair(other.grid.directories().walk(&root), LOOK);
    let item = stream.try_next().await.unwrap().unwrap();
    assert!(!item.results.unwrap().pre.recoverable);
    stream.try_next().await.unwrap_err();
}

/// The cap of a file that is nowhere.
fn nowhere(number: u64) -> FileCap {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&number.to_be_bytes());
    let shape = ChkShape::new(UebHash::new([7; 32]), Encoding::new(3, 10).unwrap(), 1000);
    FileCap::ChkRead(ChkReadCap::new(EncryptionKey::new(key), shape))
}

/// Bytes of memory that this process has.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Half a million files in a thousand directories, on ten servers.
#[tokio::test]
#[ignore = "takes minutes: a measurement"]
async fn half_a_million_objects_do_not_grow_memory() {
    let grid = TestGrid::with_usual_segments(10, (3, 1, 10)).await;
    let directories = grid.grid.directories();
    let mut children = BTreeMap::new();
    for i in 0..1000 {
        let files = (0..500).map(|j| {
            let name = ChildName::new(&format!("file {j}"));
            (name, child(nowhere(i * 1000 + j).into()))
        });
        let cap: DirectoryCap = directories.create_immutable(&files.collect()).await.unwrap();
        children.insert(ChildName::new(&format!("directory {i}")), child(cap.into()));
        grid.sims.iter().for_each(|sim| sim.forget_calls());
    }
    let root = Cap::Directory(directories.create_immutable(&children).await.unwrap());
    drop(children);
    let started = std::time::Instant::now();
    let mut counts = DeepCheckCounts::default();
    let options = CheckOptions::default();
    let mut stream =
        grid.grid.checker().deep_check(grid.grid.directories().walk(&Node::Known(root)), options);
    let mut early = 0;
    while let Some(item) = stream.try_next().await.unwrap() {
        item.results.iter().for_each(|results| counts.add(results));
        if counts.checked % 1000 == 0 {
            grid.sims.iter().for_each(|sim| sim.forget_calls());
        }
        if counts.checked == 50_000 {
            early = resident();
        }
    }
    let grown = resident().saturating_sub(early) >> 20;
    let seconds = started.elapsed().as_secs_f64();
    eprintln!("{} objects in {seconds:.1} s, {grown} MiB more than at 50,000", counts.checked);
    assert_eq!((counts.checked, counts.healthy), (501_001, 1001));
    // A walk remembers 16 bytes of every object that it met.
    assert!(grown < 64, "{grown} MiB");
}
