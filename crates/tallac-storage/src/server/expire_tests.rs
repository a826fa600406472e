//! Leases that run out, and a machine that dies before any effect of that.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tallac_core::ids::ShareNumber;
use tallac_core::secrets::WriteEnabler;
use tallac_core::storage::{ShareChange, ShareKind, SlotWriteRequest, StorageError, WriteVector};

use super::crash_tests::{copy, index, share_path};
use super::small_share_tests::{keep, lease};
use crate::crawl::Crawler;
use crate::crawl::leases::LeaseFindings;
use crate::disk::fault::{die_after, is_dead};
use crate::disk::{ShareFile, ShareKey, SlotFile};
use crate::{Clock, Config, DiskServer, ExpiryMode, ExpiryPolicy, Limits};

const DAY_S: u64 = 24 * 3600;
const START_S: u64 = 1_700_000_000;

/// Of each share its bytes, and the renew secrets of its leases as they are stored.
type State = BTreeMap<(u8, u8), (Vec<u8>, Vec<[u8; 32]>)>;

fn config(dir: &Path, time_s: &Arc<AtomicU64>, is_enabled: bool) -> Config {
    let time_s = Arc::clone(time_s);
    let clock = Clock::new(move || Duration::from_secs(time_s.load(Ordering::Relaxed)));
    let mode = ExpiryMode::Age { override_lease_duration_s: None };
    let expiry = ExpiryPolicy { is_enabled, mode, immutable: true, mutable: true };
    let limits = Limits { expiry, ..Limits::default() };
    Config { clock, limits, ..Config::new(dir) }
}

fn write(server: &DiskServer, slot: u8, secret: u8, shares: &[u8]) {
    let change = |share: &u8| {
        let data = Bytes::from(vec![*share + 1; 700]);
        let writes = vec![WriteVector { offset: 0, data }];
        (ShareNumber::new(*share), ShareChange { writes, ..ShareChange::default() })
    };
    let request = SlotWriteRequest {
        storage_index: index(slot),
        write_enabler: WriteEnabler::new([slot; 32]),
        lease: lease(secret),
        changes: shares.iter().map(change).collect(),
        reads: vec![],
    };
    assert!(server.shared.write_slot(&request).unwrap().success);
}

/// A directory with shares of which leases have run out: all of slots 1 and 3, some of 2 and 4.
fn prepare(dir: &Path, time_s: &Arc<AtomicU64>) {
    let server = DiskServer::open(config(dir, time_s, false)).unwrap();
    time_s.store(START_S, Ordering::Relaxed);
    write(&server, 1, 1, &[0, 1]);
    write(&server, 2, 1, &[0, 5]);
    for share in 0..2 {
        keep(&server, 3, share, vec![7; 300]).unwrap();
        keep(&server, 4, share, vec![8; 300]).unwrap();
    }
    for secret in 3..8 {
        server.shared.add_lease(index(2), &lease(secret)).unwrap();
        server.shared.add_lease(index(4), &lease(secret)).unwrap();
    }
    time_s.store(START_S + 20 * DAY_S, Ordering::Relaxed);
    for slot in [2, 4] {
        for secret in [8, 4, 9] {
            server.shared.add_lease(index(slot), &lease(secret)).unwrap();
        }
    }
    time_s.store(START_S + 32 * DAY_S, Ordering::Relaxed);
}

/// What the files say.
fn state(server: &DiskServer, dir: &Path) -> State {
    let mut state = State::new();
    for slot in 0..8 {
        for number in server.shared.disk.list(index(slot)).unwrap() {
            let path = share_path(dir, slot, number.get());
            let key = ShareKey { storage_index: index(slot), number };
            let (data, leases) = match server.shared.disk.kind(key).unwrap() {
                ShareKind::Immutable => {
                    let share = ShareFile::open(&path).unwrap();
                    let leases: Vec<_> = share.leases().map(|lease| lease.unwrap()).collect();
                    let renew = leases.iter().map(|lease| *lease.stored.renew.expose());
                    (share.read_at(0, 1 << 20).unwrap(), renew.collect())
                }
                ShareKind::Mutable => {
                    let share = SlotFile::open(&path).unwrap();
                    let leases = share.leases().unwrap();
                    let renew = leases.iter().map(|lease| *lease.stored.renew.expose());
                    (share.read_at(0, 1 << 20).unwrap(), renew.collect())
                }
            };
            state.insert((slot, number.get()), (data, leases));
        }
    }
    state
}

#[test]
fn whole_shares_or_none_whenever_the_machine_dies() {
    let (time_s, prepared) = (Arc::default(), tempfile::tempdir().unwrap());
    prepare(prepared.path(), &time_s);
    let before = {
        let server = DiskServer::open(config(prepared.path(), &time_s, false)).unwrap();
        state(&server, prepared.path())
    };
    let lives = |slot: u8, secrets: &[[u8; 32]]| {
        // Those of 20 days ago are the last three in number, whatever their order.
        let kept = before[&(slot, 0)].1.iter().filter(|renew| secrets.contains(renew)).count();
        kept >= 3
    };
    for effects in 0.. {
        let dir = tempfile::tempdir().unwrap();
        copy(prepared.path(), dir.path());
        let server = DiskServer::open(config(dir.path(), &time_s, true)).unwrap();
        die_after(Some(effects));
        let mut acknowledged = 0;
        for slot in 1..=4 {
            let seen = server.shared.visit(&index(slot).to_string());
            if is_dead() || seen.is_err() {
                break;
            }
            acknowledged = slot;
        }
        let has_died = is_dead();
        die_after(Some(effects % 7));
        let again = DiskServer::open(config(dir.path(), &time_s, false));
        std::mem::forget((server, again));
        die_after(None);

        let server = DiskServer::open(config(dir.path(), &time_s, false)).unwrap();
        let found = state(&server, dir.path());
        for (key, (data, leases)) in &found {
            assert_eq!(data, &before[key].0, "{key:?} after {effects}");
            assert!(![1, 3].contains(&key.0) || key.0 > acknowledged, "{key:?} is still there");
            assert!(![2, 4].contains(&key.0) || lives(key.0, leases), "{key:?} after {effects}");
        }
        for key in [(2, 0), (2, 5), (4, 0), (4, 1)] {
            assert!(found.contains_key(&key), "{key:?} after {effects}");
        }
        if !has_died {
            assert_eq!(acknowledged, 4);
            assert!(found.values().all(|(_, leases)| leases.len() == 3), "{found:?}");
            assert_eq!(found.len(), 4);
            assert!(!share_path(dir.path(), 1, 0).parent().unwrap().exists());
            assert!(!share_path(dir.path(), 3, 0).ancestors().nth(2).unwrap().exists());
            return;
        }
    }
}

#[test]
fn what_was_deleted_does_not_come_back_from_the_journal() {
    let (time_s, dir) = (Arc::<AtomicU64>::default(), tempfile::tempdir().unwrap());
    time_s.store(START_S, Ordering::Relaxed);
    let server = DiskServer::open(config(dir.path(), &time_s, true)).unwrap();
    write(&server, 1, 1, &[0, 1]);
    keep(&server, 3, 0, vec![7; 300]).unwrap();
    time_s.store(START_S + 32 * DAY_S, Ordering::Relaxed);
    for slot in [1, 3] {
        let seen = server.shared.visit(&index(slot).to_string()).unwrap();
        assert!(seen.shares.iter().all(|share| share.is_deleted), "{seen:?}");
    }
    let crashed = tempfile::tempdir().unwrap();
    copy(dir.path(), crashed.path());
    assert!(crashed.path().join("tallac.journal").exists());
    let again = DiskServer::open(config(crashed.path(), &time_s, false)).unwrap();
    assert_eq!(state(&again, crashed.path()), State::new());
}

#[test]
fn a_lease_that_comes_too_late_finds_nothing() {
    let (time_s, dir) = (Arc::default(), tempfile::tempdir().unwrap());
    prepare(dir.path(), &time_s);
    let server = DiskServer::open(config(dir.path(), &time_s, true)).unwrap();
    let shared = &server.shared;
    shared.add_lease(index(3), &lease(1)).unwrap();
    shared.visit(&index(1).to_string()).unwrap();
    shared.visit(&index(3).to_string()).unwrap();
    assert_eq!(state(&server, dir.path()).len(), 6, "a lease that came in time counts");
    assert!(matches!(shared.add_lease(index(1), &lease(1)), Err(StorageError::NotFound)));
    keep(&server, 5, 0, vec![1; 10]).unwrap();
    shared.visit(&index(5).to_string()).unwrap();
    assert_eq!(state(&server, dir.path()).len(), 7);
}

#[test]
fn a_crawl_goes_on_where_it_stopped() {
    let (time_s, dir) = (Arc::default(), tempfile::tempdir().unwrap());
    prepare(dir.path(), &time_s);
    let mut config = config(dir.path(), &time_s, true);
    // A slice is one storage index, or one prefix.
    config.pace.slice_max = Duration::ZERO;
    let server = DiskServer::open(config.clone()).unwrap();
    let path = dir.path().join("lease_checker.state.json");
    let mut slices = 0;
    let history = loop {
        // As after a restart.
        let mut crawler: Crawler<LeaseFindings> = Crawler::load(path.clone(), Duration::ZERO);
        assert_eq!(crawler.is_at_work(), slices > 0);
        crawler.work(&server.shared, &config.pace);
        slices += 1;
        let history = server.shared.history();
        if !history.is_empty() {
            break history;
        }
    };
    assert!((1024..=1024 + 8).contains(&slices), "{slices}");
    assert_eq!(history.len(), 1);
    let space = &history["0"]["space-recovered"];
    assert_eq!((&space["examined-shares"], &space["actual-shares"]), (&8.into(), &4.into()));
    let crawler: Crawler<LeaseFindings> = Crawler::load(path, Duration::ZERO);
    assert!(!crawler.is_at_work());
}
