//! Grid managers: who gets no shares for want of a certificate, and what goes on all the same.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use tallac_core::cap::MutableFormat;
use tallac_core::crypto::SigningKey;
use tallac_core::grid_manager::{Certificate, GridManagers, IsoTime};
use tallac_core::ids::ShareNumber;
use tallac_testkit::{Operation, SimServer};

use crate::mutable::{FORMATS, create, key as mutable_key, open};
use crate::support::{TestGrid, file, storage_index};

const SERVERS: usize = 10;
const CERTIFIED: usize = 7;
/// When the certificates run out, in seconds since 1970.
const END_S: u64 = 1000;

/// A clock that is put forward by hand.
type Clock = Arc<AtomicU64>;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn key(n: usize) -> SigningKey {
    SigningKey::from_seed([u8::try_from(n).unwrap(); 32].into()).unwrap()
}

fn sims() -> Vec<Arc<SimServer>> {
    (0..SERVERS).map(|i| Arc::new(SimServer::new(format!("sim{i}")))).collect()
}

/// A manager vouches for the first seven servers; the others were certified by someone else.
async fn managed(sims: Vec<Arc<SimServer>>, happy: usize) -> (TestGrid, Clock) {
    let clock = Clock::default();
    let managers = GridManagers::new(vec![*key(100).verifying_key()]);
    let permits: Vec<_> = (0..SERVERS)
        .map(|i| {
            let public_key = *key(i).verifying_key();
            let expires = IsoTime::utc(at(END_S)).unwrap();
            let signer = key(if i < CERTIFIED { 100 } else { 101 });
            let certificate = Certificate { public_key, expires }.sign(&signer);
            managers.permit(&public_key.server_id(), &[certificate])
        })
        .collect();
    let now = Arc::clone(&clock);
    let may = move |i: usize| permits[i].holds(at(now.load(Ordering::Relaxed)));
    (TestGrid::with_permits(sims, (3, happy, 10), may).await, clock)
}

fn servers(holders: Vec<(usize, ShareNumber)>) -> BTreeSet<usize> {
    holders.into_iter().map(|(server, _)| server).collect()
}

/// Which server has which share of the only mutable file.
fn slot_holders(grid: &TestGrid) -> Vec<(usize, ShareNumber)> {
    let of = |(i, sim): (usize, &Arc<SimServer>)| {
        sim.slot_shares().into_iter().map(move |(_, share)| (i, share)).collect::<Vec<_>>()
    };
    grid.sims.iter().enumerate().flat_map(of).collect()
}

#[tokio::test]
async fn only_certified_servers_get_shares() {
    let (grid, _) = managed(sims(), 7).await;
    let results = grid.put(&file(20_000)).await.unwrap();
    assert_eq!(results.happiness, 7);
    let holders = grid.holders(storage_index(&results.cap));
    assert_eq!((servers(holders.clone()), holders.len()), ((0..CERTIFIED).collect(), 10));
    for sim in &grid.sims[CERTIFIED..] {
        assert_eq!(sim.call_count(Operation::Allocate) + sim.call_count(Operation::List), 0);
    }
}

#[tokio::test]
async fn too_few_certificates_are_told_of() {
    let (grid, _) = managed(sims(), 8).await;
    let error = grid.put(&file(20_000)).await.unwrap_err().to_string();
    assert!(error.contains("3 server(s) were left out because they have no valid"), "{error}");
    assert!(grid.sims.iter().all(|sim| sim.shares().is_empty()));
}

#[tokio::test]
async fn certificates_run_out_while_the_node_runs() {
    let (grid, clock) = managed(sims(), 7).await;
    let results = grid.put(&file(20_000)).await.unwrap();
    clock.store(END_S, Ordering::Relaxed);
    let error = grid.put(&file(30_000)).await.unwrap_err().to_string();
    assert!(error.contains("zero servers"), "{error}");
    assert!(error.contains("10 server(s) were left out"), "{error}");
    assert_eq!(grid.get(&results.cap).await.unwrap(), file(20_000));
}

#[tokio::test]
async fn files_are_read_from_servers_without_certificates() {
    let sims = sims();
    let anybody = TestGrid::of(sims.clone(), (3, 7, 10)).await;
    let results = anybody.put(&file(20_000)).await.unwrap();
    for sim in &sims[..CERTIFIED] {
        for (si, share) in sim.shares() {
            sim.drop_share(si, share);
        }
    }
    let (grid, _) = managed(sims, 7).await;
    assert_eq!(grid.get(&results.cap).await.unwrap(), file(20_000));
}

#[tokio::test(start_paused = true)]
async fn mutable_files_go_to_certified_servers_and_stay_where_they_are() {
    for format in FORMATS {
        let (grid, clock) = managed(sims(), 7).await;
        let cap = create(&grid, format, file(3000)).await;
        let before = slot_holders(&grid);
        assert_eq!((servers(before.clone()), before.len()), ((0..CERTIFIED).collect(), 10));

        // What is there is changed in place, whatever became of the certificates.
        clock.store(END_S, Ordering::Relaxed);
        open(&grid, &cap).overwrite(file(4000)).await.unwrap();
        assert_eq!(slot_holders(&grid), before);
        assert_eq!(open(&grid, &cap).read().await.unwrap().1, file(4000));
        for (server, share) in before.into_iter().filter(|(_, share)| share.get() == 9) {
            grid.sims[server].drop_slot_share(cap.storage_index(), share);
        }
        // The last share has nowhere to go.
        assert!(open(&grid, &cap).overwrite(file(5000)).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_mutable_file_that_no_server_may_take_is_refused() {
    let (grid, clock) = managed(sims(), 7).await;
    clock.store(END_S, Ordering::Relaxed);
    let files = grid.grid.mutable_files();
    let made = files.create(MutableFormat::Sdmf, file(3000), Some(mutable_key())).await;
    let error = made.unwrap_err().to_string();
    assert!(error.contains("no server has a valid certificate of a grid manager"), "{error}");
}
