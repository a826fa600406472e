//! Writers that meet, servers that fail in the middle, answers that are lost: nothing that was
//! acknowledged is lost, and there is always a version to be read.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tallac_core::cap::{MutableFormat, SskWriteCap};
use tallac_core::ids::ShareNumber;
use tallac_core::storage::StorageError;
use tallac_grid::mutable::{ModifyError, MutableError};
use tallac_testkit::{Call, Fault, Operation, SimServer};

use crate::mutable::{FORMATS, create, open};
use crate::support::{TestGrid, file};

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

async fn client(grid: &TestGrid) -> TestGrid {
    TestGrid::of(grid.sims.clone(), (3, 1, 10)).await
}

/// Every call is late by another time; some fail, and of some the answer is lost.
fn trouble(grid: &TestGrid, seed: u64, faults_in_1000: u64) {
    for (i, sim) in grid.sims.iter().enumerate() {
        let mut dice = Dice(seed.wrapping_mul(31).wrapping_add(i as u64));
        sim.set_fate(move |call: &Call| {
            let gone = || StorageError::Unreachable("the connection broke".into());
            match (call.operation, dice.roll(1000)) {
                (Operation::WriteSlot, roll) if roll < faults_in_1000 => {
                    Some(Fault::LoseReply(gone()))
                }
                (Operation::WriteSlot | Operation::ReadSlot, roll) if roll < 2 * faults_in_1000 => {
                    Some(Fault::Fail(gone()))
                }
                (Operation::WriteSlot | Operation::ReadSlot, _) => {
                    Some(Fault::Delay(Duration::from_millis(1 + dice.roll(80))))
                }
                _ => None,
            }
        });
    }
}

fn calm(grid: &TestGrid) {
    for sim in &grid.sims {
        sim.set_fate(|_| None);
    }
}

fn add_line(old: &Bytes, line: &str) -> Bytes {
    let mut lines: BTreeSet<&str> = std::str::from_utf8(old).unwrap().lines().collect();
    lines.insert(line);
    lines.into_iter().collect::<Vec<_>>().join("\n").into()
}

async fn names(grid: &TestGrid, cap: &SskWriteCap) -> BTreeSet<String> {
    let (_, content) = open(grid, cap).read().await.unwrap();
    std::str::from_utf8(&content).unwrap().lines().map(str::to_owned).collect()
}

/// Each of several clients adds names of its own at the same time; all names are there at the end.
async fn all_names_are_there(seed: u64, writers: usize, faults_in_1000: u64) {
    let grid = TestGrid::new(10, (3, 1, 10)).await;
    let format = FORMATS[usize::try_from(seed % 2).unwrap()];
    let cap = create(&grid, format, Bytes::new()).await;
    trouble(&grid, seed, faults_in_1000);
    let mut tasks = tokio::task::JoinSet::new();
    let added = Arc::new(Mutex::new(BTreeSet::new()));
    for writer in 0..writers {
        let (client, cap, added) = (client(&grid).await, cap.clone(), Arc::clone(&added));
        tasks.spawn(async move {
            for round in 0..2 {
                let name = format!("writer {writer} round {round}");
                let add =
                    |_: &_, old: &Bytes| Ok::<_, MutableError>((Some(add_line(old, &name)), ()));
                match open(&client, &cap).modify(add).await {
                    Ok(_) => {
                        added.lock().unwrap().insert(name);
                    }
                    Err(error) => assert!(faults_in_1000 > 0, "seed {seed}: {error}"),
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    calm(&grid);
    let there = names(&client(&grid).await, &cap).await;
    let added = added.lock().unwrap().clone();
    assert!(added.is_subset(&there), "seed {seed}: {:?} lost", added.difference(&there));
    if faults_in_1000 == 0 {
        assert_eq!(there.len(), 2 * writers, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn clients_that_add_at_the_same_time_lose_no_name() {
    for seed in 0..12 {
        all_names_are_there(seed, 5, 0).await;
    }
    all_names_are_there(100, 10, 0).await;
}

#[tokio::test(start_paused = true)]
async fn lost_answers_and_failing_calls_lose_no_acknowledged_name() {
    for seed in 0..25 {
        all_names_are_there(seed, 3, 15).await;
    }
}

/// Clients die at any moment in the middle of a publish, others go on: after every step there is
/// a version that can be read, and it has all that was acknowledged.
#[tokio::test(start_paused = true)]
async fn writers_that_die_leave_a_version_to_be_read() {
    for seed in 0..40 {
        let grid = TestGrid::new(10, (3, 1, 10)).await;
        let format = FORMATS[usize::try_from(seed % 2).unwrap()];
        let cap = create(&grid, format, Bytes::new()).await;
        let mut dice = Dice(seed + 77);
        trouble(&grid, seed, 5);
        let mut acknowledged = BTreeSet::new();
        for round in 0..6 {
            let mut tasks = tokio::task::JoinSet::new();
            for writer in 0..3 {
                let (client, cap) = (client(&grid).await, cap.clone());
                let name = format!("round {round} writer {writer}");
                let dies_after = Duration::from_millis(dice.roll(400));
                tasks.spawn(async move {
                    let add = |_: &_, old: &Bytes| {
                        Ok::<_, MutableError>((Some(add_line(old, &name)), ()))
                    };
                    let opened = open(&client, &cap);
                    match tokio::time::timeout(dies_after, opened.modify(add)).await {
                        Ok(Ok(_)) => Some(name),
                        Ok(Err(_)) | Err(_) => None,
                    }
                });
            }
            while let Some(done) = tasks.join_next().await {
                acknowledged.extend(done.unwrap());
            }
            calm(&grid);
            let there = names(&client(&grid).await, &cap).await;
            assert!(acknowledged.is_subset(&there), "seed {seed}, round {round}");
            trouble(&grid, seed * 7 + round, 5);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_overwrite_that_lost_says_so_and_the_winner_is_read() {
    for seed in 0..30 {
        let grid = TestGrid::new(10, (3, 1, 10)).await;
        let cap = create(&grid, MutableFormat::Sdmf, file(100)).await;
        trouble(&grid, seed, 0);
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..4_usize {
            let (client, cap) = (client(&grid).await, cap.clone());
            tasks.spawn(async move {
                let content = Bytes::from(format!("content of writer {writer}"));
                (content.clone(), open(&client, &cap).overwrite(content).await)
            });
        }
        let mut winners = Vec::new();
        while let Some(done) = tasks.join_next().await {
            match done.unwrap() {
                (content, Ok(_)) => winners.push(content),
                (_, Err(MutableError::Conflict)) => {}
                (_, Err(error)) => panic!("seed {seed}: {error}"),
            }
        }
        calm(&grid);
        let (_, content) = open(&client(&grid).await, &cap).read().await.unwrap();
        assert!(winners.contains(&content), "seed {seed}: {content:?} of {winners:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn within_one_process_operations_queue() {
    let grid = TestGrid::new(10, (3, 1, 10)).await;
    let cap = create(&grid, MutableFormat::Sdmf, Bytes::new()).await;
    trouble(&grid, 5, 0);
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..20 {
        let opened = open(&grid, &cap);
        tasks.spawn(async move {
            let name = format!("name {writer}");
            let mut applied = 0;
            let add = |_: &_, old: &Bytes| {
                applied += 1;
                Ok::<_, ModifyError<MutableError>>((Some(add_line(old, &name)), ()))
            };
            opened.modify(add).await.unwrap();
            applied
        });
    }
    while let Some(applied) = tasks.join_next().await {
        assert_eq!(applied.unwrap(), 1, "nothing is applied twice");
    }
    calm(&grid);
    assert_eq!(names(&client(&grid).await, &cap).await.len(), 20);
}

/// Where a share is, and its bytes.
fn find(grid: &TestGrid, cap: &SskWriteCap, number: u8) -> (usize, Vec<u8>) {
    let (si, number) = (cap.storage_index(), ShareNumber::new(number));
    let found = |(i, sim): (usize, &Arc<SimServer>)| Some((i, sim.slot_share(si, number)?));
    grid.sims.iter().enumerate().find_map(found).unwrap()
}

/// While a change in place waits for its turn, a server brings back an old share. The change is
/// one of the version before only: written over the old share, it would make a share of nothing.
#[tokio::test(start_paused = true)]
async fn a_change_in_place_is_never_written_over_another_version() {
    let grid = TestGrid::new(10, (3, 1, 10)).await;
    let cap = create(&grid, MutableFormat::Mdmf, file(300_000)).await;
    let (holder, old) = find(&grid, &cap, 1);
    let (late, early) = (client(&grid).await, client(&grid).await);
    // It knows a version, which is then replaced: its change meets that and comes back with care.
    open(&late, &cap).update(0, file(10)).await.unwrap();
    open(&early, &cap).overwrite(file(300_001)).await.unwrap();
    let (leader, _) = find(&grid, &cap, 0);
    let (backup, si) = (Arc::clone(&grid.sims[holder]), cap.storage_index());
    let mut writes = 0;
    grid.sims[leader].set_fate(move |call: &Call| {
        if call.operation == Operation::WriteSlot {
            writes += 1;
            if writes == 2 {
                backup.set_slot_share(si, ShareNumber::new(1), old.clone());
            }
        }
        None
    });
    open(&late, &cap).update(200_000, file(10)).await.unwrap();
    calm(&grid);
    let mut expected = file(300_001).to_vec();
    expected[200_000..200_010].copy_from_slice(&file(10));
    // Every share is good: any three bring the file back, those that were in danger among them.
    for kept in [[0, 1, 2], [1, 5, 6], [1, 8, 9], [0, 2, 7]] {
        let reader = client(&grid).await;
        let holders: Vec<usize> = kept.map(|number| find(&grid, &cap, number).0).to_vec();
        for (i, sim) in grid.sims.iter().enumerate().filter(|(i, _)| !holders.contains(i)) {
            let gone = StorageError::Unreachable(format!("server {i} is gone"));
            sim.set_fault_everywhere(&Fault::Fail(gone));
        }
        let (_, content) = open(&reader, &cap).read().await.unwrap();
        assert!(content == expected, "{kept:?}");
        for sim in &grid.sims {
            sim.heal_all();
        }
    }
}

/// A writer died when the vanguard was written and nothing else. The next one first completes that
/// version, then writes its own, and needs no second attempt for it.
#[tokio::test(start_paused = true)]
async fn what_a_dead_writer_began_is_completed_once() {
    for format in FORMATS {
        let grid = TestGrid::new(10, (3, 1, 10)).await;
        let cap = create(&grid, format, file(5000)).await;
        let before: Vec<_> = (0..10).map(|number| find(&grid, &cap, number)).collect();
        open(&client(&grid).await, &cap).overwrite(file(6000)).await.unwrap();
        for (number, (holder, old)) in (0..10).zip(before).skip(3) {
            let number = ShareNumber::new(number);
            assert!(grid.sims[holder].set_slot_share(cap.storage_index(), number, old));
        }
        for sim in &grid.sims {
            sim.forget_calls();
        }
        let next = client(&grid).await;
        let seen = Mutex::new(Vec::new());
        let append = |_: &_, old: &Bytes| {
            seen.lock().unwrap().push(old.len());
            Ok::<_, MutableError>((Some(Bytes::from([old, &b"!"[..]].concat())), ()))
        };
        open(&next, &cap).modify(append).await.unwrap();
        assert_eq!(*seen.lock().unwrap(), [6000], "{format:?}");
        let writes: usize = grid.sims.iter().map(|sim| sim.call_count(Operation::WriteSlot)).sum();
        assert_eq!(writes, 7 + 10, "{format:?}: seven shares completed, ten written");
    }
}

/// All shares are replaced between the moment when a reader learns of a version and the moment
/// when it fetches its blocks: it reads the later version.
#[tokio::test(start_paused = true)]
async fn a_reader_that_is_overtaken_reads_the_later_version() {
    let grid = TestGrid::new(10, (3, 1, 10)).await;
    let cap = create(&grid, MutableFormat::Mdmf, file(300_000)).await;
    let si = cap.storage_index();
    let shares = || (0..10).map(|number| find(&grid, &cap, number)).collect::<Vec<_>>();
    let old = shares();
    open(&client(&grid).await, &cap).overwrite(file(310_000)).await.unwrap();
    let new = shares();
    let set = move |sims: &[Arc<SimServer>], shares: &[(usize, Vec<u8>)]| {
        for (number, (holder, share)) in (0..).zip(shares) {
            sims[*holder].set_slot_share(si, ShareNumber::new(number), share.clone());
        }
    };
    set(&grid.sims, &old);
    let reads = Arc::new(Mutex::new(0));
    for sim in &grid.sims {
        let (reads, sims, new) = (Arc::clone(&reads), grid.sims.clone(), new.clone());
        sim.set_fate(move |call: &Call| {
            let mut reads = reads.lock().unwrap();
            *reads += usize::from(call.operation == Operation::ReadSlot);
            if *reads == 7 {
                set(&sims, &new);
            }
            None
        });
    }
    let reader = client(&grid).await;
    let (version, content) = open(&reader, &cap).read().await.unwrap();
    assert_eq!(version.id.sequence_number, 2);
    assert!(content == file(310_000));
    calm(&grid);
}

/// A writer knows a version that another has replaced, and reaches none of the servers that would
/// tell it so, for a moment. It does not go around them.
#[tokio::test(start_paused = true)]
async fn servers_that_fail_for_a_moment_are_not_gone_around() {
    for failing in [2, 3] {
        let grid = TestGrid::new(10, (3, 1, 10)).await;
        let cap = create(&grid, MutableFormat::Sdmf, Bytes::new()).await;
        let (late, early) = (client(&grid).await, client(&grid).await);
        let add = async |client: &TestGrid, name: &str| {
            let add = |_: &_, old: &Bytes| Ok::<_, MutableError>((Some(add_line(old, name)), ()));
            open(client, &cap).modify(add).await.unwrap();
        };
        add(&late, "first").await;
        add(&early, "second").await;
        for number in 0..failing {
            let mut writes = 0;
            grid.sims[find(&grid, &cap, number).0].set_fate(move |call: &Call| {
                writes += u32::from(call.operation == Operation::WriteSlot);
                let gone = StorageError::Unreachable("the connection broke".into());
                (call.operation == Operation::WriteSlot && writes == 1).then_some(Fault::Fail(gone))
            });
        }
        add(&late, "third").await;
        calm(&grid);
        let there = names(&client(&grid).await, &cap).await;
        assert_eq!(there.into_iter().collect::<Vec<_>>(), ["first", "second", "third"]);
        let shares: usize = grid.sims.iter().map(|sim| sim.slot_shares().len()).sum();
        assert_eq!(shares, 10, "with {failing} failing: no share has a second place");
    }
}

/// A writer that looks does not hear from the servers of the vanguard, for a moment: it does not
/// take what it cannot see for missing.
#[tokio::test(start_paused = true)]
async fn shares_that_are_unseen_for_a_moment_are_not_put_elsewhere() {
    for unseen in [2, 3] {
        let grid = TestGrid::new(10, (3, 1, 10)).await;
        let cap = create(&grid, MutableFormat::Sdmf, Bytes::new()).await;
        for number in 0..unseen {
            let mut reads = 0;
            grid.sims[find(&grid, &cap, number).0].set_fate(move |call: &Call| {
                reads += u32::from(call.operation == Operation::ReadSlot);
                let gone = StorageError::Unreachable("the connection broke".into());
                (call.operation == Operation::ReadSlot && reads <= 2).then_some(Fault::Fail(gone))
            });
        }
        let add = |_: &_, old: &Bytes| Ok::<_, MutableError>((Some(add_line(old, "name")), ()));
        open(&client(&grid).await, &cap).modify(add).await.unwrap();
        calm(&grid);
        assert!(names(&client(&grid).await, &cap).await.contains("name"));
        let shares: usize = grid.sims.iter().map(|sim| sim.slot_shares().len()).sum();
        assert_eq!(shares, 10, "with {unseen} unseen: no share has a second place");
    }
}

/// A writer's version is half written, over all shares but one of the version that it replaces,
/// while there are enough shares of a still older one on servers that were not reached before: it
/// does not go back to that.
#[tokio::test(start_paused = true)]
async fn nobody_goes_back_behind_what_was_acknowledged() {
    let grid = TestGrid::new(10, (3, 1, 10)).await;
    let cap = create(&grid, MutableFormat::Sdmf, "one".into()).await;
    let gone = || StorageError::Unreachable("the connection broke".into());
    for number in 3..6 {
        grid.sims[find(&grid, &cap, number).0].set_fate(move |_: &Call| Some(Fault::Fail(gone())));
    }
    grid.sims[find(&grid, &cap, 6).0].set_fate(move |call: &Call| {
        (call.operation == Operation::WriteSlot).then(|| Fault::LoseReply(gone()))
    });
    let client = client(&grid).await;
    let add = async |name: &str| {
        let add = |_: &_, old: &Bytes| Ok::<_, MutableError>((Some(add_line(old, name)), ()));
        open(&client, &cap).modify(add).await.unwrap();
    };
    add("two").await;
    calm(&grid);
    add("three").await;
    let there = names(&client, &cap).await;
    assert_eq!(there.into_iter().collect::<Vec<_>>(), ["one", "three", "two"]);
}
