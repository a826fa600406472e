//! Mutable slots in bad times: many at once, a killed process, a full disk, a stop.

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::future;
use tallac_core::storage::{StorageError, StorageServer as _};
use tallac_storage::{Config, DiskServer, Limits};

use crate::common::{index, lease, open, sample, share_path};
use crate::killed;
use crate::limits::SmallDisk;
use crate::slots::{change, content, put, request};

/// Names the storage directory to the child; without it the child's test does nothing.
const DIR_VARIABLE: &str = "TALLAC_TEST_SLOTS_DIR";

/// Slots that the child writes to at the same time.
const SLOTS: std::ops::Range<u8> = 0..6;

fn open_small(dir: &Path) -> DiskServer {
    DiskServer::open(Config { journal_len: 64 << 10, ..Config::new(dir) }).unwrap()
}

/// Three shares of a slot, all of one round; one of them too long for the journal now and then.
fn round_data(round: u32, share: u8) -> Vec<u8> {
    let len = if round % 16 == 15 { 30_000 } else { 600 + usize::from(share) };
    round.to_be_bytes().repeat(len)
}

async fn write_round(server: &DiskServer, seed: u8, round: u32) {
    let changes: Vec<_> = (0..3).map(|share| (share, put(0, &round_data(round, share)))).collect();
    assert!(change(server, seed, &changes).await.unwrap().success);
}

/// The round that all shares of a slot are of.
fn round_of(shares: &BTreeMap<u8, Vec<u8>>) -> Option<u32> {
    let rounds: Vec<_> = shares.values().map(|data| *data.first_chunk::<4>().unwrap()).collect();
    let first = rounds.first()?;
    assert!(rounds.len() == 3 && rounds.iter().all(|round| round == first), "{rounds:?}");
    let round = u32::from_be_bytes(*first);
    for (share, data) in shares {
        assert!(data.starts_with(&round_data(round, *share)));
    }
    Some(round)
}

/// The child: writes round after round, and says what was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Some(dir) = std::env::var_os(DIR_VARIABLE) else { return };
    let server = open_small(Path::new(&dir));
    future::join_all(SLOTS.map(|seed| {
        let server = &server;
        async move {
            for round in 0..5000 {
                write_round(server, seed, round).await;
                eprintln!("acknowledged {seed} {round}");
            }
        }
    }))
    .await;
}

#[tokio::test]
async fn a_killed_server_leaves_whole_slots_only() {
    for kill_after in [1, 7, 50, 130] {
        let dir = tempfile::tempdir().unwrap();
        let acknowledged = run_and_kill(dir.path(), kill_after);
        let server = open_small(dir.path());
        for seed in SLOTS {
            let found = round_of(&content(&server, seed).await);
            let said = acknowledged.get(&seed).copied();
            assert!(found >= said, "slot {seed}: {found:?}, but {said:?} was acknowledged");
            let next = said.map_or(0, |round| round + 1);
            assert!(found.is_none_or(|found| found <= next), "slot {seed}: {found:?}");
        }
    }
}

/// Kills the child once it has acknowledged so many rounds; returns the last of each slot.
fn run_and_kill(dir: &Path, kill_after: usize) -> BTreeMap<u8, u32> {
    let said = killed::run_and_kill("durable_slots::child", (DIR_VARIABLE, dir), kill_after);
    said.iter().filter_map(|line| parse(line)).collect()
}

fn parse(line: &str) -> Option<(u8, u32)> {
    let (seed, round) = line.strip_prefix("acknowledged ")?.split_once(' ')?;
    Some((seed.parse().ok()?, round.parse().ok()?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_whole_changes_only() {
    let dir = tempfile::tempdir().unwrap();
    let server = open_small(dir.path());
    write_round(&server, 1, 0).await;
    let writing = async {
        for round in 1..60 {
            write_round(&server, 1, round).await;
        }
    };
    let reading = async {
        let mut last = Some(0);
        while last < Some(59) {
            let found = round_of(&content(&server, 1).await);
            assert!(found >= last, "{found:?} after {last:?}");
            last = found;
        }
    };
    future::join(writing, reading).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_slots_change_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let server = open_small(dir.path());
    for round in 0..3 {
        future::join_all((0..80).map(|seed| write_round(&server, seed, round))).await;
    }
    drop(server);
    assert!(!dir.path().join("tallac.journal").exists());
    let server = open_small(dir.path());
    for seed in 0..80 {
        assert_eq!(round_of(&content(&server, seed).await), Some(2));
    }
}

#[tokio::test]
async fn a_server_that_settles_leaves_no_journal() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path());
    let journal = dir.path().join("tallac.journal");
    assert!(!journal.exists());
    for round in 0..2 {
        write_round(&server, 1, round).await;
        assert!(journal.exists());
        server.settle().await.unwrap();
        assert!(!journal.exists());
        assert_eq!(round_of(&content(&server, 1).await), Some(round));
    }
}

#[tokio::test(start_paused = true)]
async fn the_journal_is_emptied_when_nothing_happens() {
    let dir = tempfile::tempdir().unwrap();
    let server = open_small(dir.path());
    write_round(&server, 1, 0).await;
    let journal = dir.path().join("tallac.journal");
    assert_eq!(std::fs::read(&journal).unwrap()[..8], *b"tallacJ1");
    while std::fs::read(&journal).unwrap()[..8] != [0; 8] {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    assert_eq!(round_of(&content(&server, 1).await), Some(0));
}

#[tokio::test]
async fn reserved_space_is_for_leases_only() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { readonly: true, reserved_space: u64::MAX, ..Limits::default() };
    let config = Config { limits, ..Config::new(dir.path()) };
    let server = DiskServer::open(config).unwrap();
    write_round(&server, 1, 0).await;
    for seed in 2..5 {
        server.add_lease(index(1), lease(seed)).await.unwrap();
    }
    let fifth = server.add_lease(index(1), lease(5)).await;
    assert!(matches!(fifth, Err(StorageError::NoSpace)), "{fifth:?}");
    let mut with_fifth = request(1, &[(0, put(0, b"new"))]);
    with_fifth.lease = lease(5);
    let answer = server.write_slot(with_fifth).await;
    assert!(matches!(answer, Err(StorageError::NoSpace)), "{answer:?}");
    assert_eq!(round_of(&content(&server, 1).await), Some(0));
}

#[tokio::test]
async fn a_full_disk_changes_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: this user may not mount a small file system");
        return;
    };
    let server = open_small(disk.path());
    change(&server, 1, &[(0, put(0, b"zero")), (1, put(0, b"one"))]).await.unwrap();
    let expected = content(&server, 1).await;
    let hog = disk.path().join("hog");
    let _until_full = std::fs::write(&hog, vec![1; 2 << 20]);
    for (share, len) in [(0, 9_000), (0, 300_000), (2, 9_000), (2, 300_000)] {
        let changes = [(1, put(0, b"new")), (share, put(0, &sample(len)))];
        let answer = change(&server, 1, &changes).await;
        assert!(matches!(answer, Err(StorageError::NoSpace)), "{share} {len}: {answer:?}");
        assert_eq!(content(&server, 1).await, expected);
    }
    std::fs::remove_file(hog).unwrap();
    change(&server, 1, &[(1, put(0, b"new")), (2, put(0, &sample(300_000)))]).await.unwrap();
    drop(server);
    let server = open_small(disk.path());
    assert_eq!(content(&server, 1).await[&2], sample(300_000));
    assert_eq!(std::fs::metadata(share_path(disk.path(), 1, 2)).unwrap().len(), 300_472);
}
