//! Sets of byte positions, such as those of a share that have been written.

use std::ops::Range;

/// A set of byte positions, kept as runs in ascending order that do not touch each other.
#[derive(Debug, Clone, Default)]
pub struct RangeSet {
    runs: Vec<Range<u64>>,
}

impl RangeSet {
    /// Adds a run; returns how many of its bytes are new.
    pub fn insert(&mut self, new: Range<u64>) -> u64 {
        if new.is_empty() {
            return 0;
        }
        let known: u64 = self.overlaps(&new).map(|run| run.end - run.start).sum();
        let first = self.runs.partition_point(|run| run.end < new.start);
        let last = self.runs.partition_point(|run| run.start <= new.end);
        let mut merged = new.clone();
        if let Some(run) = self.runs[first..last].first() {
            merged.start = merged.start.min(run.start);
        }
        if let Some(run) = self.runs[first..last].last() {
            merged.end = merged.end.max(run.end);
        }
        self.runs.splice(first..last, [merged]);
        new.end - new.start - known
    }

    /// The parts of `range` that are in the set.
    pub fn overlaps(&self, range: &Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let (start, end) = (range.start, range.end);
        let first = self.runs.partition_point(|run| run.end <= start);
        self.runs[first..]
            .iter()
            .take_while(move |run| run.start < end)
            .map(move |run| run.start.max(start)..run.end.min(end))
    }

    /// The parts of `0..size` that are not in the set.
    #[must_use]
    pub fn missing(&self, size: u64) -> Vec<Range<u64>> {
        let mut missing = Vec::new();
        let mut at = 0;
        for run in &self.runs {
            if at < run.start {
                missing.push(at..run.start);
            }
            at = run.end;
        }
        if at < size {
            missing.push(at..size);
        }
        missing
    }

    /// How many runs there are.
    #[must_use]
    pub const fn run_count(&self) -> usize {
        self.runs.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_set_that_a_bitmap_says(
            runs in prop::collection::vec((0usize..60, 0usize..20), 0..30),
        ) {
            let mut bitmap = [false; 80];
            let mut set = RangeSet::default();
            for (start, len) in runs {
                let fresh = bitmap[start..start + len].iter().filter(|bit| !**bit).count();
                bitmap[start..start + len].fill(true);
                let run = start as u64..(start + len) as u64;
                prop_assert_eq!(set.insert(run), fresh as u64);
                let missing = set.missing(80).into_iter().flatten();
                let mut is_missing = [false; 80];
                missing.for_each(|at| is_missing[usize::try_from(at).unwrap()] = true);
                prop_assert_eq!(is_missing, bitmap.map(|bit| !bit));
                let mut is_inside = [false; 80];
                let inside = set.overlaps(&(10..50)).flatten();
                inside.for_each(|at| is_inside[usize::try_from(at).unwrap()] = true);
                let expected = std::array::from_fn(|at| bitmap[at] && (10..50).contains(&at));
                prop_assert_eq!(is_inside, expected);
                prop_assert!(set.runs.windows(2).all(|pair| pair[0].end < pair[1].start));
            }
        }
    }
}
