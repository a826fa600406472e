//! Check of a mutable file (specification section 4.8).

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use tallac_core::cap::FileCap;
use tallac_core::ids::ShareNumber;
use tallac_core::mutable::Header;
use tallac_core::placement;
use tallac_core::storage::ShareKind;

use super::{BadShare, CheckOptions, CheckResults, Checker, ShareId, ShareMap};
use crate::download::Flaw;
use crate::mutable::query::{self, Subject};
use crate::mutable::servermap::{Place, ServerMap, is_recoverable};
use crate::mutable::verify::verify;

/// Bytes that are read from the front of every share when nothing but its header is looked at:
/// header, keys and signature of either format.
const HEADER_FRONT_LEN: u64 = 2304;

/// What Tahoe says of a file of which nothing is there to tell its encoding.
const ENCODING_UNKNOWN: (u64, u64) = (3, 10);

/// What is known of a mutable file.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) map: ServerMap,
    pub(super) corrupt: Vec<BadShare>,
    pub(super) incompatible: Vec<BadShare>,
}

impl Checker {
    /// Looks for all shares of all versions.
    pub(super) async fn survey(&self, cap: &FileCap, options: CheckOptions) -> Option<Survey> {
        let subject = Subject::of(cap)?;
        let servers = self.grid.servers().ring(&subject.storage_index);
        let leases = async {
            if options.add_lease {
                self.add_leases(&servers, subject.storage_index).await;
            }
        };
        let front_len = if options.verify { query::FRONT_LEN } else { HEADER_FRONT_LEN };
        let found = async {
            // A writer of this process is waited for, rather than met half-way.
            let state = self.grid.mutable_files().in_use(subject);
            let reading = match &state {
                Some(state) => Some(state.queue.read().await),
                None => None,
            };
            let map = query::survey(&self.grid, subject, servers.clone(), front_len).await;
            drop(reading);
            let survey = Survey { map, corrupt: Vec::new(), incompatible: Vec::new() };
            if options.verify { self.verify_mutable(cap, subject, survey).await } else { survey }
        };
        let ((), found) = tokio::join!(leases, found);
        Some(found)
    }

    /// Proves every share of every version. One that could not be read is no share.
    async fn verify_mutable(&self, cap: &FileCap, subject: Subject, mut survey: Survey) -> Survey {
        let write = match cap {
            FileCap::SskWrite(cap) => Some(cap),
            _ => None,
        };
        let storage_index = subject.storage_index;
        let map = &survey.map;
        let bad = |number: ShareNumber, place: Place, reason: String| BadShare {
            server: map.servers[place].info().id.clone(),
            storage_index,
            share: number,
            reason,
        };
        // What has no good header, its server was told already.
        let damaged =
            map.damaged.iter().map(|(number, place, why)| bad(*number, *place, why.clone()));
        survey.corrupt = damaged.collect();
        let shares: Vec<_> = map.shares.keys().copied().collect();
        let budget = self.grid.verify_budget();
        let verdicts = shares.iter().map(|share| verify(map, subject, *share, write, budget));
        let verdicts = join_all(verdicts.collect::<Vec<_>>()).await;
        let mut useless = Vec::new();
        for ((number, place), verdict) in shares.into_iter().zip(verdicts) {
            let server = &map.servers[place];
            match verdict {
                Ok(()) => continue,
                Err(Flaw::Corrupt(reason)) => {
                    survey.corrupt.push(bad(number, place, reason.clone()));
                    server.advise_corrupt(ShareKind::Mutable, storage_index, number, reason);
                }
                Err(Flaw::Incompatible(why)) => survey.incompatible.push(bad(number, place, why)),
                Err(Flaw::Unread(error)) => {
                    tracing::info!(server = %server.info().id, %error, "share not verified");
                    server.note_error(&error);
                }
            }
            useless.push((number, place));
        }
        for (number, place) in useless {
            survey.map.note_useless(number, place);
        }
        survey
    }
}

impl Survey {
    /// Whether a repair has anything to do.
    pub(super) fn needs_repair(&self) -> bool {
        let versions = self.map.versions();
        let (recoverable, unrecoverable): (Vec<_>, Vec<_>) =
            versions.into_iter().partition(is_recoverable);
        let is_complete = recoverable.first().is_some_and(|(header, numbers)| {
            numbers.len() >= usize::from(header.geometry.encoding().total())
        });
        !unrecoverable.is_empty()
            || recoverable.len() != 1
            || !is_complete
            || !self.corrupt.is_empty()
    }

    /// What is to be made of it. The words are Tahoe's.
    pub(super) fn results(&self, cap: &FileCap) -> Option<CheckResults> {
        let storage_index = cap.storage_index()?;
        let versions = self.map.versions();
        let (recoverable, unrecoverable): (Vec<_>, Vec<_>) =
            versions.into_iter().partition(is_recoverable);
        let mut words = Words::default();
        words.report_versions("Recoverable Versions", &self.map, &recoverable);
        words.report_versions("Unrecoverable Versions", &self.map, &unrecoverable);
        if !unrecoverable.is_empty() {
            words.unhealthy("some versions are unrecoverable", "");
        }
        if recoverable.is_empty() {
            words.unhealthy("no versions are recoverable", "");
        }
        if recoverable.len() > 1 {
            let at_length = "there are multiple recoverable versions";
            words.unhealthy("multiple versions are recoverable", at_length);
        }
        let best = recoverable.first().or_else(|| unrecoverable.first());
        let counts = best.map_or_else(Counts::none, |best| Counts::of(&self.map, best));
        if let Some((header, _)) = recoverable.first() {
            words.report.push(format!("Best Recoverable Version: {}", header.version));
            if (counts.good as u64) < counts.expected {
                words.too_few_shares(&counts);
            }
        }
        words.corrupt(&self.corrupt);
        let sharemap = sharemap(&self.map);
        Some(CheckResults {
            storage_index,
            healthy: words.is_healthy,
            recoverable: !recoverable.is_empty(),
            happiness: placement::happiness(&sharemap),
            shares_good: counts.good,
            shares_needed: counts.needed,
            shares_expected: counts.expected,
            good_hosts: counts.hosts,
            corrupt: self.corrupt.clone(),
            incompatible: self.incompatible.clone(),
            servers_responding: self
                .map
                .answered
                .iter()
                .map(|place| self.map.servers[*place].info().id.clone())
                .collect(),
            sharemap,
            wrong_shares: counts.wrong,
            recoverable_versions: recoverable.len(),
            unrecoverable_versions: unrecoverable.len(),
            summary: words.summary(),
            report: words.report,
        })
    }
}

/// Which servers have which shares of all versions.
fn sharemap(map: &ServerMap) -> ShareMap {
    let mut sharemap = ShareMap::new();
    for ((number, place), share) in &map.shares {
        if let Some(header) = &share.header {
            let share = ShareId::Mutable(header.version, *number);
            let server = map.servers[*place].info().id.clone();
            sharemap.entry(share).or_default().insert(server);
        }
    }
    sharemap
}

/// A version, and the numbers of its shares.
type Found = (Arc<Header>, BTreeSet<ShareNumber>);

/// Shares of the version that counts.
struct Counts {
    good: usize,
    needed: u64,
    expected: u64,
    hosts: usize,
    wrong: usize,
}

impl Counts {
    fn none() -> Self {
        let (needed, expected) = ENCODING_UNKNOWN;
        Self { good: 0, needed, expected, hosts: 0, wrong: 0 }
    }

    fn of(map: &ServerMap, (header, numbers): &Found) -> Self {
        let encoding = header.geometry.encoding();
        let all = map.shares.values().filter(|share| share.header.is_some()).count();
        let places: Vec<_> = map.shares_of(header).map(|(_, place, _)| place).collect();
        Self {
            good: numbers.len(),
            needed: encoding.needed().into(),
            expected: encoding.total().into(),
            hosts: places.iter().collect::<BTreeSet<_>>().len(),
            wrong: all - places.len(),
        }
    }
}

/// What is said of a file.
struct Words {
    is_healthy: bool,
    summary: Vec<String>,
    report: Vec<String>,
}

impl Default for Words {
    fn default() -> Self {
        Self { is_healthy: true, summary: Vec::new(), report: Vec::new() }
    }
}

impl Words {
    fn report_versions(&mut self, title: &str, map: &ServerMap, versions: &[Found]) {
        let each = versions
            .iter()
            .map(|(header, _)| format!("{}*{}", map.shares_of(header).count(), header.version));
        let each: Vec<_> = each.collect();
        if !each.is_empty() {
            self.report.push(format!("{title}: {}", each.join("/")));
        }
    }

    /// Says what is wrong, in the report otherwise if need be.
    fn unhealthy(&mut self, what: &str, at_length: &str) {
        self.is_healthy = false;
        self.summary.push(what.to_owned());
        let at_length = if at_length.is_empty() { what } else { at_length };
        self.report.push(format!("Unhealthy: {at_length}"));
    }

    fn too_few_shares(&mut self, counts: &Counts) {
        let Counts { good, needed, expected, .. } = counts;
        self.is_healthy = false;
        self.report.push(format!(
            "Unhealthy: best version has only {good} shares (encoding is {needed}-of-{expected})"
        ));
        self.summary.push(format!("{good} shares (enc {needed}-of-{expected})"));
    }

    fn corrupt(&mut self, corrupt: &[BadShare]) {
        if !corrupt.is_empty() {
            self.report.push("Corrupt Shares:".to_owned());
            self.summary.push("Corrupt Shares:".to_owned());
        }
        for BadShare { server, share, reason, .. } in corrupt {
            self.report.push(format!(" {server}-sh{share}: {reason}"));
            self.summary.push(format!("{server}-sh{share}"));
        }
    }

    fn summary(&self) -> String {
        match self.is_healthy {
            true => "Healthy".to_owned(),
            false => format!("Unhealthy: {}", self.summary.join(" ")),
        }
    }
}
