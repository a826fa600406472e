//! Walks over all that a server keeps, prefix by prefix, a little at a time (section 11.7).
//!
//! A *cycle* goes once over all prefixes, a *slice* is a short piece of it, after which the crawler
//! saves how far it is and sleeps. The states lie where Tahoe-LAFS keeps them and in its format, so
//! that either goes on where the other stopped.

pub(crate) mod buckets;
pub(crate) mod leases;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::server::Shared;

/// How many prefixes there are: ten bits.
pub(crate) const PREFIX_COUNT: usize = 1024;

/// The longest pause between two slices of a cycle, whatever the arithmetic says.
const PAUSE_MAX: Duration = Duration::from_secs(299);

/// The largest state that is read.
const STATE_LEN_MAX: u64 = 64 << 20;

/// How fast the crawlers go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrawlPace {
    /// How much of the time they work, in percent; measured.
    pub work_percent: u32,
    /// How long a slice lasts; whatever is begun is finished.
    pub slice_max: Duration,
    /// How long the bucket counter waits after the node's start, and between two starts of cycles.
    pub count: [Duration; 2],
    /// The same of the lease checker.
    pub check: [Duration; 2],
}

impl Default for CrawlPace {
    /// As Tahoe-LAFS, with shorter slices.
    fn default() -> Self {
        Self {
            work_percent: 10,
            slice_max: Duration::from_millis(250),
            count: [Duration::from_secs(300), Duration::from_secs(3600)],
            check: [Duration::from_secs(360), Duration::from_secs(12 * 3600)],
        }
    }
}

/// The time that a slice has.
#[derive(Debug)]
pub(crate) struct Slice {
    started: Instant,
    max: Duration,
}

impl Slice {
    pub(crate) fn new(max: Duration) -> Self {
        Self { started: Instant::now(), max }
    }

    /// Whether it is time to pause.
    pub(crate) fn is_over(&self) -> bool {
        self.started.elapsed() >= self.max
    }
}

/// The storage indexes that start with some prefix.
pub(crate) struct Prefix<'a> {
    pub(crate) cycle: u64,
    pub(crate) name: &'a str,
    pub(crate) index: usize,
    /// In their order.
    pub(crate) buckets: &'a [String],
    /// The last one that was looked at, in this or an earlier slice.
    pub(crate) last: &'a mut Option<String>,
}

/// What a crawler does.
pub(crate) trait Job: Default + Serialize + DeserializeOwned {
    /// A cycle begins.
    fn start(&mut self) {}

    /// Looks at a prefix; returns whether it got to its end.
    fn visit(&mut self, server: &Shared, prefix: Prefix<'_>, slice: &Slice) -> bool;

    /// A cycle that began at `started_s` is over.
    fn finish(&mut self, server: &Shared, cycle: u64, times_s: [f64; 2]);
}

/// How far a crawler is; the names are Tahoe-LAFS's.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct State<J> {
    version: u32,
    last_cycle_finished: Option<u64>,
    current_cycle: Option<u64>,
    last_complete_prefix: Option<String>,
    last_complete_bucket: Option<String>,
    #[serde(default)]
    current_cycle_start_time: Option<f64>,
    #[serde(flatten)]
    job: J,
}

/// A crawler.
#[derive(Debug)]
pub(crate) struct Crawler<J> {
    path: PathBuf,
    cycle_min: Duration,
    state: State<J>,
    /// The prefix that comes next.
    next: usize,
    /// What lies under the prefix with this number, as it was when the crawler came to it.
    listed: Option<(usize, Vec<String>)>,
    timing: Timing,
}

/// What the crawler has seen of its own pace, in seconds.
#[derive(Debug, Default, Clone)]
struct Timing {
    next_wake_s: Option<f64>,
    last_prefix_finished_s: Option<f64>,
    last_prefix_took: Option<f64>,
    cycle_started_s: Option<f64>,
    last_cycle_took: Option<f64>,
}

impl<J: Job> Crawler<J> {
    /// The crawler whose state is in this file. What cannot be read is begun anew.
    pub(crate) fn load(path: PathBuf, cycle_min: Duration) -> Self {
        let mut state: State<J> = load(&path).unwrap_or_else(|| State {
            version: 1,
            last_cycle_finished: None,
            current_cycle: None,
            last_complete_prefix: None,
            last_complete_bucket: None,
            current_cycle_start_time: None,
            job: J::default(),
        });
        let last = state.last_complete_prefix.as_deref();
        let next = last.map_or(0, |last| prefix_index(last).map_or(0, |index| index + 1));
        if state.current_cycle.is_none() {
            state.last_complete_bucket = None;
        }
        Self { path, cycle_min, state, next, listed: None, timing: Timing::default() }
    }

    /// What it has found.
    pub(crate) const fn job(&self) -> &J {
        &self.state.job
    }

    pub(crate) const fn is_at_work(&self) -> bool {
        self.state.current_cycle.is_some()
    }

    /// How much of the current cycle is done, from 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "1024 at most")]
    pub(crate) fn done(&self) -> f64 {
        // Tahoe-LAFS takes the number of the prefix that was done last.
        (self.next as f64 - 1.0) / PREFIX_COUNT as f64
    }

    /// It will go on at this time.
    pub(crate) const fn sleep_until(&mut self, wake_s: f64) {
        self.timing.next_wake_s = Some(wake_s);
    }

    /// Works for a slice, and saves how far it came. Returns how long to sleep.
    pub(crate) fn work(&mut self, server: &Shared, pace: &CrawlPace) -> Duration {
        let slice = Slice::new(pace.slice_max);
        self.timing.next_wake_s = None;
        let is_done = self.walk(server, &slice);
        self.save();
        let worked = slice.started.elapsed();
        let share = pace.work_percent.clamp(1, 100);
        let pause = (worked * (100 - share) / share).min(PAUSE_MAX);
        let pause = if is_done { pause.max(self.cycle_min) } else { pause };
        self.timing.next_wake_s = Some(server.now_s() + pause.as_secs_f64());
        pause
    }

    /// Returns whether the cycle is over.
    fn walk(&mut self, server: &Shared, slice: &Slice) -> bool {
        let cycle = self.begin(server);
        while self.next < PREFIX_COUNT {
            let name = prefix_name(self.next);
            let buckets = match self.listed.take() {
                Some((index, buckets)) if index == self.next => buckets,
                _ => server.buckets(&name).unwrap_or_default(),
            };
            let prefix = Prefix {
                cycle,
                name: &name,
                index: self.next,
                buckets: &buckets,
                last: &mut self.state.last_complete_bucket,
            };
            let is_done = self.state.job.visit(server, prefix, slice);
            if !is_done {
                self.listed = Some((self.next, buckets));
                return false;
            }
            self.next += 1;
            self.note_prefix(server.now_s());
            if slice.is_over() && self.next < PREFIX_COUNT {
                return false;
            }
        }
        self.end(server, cycle);
        true
    }

    /// The number of the cycle that is under way, or begins.
    fn begin(&mut self, server: &Shared) -> u64 {
        if let Some(cycle) = self.state.current_cycle {
            return cycle;
        }
        let cycle = self.state.last_cycle_finished.map_or(0, |last| last.saturating_add(1));
        self.next = 0;
        self.timing.cycle_started_s = Some(server.now_s());
        self.state.current_cycle_start_time = self.timing.cycle_started_s;
        self.state.current_cycle = Some(cycle);
        self.state.job.start();
        cycle
    }

    fn note_prefix(&mut self, now_s: f64) {
        self.state.last_complete_prefix = Some(prefix_name(self.next - 1));
        let timing = &mut self.timing;
        timing.last_prefix_took =
            timing.last_prefix_finished_s.map(|before| now_s - before).or(timing.last_prefix_took);
        timing.last_prefix_finished_s = Some(now_s);
    }

    fn end(&mut self, server: &Shared, cycle: u64) {
        let now_s = server.now_s();
        self.next = 0;
        self.timing.last_prefix_finished_s = None;
        self.timing.last_cycle_took = self.timing.cycle_started_s.map(|started| now_s - started);
        let started_s = self.state.current_cycle_start_time.unwrap_or(now_s);
        self.state.last_complete_prefix = None;
        self.state.last_complete_bucket = None;
        self.state.last_cycle_finished = Some(cycle);
        self.state.current_cycle = None;
        self.state.job.finish(server, cycle, [started_s, now_s]);
    }

    /// The crawl goes on where the state says if the node stops; without one, it begins anew.
    fn save(&self) {
        if let Err(error) = save(&self.path, &self.to_json()) {
            tracing::warn!(%error, file = %self.path.display(), "cannot save a crawler's state");
        }
    }

    /// What Tahoe-LAFS shows and saves of it.
    pub(crate) fn to_json(&self) -> Value {
        serde_json::to_value(&self.state).unwrap_or_default()
    }

    /// What Tahoe-LAFS shows of its progress.
    #[expect(clippy::cast_precision_loss, reason = "1024 at most")]
    pub(crate) fn progress(&self, now_s: f64) -> Value {
        let timing = &self.timing;
        let wait = timing.next_wake_s.map(|wake| wake - now_s);
        let per_prefix = timing.last_prefix_took;
        let per_cycle =
            timing.last_cycle_took.or(per_prefix.map(|took| took * PREFIX_COUNT as f64));
        if !self.is_at_work() {
            return json!({
                "cycle-in-progress": false,
                "next-crawl-time": timing.next_wake_s,
                "remaining-wait-time": wait,
                "estimated-time-per-cycle": per_cycle,
            });
        }
        let left = (PREFIX_COUNT as f64).mul_add(1.0 - self.done(), 0.0);
        json!({
            "cycle-in-progress": true,
            "cycle-complete-percentage": 100.0 * self.done(),
            "estimated-cycle-complete-time-left": per_prefix.map(|took| took * left),
            "remaining-sleep-time": wait,
            "estimated-time-per-cycle": per_cycle,
        })
    }
}

const DIGITS: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";

/// The prefix with this number, in the order of their names.
pub(crate) fn prefix_name(index: usize) -> String {
    [DIGITS[index / 32 % 32], DIGITS[index % 32]].map(char::from).iter().collect()
}

fn prefix_index(name: &str) -> Option<usize> {
    let digit = |byte: &u8| DIGITS.iter().position(|digit| digit == byte);
    match name.as_bytes() {
        [high, low] => Some(digit(high)? * 32 + digit(low)?),
        _ => None,
    }
}

/// What is in a file, if it is there and can be read.
pub(crate) fn load<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let len = fs::metadata(path).ok()?.len();
    if len > STATE_LEN_MAX {
        return None;
    }
    let read = fs::read(path).map_err(serde_json::Error::io);
    match read.and_then(|bytes| serde_json::from_slice(&bytes)) {
        Ok(state) => Some(state),
        Err(error) => {
            tracing::warn!(%error, file = %path.display(), "a crawler's state is begun anew");
            None
        }
    }
}

/// Writes a file beside its place, then moves it there. It is not synced: what a power cut takes is
/// found again.
pub(crate) fn save(path: &Path, value: &Value) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".tmp");
    fs::write(&beside, value.to_string())?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_in_the_order_of_their_names() {
        let names: Vec<_> = (0..PREFIX_COUNT).map(prefix_name).collect();
        assert!(names.is_sorted());
        assert_eq!([&*names[0], &*names[31], &*names[1023]], ["22", "2z", "zz"]);
        for (index, name) in names.iter().enumerate() {
            assert_eq!(prefix_index(name), Some(index));
        }
        assert_eq!(["", "2", "222", "2A", "é"].map(prefix_index), [None; 5]);
    }
}
