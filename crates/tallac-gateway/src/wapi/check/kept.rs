//! What is kept of a deep check until somebody asks for it: all counts, and as many results as
//! there is room for.

use std::collections::HashMap;
use std::sync::Arc;

use tallac_core::dirnode::ChildName;
use tallac_core::ids::StorageIndex;
use tallac_grid::check::{BadShare, CheckResults};

use super::Found;

/// Bytes of results of healthy objects that are kept of an operation, about.
const HEALTHY_LEN_MAX: usize = 16 << 20;

/// The same of objects that are not, or were not before they were repaired.
const UNHEALTHY_LEN_MAX: usize = 64 << 20;

/// Corrupt shares that are listed, at most.
const CORRUPT_MAX: usize = 50_000;

/// Bytes of results, apart from what follows, about.
const RESULTS_LEN: usize = 500;

/// Bytes of a server's name and what is around it, about.
const NAME_LEN: usize = 150;

/// An object that was checked.
#[derive(Debug)]
pub(super) struct Object {
    /// Where it is.
    pub(super) path: Vec<ChildName>,
    /// What was found.
    pub(super) found: Found,
}

impl Object {
    /// How it was found.
    pub(super) fn before(&self) -> &CheckResults {
        match &self.found {
            Found::Checked(results) => results,
            Found::Repaired(results) => &results.pre,
        }
    }

    /// How it was left.
    pub(super) fn after(&self) -> &CheckResults {
        match &self.found {
            Found::Checked(results) => results,
            Found::Repaired(results) => &results.post,
        }
    }

    /// Bytes that it takes, about.
    fn len(&self) -> usize {
        let path: usize = self.path.iter().map(|name| name.as_str().len()).sum();
        let results = |results: &CheckResults| {
            let holders: usize = results.sharemap.values().map(|hosts| hosts.len()).sum();
            let corrupt = results.corrupt.iter().chain(&results.incompatible);
            let reasons: usize = corrupt.map(|bad| NAME_LEN + bad.reason.len()).sum();
            RESULTS_LEN + NAME_LEN * (holders + results.servers_responding.len()) + reasons
        };
        path + match &self.found {
            Found::Checked(checked) => results(checked),
            Found::Repaired(repaired) => results(&repaired.pre) + results(&repaired.post),
        }
    }
}

/// Results that are kept, and how many are not.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Objects, in the order of the walk.
    pub(super) objects: Vec<Arc<Object>>,
    by_storage_index: HashMap<StorageIndex, Arc<Object>>,
    /// Shares that were corrupt.
    pub(super) corrupt: Vec<BadShare>,
    /// Those of them that still are.
    pub(super) remaining: Vec<BadShare>,
    healthy_len: usize,
    unhealthy_len: usize,
    /// Healthy objects whose results were let go.
    pub(super) healthy_left_out: u64,
    /// Others.
    pub(super) unhealthy_left_out: u64,
    /// Corrupt shares that are not listed.
    pub(super) corrupt_left_out: u64,
}

impl Kept {
    /// Takes in an object, if there is room.
    pub(super) fn add(&mut self, object: Object) {
        let (before, after) = (object.before(), object.after());
        let left_out = keep(&mut self.corrupt, before) + keep(&mut self.remaining, after);
        self.corrupt_left_out += left_out;
        let is_healthy = before.healthy;
        let (used, len_max, left_out) = if is_healthy {
            (&mut self.healthy_len, HEALTHY_LEN_MAX, &mut self.healthy_left_out)
        } else {
            (&mut self.unhealthy_len, UNHEALTHY_LEN_MAX, &mut self.unhealthy_left_out)
        };
        let len = object.len();
        if *used + len > len_max {
            *left_out += 1;
            return;
        }
        *used += len;
        let (storage_index, object) = (before.storage_index, Arc::new(object));
        self.by_storage_index.insert(storage_index, Arc::clone(&object));
        self.objects.push(object);
    }

    /// What was found of an object.
    pub(super) fn get(&self, storage_index: &StorageIndex) -> Option<Arc<Object>> {
        self.by_storage_index.get(storage_index).cloned()
    }

    /// Objects that were not healthy when they were found.
    pub(super) fn unhealthy(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter().map(|object| &**object).filter(|object| !object.before().healthy)
    }

    /// Bytes that all of it takes, about.
    pub(super) const fn len(&self) -> usize {
        let corrupt = NAME_LEN * (self.corrupt.len() + self.remaining.len());
        self.healthy_len + self.unhealthy_len + corrupt
    }
}

/// Adds corrupt shares to a list while there is room, and tells how many found none.
fn keep(list: &mut Vec<BadShare>, results: &CheckResults) -> u64 {
    let room = CORRUPT_MAX - list.len();
    list.extend(results.corrupt.iter().take(room).cloned());
    results.corrupt.len().saturating_sub(room) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tallac_core::ids::{ServerId, ShareNumber};
    use tallac_grid::check::ShareMap;

    use super::*;

    fn object(number: u64, healthy: bool, corrupt: usize) -> Object {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        let storage_index = StorageIndex::new(bytes);
        let bad = BadShare {
            server: ServerId::new("v0-server"),
            storage_index,
            share: ShareNumber::new(0),
            reason: "x".to_owned(),
        };
        let results = CheckResults {
            storage_index,
            summary: String::new(),
            report: Vec::new(),
            healthy,
            recoverable: true,
            happiness: 0,
            shares_good: 0,
            shares_needed: 3,
            shares_expected: 10,
            good_hosts: 0,
            corrupt: vec![bad; corrupt],
            incompatible: Vec::new(),
            servers_responding: BTreeSet::new(),
            sharemap: ShareMap::new(),
            wrong_shares: 0,
            recoverable_versions: 1,
            unrecoverable_versions: 0,
        };
        Object { path: vec![ChildName::new("name")], found: Found::checked(results) }
    }

    #[test]
    fn healthy_objects_leave_room_for_the_others() {
        let mut kept = Kept::default();
        for number in 0..100_000 {
            kept.add(object(number, true, 0));
        }
        for number in 100_000..300_000 {
            kept.add(object(number, false, 1));
        }
        assert!(kept.len() <= HEALTHY_LEN_MAX + UNHEALTHY_LEN_MAX + 2 * CORRUPT_MAX * NAME_LEN);
        let healthy = kept.objects.iter().filter(|object| object.before().healthy).count() as u64;
        let unhealthy = kept.unhealthy().count() as u64;
        assert!(healthy > 10_000 && unhealthy > 50_000, "{healthy} {unhealthy}");
        assert_eq!(kept.healthy_left_out + healthy, 100_000);
        assert_eq!(kept.unhealthy_left_out + unhealthy, 200_000);
        assert_eq!((kept.corrupt.len(), kept.corrupt_left_out), (CORRUPT_MAX, 300_000));
        let first = object(0, true, 0).before().storage_index;
        assert!(kept.get(&first).is_some());
        assert!(kept.get(&object(300_001, true, 0).before().storage_index).is_none());
    }
}
