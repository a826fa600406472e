//! Counts the storage indexes that a server keeps shares of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Job, PREFIX_COUNT, Prefix, Slice};
use crate::server::Shared;

/// Prefixes whose storage indexes are kept as samples.
const SAMPLED_COUNT: usize = 1;

/// Storage indexes kept of a sampled prefix.
const SAMPLES_MAX: usize = 10_000;

/// What was counted; the names are Tahoe-LAFS's.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct BucketCounts {
    /// By cycle, then by prefix.
    bucket_counts: BTreeMap<String, BTreeMap<String, u64>>,
    last_complete_bucket_count: Option<u64>,
    /// By prefix: the cycle, and what was there.
    storage_index_samples: BTreeMap<String, (u64, Vec<String>)>,
}

impl BucketCounts {
    /// What the last whole cycle counted.
    pub(crate) const fn last(&self) -> Option<u64> {
        self.last_complete_bucket_count
    }
}

impl Job for BucketCounts {
    fn visit(&mut self, _: &Shared, prefix: Prefix<'_>, _: &Slice) -> bool {
        let counts = self.bucket_counts.entry(prefix.cycle.to_string()).or_default();
        counts.insert(prefix.name.to_owned(), prefix.buckets.len() as u64);
        if prefix.index < SAMPLED_COUNT {
            let samples = prefix.buckets.iter().take(SAMPLES_MAX).cloned().collect();
            self.storage_index_samples.insert(prefix.name.to_owned(), (prefix.cycle, samples));
        }
        true
    }

    fn finish(&mut self, _: &Shared, cycle: u64, _: [f64; 2]) {
        let name = cycle.to_string();
        let counts = self.bucket_counts.get(&name);
        if let Some(counts) = counts.filter(|counts| counts.len() == PREFIX_COUNT) {
            self.last_complete_bucket_count = Some(counts.values().sum());
            self.bucket_counts.retain(|other, _| *other == name);
        }
        self.storage_index_samples.retain(|_, (of, _)| *of == cycle);
    }
}
