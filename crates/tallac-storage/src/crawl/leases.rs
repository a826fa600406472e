//! Looks at the leases of all shares, and lets go what nobody wants any more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tallac_core::storage::ShareKind;

use super::{Crawler, Job, Prefix, Slice};
use crate::server::{BucketSeen, ShareSeen, Shared};

/// Cycles in the history.
const HISTORY_MAX: usize = 10;

/// Damaged shares that are named.
const CORRUPT_MAX: usize = 1000;

/// A day, in seconds.
const DAY_S: i64 = 24 * 3600;

/// Of which shares an amount tells: all, those deleted, those whose leases ended, and those whose
/// leases have run out by the policy of the server.
const FATES: [&str; 4] = ["examined", "actual", "original", "configured"];
const UNITS: [&str; 4] = ["buckets", "shares", "sharebytes", "diskbytes"];
const SUFFIXES: [&str; 3] = ["", "-mutable", "-immutable"];

/// What was found; the names are Tahoe-LAFS's.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct LeaseFindings {
    cycle_to_date: CycleToDate,
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct CycleToDate {
    corrupt_shares: Vec<(String, u64)>,
    space_recovered: Amounts,
    /// What Tahoe-LAFS counted. It writes a list that it cannot go on from itself, but from an
    /// empty table it can: so it gets that, and our own count stands below.
    lease_age_histogram: Histogram,
    /// By age in days.
    #[serde(rename = "tallac-lease-ages", with = "pairs")]
    lease_ages: BTreeMap<i64, u64>,
    leases_per_share_histogram: BTreeMap<String, u64>,
}

/// A table with numbers for keys, as a list of pairs.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        table: &BTreeMap<i64, u64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(table)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<i64, u64>, D::Error> {
        Vec::deserialize(deserializer).map(|pairs: Vec<(i64, u64)>| pairs.into_iter().collect())
    }
}

/// How many leases are how old, in the two forms that there are.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Histogram {
    /// From, to, how many.
    List(Vec<(i64, i64, u64)>),
    /// By `from,to`.
    Table(BTreeMap<String, u64>),
}

impl Default for Histogram {
    fn default() -> Self {
        Self::Table(BTreeMap::new())
    }
}

impl Histogram {
    /// From which age on, in seconds, and how many.
    fn entries(self) -> Vec<(i64, u64)> {
        match self {
            Self::List(list) => list.into_iter().map(|(from, _, count)| (from, count)).collect(),
            Self::Table(table) => table
                .into_iter()
                .filter_map(|(range, count)| Some((range.split_once(',')?.0.parse().ok()?, count)))
                .collect(),
        }
    }
}

/// Amounts by name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct Amounts(BTreeMap<String, u64>);

impl Default for Amounts {
    fn default() -> Self {
        Self(names().map(|name| (name, 0)).collect())
    }
}

fn names() -> impl Iterator<Item = String> {
    FATES.iter().flat_map(|fate| {
        UNITS.iter().flat_map(move |unit| SUFFIXES.map(|suffix| format!("{fate}-{unit}{suffix}")))
    })
}

impl Amounts {
    fn add(&mut self, fate: &str, unit: &str, (of, amount): (Option<&str>, u64)) {
        let detailed = of.map(|of| format!("{fate}-{unit}-{of}"));
        for name in [Some(format!("{fate}-{unit}")), detailed].into_iter().flatten() {
            let sum = self.0.entry(name).or_default();
            *sum = sum.saturating_add(amount);
        }
    }

    fn add_share(&mut self, fate: &str, share: &ShareSeen) {
        let of = Some(name_of(share.kind));
        self.add(fate, "shares", (of, 1));
        self.add(fate, "sharebytes", (of, share.bytes));
        self.add(fate, "diskbytes", (of, share.disk_bytes));
    }
}

/// What Tahoe-LAFS calls a kind; a damaged share has none.
const fn name_of(kind: Option<ShareKind>) -> &'static str {
    match kind {
        Some(ShareKind::Immutable) => "immutable",
        Some(ShareKind::Mutable) => "mutable",
        None => "unknown",
    }
}

/// Whether a share would be gone if its leases ended when they say, or by the policy if that were
/// enabled, and whether it is.
const fn fates(share: &ShareSeen) -> [(&'static str, bool); 3] {
    let is_known = share.kind.is_some();
    [
        ("original", is_known && share.has_ended),
        ("configured", is_known && share.has_run_out),
        ("actual", share.is_deleted),
    ]
}

impl CycleToDate {
    fn note(&mut self, storage_index: &str, bucket: &BucketSeen) {
        for (from, count) in std::mem::take(&mut self.lease_age_histogram).entries() {
            *self.lease_ages.entry(from / DAY_S).or_default() += count;
        }
        for share in &bucket.shares {
            if share.kind.is_none() {
                if self.corrupt_shares.len() < CORRUPT_MAX {
                    let number = u64::from(share.number.get());
                    self.corrupt_shares.push((storage_index.to_owned(), number));
                }
                continue;
            }
            for (day, count) in &share.ages {
                *self.lease_ages.entry(*day).or_default() += count;
            }
            let count = share.lease_count.to_string();
            *self.leases_per_share_histogram.entry(count).or_default() += 1;
            self.space_recovered.add_share("examined", share);
            for (fate, is_met) in fates(share) {
                if is_met {
                    self.space_recovered.add_share(fate, share);
                }
            }
        }
        // Tahoe-LAFS takes the last share's.
        let of = bucket.shares.last().map(|share| name_of(share.kind));
        let amounts = &mut self.space_recovered;
        amounts.add("examined", "buckets", (of, 1));
        for (at, fate) in ["original", "configured", "actual"].into_iter().enumerate() {
            if bucket.shares.iter().all(|share| fates(share)[at].1) {
                amounts.add(fate, "diskbytes", (of, bucket.disk_bytes));
                amounts.add(fate, "buckets", (of, 1));
            }
        }
    }

    /// How many leases are how old: from, to, how many.
    fn ages(&self) -> Vec<(i64, i64, u64)> {
        let mut ages = self.lease_ages.clone();
        for (from, count) in self.lease_age_histogram.clone().entries() {
            *ages.entry(from / DAY_S).or_default() += count;
        }
        ages.into_iter().map(|(day, count)| (day * DAY_S, (day + 1) * DAY_S, count)).collect()
    }

    /// The members that a status and the history have.
    fn report(&self, server: &Shared) -> Map<String, Value> {
        let limits = server.limits();
        let policy = &limits.expiry;
        let mut report = Map::new();
        report.insert("expiration-enabled".to_owned(), policy.is_enabled.into());
        report.insert("configured-expiration-mode".to_owned(), policy.to_json());
        report.insert("lease-age-histogram".to_owned(), json!(self.ages()));
        let per_share = json!(self.leases_per_share_histogram);
        report.insert("leases-per-share-histogram".to_owned(), per_share);
        report.insert("corrupt-shares".to_owned(), json!(self.corrupt_shares));
        report.insert("space-recovered".to_owned(), json!(self.space_recovered));
        report
    }

    /// The amounts times so much.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn estimate(&self, times: Option<f64>) -> Value {
        let amount = |name: &String| self.space_recovered.0.get(name).copied().unwrap_or(0) as f64;
        let estimate = |name: String| {
            let value = times.map(|times| amount(&name) * times);
            (name, json!(value))
        };
        json!({ "space-recovered": names().map(estimate).collect::<Map<_, _>>() })
    }
}

impl Job for LeaseFindings {
    fn start(&mut self) {
        self.cycle_to_date = CycleToDate::default();
    }

    fn visit(&mut self, server: &Shared, prefix: Prefix<'_>, slice: &Slice) -> bool {
        for bucket in prefix.buckets {
            if prefix.last.as_ref().is_some_and(|last| bucket <= last) {
                continue;
            }
            match server.visit(bucket) {
                Ok(seen) => self.cycle_to_date.note(bucket, &seen),
                Err(error) => {
                    tracing::warn!(si = %bucket, %error, "leases could not be looked at");
                }
            }
            *prefix.last = Some(bucket.clone());
            if slice.is_over() {
                return false;
            }
        }
        true
    }

    fn finish(&mut self, server: &Shared, cycle: u64, times_s: [f64; 2]) {
        let mut entry = self.cycle_to_date.report(server);
        entry.insert("cycle-start-finish-times".to_owned(), json!(times_s));
        let mut history = server.history();
        history.insert(cycle.to_string(), entry.into());
        while history.len() > HISTORY_MAX {
            let oldest = history.keys().min_by_key(|cycle| cycle.parse::<u64>().ok()).cloned();
            let Some(oldest) = oldest else { break };
            history.remove(&oldest);
        }
        server.save_history(&history.into());
    }
}

/// What Tahoe-LAFS shows of its lease checker.
pub(crate) fn status(crawler: &Crawler<LeaseFindings>, server: &Shared) -> Value {
    let mut status = crawler.to_json();
    let Some(members) = status.as_object_mut() else { return status };
    members.insert("history".to_owned(), server.history().into());
    members.remove("cycle-to-date");
    if crawler.is_at_work() {
        let so_far = &crawler.job().cycle_to_date;
        let done = crawler.done();
        let rest = (done > 0.0).then(|| (1.0 - done) / done);
        members.insert("cycle-to-date".to_owned(), so_far.report(server).into());
        members.insert("estimated-remaining-cycle".to_owned(), so_far.estimate(rest));
        let whole = rest.map(|rest| rest + 1.0);
        members.insert("estimated-current-cycle".to_owned(), so_far.estimate(whole));
    }
    status
}
