//! Measures a storage server from outside: how often it is asked for what, and how long it takes
//! (section 11.9).

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tallac_core::dirnode::Json;
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::secrets::{LeaseSecrets, UploadSecret};
use tallac_core::storage::{
    AllocateRequest, Allocation, BoxFuture, ReadRequest, ServerVersion, ShareKind, ShareStream,
    SlotReadAnswer, SlotReadRequest, SlotWriteAnswer, SlotWriteRequest, StorageError,
    StorageServer, WriteProgress, WriteRequest,
};
use tallac_gateway::metrics::{Exposition, Histogram};
use tallac_gateway::wapi::Named;

/// Operations under Tahoe-LAFS's names, in the order of [`Op`].
const NAMES: [&str; 9] =
    ["allocate", "write", "close", "abort", "get", "read", "writev", "readv", "add-lease"];

/// Times of each operation that are kept for percentiles.
const SAMPLES_MAX: usize = 1000;

/// Percentiles, in thousandths, and how many samples each needs.
const PERCENTILES: [(usize, &str, usize); 7] = [
    (10, "01_0", 100),
    (100, "10_0", 10),
    (500, "50_0", 10),
    (900, "90_0", 10),
    (950, "95_0", 20),
    (990, "99_0", 100),
    (999, "99_9", 1000),
];

#[derive(Debug, Clone, Copy)]
enum Op {
    Allocate,
    Write,
    Close,
    Abort,
    Get,
    Read,
    Writev,
    Readv,
    AddLease,
}

/// A storage server whose operations are measured.
#[derive(Debug)]
pub(super) struct Metered {
    inner: Arc<dyn StorageServer>,
    times: [Times; NAMES.len()],
    bytes_added: AtomicU64,
}

#[derive(Debug, Default)]
struct Times {
    all: Histogram,
    latest: Mutex<VecDeque<Duration>>,
}

impl Metered {
    pub(super) fn new(inner: Arc<dyn StorageServer>) -> Self {
        Self { inner, times: Default::default(), bytes_added: AtomicU64::new(0) }
    }

    fn note(&self, op: Op, took: Duration) {
        let times = &self.times[op as usize];
        times.all.note(took);
        let mut latest = times.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.len() == SAMPLES_MAX {
            latest.pop_front();
        }
        latest.push_back(took);
    }

    async fn measure<T>(&self, op: Op, work: BoxFuture<'_, T>) -> T {
        let started = Instant::now();
        let done = work.await;
        self.note(op, started.elapsed());
        done
    }

    /// How often each operation was asked for, as far as it was.
    pub(super) fn counters(&self) -> Named {
        let name = |name: &str| format!("storage_server.{name}");
        let number = |count: u64| Json::Number(count.to_string());
        let counts = NAMES.iter().zip(&self.times).map(|(name, times)| (name, times.all.count()));
        let counts = counts.filter(|(_, count)| *count > 0);
        let mut counters: Named = counts.map(|(op, count)| (name(op), number(count))).collect();
        let added = self.bytes_added.load(Ordering::Relaxed);
        if added > 0 {
            counters.push((name("bytes_added"), number(added)));
        }
        counters
    }

    /// How long the operations took lately.
    pub(super) fn latencies(&self) -> Named {
        let mut stats = Named::new();
        for (op, times) in NAMES.iter().zip(&self.times) {
            let latest = times.latest.lock().unwrap_or_else(PoisonError::into_inner);
            let mut samples: Vec<_> = latest.iter().map(Duration::as_secs_f64).collect();
            drop(latest);
            if samples.is_empty() {
                continue;
            }
            samples.sort_by(f64::total_cmp);
            let count = samples.len();
            let name = |what: &str| format!("storage_server.latencies.{op}.{what}");
            stats.push((name("samplesize"), Json::Number(count.to_string())));
            stats.push((name("mean"), mean(&samples)));
            for (thousandths, percentile, needed) in PERCENTILES {
                let value = match count >= needed {
                    true => Json::float(samples[thousandths * count / 1000]),
                    false => Json::Null,
                };
                stats.push((name(&format!("{percentile}_percentile")), value));
            }
        }
        stats
    }

    /// The same for Prometheus.
    pub(super) fn print(&self, text: &mut Exposition) {
        let name = "tallac_storage_operation_seconds";
        text.family(name, "histogram", "Time that operations of the storage server took.");
        for (op, times) in NAMES.iter().zip(&self.times) {
            if times.all.count() > 0 {
                text.histogram(name, &[("operation", op)], &times.all);
            }
        }
        let added = self.bytes_added.load(Ordering::Relaxed);
        let what = ("tallac_storage_added_bytes_total", "counter");
        text.single(what, "Bytes of immutable shares that were stored.", added);
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are at most a thousand")]
fn mean(samples: &[f64]) -> Json {
    match samples.len() {
        0 | 1 => Json::Null,
        count => Json::float(samples.iter().sum::<f64>() / count as f64),
    }
}

impl StorageServer for Metered {
    fn version(&self) -> BoxFuture<'_, Result<ServerVersion, StorageError>> {
        self.inner.version()
    }

    fn allocate(
        &self,
        request: AllocateRequest,
    ) -> BoxFuture<'_, Result<Allocation, StorageError>> {
        Box::pin(self.measure(Op::Allocate, self.inner.allocate(request)))
    }

    fn write(&self, request: WriteRequest) -> BoxFuture<'_, Result<WriteProgress, StorageError>> {
        let total = request.total;
        let work = self.inner.write(request);
        Box::pin(async move {
            let started = Instant::now();
            let done = work.await;
            self.note(Op::Write, started.elapsed());
            if done.as_ref().is_ok_and(WriteProgress::is_complete) {
                self.note(Op::Close, started.elapsed());
                self.bytes_added.fetch_add(total, Ordering::Relaxed);
            }
            done
        })
    }

    fn abort(
        &self,
        storage_index: StorageIndex,
        share_number: ShareNumber,
        upload_secret: UploadSecret,
    ) -> BoxFuture<'_, Result<(), StorageError>> {
        let work = self.inner.abort(storage_index, share_number, upload_secret);
        Box::pin(self.measure(Op::Abort, work))
    }

    fn list(
        &self,
        kind: ShareKind,
        storage_index: StorageIndex,
    ) -> BoxFuture<'_, Result<BTreeSet<ShareNumber>, StorageError>> {
        Box::pin(self.measure(Op::Get, self.inner.list(kind, storage_index)))
    }

    fn read(&self, request: ReadRequest) -> BoxFuture<'_, Result<ShareStream, StorageError>> {
        Box::pin(self.measure(Op::Read, self.inner.read(request)))
    }

    fn write_slot(
        &self,
        request: SlotWriteRequest,
    ) -> BoxFuture<'_, Result<SlotWriteAnswer, StorageError>> {
        Box::pin(self.measure(Op::Writev, self.inner.write_slot(request)))
    }

    fn read_slot(
        &self,
        request: SlotReadRequest,
    ) -> BoxFuture<'_, Result<SlotReadAnswer, StorageError>> {
        Box::pin(self.measure(Op::Readv, self.inner.read_slot(request)))
    }

    fn add_lease(
        &self,
        storage_index: StorageIndex,
        lease: LeaseSecrets,
    ) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(self.measure(Op::AddLease, self.inner.add_lease(storage_index, lease)))
    }

    fn advise_corrupt(
        &self,
        kind: ShareKind,
        storage_index: StorageIndex,
        share_number: ShareNumber,
        reason: String,
    ) -> BoxFuture<'_, Result<(), StorageError>> {
        self.inner.advise_corrupt(kind, storage_index, share_number, reason)
    }
}
