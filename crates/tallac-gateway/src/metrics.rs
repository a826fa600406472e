//! Numbers for Prometheus: histograms of how long things took, and the text in which they are told.

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, in microseconds; above the last there is one more.
const BOUNDS_US: [u64; 16] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000, 60_000_000,
];

/// How long something took, each time. Noting it takes two additions and no lock.
#[derive(Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Histogram({})", self.count())
    }
}

impl Histogram {
    /// It took so long once more.
    pub fn note(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let at = BOUNDS_US.partition_point(|bound| *bound < us);
        self.buckets[at].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// How often it was noted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }
}

/// The text of some metrics, in the format that Prometheus reads.
#[derive(Debug, Default)]
pub struct Exposition(String);

impl Exposition {
    /// Says what the lines that follow are of. The name is without a unit of measure unless it has
    /// one, and of a counter ends with `_total`.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One value of the family.
    pub fn value(&mut self, name: &str, labels: &[(&str, &str)], value: impl fmt::Display) {
        let _ = writeln!(self.0, "{name}{} {value}", braced(labels));
    }

    /// A family of one value.
    pub fn single(&mut self, (name, kind): (&str, &str), help: &str, value: impl fmt::Display) {
        self.family(name, kind, help);
        self.value(name, &[], value);
    }

    /// One histogram of the family, in seconds.
    pub fn histogram(&mut self, name: &str, labels: &[(&str, &str)], histogram: &Histogram) {
        let mut count = 0;
        for (at, bucket) in histogram.buckets.iter().enumerate() {
            count += bucket.load(Ordering::Relaxed);
            let bound = BOUNDS_US.get(at).map_or_else(|| "+Inf".to_owned(), |us| seconds(*us));
            let labels = [labels, &[("le", bound.as_str())]].concat();
            let _ = writeln!(self.0, "{name}_bucket{} {count}", braced(&labels));
        }
        let sum = seconds(histogram.sum_us.load(Ordering::Relaxed));
        let labels = braced(labels);
        let _ = writeln!(self.0, "{name}_sum{labels} {sum}\n{name}_count{labels} {count}");
    }

    /// All of it.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }
}

/// Microseconds as seconds.
fn seconds(us: u64) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Labels as they stand behind a name.
fn braced(labels: &[(&str, &str)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let labels: Vec<_> =
        labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
    format!("{{{}}}", labels.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_histogram() {
        let histogram = Histogram::default();
        for us in [0, 250, 251, 3_000_000, 100_000_000] {
            histogram.note(Duration::from_micros(us));
        }
        let mut text = Exposition::default();
        text.histogram("x_seconds", &[("kind", "a\"\\\nb")], &histogram);
        let text = text.into_text();
        let line = |line: &str| assert!(text.lines().any(|found| found == line), "{line}: {text}");
        let kind = r#"kind="a\"\\\nb""#;
        line(&format!("x_seconds_bucket{{{kind},le=\"0.00025\"}} 2"));
        line(&format!("x_seconds_bucket{{{kind},le=\"0.0005\"}} 3"));
        line(&format!("x_seconds_bucket{{{kind},le=\"5\"}} 4"));
        line(&format!("x_seconds_bucket{{{kind},le=\"+Inf\"}} 5"));
        line(&format!("x_seconds_sum{{{kind}}} 103.000501"));
        line(&format!("x_seconds_count{{{kind}}} 5"));
    }
}
