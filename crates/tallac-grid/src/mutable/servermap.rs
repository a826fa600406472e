//! Which server has which share of which version (specification section 4.6). Pure: it is told
//! what servers answer, and says whom to ask next and when it knows enough.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use tallac_core::cap::{Fingerprint, MutableFormat};
use tallac_core::ids::ShareNumber;
use tallac_core::mutable::{CHECKSTRING_LEN_MAX, Header, VerifyingKey, VersionId};
use tallac_core::storage::{SlotReadAnswer, StorageError};

use crate::servers::GridServer;

/// What an update is for, and so how much it must know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The best version, to be read.
    Read,
    /// Every share that a new version must replace.
    #[default]
    Write,
    /// Every share on every server.
    Check,
}

impl Mode {
    /// What Tahoe-LAFS calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Read => "MODE_READ",
            Self::Write => "MODE_WRITE",
            Self::Check => "MODE_CHECK",
        }
    }
}

/// A place of a server in the ring of a map.
pub(crate) type Place = usize;

/// A share that a server holds.
#[derive(Debug, Clone)]
pub(crate) struct FoundShare {
    /// Its header, if it is one of a version whose signature is good.
    pub(crate) header: Option<Arc<Header>>,
    /// The first bytes of the share, as many as were read.
    pub(crate) front: Bytes,
}

impl FoundShare {
    /// The first bytes, by which a server is asked whether the share is still the same.
    pub(crate) fn checkstring(&self) -> Bytes {
        match &self.header {
            Some(header) => header.checkstring(),
            None => {
                let len = usize::try_from(CHECKSTRING_LEN_MAX).unwrap_or(usize::MAX);
                self.front.slice(..self.front.len().min(len))
            }
        }
    }
}

/// What is known of the shares of one file.
#[derive(Debug, Clone)]
pub(crate) struct ServerMap {
    /// The servers, in the order of the file's ring.
    pub(crate) servers: Vec<Arc<GridServer>>,
    /// Shares by number and place.
    pub(crate) shares: BTreeMap<(ShareNumber, Place), FoundShare>,
    /// Servers that answered.
    pub(crate) answered: BTreeSet<Place>,
    /// Servers that were asked and did not answer, or answered with an error.
    pub(crate) failed: BTreeSet<Place>,
    /// Shares that are damaged: where, and what is wrong.
    pub(crate) damaged: Vec<(ShareNumber, Place, String)>,
}

/// What a writer has begun to write and not finished.
#[derive(Debug, Default)]
pub(crate) struct Begun {
    /// By what is signed.
    versions: Vec<Bytes>,
    /// The latest version that one of them replaces. Older ones may still have enough shares, on
    /// servers that were not reached; who went back to them would undo it.
    base: Option<VersionId>,
}

impl Begun {
    /// A version is begun that replaces `base`.
    pub(crate) fn note(&mut self, version: &Header, base: &Header) {
        self.versions.push(version.signed().clone());
        self.base = self.base.max(Some(base.version));
    }

    fn has(&self, version: &Header) -> bool {
        self.versions.contains(version.signed())
    }

    fn may_take(&self, version: &Header) -> bool {
        !self.has(version) && self.base <= Some(version.version)
    }
}

impl ServerMap {
    /// Nothing is known yet.
    pub(crate) const fn new(servers: Vec<Arc<GridServer>>) -> Self {
        Self {
            servers,
            shares: BTreeMap::new(),
            answered: BTreeSet::new(),
            failed: BTreeSet::new(),
            damaged: Vec::new(),
        }
    }

    /// All versions, each with the numbers of its shares, latest first.
    pub(crate) fn versions(&self) -> Vec<(Arc<Header>, BTreeSet<ShareNumber>)> {
        let mut versions: HashMap<&Bytes, (Arc<Header>, BTreeSet<ShareNumber>)> = HashMap::new();
        for ((number, _), share) in &self.shares {
            if let Some(header) = &share.header {
                let entry = versions
                    .entry(header.signed())
                    .or_insert_with(|| (Arc::clone(header), BTreeSet::new()));
                entry.1.insert(*number);
            }
        }
        let mut versions: Vec<_> = versions.into_values().collect();
        versions.sort_by(|(a, _), (b, _)| {
            b.version.cmp(&a.version).then_with(|| b.signed().cmp(a.signed()))
        });
        versions
    }

    /// The latest version of which there are enough shares.
    pub(crate) fn best(&self) -> Option<Arc<Header>> {
        self.versions().into_iter().find(is_recoverable).map(|(header, _)| header)
    }

    /// The latest version of which there are enough shares; what the asker began itself only if
    /// there is nothing else that is not older than what it began that on.
    pub(crate) fn best_for(&self, begun: &Begun) -> Option<Arc<Header>> {
        let recoverable = || self.versions().into_iter().filter(is_recoverable);
        let other = recoverable().find(|(header, _)| begun.may_take(header));
        other.or_else(|| recoverable().next()).map(|(header, _)| header)
    }

    /// Whether shares of a version later than this one are there that the asker did not begin.
    pub(crate) fn has_later_than(&self, version: &Header, begun: &Begun) -> bool {
        self.versions()
            .iter()
            .any(|(header, _)| header.version > version.version && !begun.has(header))
    }

    /// Whether all of the first `count` share numbers are there, of this version and no other.
    pub(crate) fn has_only(&self, version: &Header, count: u8) -> bool {
        let is_of = |share: &FoundShare| {
            share.header.as_ref().is_some_and(|header| header.signed() == version.signed())
        };
        (0..count).map(ShareNumber::new).all(|wanted| {
            let mut homes = self.shares.iter().filter(|((number, _), _)| *number == wanted);
            let mut is_there = false;
            homes.all(|(_, share)| {
                is_there = true;
                is_of(share)
            }) && is_there
        })
    }

    /// What tells whether anything has changed: the front of every share.
    pub(crate) fn state(&self) -> Vec<((ShareNumber, Place), Bytes)> {
        self.shares.iter().map(|(at, share)| (*at, share.checkstring())).collect()
    }

    /// Whether a version is hinted at that is later than the best one and lacks shares.
    pub(crate) fn has_unrecoverable_newer(&self) -> bool {
        self.versions().first().is_some_and(|version| !is_recoverable(version))
    }

    /// The highest sequence number seen, of whatever version.
    pub(crate) fn highest_sequence_number(&self) -> u64 {
        self.versions().first().map_or(0, |(header, _)| header.version.sequence_number)
    }

    /// Shares of a version: number, place, and what was read.
    pub(crate) fn shares_of<'a>(
        &'a self,
        version: &'a Header,
    ) -> impl Iterator<Item = (ShareNumber, Place, &'a FoundShare)> {
        self.shares.iter().filter_map(move |((number, place), share)| {
            let is_of = share.header.as_ref().is_some_and(|h| h.signed() == version.signed());
            is_of.then_some((*number, *place, share))
        })
    }

    /// No longer counts a share that turned out to be damaged.
    pub(crate) fn note_damaged(&mut self, number: ShareNumber, place: Place, why: String) {
        self.note_useless(number, place);
        self.damaged.push((number, place, why));
    }

    /// No longer counts a share, which is there, however.
    pub(crate) fn note_useless(&mut self, number: ShareNumber, place: Place) {
        if let Some(share) = self.shares.get_mut(&(number, place)) {
            share.header = None;
        }
    }
}

/// Whether `k` shares of a version are there.
pub(crate) fn is_recoverable((header, numbers): &(Arc<Header>, BTreeSet<ShareNumber>)) -> bool {
    numbers.len() >= usize::from(header.geometry.encoding().needed())
}

/// An update of a map that is under way.
#[derive(Debug)]
pub(crate) struct MapUpdate {
    pub(crate) map: ServerMap,
    mode: Mode,
    format: MutableFormat,
    fingerprint: Fingerprint,
    key: Option<Arc<VerifyingKey>>,
    /// Headers whose signatures are good, by what is signed.
    proven: HashMap<Bytes, Arc<Header>>,
    /// Servers asked so far: the first so many of the ring.
    asked: usize,
    pending: BTreeSet<Place>,
    first_batch: usize,
    needed: usize,
}

impl MapUpdate {
    /// `encoding` is what the file is believed to have: `k` and `n`.
    pub(crate) fn new(
        servers: Vec<Arc<GridServer>>,
        mode: Mode,
        (format, fingerprint): (MutableFormat, Fingerprint),
        (needed, total): (usize, usize),
    ) -> Self {
        let first_batch = match mode {
            Mode::Read => 2 * needed,
            Mode::Write => total + needed,
            Mode::Check => usize::MAX,
        };
        Self {
            map: ServerMap::new(servers),
            mode,
            format,
            fingerprint,
            key: None,
            proven: HashMap::new(),
            asked: 0,
            pending: BTreeSet::new(),
            first_batch,
            needed,
        }
    }

    /// Whom to ask now. Empty if answers must come first, or nothing more is to be asked.
    pub(crate) fn ask(&mut self) -> Vec<Place> {
        let more = if self.asked == 0 {
            self.first_batch
        } else if self.pending.is_empty() && !self.knows_enough() {
            self.needed.max(5)
        } else {
            0
        };
        let upto = self.asked.saturating_add(more).min(self.map.servers.len());
        let places: Vec<Place> = (self.asked..upto).collect();
        self.asked = upto;
        self.pending.extend(&places);
        places
    }

    /// Servers that have not answered yet.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Whether what is known would do, were nobody else to answer.
    pub(crate) fn knows_enough(&self) -> bool {
        let is_settled = self.map.best().is_some() && !self.map.has_unrecoverable_newer();
        match self.mode {
            Mode::Read => is_settled,
            Mode::Write => (is_settled || self.map.shares.is_empty()) && self.is_past_the_end(),
            Mode::Check => false,
        }
    }

    /// Whether the last `k` servers that answered, along the ring, have nothing: beyond them
    /// there is nothing to be expected.
    fn is_past_the_end(&self) -> bool {
        let with_shares: BTreeSet<Place> =
            self.map.shares.keys().map(|(_, place)| *place).collect();
        let mut last = self.map.answered.iter().rev().take(self.needed).peekable();
        last.peek().is_some() && last.all(|place| !with_shares.contains(place))
    }

    /// Takes in what a server answered.
    pub(crate) fn answer(&mut self, place: Place, answer: Result<SlotReadAnswer, StorageError>) {
        self.pending.remove(&place);
        match answer {
            Ok(shares) => {
                self.map.answered.insert(place);
                for (number, pieces) in shares {
                    let front = pieces.into_iter().next().unwrap_or_default();
                    let header = match self.prove(number, &front) {
                        Ok(header) => Some(header),
                        Err(why) => {
                            self.map.damaged.push((number, place, why));
                            None
                        }
                    };
                    self.map.shares.insert((number, place), FoundShare { header, front });
                }
            }
            Err(_) => {
                self.map.failed.insert(place);
            }
        }
    }

    /// Waits for nobody any more; gives those that were waited for.
    pub(crate) fn give_up(&mut self) -> BTreeSet<Place> {
        let late = std::mem::take(&mut self.pending);
        self.map.failed.extend(&late);
        late
    }

    /// The header of a share, once its signature, or that of the same header in another share,
    /// is found good.
    fn prove(&mut self, number: ShareNumber, front: &Bytes) -> Result<Arc<Header>, String> {
        let header = Header::parse(front, self.format).map_err(|error| error.to_string())?;
        if u16::from(number.get()) >= header.geometry.encoding().total() {
            return Err("there is no such share in its encoding".to_owned());
        }
        if !self.proven.contains_key(header.signed()) {
            let part = |range: &std::ops::Range<u64>| {
                let at = |offset| usize::try_from(offset).unwrap_or(usize::MAX);
                front.get(at(range.start)..at(range.end)).ok_or("the share ends too early")
            };
            let key = match &self.key {
                Some(key) => Arc::clone(key),
                None => {
                    let der = part(&header.offsets.public_key)?;
                    let key = VerifyingKey::from_der(der, &self.fingerprint)
                        .map_err(|error| error.to_string())?;
                    Arc::clone(self.key.insert(Arc::new(key)))
                }
            };
            let signature = part(&header.offsets.signature)?;
            key.verify(header.signed(), signature).map_err(|error| error.to_string())?;
            self.proven.insert(header.signed().clone(), Arc::new(header.clone()));
        }
        Ok(Arc::new(header))
    }
}
