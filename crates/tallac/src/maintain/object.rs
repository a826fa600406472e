//! One object: what to do with it, what that costs, and what came of it.

use tallac_core::cap::FileCap;
use tallac_core::dirnode::ChildName;
use tallac_core::ids::StorageIndex;
use tallac_core::immutable::SEGMENT_SIZE_DEFAULT;
use tallac_grid::check::{CheckOptions, CheckResults, RepairResults};
use tallac_grid::directory::Visit;
use tallac_grid::grid::Grid;

use super::Maintenance;
use super::state::{Finding, Outcome, Round};

/// Bytes that a look for shares takes, of each server.
const LOOK_COST: u64 = 500;

/// Size that is assumed of a mutable file that does not tell it, such as one by a verify cap.
const SIZE_ASSUMED: u64 = 1 << 20;

/// Something that was met.
#[derive(Debug)]
pub(super) struct Object {
    path: Vec<ChildName>,
    /// What its shares are found by, if it has any.
    cap: Option<FileCap>,
    /// Of a directory: the size of its table; nothing if it cannot be read.
    table: Option<Option<u64>>,
}

/// Something that was met, and what came of it.
#[derive(Debug)]
pub(super) struct Done {
    object: Object,
    results: Option<Results>,
    bytes: u64,
}

/// What was found, and what was done about it.
#[derive(Debug)]
struct Results {
    pre: CheckResults,
    repair: Option<RepairResults>,
}

impl Object {
    /// What a walk met.
    pub(super) fn visited(visit: Visit) -> Self {
        let cap = visit.node.cap().and_then(|cap| cap.file().cloned());
        let is_directory = visit.node.directory().is_some();
        let table = is_directory.then(|| visit.listing.map(|listing| listing.size));
        Self { path: visit.path, cap, table }
    }

    /// What has shares, and cannot be looked into.
    pub(super) const fn of_shares(cap: FileCap) -> Self {
        Self { path: Vec::new(), cap: Some(cap), table: None }
    }

    /// Whether this is the one with these shares.
    pub(super) fn is(&self, storage_index: StorageIndex) -> bool {
        self.cap.as_ref().and_then(FileCap::storage_index) == Some(storage_index)
    }

    /// Bytes of its content.
    async fn size(&self, grid: &Grid) -> u64 {
        match (&self.cap, self.table) {
            (Some(FileCap::ChkRead(cap)), _) => cap.size(),
            (Some(FileCap::ChkVerify(cap)), _) => cap.size(),
            (_, Some(Some(size))) => size,
            (Some(cap @ (FileCap::SskWrite(_) | FileCap::SskRead(_))), _) => {
                let Ok(file) = grid.mutable_files().open(cap) else { return SIZE_ASSUMED };
                file.version().await.map_or(SIZE_ASSUMED, |version| version.size)
            }
            _ => SIZE_ASSUMED,
        }
    }

    /// Shares that it should have, and those that bring it back.
    fn shape(&self, grid: &Grid) -> (u64, u64) {
        let encoding = match &self.cap {
            Some(FileCap::ChkRead(cap)) => cap.encoding().ok(),
            Some(FileCap::ChkVerify(cap)) => cap.encoding().ok(),
            _ => None,
        };
        let encoding = encoding.unwrap_or(grid.config().encoding);
        (encoding.total().into(), encoding.needed().max(1).into())
    }
}

impl Maintenance {
    /// Does with an object what is to be done, once it is its turn.
    pub(super) async fn object(&self, object: Object, verify: bool) -> Done {
        let grid = &self.0.grid;
        let Some(cap) = object.cap.clone().filter(|cap| cap.storage_index().is_some()) else {
            return Done { object, results: None, bytes: 0 };
        };
        self.servers().await;
        let (budget, config) = (&self.0.budget, &self.0.config);
        let (total, needed) = object.shape(grid);
        let servers = grid.servers().all().len() as u64;
        let mut bytes = LOOK_COST.saturating_mul(servers);
        // To ask for the size of a mutable file costs a little, too.
        let size = match &cap {
            FileCap::ChkRead(_) | FileCap::ChkVerify(_) => object.size(grid).await,
            _ if budget.is_limited() && verify => object.size(grid).await,
            _ => 0,
        };
        if verify {
            bytes = bytes.saturating_add(shares_size(size, total, needed));
        }
        budget.take(bytes).await;
        let options = CheckOptions { verify, add_lease: config.add_lease };
        let checker = grid.checker();
        let results = if config.repair {
            let results = checker.check_and_repair(&cap, options).await;
            results.map(|results| Results { pre: results.pre.clone(), repair: Some(results) })
        } else {
            let results = checker.check(&cap, options).await;
            results.map(|pre| Results { pre, repair: None })
        };
        if let Some(results) = &results
            && results.repair.as_ref().is_some_and(|repair| repair.attempted)
        {
            let size = if size == 0 { object.size(grid).await } else { size };
            // All of it is read; the shares that were missing are written, or all anew.
            let missing = match &cap {
                FileCap::ChkRead(_) | FileCap::ChkVerify(_) => {
                    total.saturating_sub(results.pre.shares_good as u64)
                }
                _ => total,
            };
            let moved = size.saturating_add(shares_size(size, missing, needed));
            budget.charge(moved);
            bytes = bytes.saturating_add(moved);
        }
        Done { object, results, bytes }
    }
}

/// Bytes of so many shares of which so many bring back a file of this size, with what proves them.
fn shares_size(size: u64, shares: u64, needed: u64) -> u64 {
    let blocks = u128::from(size) * u128::from(shares) / u128::from(needed);
    let proofs = u128::from(shares) * u128::from(2048 + 128 * (size / SEGMENT_SIZE_DEFAULT + 1));
    u64::try_from(blocks + proofs).unwrap_or(u64::MAX)
}

impl Done {
    /// Its storage index, if it has shares.
    pub(super) fn storage_index(&self) -> Option<String> {
        self.results.as_ref().map(|results| results.pre.storage_index.to_string())
    }

    /// Counts it, and keeps what is to be told of it.
    pub(super) fn note(&self, round: &mut Round, target: &str) {
        let counts = &mut round.counts;
        counts.bytes = counts.bytes.saturating_add(self.bytes);
        let names: Vec<_> = self.object.path.iter().map(ChildName::as_str).collect();
        let finding = |outcome, text: String| Finding {
            target: target.to_owned(),
            path: names.join("/"),
            storage_index: self.storage_index(),
            outcome,
            text,
        };
        if self.object.table == Some(None) {
            counts.unreadable += 1;
            let text = "this directory cannot be read: what is in it was not looked after";
            round.note(finding(Outcome::Unreadable, text.to_owned()));
        }
        let Some(results) = &self.results else { return };
        let counts = &mut round.counts;
        counts.checked += 1;
        counts.corrupt_shares += results.pre.corrupt.len() as u64;
        if results.pre.healthy {
            counts.healthy += 1;
            return;
        }
        let post = results.repair.as_ref().map_or(&results.pre, |repair| &repair.post);
        let mut text = results.pre.summary.clone();
        if let Some(problem) = results.repair.as_ref().and_then(|repair| repair.problem.as_ref()) {
            text = format!("{text}; {problem}");
        }
        let outcome = if post.healthy {
            counts.repaired += 1;
            Outcome::Repaired
        } else {
            counts.unhealthy += 1;
            counts.unrecoverable += u64::from(!post.recoverable);
            if post.recoverable { Outcome::Unhealthy } else { Outcome::Unrecoverable }
        };
        round.note(finding(outcome, text));
    }
}
