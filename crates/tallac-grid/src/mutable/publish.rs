//! A new version onto servers, without ever leaving a mix that nobody can read.
//!
//! Servers compare and set share by share, and two writers may meet. So the shares are written in
//! two steps. The first `k` share numbers are the *vanguard*: only who has written all of them,
//! each in the place of the share that was seen there, goes on to the others. Until then the old
//! version is whole in the others; afterwards the new one is whole in the vanguard.
//!
//! Writers that meet in the vanguard undo nothing. They wait a little and try again with more
//! care: share 0 alone first, whose holder has the *lead*; then a look at all servers, whether
//! another writer has got past; only then the rest (docs/decisions/0008).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tallac_core::cap::WriteKey;
use tallac_core::hash;
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::immutable::Encoding;
use tallac_core::mutable::{CHECKSTRING_LEN_MAX, Header, SharePatch};
use tallac_core::secrets::LeaseSecrets;
use tallac_core::storage::{
    ReadVector, ShareChange, SlotWriteAnswer, SlotWriteRequest, StorageError, TestVector,
    WriteVector,
};
use tracing::Instrument as _;
use tracing::field::Empty;

use super::MutableError;
use super::query::FRONT_LEN;
use super::servermap::{FoundShare, Place, ServerMap};
use crate::grid::Grid;
use crate::history::{Counter, Kind};
use crate::patience::{Patience, gather};

/// How long slow servers are waited for once others are done.
const PATIENCE: Patience =
    Patience { floor: Duration::from_secs(2), factor: 8, ceiling: Duration::from_secs(600) };

/// What the shares of the new version are.
#[derive(Debug)]
pub(crate) enum NewShares {
    /// Whole ones.
    Whole(Vec<Bytes>),
    /// Changes of those that are there, all of this version.
    Patches(Arc<Header>, Vec<SharePatch>),
}

impl NewShares {
    fn change(&self, number: ShareNumber, test: TestVector) -> ShareChange {
        let at = usize::from(number.get());
        let (writes, length) = match self {
            Self::Whole(shares) => {
                (vec![WriteVector { offset: 0, data: shares[at].clone() }], shares[at].len() as u64)
            }
            Self::Patches(_, patches) => (patches[at].writes.clone(), patches[at].length),
        };
        ShareChange { tests: vec![test], writes, new_length: Some(length) }
    }

    /// The first bytes of a share.
    fn front(&self, number: ShareNumber) -> Bytes {
        let at = usize::from(number.get());
        match self {
            Self::Whole(shares) => {
                let len = usize::try_from(FRONT_LEN).unwrap_or(usize::MAX).min(shares[at].len());
                // A copy: the share itself may be large, and the map lives long.
                Bytes::copy_from_slice(&shares[at][..len])
            }
            Self::Patches(_, patches) => {
                let at_start = patches[at].writes.iter().find(|write| write.offset == 0);
                at_start.map(|write| write.data.clone()).unwrap_or_default()
            }
        }
    }
}

/// How it went.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The version is on servers; the map knows where.
    Published(Box<ServerMap>),
    /// Another writer was there, before or after the whole vanguard was ours.
    Conflict {
        /// Whether it was.
        has_vanguard: bool,
    },
    /// Too few servers of the vanguard were reached to be sure of meeting another writer there.
    Unreached,
    /// The shares are changes of others than those that are there: nothing was written.
    Unfit,
    /// Not enough servers took shares.
    Failed(MutableError),
}

/// One publish.
#[derive(Debug)]
pub(crate) struct Publish<'a> {
    pub(crate) grid: &'a Grid,
    pub(crate) storage_index: StorageIndex,
    pub(crate) write_key: &'a WriteKey,
    pub(crate) header: Arc<Header>,
    pub(crate) shares: NewShares,
    /// Whether to give up, rather than to go around the servers of the vanguard that fail: another
    /// writer may reach them.
    pub(crate) insists: bool,
}

/// A share and where it goes, in the place of what.
#[derive(Debug, Clone)]
struct Home {
    number: ShareNumber,
    place: Place,
    test: TestVector,
}

/// What became of some homes.
#[derive(Debug, Default)]
struct Step {
    placed: BTreeMap<ShareNumber, BTreeSet<Place>>,
    has_conflict: bool,
    is_unreached: bool,
    problem: Option<String>,
}

/// Share numbers that are written first, the others untouched.
pub(crate) fn vanguard(encoding: Encoding) -> u8 {
    let (k, n) = (encoding.needed(), encoding.total());
    u8::try_from(k.min((n - k).max(1))).unwrap_or(u8::MAX)
}

impl Publish<'_> {
    /// Writes every share over what the map says is there, and places those that are nowhere.
    pub(crate) async fn run(&self, map: &ServerMap) -> Outcome {
        let (history, geometry) = (self.grid.history(), &self.header.geometry);
        let watched = history.begin(Kind::Publish, Some(self.storage_index));
        watched.set_status("Pushing shares");
        let size = geometry.size();
        watched.note(|state| {
            (state.size, state.encoding) = (Some(size), Some(geometry.encoding()));
        });
        history.count(Counter::FilesPublished, Counter::BytesPublished, size);
        let span = tracing::info_span!(
            "publish",
            size,
            storage_index = self.storage_index.abbreviated(),
            otel.status_code = Empty
        );
        let outcome = self.put(map).instrument(span.clone()).await;
        if matches!(outcome, Outcome::Failed(_)) {
            span.record("otel.status_code", "ERROR");
        }
        if let Outcome::Published(map) = &outcome {
            watched.note(|state| {
                for (number, place, _) in map.shares_of(&self.header) {
                    let id = map.servers[place].info().id.clone();
                    state.shares.entry(number).or_default().push(id);
                }
            });
            watched.done();
        }
        outcome
    }

    async fn put(&self, map: &ServerMap) -> Outcome {
        let first = vanguard(self.header.geometry.encoding());
        let mut step = Step::default();
        let mut homes = self.homes(map);
        if !self.fits(map, &homes) {
            return Outcome::Unfit;
        }
        homes.retain(|home| {
            let is_there = is_of(map, home, &self.header);
            if is_there {
                step.placed.entry(home.number).or_default().insert(home.place);
            }
            !is_there
        });
        let mut usable = map.answered.clone();
        if !map.shares.is_empty() {
            let ahead;
            (ahead, homes) = homes.into_iter().partition(|home| home.number.get() < first);
            self.place_ahead(map, (ahead, first), &mut usable, &mut step).await;
            if step.has_conflict {
                return Outcome::Conflict { has_vanguard: false };
            }
            if step.is_unreached {
                return Outcome::Unreached;
            }
            if !(0..first).all(|n| step.placed.contains_key(&ShareNumber::new(n))) {
                return Outcome::Failed(self.not_placed(map, step));
            }
        }
        self.place(map, homes, &mut usable, &mut step).await;
        if step.has_conflict {
            return Outcome::Conflict { has_vanguard: !map.shares.is_empty() };
        }
        if step.placed.len() < usize::from(self.header.geometry.encoding().total()) {
            return Outcome::Failed(self.not_placed(map, step));
        }
        Outcome::Published(Box::new(self.new_map(map, &step)))
    }

    /// Writes share 0 alone, over what the map says is there: who has it has the lead.
    pub(crate) async fn take_lead(&self, map: &ServerMap) -> Outcome {
        let mut homes = self.homes(map);
        homes.retain(|home| home.number.get() == 0);
        if !self.fits(map, &homes) {
            return Outcome::Unfit;
        }
        let mut step = Step::default();
        self.place_ahead(map, (homes, 1), &mut map.answered.clone(), &mut step).await;
        if step.has_conflict {
            Outcome::Conflict { has_vanguard: false }
        } else if step.is_unreached {
            Outcome::Unreached
        } else if step.placed.is_empty() {
            Outcome::Failed(self.not_placed(map, step))
        } else {
            Outcome::Published(Box::new(self.new_map(map, &step)))
        }
    }

    /// Whether every home holds what the new shares are made for, or is done already. Whole ones go
    /// anywhere.
    fn fits(&self, map: &ServerMap, homes: &[Home]) -> bool {
        let NewShares::Patches(base, _) = &self.shares else { return true };
        homes.iter().all(|home| is_of(map, home, base) || is_of(map, home, &self.header))
    }

    /// Writes the shares that are missing of a version that exists, outside the vanguard, so that
    /// the vanguard can be written. `map` says where which are.
    pub(crate) async fn complete(&self, map: &ServerMap) -> Outcome {
        let first = vanguard(self.header.geometry.encoding());
        let mut homes = self.homes(map);
        homes.retain(|home| home.number.get() >= first && !is_of(map, home, &self.header));
        let mut step = Step::default();
        let mut usable = map.answered.clone();
        self.place(map, homes, &mut usable, &mut step).await;
        if step.has_conflict {
            return Outcome::Conflict { has_vanguard: false };
        }
        Outcome::Published(Box::new(self.new_map(map, &step)))
    }

    fn not_placed(&self, map: &ServerMap, step: Step) -> MutableError {
        let encoding = self.header.geometry.encoding();
        let why = if map.answered.is_empty() {
            "no servers are connected"
        } else if no_load(map, &map.answered).is_empty() {
            "no server has a valid certificate of a grid manager in [grid_managers] of tahoe.cfg"
        } else {
            "too few servers took them"
        };
        MutableError::NotPlaced {
            placed: step.placed.len(),
            needed: encoding.needed().into(),
            total: encoding.total().into(),
            problem: step.problem.unwrap_or_else(|| why.to_owned()),
        }
    }

    /// Where shares are stays; those that are nowhere go where there are fewest, along the ring.
    fn homes(&self, map: &ServerMap) -> Vec<Home> {
        let total = self.header.geometry.encoding().total();
        let mut homes = Vec::new();
        let mut load = no_load(map, &map.answered);
        let mut homeless: BTreeSet<u8> = (0..total).filter_map(|n| u8::try_from(n).ok()).collect();
        for ((number, place), share) in &map.shares {
            if u16::from(number.get()) < total {
                homeless.remove(&number.get());
                load.entry(*place).and_modify(|count| *count += 1);
                homes.push(Home { number: *number, place: *place, test: test_of(share) });
            }
        }
        for number in homeless.into_iter().map(ShareNumber::new) {
            if let Some(place) = least_loaded(&load, &BTreeSet::new()) {
                *load.entry(place).or_default() += 1;
                homes.push(Home { number, place, test: TestVector::absent() });
            }
        }
        homes
    }

    /// Writes these homes of the vanguard, which are those of the first `count` share numbers
    /// that are not done yet. Two writers meet only where both replace the same shares: so most
    /// of them must be seen and taken before others are put elsewhere instead. Where all servers
    /// have answered, what was not seen does not exist.
    async fn place_ahead(
        &self,
        map: &ServerMap,
        (homes, count): (Vec<Home>, u8),
        usable: &mut BTreeSet<Place>,
        step: &mut Step,
    ) {
        let (seen, unseen): (Vec<Home>, Vec<Home>) =
            homes.into_iter().partition(|home| map.shares.contains_key(&(home.number, home.place)));
        let numbers = |homes: &[Home]| homes.iter().map(|h| h.number).collect::<BTreeSet<_>>();
        let mut wanted: BTreeSet<_> = (0..count).map(ShareNumber::new).collect();
        if map.failed.is_empty() {
            wanted.retain(|wanted| map.shares.keys().any(|(number, _)| number == wanted));
        }
        let failed = self.write(map, &seen, step).await;
        usable.retain(|place| !failed.contains(place));
        let placed = wanted.iter().filter(|number| step.placed.contains_key(number)).count();
        step.is_unreached = self.insists && !wanted.is_empty() && placed * 2 <= wanted.len();
        if !step.has_conflict && !step.is_unreached {
            let missing = seen.into_iter().filter(|home| !step.placed.contains_key(&home.number));
            let elsewhere =
                self.elsewhere(map, &numbers(&missing.collect::<Vec<_>>()), usable, step);
            self.place(map, [unseen, elsewhere].concat(), usable, step).await;
        }
    }

    /// Writes these homes, and finds other servers for shares whose servers fail.
    async fn place(
        &self,
        map: &ServerMap,
        homes: Vec<Home>,
        usable: &mut BTreeSet<Place>,
        step: &mut Step,
    ) {
        let mut homes = homes;
        while !homes.is_empty() {
            let failed = self.write(map, &homes, step).await;
            if step.has_conflict {
                return;
            }
            usable.retain(|place| !failed.contains(place));
            let wanted: BTreeSet<ShareNumber> = homes
                .iter()
                .filter(|home| !step.placed.contains_key(&home.number))
                .map(|home| home.number)
                .collect();
            homes = self.elsewhere(map, &wanted, usable, step);
        }
    }

    /// Servers for shares that are to be put somewhere new. A change of a share fits only where
    /// that share is.
    fn elsewhere(
        &self,
        map: &ServerMap,
        wanted: &BTreeSet<ShareNumber>,
        usable: &BTreeSet<Place>,
        step: &Step,
    ) -> Vec<Home> {
        let mut homes = Vec::new();
        if matches!(self.shares, NewShares::Patches(..)) {
            return homes;
        }
        let mut load = no_load(map, usable);
        for place in step.placed.values().flatten() {
            load.entry(*place).and_modify(|count| *count += 1);
        }
        for number in wanted {
            let holders: BTreeSet<Place> =
                map.shares.keys().filter(|(n, _)| n == number).map(|(_, place)| *place).collect();
            if let Some(place) = least_loaded(&load, &holders) {
                *load.entry(place).or_default() += 1;
                homes.push(Home { number: *number, place, test: TestVector::absent() });
            }
        }
        homes
    }

    /// Writes these homes, one request a server, all at once; gives the servers that failed.
    async fn write(&self, map: &ServerMap, homes: &[Home], step: &mut Step) -> BTreeSet<Place> {
        let mut by_place: BTreeMap<Place, Vec<&Home>> = BTreeMap::new();
        for home in homes {
            by_place.entry(home.place).or_default().push(home);
        }
        let requests = by_place.iter().map(|(place, homes)| {
            let server = Arc::clone(&map.servers[*place]);
            let request = self.request(&server, homes);
            async move { server.storage().write_slot(request).await }
        });
        let answers = gather(requests.collect::<Vec<_>>(), PATIENCE).await;
        let mut failed = BTreeSet::new();
        for ((place, homes), answer) in by_place.iter().zip(answers) {
            let late = || StorageError::TimedOut { seconds: PATIENCE.floor.as_secs() };
            match answer.unwrap_or_else(|| Err(late())) {
                Ok(answer) => self.note_answer(map, (*place, homes), &answer, step),
                Err(error) => {
                    map.servers[*place].note_error(&error);
                    let id = &map.servers[*place].info().id;
                    tracing::warn!(server = %id, %error, "mutable share not written");
                    step.problem = Some(format!("server {id}: {error}"));
                    failed.insert(*place);
                }
            }
        }
        failed
    }

    fn note_answer(
        &self,
        map: &ServerMap,
        (place, homes): (Place, &[&Home]),
        answer: &SlotWriteAnswer,
        step: &mut Step,
    ) {
        let ours = self.header.checkstring();
        let is_ours = |number: &ShareNumber| {
            let found = answer.read.get(number).and_then(|pieces| pieces.first());
            found.is_some_and(|found| found.starts_with(&ours))
        };
        for home in homes {
            // A request may have been made twice, or somebody completed what we had begun.
            if answer.success || is_ours(&home.number) {
                step.placed.entry(home.number).or_default().insert(place);
            } else {
                step.has_conflict = true;
            }
        }
        // A share that nobody knew of means that somebody else writes.
        let is_known =
            |number: &ShareNumber| map.shares.contains_key(&(*number, place)) || is_ours(number);
        if !answer.read.keys().all(is_known) {
            step.has_conflict = true;
        }
    }

    fn request(&self, server: &crate::servers::GridServer, homes: &[&Home]) -> SlotWriteRequest {
        let tub = &server.info().tub_id;
        let secret = &self.grid.config().lease_secret;
        let changes = homes
            .iter()
            .map(|home| (home.number, self.shares.change(home.number, home.test.clone())));
        SlotWriteRequest {
            storage_index: self.storage_index,
            write_enabler: hash::write_enabler(self.write_key, tub),
            lease: LeaseSecrets {
                renew: hash::renew_secret(secret, &self.storage_index, tub),
                cancel: hash::cancel_secret(secret, &self.storage_index, tub),
            },
            changes: changes.collect(),
            reads: vec![ReadVector::new(0, CHECKSTRING_LEN_MAX)],
        }
    }

    /// What is known afterwards.
    fn new_map(&self, old: &ServerMap, step: &Step) -> ServerMap {
        let mut map = old.clone();
        map.damaged.clear();
        for (number, places) in &step.placed {
            for place in places {
                let share = FoundShare {
                    header: Some(Arc::clone(&self.header)),
                    front: self.shares.front(*number),
                };
                map.shares.insert((*number, *place), share);
            }
        }
        map
    }
}

/// Whether a home holds a share of this version.
fn is_of(map: &ServerMap, home: &Home, version: &Header) -> bool {
    let share = map.shares.get(&(home.number, home.place));
    let header = share.and_then(|share| share.header.as_ref());
    header.is_some_and(|header| header.signed() == version.signed())
}

/// Those of the servers that may be given new shares, with no share each.
fn no_load(map: &ServerMap, places: &BTreeSet<Place>) -> BTreeMap<Place, usize> {
    let permitted = places.iter().filter(|place| map.servers[**place].may_take_shares());
    permitted.map(|place| (*place, 0)).collect()
}

fn test_of(share: &FoundShare) -> TestVector {
    let checkstring = share.checkstring();
    if checkstring.is_empty() { TestVector::absent() } else { TestVector::starts_with(checkstring) }
}

fn least_loaded(load: &BTreeMap<Place, usize>, not: &BTreeSet<Place>) -> Option<Place> {
    let free = load.iter().filter(|(place, _)| !not.contains(place));
    free.min_by_key(|(place, count)| (**count, **place)).map(|(place, _)| *place)
}
