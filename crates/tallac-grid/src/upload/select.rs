//! Server selection: where shares go, and room for them (specification section 4.2).
//!
//! Room is asked for right away on the servers that the plan names for a grid without any of the
//! file's shares. Their answers tell what is there already; only then, if something is, or somebody
//! refused, is the plan made anew with what is known by now. So a new file takes one round of
//! requests, and one that exists in part finds and keeps its shares.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tallac_core::ids::{ServerId, ShareNumber, StorageIndex};
use tallac_core::immutable::{Encoder, Geometry};
use tallac_core::lease;
use tallac_core::placement::{self, Candidates, Plan, UploadUnhappiness};
use tallac_core::secrets::UploadSecret;
use tallac_core::storage::{AllocateRequest, Allocation, ShareKind, StorageError};

use super::results::UploadError;
use crate::grid::Grid;
use crate::patience::{Patience, gather};
use crate::servers::{GridServer, Health};

/// How long servers have to answer the question for room.
const PATIENCE: Patience =
    Patience { floor: Duration::from_secs(2), factor: 10, ceiling: Duration::from_secs(15) };

/// Plans that are tried: each round learns of at least one refusal, so this is more than enough.
const ROUNDS_MAX: usize = 20;

/// A server that may take or hold shares, and what is known of it by now.
struct Candidate {
    server: Arc<GridServer>,
    /// Whether it would take new shares, as far as is known.
    writable: bool,
    /// Whether it answered when last asked.
    answers: bool,
    /// Whether it told what it has.
    known: bool,
    has: BTreeSet<ShareNumber>,
    /// What it has that is corrupt.
    spoiled: BTreeSet<ShareNumber>,
    /// What it made room for.
    allocated: BTreeSet<ShareNumber>,
}

/// Finds servers for one file.
pub(super) struct Selector {
    candidates: Vec<Candidate>,
    storage_index: StorageIndex,
    share_size: u64,
    shares: BTreeSet<ShareNumber>,
    needed: usize,
    happy: usize,
    upload_secret: UploadSecret,
    /// Servers that are left out because no grid manager vouches for them.
    not_permitted: usize,
    grid: Grid,
}

/// What is known of the shares of a file that is to be repaired.
#[derive(Debug, Clone)]
pub(crate) struct KnownShares {
    pub(crate) storage_index: StorageIndex,
    pub(crate) good: Vec<(ServerId, ShareNumber)>,
    /// Corrupt ones: they stay where they are.
    pub(crate) spoiled: Vec<(ServerId, ShareNumber)>,
    /// Servers that answered.
    pub(crate) responding: BTreeSet<ServerId>,
}

/// Shares with room made for them, and shares that are there.
pub(super) struct Selection {
    /// Where room was made. Whatever is not taken out of it is given up when it is dropped.
    pub(super) room: Vec<Room>,
    /// What was there already: which servers have which share.
    pub(super) existing: BTreeMap<ShareNumber, BTreeSet<ServerId>>,
    pub(super) needed: usize,
    pub(super) happy: usize,
    pub(super) share_size: u64,
    not_permitted: usize,
    storage_index: StorageIndex,
}

impl Selection {
    pub(super) fn preexisting(&self) -> BTreeMap<ShareNumber, BTreeSet<ServerId>> {
        self.existing.clone()
    }
}

/// Room for one share on one server. Dropped before the share is complete, it is given back.
pub(super) struct Room {
    pub(super) server: Arc<GridServer>,
    pub(super) storage_index: StorageIndex,
    pub(super) share: ShareNumber,
    pub(super) upload_secret: UploadSecret,
    /// Set once there is nothing left to give back.
    pub(super) done: bool,
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let storage = self.server.storage_arc();
        let (si, share, secret) = (self.storage_index, self.share, self.upload_secret.clone());
        runtime.spawn(async move {
            if let Err(error) = storage.abort(si, share, secret).await {
                tracing::debug!(%si, %share, %error, "room was not given back");
            }
        });
    }
}

/// What one server was asked, and answered.
enum Answer {
    Allocation(Allocation),
    Listing(BTreeSet<ShareNumber>),
}

impl Selector {
    pub(super) fn new(
        grid: &Grid,
        geometry: &Geometry,
        storage_index: StorageIndex,
        happy: usize,
    ) -> Self {
        let encoding = geometry.encoding();
        let share_size = Encoder::share_size(geometry);
        let total = usize::from(encoding.total());
        let mut ring = grid.servers().ring(&storage_index);
        let connected = ring.len();
        ring.retain(|server| server.may_take_shares());
        let not_permitted = connected - ring.len();
        let candidates = ring
            .into_iter()
            .take(2 * total)
            .map(|server| Candidate {
                writable: takes_shares_of(&server, share_size),
                answers: true,
                known: false,
                has: BTreeSet::new(),
                spoiled: BTreeSet::new(),
                allocated: BTreeSet::new(),
                server,
            })
            .collect();
        Self {
            candidates,
            storage_index,
            share_size,
            shares: ShareNumber::first(total).collect(),
            needed: encoding.needed().into(),
            happy,
            upload_secret: UploadSecret::new(Vec::new()),
            not_permitted,
            grid: grid.clone(),
        }
    }

    /// For shares of `share_size` bytes of a file some of whose shares are known: servers are asked
    /// for room only. Any placement will do.
    pub(super) fn for_repair(
        grid: &Grid,
        geometry: &Geometry,
        share_size: u64,
        known: &KnownShares,
    ) -> Self {
        let mut selector = Self::new(grid, geometry, known.storage_index, 0);
        selector.share_size = share_size;
        let is_candidate = |all: &[Candidate], server: &GridServer| {
            all.iter().any(|candidate| candidate.server.info().id == server.info().id)
        };
        for server in grid.servers().ring(&known.storage_index) {
            if !is_candidate(&selector.candidates, &server) {
                selector.candidates.push(Candidate {
                    writable: false,
                    answers: true,
                    known: true,
                    has: BTreeSet::new(),
                    spoiled: BTreeSet::new(),
                    allocated: BTreeSet::new(),
                    server,
                });
            }
        }
        for candidate in &mut selector.candidates {
            let of = |shares: &[(ServerId, ShareNumber)]| -> BTreeSet<ShareNumber> {
                let id = &candidate.server.info().id;
                shares.iter().filter(|(server, _)| server == id).map(|(_, share)| *share).collect()
            };
            (candidate.has, candidate.spoiled) = (of(&known.good), of(&known.spoiled));
            candidate.known = true;
            candidate.answers = known.responding.contains(&candidate.server.info().id);
            candidate.writable &= takes_shares_of(&candidate.server, share_size);
        }
        selector
    }

    pub(super) async fn select(mut self) -> Result<Selection, UploadError> {
        if self.candidates.is_empty() {
            let error = UploadUnhappiness::no_servers(self.storage_index);
            return Err(error.with_not_permitted(self.not_permitted).into());
        }
        let mut secret = vec![0; 20];
        getrandom::fill(&mut secret).map_err(|_| UploadError::NoRandomness)?;
        self.upload_secret = UploadSecret::new(secret);

        let mut plan = self.plan();
        for _ in 0..ROUNDS_MAX {
            let wanted = self.wanted(&plan);
            if wanted.is_empty() {
                break;
            }
            self.ask(wanted).await;
            plan = self.plan();
        }
        tracing::debug!(si = %self.storage_index, %plan, "placed");
        self.finish(&plan)
    }

    /// The best placement by what is known. Room that was made counts as a share held.
    fn plan(&self) -> Plan<usize> {
        let of = |writable: bool| -> Vec<usize> {
            self.candidates
                .iter()
                .enumerate()
                .filter(|(_, c)| c.answers && c.writable == writable)
                .map(|(i, _)| i)
                .collect()
        };
        let existing = self
            .candidates
            .iter()
            .enumerate()
            .filter(|(_, c)| c.answers)
            .map(|(i, c)| (i, c.has.union(&c.allocated).copied().collect()))
            .collect();
        let (writable, readonly) = (of(true), of(false));
        let spoiled = self.candidates.iter().enumerate().map(|(i, c)| (i, c.spoiled.clone()));
        let (shares, spoiled) = (self.shares.clone(), spoiled.collect());
        Plan::new(&Candidates { writable, readonly, shares, existing, spoiled })
    }

    /// What to ask next: room for planned shares that have none, and a listing from those that
    /// told nothing yet.
    fn wanted(&self, plan: &Plan<usize>) -> BTreeMap<usize, BTreeSet<ShareNumber>> {
        let mut wanted: BTreeMap<usize, BTreeSet<ShareNumber>> = BTreeMap::new();
        for (&share, placement) in plan.assignments() {
            if !placement.exists {
                wanted.entry(placement.server).or_default().insert(share);
            }
        }
        for (at, candidate) in self.candidates.iter().enumerate() {
            if candidate.answers && !candidate.known {
                wanted.entry(at).or_default();
            }
        }
        wanted
    }

    async fn ask(&mut self, wanted: BTreeMap<usize, BTreeSet<ShareNumber>>) {
        let questions = wanted.iter().map(|(&at, shares)| self.question(at, shares.clone()));
        let answers = gather(questions.collect::<Vec<_>>(), PATIENCE).await;
        for ((at, asked), answer) in wanted.into_iter().zip(answers) {
            let seconds = PATIENCE.ceiling.as_secs();
            let answer = answer.unwrap_or(Err(StorageError::TimedOut { seconds }));
            self.note(at, &asked, answer);
        }
    }

    async fn question(
        &self,
        at: usize,
        share_numbers: BTreeSet<ShareNumber>,
    ) -> Result<Answer, StorageError> {
        let server = &self.candidates[at].server;
        if share_numbers.is_empty() {
            let listing = server.storage().list(ShareKind::Immutable, self.storage_index).await?;
            return Ok(Answer::Listing(listing));
        }
        let config = self.grid.config();
        let request = AllocateRequest {
            storage_index: self.storage_index,
            share_numbers,
            allocated_size: self.share_size,
            upload_secret: self.upload_secret.clone(),
            lease: lease::lease_secrets(
                &config.lease_secret,
                &self.storage_index,
                &server.info().tub_id,
            ),
        };
        Ok(Answer::Allocation(server.storage().allocate(request).await?))
    }

    fn note(
        &mut self,
        at: usize,
        asked: &BTreeSet<ShareNumber>,
        answer: Result<Answer, StorageError>,
    ) {
        let candidate = &mut self.candidates[at];
        match answer {
            Ok(Answer::Listing(has)) => {
                candidate.known = true;
                candidate.has = has;
            }
            Ok(Answer::Allocation(Allocation { already_have, allocated })) => {
                candidate.known = true;
                candidate.has = &already_have - &candidate.spoiled;
                candidate.allocated.extend(&allocated);
                // One that refused will refuse again: it is full, or another upload is at it.
                let taken = |share| candidate.has.contains(share) || allocated.contains(share);
                candidate.writable = asked.iter().all(taken);
            }
            Err(error) => {
                let name = &candidate.server.info().id;
                tracing::info!(server = %name, %error, "left out of an upload");
                candidate.server.note_error(&error);
                candidate.answers = false;
            }
        }
    }

    /// Keeps the room that the plan uses, gives the rest back, and refuses what is not happy.
    fn finish(mut self, plan: &Plan<usize>) -> Result<Selection, UploadError> {
        let mut existing: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        let mut room = Vec::new();
        for (at, candidate) in self.candidates.iter_mut().enumerate() {
            for &share in candidate.has.intersection(&self.shares) {
                existing.entry(share).or_default().insert(candidate.server.info().id.clone());
            }
            for &share in &candidate.allocated {
                let made = Room {
                    server: Arc::clone(&candidate.server),
                    storage_index: self.storage_index,
                    share,
                    upload_secret: self.upload_secret.clone(),
                    done: false,
                };
                // What the plan does not use is dropped here, and so given back.
                if candidate.answers
                    && plan.assignments().get(&share).is_some_and(|p| p.server == at)
                {
                    room.push(made);
                }
            }
        }
        let selection = Selection {
            not_permitted: self.not_permitted,
            room,
            existing,
            needed: self.needed,
            happy: self.happy,
            share_size: self.share_size,
            storage_index: self.storage_index,
        };
        selection.check_happiness(&BTreeSet::new())?;
        Ok(selection)
    }
}

impl Selection {
    /// Happiness with the shares that are there, and with the room for others but those lost.
    pub(super) fn check_happiness(
        &self,
        lost: &BTreeSet<ShareNumber>,
    ) -> Result<usize, UploadUnhappiness> {
        let mut placed = self.existing.clone();
        for room in self.room.iter().filter(|room| !lost.contains(&room.share)) {
            placed.entry(room.share).or_default().insert(room.server.info().id.clone());
        }
        let reached = placement::happiness(&placed);
        let holders = placed.values().flatten().collect::<BTreeSet<_>>().len();
        let happiness = (self.happy, reached);
        match UploadUnhappiness::check(self.storage_index, holders, self.needed, happiness) {
            None => Ok(reached),
            Some(unhappy) => Err(unhappy.with_not_permitted(self.not_permitted)),
        }
    }
}

/// Whether the server said that it has room for such a share.
fn takes_shares_of(server: &GridServer, share_size: u64) -> bool {
    match server.health() {
        Health::Connected { version, .. } => version.immutable_share_size_max >= share_size,
        Health::Unknown | Health::Failing { .. } => false,
    }
}
