//! Changes of mutable shares and a machine that dies before any of their effects, or loses power:
//! whatever was acknowledged is there afterwards, and of anything else all or nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use proptest::prelude::*;
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::secrets::{CancelSecret, LeaseSecrets, RenewSecret, WriteEnabler};
use tallac_core::storage::{
    ReadVector, ShareChange, SlotReadRequest, SlotWriteRequest, WriteVector,
};

use crate::disk::SlotFile;
use crate::disk::fault::{die_after, is_dead};
use crate::{Config, DiskServer};

/// What a server holds: of each share its bytes, and how many leases it has.
type State = BTreeMap<(u8, u8), (Vec<u8>, usize)>;

/// A change of one share.
#[derive(Debug, Clone)]
struct Op {
    share: u8,
    writes: Vec<(u16, Vec<u8>)>,
    new_length: Option<u64>,
}

/// A request: changes of a slot with a lease.
#[derive(Debug, Clone)]
struct Ask {
    slot: u8,
    lease: u8,
    ops: Vec<Op>,
}

pub(super) fn index(slot: u8) -> StorageIndex {
    StorageIndex::new([slot; 16])
}

fn put(share: u8, at: u16, data: &[u8]) -> Op {
    Op { share, writes: vec![(at, data.to_vec())], new_length: None }
}

fn remove(share: u8) -> Op {
    Op { share, writes: vec![], new_length: Some(0) }
}

impl Ask {
    fn new(slot: u8, lease: u8, ops: &[Op]) -> Self {
        Self { slot, lease, ops: ops.to_vec() }
    }

    fn request(&self) -> SlotWriteRequest {
        let change = |op: &Op| ShareChange {
            tests: vec![],
            writes: (op.writes.iter())
                .map(|(at, data)| WriteVector {
                    offset: u64::from(*at),
                    data: Bytes::copy_from_slice(data),
                })
                .collect(),
            new_length: op.new_length,
        };
        SlotWriteRequest {
            storage_index: index(self.slot),
            write_enabler: WriteEnabler::new([self.slot; 32]),
            lease: LeaseSecrets {
                renew: RenewSecret::new([self.lease; 32]),
                cancel: CancelSecret::new([self.lease; 32]),
            },
            changes: self.ops.iter().map(|op| (ShareNumber::new(op.share), change(op))).collect(),
            reads: vec![],
        }
    }
}

/// What should be there, and which leases.
#[derive(Debug, Clone, Default)]
struct Model(BTreeMap<(u8, u8), (Vec<u8>, Vec<u8>)>);

impl Model {
    fn apply(&mut self, ask: &Ask) {
        // Of several changes of one share the last counts, as in the request.
        let ops: BTreeMap<u8, &Op> = ask.ops.iter().map(|op| (op.share, op)).collect();
        for (share, op) in ops {
            let key = (ask.slot, share);
            if op.new_length == Some(0) {
                self.0.remove(&key);
                continue;
            }
            if op.writes.is_empty() && !self.0.contains_key(&key) {
                continue;
            }
            let (data, leases) = self.0.entry(key).or_default();
            for (at, bytes) in &op.writes {
                let end = usize::from(*at) + bytes.len();
                data.resize(data.len().max(end), 0);
                data[usize::from(*at)..end].copy_from_slice(bytes);
            }
            if let Some(len) = op.new_length.and_then(|len| usize::try_from(len).ok()) {
                data.truncate(len);
            }
            if !leases.contains(&ask.lease) {
                leases.push(ask.lease);
            }
        }
    }

    fn state(&self) -> State {
        self.0.iter().map(|(key, (data, leases))| (*key, (data.clone(), leases.len()))).collect()
    }
}

pub(super) fn open(dir: &Path, journal_len: u64) -> DiskServer {
    DiskServer::open(Config { journal_len, ..Config::new(dir) }).unwrap()
}

/// What the server says, and what its files say of leases.
fn state(server: &DiskServer, dir: &Path) -> State {
    let mut state = State::new();
    for slot in 0..4 {
        let request = SlotReadRequest {
            storage_index: index(slot),
            share_numbers: vec![],
            reads: vec![ReadVector::new(0, u64::MAX)],
        };
        for (number, data) in server.shared.read_slot(&request).unwrap() {
            let path = share_path(dir, slot, number.get());
            let leases = SlotFile::open(&path).unwrap().leases().unwrap();
            state.insert((slot, number.get()), (data.concat(), leases.len()));
        }
    }
    state
}

pub(super) fn share_path(dir: &Path, slot: u8, share: u8) -> PathBuf {
    let name = index(slot).to_string();
    dir.join("shares").join(&name[..2]).join(&name).join(share.to_string())
}

pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Lets the machine die before each effect of these requests in turn, and once more while it
/// starts anew.
fn die_everywhere(journal_len: u64, asks: &[Ask]) {
    let models: Vec<_> = asks
        .iter()
        .scan(Model::default(), |model, ask| {
            model.apply(ask);
            Some(model.state())
        })
        .collect();
    let states: Vec<_> = [State::new()].into_iter().chain(models).collect();
    for effects in 0.. {
        let dir = tempfile::tempdir().unwrap();
        let server = open(dir.path(), journal_len);
        die_after(Some(effects));
        let mut acknowledged = 0;
        for ask in asks {
            if server.shared.write_slot(&ask.request()).is_err() {
                break;
            }
            acknowledged += 1;
        }
        let has_died = is_dead();
        die_after(Some(effects % 7));
        let again = DiskServer::open(Config { journal_len, ..Config::new(dir.path()) });
        std::mem::forget((server, again));
        die_after(None);

        let found = state(&open(dir.path(), journal_len), dir.path());
        let allowed = &states[acknowledged..states.len().min(acknowledged + 2)];
        assert!(allowed.contains(&found), "after {effects} effects, {acknowledged} acknowledged");
        assert!(!dir.path().join("tallac.journal").exists());
        assert_eq!(fs::read_dir(dir.path().join("shares/incoming")).unwrap().count(), 0);
        if !has_died {
            assert_eq!(acknowledged, asks.len());
            return;
        }
    }
}

#[test]
fn several_shares_change_together() {
    die_everywhere(
        1 << 20,
        &[
            Ask::new(1, 1, &[put(0, 0, b"zero"), put(1, 0, b"one"), put(2, 0, &[2; 9000])]),
            Ask::new(1, 1, &[put(0, 500, b"new"), remove(1), put(2, 1, b"two"), put(3, 0, b"3")]),
            Ask::new(1, 1, &[remove(0), remove(2), remove(3), put(1, 7, b"another")]),
            Ask::new(1, 1, &[remove(1)]),
            Ask::new(1, 1, &[put(1, 7, b"again")]),
        ],
    );
}

#[test]
fn the_journal_is_emptied_in_between() {
    let asks: Vec<_> = (0..12u8)
        .map(|at| {
            Ask::new(at % 2, at % 6, &[put(0, u16::from(at) * 40, &[at; 300]), put(at, 0, b"x")])
        })
        .collect();
    die_everywhere(16 << 10, &asks);
}

#[test]
fn changes_too_long_for_the_journal() {
    let long = |byte: u8| vec![byte; 40_000];
    die_everywhere(
        64 << 10,
        &[
            Ask::new(1, 1, &[put(0, 0, &long(1)), put(1, 0, &long(2)), put(2, 0, b"two")]),
            Ask::new(1, 1, &[put(0, 100, &long(3)), remove(1), put(3, 0, &long(4))]),
            Ask::new(1, 1, &[put(0, 0, b"in place"), put(3, 9, b"in place"), remove(2)]),
            Ask::new(1, 1, &[remove(0), remove(3)]),
            Ask::new(1, 1, &[put(0, 0, &long(5))]),
            Ask::new(1, 2, &[remove(0)]),
            Ask::new(1, 2, &[put(0, 0, &long(6))]),
        ],
    );
}

#[test]
fn leases_move_whole() {
    let mut asks: Vec<_> = (0..7u8).map(|lease| Ask::new(1, lease, &[put(0, 0, b"x")])).collect();
    asks.push(Ask::new(1, 1, &[put(0, 100, &[7; 100])]));
    asks.push(Ask::new(1, 8, &[put(0, 150, &[8; 2000]), put(1, 0, b"y")]));
    die_everywhere(1 << 20, &asks);
}

#[test]
fn a_container_that_was_not_moved_when_power_went() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path(), 64 << 10);
    let write = |ask: Ask| server.shared.write_slot(&ask.request()).unwrap();
    write(Ask::new(1, 1, &[put(0, 0, &[1; 40_000]), put(1, 0, b"one")]));
    write(Ask::new(1, 1, &[put(0, 3, b"two")]));
    let expected = state(&server, dir.path());
    let crashed = tempfile::tempdir().unwrap();
    copy(dir.path(), crashed.path());
    // Neither the names nor the later bytes are there yet.
    let staged = crashed.path().join("shares/incoming/slot-0");
    fs::rename(share_path(crashed.path(), 1, 0), &staged).unwrap();
    fs::remove_file(share_path(crashed.path(), 1, 1)).unwrap();
    // The small one was written beside its place as well.
    let small = crashed.path().join("shares/incoming/slot-1");
    let mut server_made = fs::read(share_path(dir.path(), 1, 1)).unwrap();
    server_made[470] = b'e';
    fs::write(small, server_made).unwrap();
    assert_eq!(state(&open(crashed.path(), 64 << 10), crashed.path()), expected);
}

/// Files as they may be found after a power cut: blocks of the old and of the new mixed.
pub(super) fn mix(
    old: Option<&Vec<u8>>,
    new: Option<&Vec<u8>>,
    dice: &mut impl Iterator<Item = u8>,
) -> Option<Vec<u8>> {
    let mut die = || dice.next().unwrap();
    let (old, new) = match (old, new, die() % 4) {
        (old, _, 0) => return old.cloned(),
        (_, new, 1) => return new.cloned(),
        (None, None, _) => return None,
        (old, new, _) => (old.cloned().unwrap_or_default(), new.cloned().unwrap_or_default()),
    };
    let len = if die() % 2 == 0 { old.len() } else { new.len() };
    let mut mixed = Vec::new();
    while mixed.len() < len {
        let from = if die() % 2 == 0 { &old } else { &new };
        let end = len.min(mixed.len() + 512);
        mixed.extend((mixed.len()..end).map(|at| from.get(at).copied().unwrap_or(0)));
    }
    Some(mixed)
}

/// All share files by their paths below `shares`.
pub(super) fn files(dir: &Path) -> BTreeMap<(u8, u8), Vec<u8>> {
    let all = (0..4).flat_map(|slot| (0..4).map(move |share| (slot, share)));
    all.filter_map(|(slot, share)| {
        Some(((slot, share), fs::read(share_path(dir, slot, share)).ok()?))
    })
    .collect()
}

fn ask() -> impl Strategy<Value = Ask> {
    let op = (
        0u8..3,
        prop::collection::vec((0u16..4000, any::<u8>(), 0usize..3000), 0..3),
        prop::option::weighted(0.4, prop_oneof![Just(0u64), 0u64..5000]),
    )
        .prop_map(|(share, writes, new_length)| Op {
            share,
            writes: writes.into_iter().map(|(at, byte, len)| (at, vec![byte; len])).collect(),
            new_length,
        });
    (0u8..2, 0u8..7, prop::collection::vec(op, 1..4)).prop_map(|(slot, lease, ops)| Ask {
        slot,
        lease,
        ops,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn a_power_cut_loses_nothing_that_was_acknowledged(
        asks in prop::collection::vec((ask(), prop::bool::weighted(0.15)), 1..24),
        dice in prop::collection::vec(any::<u8>(), 64),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let server = open(dir.path(), 1 << 20);
        let (mut model, mut synced) = (Model::default(), BTreeMap::new());
        for (ask, with_checkpoint) in &asks {
            server.shared.write_slot(&ask.request()).unwrap();
            model.apply(ask);
            prop_assert_eq!(state(&server, dir.path()), model.state());
            if *with_checkpoint {
                server.shared.disk.checkpoint(false).unwrap();
                synced = files(dir.path());
            }
        }
        let found = files(dir.path());
        let crashed = tempfile::tempdir().unwrap();
        copy(dir.path(), crashed.path());
        let mut dice = dice.into_iter().cycle();
        for slot in 0..4 {
            for share in 0..4 {
                let (key, path) = ((slot, share), share_path(crashed.path(), slot, share));
                match mix(synced.get(&key), found.get(&key), &mut dice) {
                    Some(bytes) => {
                        fs::create_dir_all(path.parent().unwrap()).unwrap();
                        fs::write(path, bytes).unwrap();
                    }
                    None => drop(fs::remove_file(path)),
                }
            }
        }
        let again = open(crashed.path(), 1 << 20);
        prop_assert_eq!(state(&again, crashed.path()), model.state());
        drop(again);
        // A server that stops cleanly leaves everything in its place.
        drop(server);
        prop_assert_eq!(files(dir.path()), files(crashed.path()));
        prop_assert!(!dir.path().join("tallac.journal").exists());
    }
}
