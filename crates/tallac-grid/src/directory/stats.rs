//! What a walk counted (section 5.4).

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tallac_core::cap::FileCap;
use tallac_core::dirnode::Node;

use super::Visit;

/// Version of the names below.
const API_VERSION: u64 = 1;

/// Counts and sizes of all that can be reached from a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeepStats {
    /// Immutable files that servers keep.
    pub immutable_files: u64,
    /// Mutable files; their sizes are not known.
    pub mutable_files: u64,
    /// Files that are kept in their caps.
    pub literal_files: u64,
    /// Directories, the first one included.
    pub directories: u64,
    /// Links to what we do not know.
    pub unknown: u64,
    /// Bytes of all immutable files.
    pub immutable_size: u64,
    /// Bytes of all literal files.
    pub literal_size: u64,
    /// Bytes of all directories' tables.
    pub directory_size: u64,
    /// Bytes of the largest directory's table.
    pub largest_directory_size: u64,
    /// Children of the directory that has most.
    pub largest_directory_children: u64,
    /// Bytes of the largest immutable file.
    pub largest_immutable_file: u64,
    /// How many immutable and literal files there are of each size: the largest size of a bucket,
    /// its smallest, and the count.
    histogram: BTreeMap<u64, (u64, u64)>,
}

impl DeepStats {
    /// Nothing counted yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one object.
    pub fn add(&mut self, visit: &Visit) {
        match &visit.node {
            // As in Tahoe-LAFS, it is of no kind that is counted.
            _ if visit.is_shut => {}
            Node::Unknown(_) => self.unknown += 1,
            node if node.is_directory() => self.directories += 1,
            node => self.add_file(node),
        }
        if let Some(listing) = &visit.listing {
            self.directory_size = self.directory_size.saturating_add(listing.size);
            self.largest_directory_size = self.largest_directory_size.max(listing.size);
            self.largest_directory_children =
                self.largest_directory_children.max(listing.children as u64);
        }
    }

    fn add_file(&mut self, node: &Node) {
        let Some(size) = node.size() else {
            self.mutable_files += 1;
            return;
        };
        if matches!(node.file(), Some(FileCap::Lit(_))) {
            self.literal_files += 1;
            self.literal_size = self.literal_size.saturating_add(size);
        } else {
            self.immutable_files += 1;
            self.immutable_size = self.immutable_size.saturating_add(size);
            self.largest_immutable_file = self.largest_immutable_file.max(size);
        }
        let (min, max) = bucket(size);
        self.histogram.entry(max).or_insert((min, 0)).1 += 1;
    }

    /// All files.
    #[must_use]
    pub const fn files(&self) -> u64 {
        self.immutable_files + self.mutable_files + self.literal_files
    }

    /// Buckets of sizes, each with its smallest and largest size and the files in it.
    pub fn histogram(&self) -> impl Iterator<Item = (u64, u64, u64)> {
        self.histogram.iter().map(|(max, (min, count))| (*min, *max, *count))
    }

    /// Under Tahoe's names.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Map<String, Value> {
        let histogram: Vec<Value> =
            self.histogram().map(|(min, max, count)| json!([min, max, count])).collect();
        let numbers = [
            ("api-version", API_VERSION),
            ("count-immutable-files", self.immutable_files),
            ("count-mutable-files", self.mutable_files),
            ("count-literal-files", self.literal_files),
            ("count-files", self.files()),
            ("count-directories", self.directories),
            ("count-unknown", self.unknown),
            ("size-immutable-files", self.immutable_size),
            ("size-literal-files", self.literal_size),
            ("size-directories", self.directory_size),
            ("largest-directory", self.largest_directory_size),
            ("largest-directory-children", self.largest_directory_children),
            ("largest-immutable-file", self.largest_immutable_file),
        ];
        let numbers = numbers.map(|(name, number)| (name.to_owned(), Value::from(number)));
        let histogram = ("size-files-histogram".to_owned(), Value::from(histogram));
        numbers.into_iter().chain([histogram]).collect()
    }
}

/// The sizes that are counted together with this one: two ranges a decade.
fn bucket(size: u64) -> (u64, u64) {
    let (mut min, mut max) = (0, 0);
    let mut power = 1;
    while size > max && max < u64::MAX {
        min = max + 1;
        max = half_decade(power);
        power += 1;
    }
    (min, max)
}

/// 10^(n/2), cut to a whole number; all there is beyond 64 bits.
fn half_decade(n: u32) -> u64 {
    let square = 10_u128.checked_pow(n).unwrap_or(u128::MAX);
    u64::try_from(square.isqrt()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTORS: &str = include_str!("../../../../vectors/directories.json");

    #[test]
    fn buckets_are_tahoes() {
        let all: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
        let case = all.iter().find(|case| case["sort"] == "buckets").unwrap();
        let buckets = case["buckets"].as_array().unwrap();
        assert!(buckets.len() > 20);
        for expected in buckets {
            let (min, max) = (expected[0].as_u64().unwrap(), expected[1].as_u64().unwrap());
            assert_eq!(bucket(min), (min, max));
            assert_eq!(bucket(max), (min, max));
        }
        assert_eq!(bucket(u64::MAX).1, u64::MAX);
    }
}
