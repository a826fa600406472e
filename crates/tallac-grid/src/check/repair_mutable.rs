//! Repair of a mutable file: its best version, written anew over all others (specification section
//! 4.8).

use tallac_core::cap::FileCap;

use super::mutable::Survey;
use super::{CheckOptions, Checker, RepairError, RepairResults};
use crate::mutable::MutableError;
use crate::mutable::servermap::{ServerMap, is_recoverable};

impl Checker {
    pub(super) async fn repair_mutable(
        &self,
        cap: &FileCap,
        options: CheckOptions,
    ) -> Option<RepairResults> {
        let before = self.survey(cap, options).await?;
        let pre = before.results(cap)?;
        if !before.needs_repair() {
            return Some(RepairResults::untried(pre, None));
        }
        if !cap.is_writeable() {
            return Some(RepairResults::untried(pre, Some(RepairError::NeedsWriteCap)));
        }
        let rewritten = match refusal(&before.map) {
            None => self.rewrite(cap, before.map.clone()).await.map_err(RepairError::Mutable),
            Some(refusal) => Err(refusal),
        };
        let (successful, post, problem) = match rewritten {
            Ok(map) => (true, before.after(map).results(cap)?, None),
            Err(problem) => (false, pre.clone(), Some(problem)),
        };
        Some(RepairResults { pre, attempted: true, successful, post, problem })
    }

    async fn rewrite(&self, cap: &FileCap, map: ServerMap) -> Result<ServerMap, MutableError> {
        self.grid.mutable_files().open(cap)?.rewrite(map).await
    }
}

/// Why a repair would do harm, or no good.
fn refusal(map: &ServerMap) -> Option<RepairError> {
    let versions = map.versions();
    let Some((best, _)) = versions.iter().find(|version| is_recoverable(version)) else {
        let most = versions.iter().max_by_key(|(_, numbers)| numbers.len());
        return Some(RepairError::NotEnoughShares {
            found: most.map_or(0, |(_, numbers)| numbers.len()),
            needed: most.map_or(1, |(header, _)| header.geometry.encoding().needed().into()),
        });
    };
    let rank = |header: &tallac_core::mutable::Header| header.version.sequence_number;
    if versions.iter().any(|(header, _)| rank(header) > rank(best)) {
        return Some(RepairError::UnrecoverableNewer);
    }
    let mut ranks: Vec<u64> = versions
        .iter()
        .filter(|version| is_recoverable(version))
        .map(|(header, _)| rank(header))
        .collect();
    let recoverable = ranks.len();
    ranks.dedup();
    (ranks.len() < recoverable).then_some(RepairError::NeedsMerge)
}

impl Survey {
    /// What is known after a repair: of the shares that were bad, those that were not replaced.
    fn after(self, map: ServerMap) -> Self {
        let is_bad = |bad: &super::BadShare| {
            map.shares.iter().any(|((number, place), share)| {
                *number == bad.share
                    && map.servers[*place].info().id == bad.server
                    && share.header.is_none()
            })
        };
        let keep = |mut shares: Vec<super::BadShare>| {
            shares.retain(is_bad);
            shares
        };
        Self { corrupt: keep(self.corrupt), incompatible: keep(self.incompatible), map }
    }
}
