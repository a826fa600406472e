//! A server that is killed at any instant: what it acknowledged is there, and no half share is.

use std::collections::BTreeSet;
use std::path::Path;

use futures_util::future;
use tallac_storage::disk::ShareFile;

use crate::common::{incoming, open, sample, share_path, upload};
use crate::killed;

/// Names the storage directory to the child; without it the child's test does nothing.
const DIR_VARIABLE: &str = "TALLAC_TEST_CRASH_DIR";

/// Small, a few batches, and more than the write-back interval.
const SIZES: [usize; 4] = [5_000, 700_000, 100, 9_000_000];

fn data(seed: u8, share: u8) -> Vec<u8> {
    let len = SIZES[usize::from(seed) % SIZES.len()] + usize::from(share);
    let mut data = sample(len);
    data.iter_mut().step_by(100).for_each(|byte| *byte ^= seed);
    data
}

/// The child: uploads, and says what was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Some(dir) = std::env::var_os(DIR_VARIABLE) else { return };
    let server = open(Path::new(&dir));
    for seed in 0..=u8::MAX {
        future::join_all((0..4).map(|share| {
            let server = &server;
            async move {
                upload(server, seed, share, &data(seed, share)).await.unwrap();
                eprintln!("acknowledged {seed} {share}");
            }
        }))
        .await;
    }
}

#[test]
fn a_killed_server_leaves_whole_shares_only() {
    for kill_after in [0, 1, 6, 11, 17, 38] {
        let dir = tempfile::tempdir().unwrap();
        let acknowledged = run_and_kill(dir.path(), kill_after);
        assert!(acknowledged.len() >= kill_after);
        let mut visible = BTreeSet::new();
        for seed in 0..=u8::MAX {
            for share in 0..4 {
                let path = share_path(dir.path(), seed, share);
                if path.exists() {
                    let file = ShareFile::open(&path).unwrap();
                    assert!(file.read_at(0, usize::MAX >> 1).unwrap() == data(seed, share));
                    assert_eq!(file.leases().count(), 1);
                    visible.insert((seed, share));
                }
            }
        }
        assert!(acknowledged.is_subset(&visible), "lost {:?}", acknowledged.difference(&visible));
        open(dir.path());
        assert_eq!(incoming(dir.path()), 0);
    }
}

/// Kills the child once it has acknowledged so many shares; returns all that it acknowledged.
fn run_and_kill(dir: &Path, kill_after: usize) -> BTreeSet<(u8, u8)> {
    let said = killed::run_and_kill("crash::child", (DIR_VARIABLE, dir), kill_after);
    said.iter().filter_map(|line| parse(line)).collect()
}

fn parse(line: &str) -> Option<(u8, u8)> {
    let (seed, share) = line.strip_prefix("acknowledged ")?.split_once(' ')?;
    Some((seed.parse().ok()?, share.parse().ok()?))
}
