//! Every target with its seeds, and with many damaged ones.

use std::num::NonZero;
use std::panic::catch_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

use tallac_fuzz::mutate::{Noise, damaged};
use tallac_fuzz::{TARGETS, Target};

/// Damaged inputs a target, unless `FUZZ_RUNS` says otherwise.
const RUNS: usize = 20_000;

fn feed(target: &Target, data: &[u8]) {
    let run = target.run;
    if catch_unwind(|| run(data)).is_err() {
        panic!("the target {} panics at these bytes: \"{}\"", target.name, data.escape_ascii());
    }
}

fn feed_all(target: &Target, runs: usize) {
    let seeds = (target.seeds)();
    assert!(!seeds.is_empty(), "{} has no seeds", target.name);
    for seed in &seeds {
        feed(target, seed);
    }
    let mut noise = Noise::new(target.name);
    for _ in 0..runs {
        feed(target, &damaged(&seeds, &mut noise));
    }
}

#[test]
fn nothing_that_strangers_send_breaks_a_parser() {
    let runs = std::env::var("FUZZ_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(RUNS);
    let targets = Mutex::new(TARGETS.iter());
    let next = || targets.lock().unwrap_or_else(PoisonError::into_inner).next();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                while let Some(target) = next() {
                    feed_all(target, runs);
                }
            });
        }
    });
}

#[test]
fn every_target_has_a_binary() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz_targets");
    let files = std::fs::read_dir(folder).expect("the folder of the targets");
    let mut binaries: Vec<String> = files
        .filter_map(|file| Some(file.ok()?.path().file_stem()?.to_string_lossy().into_owned()))
        .collect();
    binaries.sort();
    let targets: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(binaries, targets);
}
