//! Small immutable shares, which the journal keeps, and a machine that dies or loses power.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;
use tallac_core::ids::ShareNumber;
use tallac_core::secrets::{CancelSecret, LeaseSecrets, RenewSecret, UploadSecret};
use tallac_core::storage::{AllocateRequest, StorageError};

use super::crash_tests::{copy, files, index, mix, open, share_path};
use crate::disk::ShareKey;
use crate::disk::fault::{die_after, is_dead};
use crate::incoming::Batch;
use crate::{Config, DiskServer};

const JOURNAL_LEN: u64 = 64 << 10;

/// What a client does.
#[derive(Debug, Clone)]
enum Deed {
    /// Uploads a share of so many bytes.
    Keep { slot: u8, share: u8, len: u16 },
    /// Puts a lease on all shares of a slot.
    Lease { slot: u8, lease: u8 },
}

/// Of each share its bytes, and how many leases it has.
type State = BTreeMap<(u8, u8), (Vec<u8>, usize)>;

pub(super) fn lease(lease: u8) -> LeaseSecrets {
    let (renew, cancel) = (RenewSecret::new([lease; 32]), CancelSecret::new([lease; 32]));
    LeaseSecrets { renew, cancel }
}

fn content(slot: u8, share: u8, len: u16) -> Vec<u8> {
    vec![slot * 16 + share + 1; usize::from(len)]
}

pub(super) fn keep(
    server: &DiskServer,
    slot: u8,
    share: u8,
    data: Vec<u8>,
) -> Result<(), StorageError> {
    let (shared, number) = (&server.shared, ShareNumber::new(share));
    let upload_secret = UploadSecret::new(vec![9; 32]);
    let request = AllocateRequest {
        storage_index: index(slot),
        share_numbers: BTreeSet::from([number]),
        allocated_size: data.len() as u64,
        upload_secret: upload_secret.clone(),
        lease: lease(0),
    };
    if shared.allocate(&request)?.already_have.contains(&number) {
        return Ok(());
    }
    let upload =
        shared.uploads.find(ShareKey { storage_index: index(slot), number }, &upload_secret)?;
    let batch = Batch { at: 0, len: data.len() as u64, pieces: vec![Bytes::from(data)] };
    let written = upload.write_last(&shared.disk, &batch);
    shared.uploads.forget(&upload);
    assert!(written?.is_journalled);
    Ok(())
}

impl Deed {
    fn perform(&self, server: &DiskServer) -> Result<(), StorageError> {
        match *self {
            Self::Keep { slot, share, len } => keep(server, slot, share, content(slot, share, len)),
            Self::Lease { slot, lease: secret } => {
                match server.shared.add_lease(index(slot), &lease(secret)) {
                    Err(StorageError::NotFound) => Ok(()),
                    other => other,
                }
            }
        }
    }
}

/// What the files of a storage directory are.
fn state(server: &DiskServer) -> State {
    let mut state = State::new();
    for slot in 0..16 {
        for number in server.shared.disk.list(index(slot)).unwrap() {
            let key = ShareKey { storage_index: index(slot), number };
            let share = server.shared.disk.open_share(key).unwrap();
            let data = share.read_at(0, usize::MAX).unwrap();
            state.insert((slot, number.get()), (data, share.leases().map(Result::unwrap).count()));
        }
    }
    state
}

#[test]
fn a_small_share_is_there_whole_or_not_at_all() {
    let keep = |slot, share, len| Deed::Keep { slot, share, len };
    let first =
        [keep(1, 0, 3000), keep(1, 1, 7000), keep(2, 0, 0), Deed::Lease { slot: 1, lease: 5 }];
    // More than the journal holds.
    let deeds: Vec<_> = first.into_iter().chain((4..14).map(|slot| keep(slot, 0, 7000))).collect();
    for effects in 0.. {
        let dir = tempfile::tempdir().unwrap();
        let server = open(dir.path(), JOURNAL_LEN);
        die_after(Some(effects));
        let done = deeds.iter().take_while(|deed| deed.perform(&server).is_ok()).count();
        let has_died = is_dead();
        die_after(Some(effects % 7));
        let again =
            DiskServer::open(Config { journal_len: JOURNAL_LEN, ..Config::new(dir.path()) });
        std::mem::forget((server, again));
        die_after(None);

        let found = state(&open(dir.path(), JOURNAL_LEN));
        for (at, deed) in deeds.iter().enumerate() {
            let Deed::Keep { slot, share, len } = *deed else { continue };
            let share_found = found.get(&(slot, share));
            assert!(
                share_found.is_some() || at >= done,
                "{deed:?} is lost after {effects} effects"
            );
            let Some((data, lease_count)) = share_found else { continue };
            assert_eq!(*data, content(slot, share, len));
            assert!(at <= done, "{deed:?} is there too early");
            let leased_again = if at < 2 { done > 3 } else { false };
            let may_be = at < 2 && done == 3;
            assert!(*lease_count == 1 + usize::from(leased_again) || may_be, "{deed:?}");
        }
        if !has_died {
            assert_eq!(done, deeds.len());
            return;
        }
    }
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (0u8..4, 0u8..4, 0u16..9000)
            .prop_map(|(slot, share, len)| Deed::Keep { slot, share, len }),
        1 => (0u8..4, 0u8..3).prop_map(|(slot, lease)| Deed::Lease { slot, lease }),
    ]
}

/// Files after a power cut: blocks that were not synced are there or not.
fn cut(dir: &Path, synced: &BTreeMap<(u8, u8), Vec<u8>>, dice: Vec<u8>) -> tempfile::TempDir {
    let crashed = tempfile::tempdir().unwrap();
    copy(dir, crashed.path());
    let mut dice = dice.into_iter().cycle();
    for (key, bytes) in files(dir) {
        let path = share_path(crashed.path(), key.0, key.1);
        match mix(synced.get(&key), Some(&bytes), &mut dice) {
            Some(bytes) => std::fs::write(path, bytes).unwrap(),
            None => std::fs::remove_file(path).unwrap(),
        }
    }
    crashed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn a_power_cut_loses_no_small_share(
        deeds in prop::collection::vec((deed(), prop::bool::weighted(0.15)), 1..24),
        dice in prop::collection::vec(any::<u8>(), 64),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let server = open(dir.path(), 1 << 20);
        let mut synced = BTreeMap::new();
        for (deed, with_checkpoint) in &deeds {
            let (Deed::Keep { slot, .. } | Deed::Lease { slot, .. }) = *deed;
            let before = files(dir.path());
            let of_slot = |key: &(u8, u8)| key.0 == slot;
            // The leases of all shares that are there change: what was journalled goes home before.
            let goes_home = before.keys().filter(|key| of_slot(key)).any(|(slot, share)| {
                let number = ShareNumber::new(*share);
                let key = ShareKey { storage_index: index(*slot), number };
                server.shared.disk.journal_speaks_of(key)
            });
            if goes_home {
                synced.clone_from(&before);
            }
            deed.perform(&server).unwrap();
            if *with_checkpoint {
                server.shared.disk.checkpoint(false).unwrap();
                synced = files(dir.path());
            }
            // Leases are synced as they are changed.
            let leased = |key: &(u8, u8)| of_slot(key) && before.contains_key(key);
            synced.extend(files(dir.path()).into_iter().filter(|(key, _)| leased(key)));
        }
        let found = state(&server);
        let crashed = cut(dir.path(), &synced, dice);
        let again = open(crashed.path(), 1 << 20);
        prop_assert_eq!(state(&again), found);
        prop_assert_eq!(files(dir.path()), files(crashed.path()));
    }
}

#[test]
fn a_directory_that_somebody_removed_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path(), JOURNAL_LEN);
    keep(&server, 1, 0, b"one".to_vec()).unwrap();
    std::fs::remove_dir_all(share_path(dir.path(), 1, 0).parent().unwrap()).unwrap();
    keep(&server, 1, 0, b"one".to_vec()).unwrap();
    assert_eq!(state(&server).len(), 1);
    drop(server);
    assert!(!dir.path().join("tallac.journal").exists());
}
