//! Writers that meet, servers that fail in the middle, answers that are lost: nothing that was
//! acknowledged is lost, and there is always a version to be read.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tallac_core::cap::{MutableFormat, SskWriteCap};
use tallac_core::storage::StorageError;
use tallac_grid::mutable::{ModifyError, MutableError};
use tallac_testkit::{Call, Fault, Operation};

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
