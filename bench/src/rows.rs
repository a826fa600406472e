//! What is measured: calls of the web API, the same for every gateway.

use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// Bytes of the large file.
pub(crate) const LARGE: usize = 100 << 20;

/// Bytes of a small file.
const SMALL: usize = 10 << 10;

/// Bytes of a range.
const RANGE: usize = 1 << 10;

/// How long a burst of small requests goes on.
const BURST: Duration = Duration::from_secs(3);

/// Most small files that are put in one burst, and got in another.
const BURST_MAX: u64 = 2000;

/// A gateway under test.
pub(crate) struct Gateway {
    agent: ureq::Agent,
    base: String,
    /// Caps of small files that were put, to be got.
    small: std::sync::Mutex<Vec<String>>,
    /// Cap of the large file that was put last.
    large: std::sync::Mutex<Option<String>>,
}

/// What one measurement gave.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Figure {
    /// More is better.
    MegabytesPerSecond(f64),
    /// More is better.
    PerSecond(f64),
    /// Less is better.
    Milliseconds(f64),
}

impl Figure {
    pub(crate) const fn value(self) -> f64 {
        match self {
            Self::MegabytesPerSecond(v) | Self::PerSecond(v) | Self::Milliseconds(v) => v,
        }
    }

    pub(crate) const fn unit(self) -> &'static str {
        match self {
            Self::MegabytesPerSecond(_) => "MB/s",
            Self::PerSecond(_) => "/s",
            Self::Milliseconds(_) => "ms",
        }
    }

    /// How many times as good this is as another figure of the same kind.
    pub(crate) fn ratio_to(self, other: f64) -> f64 {
        match self {
            Self::Milliseconds(v) => other / v,
            Self::MegabytesPerSecond(v) | Self::PerSecond(v) => v / other,
        }
    }
}

/// One row of the table.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// What the ratio to Tahoe-LAFS over Foolscap should at least be.
    pub(crate) goal: f64,
    pub(crate) measure: fn(&Gateway) -> Result<Figure>,
}

/// All rows, in the order in which they have to be measured: what is got was put before.
pub(crate) const ROWS: &[Row] = &[
    Row { name: "100 MiB PUT", goal: 6.0, measure: put_large },
    Row { name: "100 MiB GET", goal: 5.0, measure: get_large },
    Row { name: "1 KiB range of 100 MiB", goal: 10.0, measure: range_of_large },
    Row { name: "10 KiB PUT, one at a time", goal: 10.0, measure: |g| put_small(g, 1) },
    Row { name: "10 KiB GET, one at a time", goal: 10.0, measure: |g| get_small(g, 1) },
    Row { name: "10 KiB PUT, eight at a time", goal: 20.0, measure: |g| put_small(g, 8) },
    Row { name: "10 KiB GET, eight at a time", goal: 20.0, measure: |g| get_small(g, 8) },
];

impl Gateway {
    pub(crate) fn new(base: &str) -> Self {
        Self {
            agent: ureq::Agent::new_with_defaults(),
            base: base.trim_end_matches('/').to_owned(),
            small: std::sync::Mutex::default(),
            large: std::sync::Mutex::default(),
        }
    }

    /// Any request; gives the text of the answer.
    pub(crate) fn call(&self, method: &str, path: &str, body: &[u8]) -> Result<String> {
        let url = format!("{}{path}", self.base);
        let answer = match method {
            "GET" => self.agent.get(url).call(),
            "PUT" => self.agent.put(url).send(body),
            _ => self.agent.post(url).send(body),
        };
        let mut answer = answer.with_context(|| format!("{method} {path}"))?;
        Ok(answer.body_mut().with_config().limit(64 << 20).read_to_string()?)
    }

    /// Puts a file, and gives its cap.
    pub(crate) fn put(&self, body: &[u8]) -> Result<String> {
        let answer = self.agent.put(format!("{}/uri", self.base)).send(body);
        let cap = answer.context("PUT /uri")?.body_mut().read_to_string()?;
        ensure!(cap.starts_with("URI:CHK:"), "PUT /uri gave no cap");
        Ok(cap)
    }

    /// Puts a file that is made while it is sent, and gives its cap.
    pub(crate) fn put_stream(&self, mut body: impl Read) -> Result<String> {
        let body = ureq::SendBody::from_reader(&mut body);
        let answer = self.agent.put(format!("{}/uri", self.base)).send(body);
        Ok(answer.context("PUT /uri")?.body_mut().read_to_string()?)
    }

    /// Gets a file or a range of it, and gives how many bytes came.
    pub(crate) fn get(&self, cap: &str, range: Option<(usize, usize)>) -> Result<usize> {
        let mut request = self.agent.get(format!("{}/uri/{cap}", self.base));
        if let Some((from, to)) = range {
            request = request.header("Range", format!("bytes={from}-{}", to - 1));
        }
        let mut answer = request.call().context("GET /uri/CAP")?;
        let mut reader = answer.body_mut().as_reader();
        let mut buffer = vec![0; 1 << 20];
        let mut total = 0;
        loop {
            match reader.read(&mut buffer)? {
                0 => return Ok(total),
                len => total += len,
            }
        }
    }

    fn large(&self) -> Result<String> {
        let cap = self.large.lock().expect("nobody panics with it").clone();
        cap.context("100 MiB PUT has to be measured first")
    }
}

/// Random bytes: no two files of a run are the same.
pub(crate) fn random(len: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    getrandom::fill(&mut bytes).context("the system gave no random bytes")?;
    Ok(bytes)
}

fn megabytes_per_second(bytes: usize, took: Duration) -> Figure {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    Figure::MegabytesPerSecond(bytes as f64 / 1e6 / took.as_secs_f64())
}

fn put_large(gateway: &Gateway) -> Result<Figure> {
    let body = random(LARGE)?;
    let started = Instant::now();
    let cap = gateway.put(&body)?;
    let took = started.elapsed();
    *gateway.large.lock().expect("nobody panics with it") = Some(cap);
    Ok(megabytes_per_second(LARGE, took))
}

fn get_large(gateway: &Gateway) -> Result<Figure> {
    let cap = gateway.large()?;
    let started = Instant::now();
    ensure!(gateway.get(&cap, None)? == LARGE, "the large file came back short");
    Ok(megabytes_per_second(LARGE, started.elapsed()))
}

fn range_of_large(gateway: &Gateway) -> Result<Figure> {
    let cap = gateway.large()?;
    let mut times = Vec::new();
    for i in 0..20 {
        let from = (i * 5 + 2) << 20;
        let started = Instant::now();
        ensure!(gateway.get(&cap, Some((from, from + RANGE)))? == RANGE, "the range is short");
        times.push(started.elapsed());
    }
    times.sort();
    Ok(Figure::Milliseconds(times[times.len() / 2].as_secs_f64() * 1e3))
}

fn put_small(gateway: &Gateway, at_a_time: usize) -> Result<Figure> {
    burst(at_a_time, |_| {
        let cap = gateway.put(&random(SMALL)?)?;
        gateway.small.lock().expect("nobody panics with it").push(cap);
        Ok(())
    })
}

fn get_small(gateway: &Gateway, at_a_time: usize) -> Result<Figure> {
    let caps = gateway.small.lock().expect("nobody panics with it").clone();
    ensure!(!caps.is_empty(), "small files have to be put first");
    burst(at_a_time, |i| {
        let cap = &caps[usize::try_from(i)? % caps.len()];
        ensure!(gateway.get(cap, None)? == SMALL, "a small file came back short");
        Ok(())
    })
}

/// Does something as often as it can for a while, several at a time.
fn burst(at_a_time: usize, work: impl Fn(u64) -> Result<()> + Sync) -> Result<Figure> {
    let count = AtomicU64::new(0);
    let started = Instant::now();
    std::thread::scope(|scope| -> Result<()> {
        let threads: Vec<_> = (0..at_a_time)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    while started.elapsed() < BURST {
                        let i = count.fetch_add(1, Ordering::Relaxed);
                        if i >= BURST_MAX {
                            break;
                        }
                        work(i)?;
                    }
                    Ok(())
                })
            })
            .collect();
        threads.into_iter().try_for_each(|t| t.join().expect("a thread of the benchmark panicked"))
    })?;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let done = count.load(Ordering::Relaxed).min(BURST_MAX) as f64;
    Ok(Figure::PerSecond(done / started.elapsed().as_secs_f64()))
}
