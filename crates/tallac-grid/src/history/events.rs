//! What a download has done, moment by moment (section 8.2, `event_json`).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tallac_core::ids::ShareNumber;

use super::operation::{Operation, fraction};
use crate::servers::GridServer;

/// Events of each sort that are noted, at most.
const EVENTS_MAX: usize = 500;

/// A client of ours reads a range.
#[derive(Debug, Clone)]
pub struct Read {
    /// Which bytes of the file.
    pub range: Range<u64>,
    /// When it began, as all times here in seconds since 1970.
    pub started: f64,
    /// When it ended.
    pub finished: Option<f64>,
    /// Bytes that it was given.
    pub bytes: u64,
}

/// Segments in a row are fetched and decoded together.
#[derive(Debug, Clone)]
pub struct Segments {
    /// Numbers of the segments.
    pub numbers: Range<u64>,
    /// When that began.
    pub started: f64,
    /// When it ended.
    pub finished: Option<f64>,
    /// Whether they came, once that is known.
    pub success: Option<bool>,
    /// The bytes of the file that they hold, once they came.
    pub bytes: Option<Range<u64>>,
    /// How long decoding took, in seconds.
    pub decoding: f64,
}

/// A server is asked which shares it has.
#[derive(Debug, Clone)]
pub struct ShareQuery {
    /// The server.
    pub server: Arc<GridServer>,
    /// When it was asked.
    pub started: f64,
    /// When it answered.
    pub finished: Option<f64>,
    /// What it has, if it said so.
    pub shares: Option<Vec<ShareNumber>>,
}

/// A server is asked for a piece of a share.
#[derive(Debug, Clone)]
pub struct BlockRequest {
    /// The server.
    pub server: Arc<GridServer>,
    /// The share.
    pub share: ShareNumber,
    /// Which bytes of it.
    pub range: Range<u64>,
    /// When it was asked.
    pub started: f64,
    /// When the piece was there.
    pub finished: Option<f64>,
    /// Bytes that came, if it went well.
    pub received: Option<u64>,
}

/// All that is noted of a download. Each list is in the order of its beginnings.
#[derive(Debug, Clone, Default)]
pub struct Events {
    /// What clients read.
    pub reads: Vec<Read>,
    /// What was decoded.
    pub segments: Vec<Segments>,
    /// Who was asked for shares.
    pub queries: Vec<ShareQuery>,
    /// Who was asked for pieces of shares.
    pub blocks: Vec<BlockRequest>,
}

/// The events, and what is true even where not all of them are noted.
#[derive(Debug, Default)]
pub(super) struct Log {
    events: Events,
    /// Reads that go on.
    readers: usize,
}

/// The place of an event among those of its sort; nothing if it is not noted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark(Option<usize>);

fn note<T>(events: &mut Vec<T>, event: T) -> Mark {
    if events.len() >= EVENTS_MAX {
        return Mark(None);
    }
    events.push(event);
    Mark(Some(events.len() - 1))
}

impl Log {
    pub(super) const fn events(&self) -> &Events {
        &self.events
    }

    pub(super) const fn is_active(&self) -> bool {
        self.readers > 0
    }

    /// What it is at, in Tahoe-LAFS's words.
    pub(super) fn status(&self) -> String {
        let of = |is_wanted: fn(&Segments) -> bool| {
            let segments = self.events.segments.iter().filter(|run| is_wanted(run));
            segments.flat_map(|run| run.numbers.clone()).collect::<BTreeSet<u64>>()
        };
        let mut status = match of(|run| run.finished.is_none()) {
            segments if segments.is_empty() => "idle".to_owned(),
            segments => format!("fetching {}", listed(&segments)),
        };
        let failed = of(|run| run.success == Some(false));
        if !failed.is_empty() {
            let _ = write!(status, "; errors on {}", listed(&failed));
        }
        status
    }

    /// How far the reads are that go on.
    pub(super) fn fraction(&self) -> f64 {
        let reads = &self.events.reads;
        if reads.is_empty() {
            return 0.0;
        }
        let open = || reads.iter().filter(|read| read.finished.is_none());
        let wanted: u64 = open().map(|read| read.range.end - read.range.start).sum();
        fraction(open().map(|read| read.bytes).sum(), wanted)
    }
}

fn listed(segments: &BTreeSet<u64>) -> String {
    let numbers: Vec<_> = segments.iter().map(u64::to_string).collect();
    let word = if numbers.len() == 1 { "segment" } else { "segments" };
    format!("{word} {}", numbers.join(","))
}

impl Operation {
    /// Somebody begins to read.
    pub(crate) fn read_begins(self: &Arc<Self>, range: Range<u64>) -> Reading {
        let started = self.now();
        let mut log = self.log();
        log.readers += 1;
        let read = Read { range, started, finished: None, bytes: 0 };
        let mark = note(&mut log.events.reads, read);
        drop(log);
        Reading { operation: Arc::clone(self), mark }
    }

    /// Segments are wanted.
    pub(crate) fn segments_begin(self: &Arc<Self>, numbers: Range<u64>) -> Fetching {
        let started = self.now();
        let run = Segments {
            numbers,
            started,
            finished: None,
            success: None,
            bytes: None,
            decoding: 0.0,
        };
        let mark = note(&mut self.log().events.segments, run);
        Fetching { operation: Arc::clone(self), mark, decoding: 0.0 }
    }

    /// A server is asked which shares it has.
    pub(crate) fn query_begins(&self, server: &Arc<GridServer>) -> Mark {
        let (server, started) = (Arc::clone(server), self.now());
        let query = ShareQuery { server, started, finished: None, shares: None };
        note(&mut self.log().events.queries, query)
    }

    /// It answered, or failed.
    pub(crate) fn query_ends(&self, mark: Mark, shares: Option<&BTreeSet<ShareNumber>>) {
        let Some(at) = mark.0 else { return };
        let now = self.now();
        let query = &mut self.log().events.queries[at];
        query.finished = Some(now);
        query.shares = shares.map(|shares| shares.iter().copied().collect());
    }

    /// A server is asked for a piece of a share.
    pub(crate) fn block_begins(
        &self,
        server: &Arc<GridServer>,
        share: ShareNumber,
        range: Range<u64>,
    ) -> Mark {
        let (server, started) = (Arc::clone(server), self.now());
        let request =
            BlockRequest { server, share, range, started, finished: None, received: None };
        note(&mut self.log().events.blocks, request)
    }

    /// It came, or did not.
    pub(crate) fn block_ends(&self, mark: Mark, received: Option<u64>) {
        let Some(at) = mark.0 else { return };
        let now = self.now();
        let request = &mut self.log().events.blocks[at];
        (request.finished, request.received) = (Some(now), received);
    }
}

/// A read that goes on, until it is dropped.
#[derive(Debug)]
pub(crate) struct Reading {
    operation: Arc<Operation>,
    mark: Mark,
}

impl Reading {
    /// The reader was given so many bytes.
    pub(crate) fn gave(&self, bytes: u64) {
        if let Some(at) = self.mark.0 {
            self.operation.log().events.reads[at].bytes += bytes;
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let now = self.operation.now();
        let mut log = self.operation.log();
        log.readers -= 1;
        if let Some(at) = self.mark.0 {
            log.events.reads[at].finished = Some(now);
        }
    }
}

/// Segments that are being fetched, until this is dropped: perhaps as nobody wants them any more.
#[derive(Debug)]
pub(crate) struct Fetching {
    operation: Arc<Operation>,
    mark: Mark,
    decoding: f64,
}

impl Fetching {
    /// Decoding took so long, and perhaps not for the first time.
    pub(crate) fn decoded(&mut self, took: Duration) {
        self.decoding += took.as_secs_f64();
    }

    /// They came, and hold these bytes of the file, or they did not.
    pub(crate) fn end(self, bytes: Option<Range<u64>>) {
        let Some(at) = self.mark.0 else { return };
        let run = &mut self.operation.log().events.segments[at];
        (run.success, run.bytes, run.decoding) = (Some(bytes.is_some()), bytes, self.decoding);
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        let Some(at) = self.mark.0 else { return };
        let now = self.operation.now();
        self.operation.log().events.segments[at].finished = Some(now);
    }
}
