//! Repair of an immutable file: its missing shares, made anew (specification section 4.5).

use std::collections::BTreeSet;
use std::sync::Arc;

use tallac_core::cap::ChkVerifyCap;
use tallac_core::ids::{ServerId, ShareNumber};
use tallac_core::immutable::EncodeError;

use super::immutable::{Findings, locations, results};
use super::{BadShare, CheckOptions, CheckResults, Checker, RepairError, RepairResults};
use crate::download::{DownloadError, Subject};
use crate::servers::GridServer;
use crate::upload::{KnownShares, UploadError};

/// How often a repair is tried. Another time helps where shares that were believed to be good
/// turned out to be corrupt while the file was read, or servers did not take what they had made
/// room for.
const TRIES_MAX: usize = 3;

impl Checker {
    pub(super) async fn repair_immutable(
        &self,
        cap: &ChkVerifyCap,
        options: CheckOptions,
    ) -> RepairResults {
        let servers = self.grid.servers().ring(&cap.storage_index());
        let mut found = self.find_immutable(&servers, cap, options).await;
        let pre = results(cap, &found);
        if pre.healthy {
            return RepairResults::untried(pre, None);
        }
        if !options.add_lease {
            let is_holder = |server: &&Arc<GridServer>| {
                found.good.iter().any(|(id, _)| *id == server.info().id)
            };
            let holders: Vec<_> = servers.iter().filter(is_holder).cloned().collect();
            self.add_leases(&holders, cap.storage_index()).await;
        }
        let mut problem = None;
        let mut failed = BTreeSet::new();
        for _ in 0..TRIES_MAX {
            let known = (found.corrupt.len(), failed.len());
            problem = self.restore(&servers, cap, &mut found, &mut failed).await.err();
            if problem.is_none() || known == (found.corrupt.len(), failed.len()) {
                break;
            }
        }
        let post = afterwards(results(cap, &found));
        let (attempted, successful) = (true, post.healthy);
        RepairResults { pre, attempted, successful, post, problem }
    }

    /// Makes what is missing, and notes what is there then, and which servers `failed`, to which
    /// nothing more is given.
    async fn restore(
        &self,
        servers: &[Arc<GridServer>],
        cap: &ChkVerifyCap,
        found: &mut Findings,
        failed: &mut BTreeSet<ServerId>,
    ) -> Result<(), RepairError> {
        let good: BTreeSet<ShareNumber> = found.good.iter().map(|(_, share)| *share).collect();
        let needed = cap.shape().needed_shares;
        if (good.len() as u64) < needed {
            return Err(RepairError::NotEnoughShares { found: good.len(), needed });
        }
        let subject = Subject::of(cap)?;
        let places = locations(servers, &found.good);
        let file = match self.grid.downloader().open_ciphertext(subject, places).await {
            Ok(file) => file,
            Err((error, corrupt)) => {
                found.note_corrupt(corrupt);
                return Err(error.into());
            }
        };
        let bad = found.corrupt.iter().chain(&found.incompatible);
        let known = KnownShares {
            storage_index: cap.storage_index(),
            good: found.good.clone(),
            spoiled: bad.map(|bad| (bad.server.clone(), bad.share)).collect(),
            responding: &found.responding - failed,
        };
        let restored = self.grid.uploader().restore(&file, &known).await;
        found.note_corrupt(file.corrupt_shares());
        let restored = restored.map_err(from_upload)?;
        found.good.extend(restored.shares.into_iter().map(|(share, server)| (server, share)));
        failed.extend(restored.failed);
        match results(cap, found).healthy {
            true => Ok(()),
            false => Err(RepairError::NotPlaced),
        }
    }
}

impl Findings {
    /// Shares that were taken for good are not.
    fn note_corrupt(&mut self, corrupt: Vec<BadShare>) {
        let is_bad = |(server, share): &(ServerId, ShareNumber)| {
            corrupt.iter().any(|bad| bad.server == *server && bad.share == *share)
        };
        self.good.retain(|share| !is_bad(share));
        self.corrupt.extend(corrupt);
    }
}

/// What Tahoe says once it has tried.
fn afterwards(results: CheckResults) -> CheckResults {
    let summary = if results.healthy { "healthy" } else { "not healthy" };
    CheckResults { summary: summary.to_owned(), ..results }
}

/// Finds out what was really wrong: the source of the upload is a download.
fn from_upload(error: UploadError) -> RepairError {
    match error {
        UploadError::Encode(error @ EncodeError::OtherShares) => {
            RepairError::Irreproducible(error.to_string())
        }
        UploadError::Source(error) => {
            match error.get_ref().and_then(|error| error.downcast_ref::<DownloadError>()) {
                Some(error) => error.clone().into(),
                None => UploadError::Source(error).into(),
            }
        }
        error => error.into(),
    }
}
