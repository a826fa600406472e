//! One operation: what is known of it while it goes on, and afterwards.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tallac_core::ids::{ServerId, ShareNumber, StorageIndex};
use tallac_core::immutable::Encoding;

use super::Kind;
use super::events::{Events, Log};

/// Servers of which something is noted, at most.
const SERVERS_MAX: usize = 300;

/// How far an upload is, to be looked at from elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<AtomicU64>);

impl Progress {
    /// Bytes of plaintext that are encoded and handed to all servers, or to the helper.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// One operation.
#[derive(Debug)]
pub struct Operation {
    kind: Kind,
    number: u64,
    storage_index: OnceLock<StorageIndex>,
    started: SystemTime,
    clock: Instant,
    state: Mutex<State>,
    pub(super) log: Mutex<Log>,
}

/// What is known of an operation.
#[derive(Debug, Clone)]
pub struct State {
    /// What it is at, in a few words.
    pub status: Cow<'static, str>,
    /// Whether it goes on.
    pub is_active: bool,
    /// When it was over.
    pub finished: Option<SystemTime>,
    /// Bytes of the file, once they are known.
    pub size: Option<u64>,
    /// Bytes that went out or came in.
    pub progress: Progress,
    /// Whether the file's key is known, which comes first.
    pub has_key: bool,
    /// Whether a helper does it.
    pub uses_helper: bool,
    /// How the file is coded, once that is known.
    pub encoding: Option<Encoding>,
    /// What a map is wanted for.
    pub mode: Option<&'static str>,
    /// Where shares are.
    pub shares: BTreeMap<ShareNumber, Vec<ServerId>>,
    /// How many shares were on servers before.
    pub preexisting: usize,
    /// What went wrong at servers.
    pub problems: Vec<(ServerId, String)>,
    /// How long servers took for an answer.
    pub round_trips: Vec<(ServerId, Duration)>,
    /// How long it took in all, once it is over.
    pub took: Option<Duration>,
}

impl State {
    /// How far it is, from 0 to 1.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        match self.size {
            _ if !self.is_active && self.status == "Finished" => 1.0,
            Some(size) => fraction(self.progress.bytes(), size),
            None => 0.0,
        }
    }
}

/// `part` of `whole`, from 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "a few digits are shown")]
pub(super) fn fraction(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { (part as f64 / whole as f64).min(1.0) }
}

impl Operation {
    pub(super) fn new(kind: Kind, number: u64, storage_index: Option<StorageIndex>) -> Self {
        let state = State {
            status: "Not started".into(),
            is_active: true,
            finished: None,
            size: None,
            progress: Progress::default(),
            has_key: false,
            uses_helper: false,
            encoding: None,
            mode: None,
            shares: BTreeMap::new(),
            preexisting: 0,
            problems: Vec::new(),
            round_trips: Vec::new(),
            took: None,
        };
        let storage_index = storage_index.map_or_else(OnceLock::new, OnceLock::from);
        let (started, clock) = (SystemTime::now(), Instant::now());
        let (state, log) = (Mutex::new(state), Mutex::default());
        Self { kind, number, storage_index, started, clock, state, log }
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Its number among those of its kind, from 0.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The storage index of its file, once it is known; a file that fits into its cap has none.
    #[must_use]
    pub fn storage_index(&self) -> Option<StorageIndex> {
        self.storage_index.get().copied()
    }

    /// The storage index is known by now.
    pub(crate) fn set_storage_index(&self, storage_index: StorageIndex) {
        let _ = self.storage_index.set(storage_index);
    }

    /// When it began.
    #[must_use]
    pub const fn started(&self) -> SystemTime {
        self.started
    }

    /// The time by its clock, in seconds since 1970.
    pub(super) fn now(&self) -> f64 {
        let started = self.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        (started + self.clock.elapsed()).as_secs_f64()
    }

    /// What is known of it now.
    #[must_use]
    pub fn state(&self) -> State {
        let mut state = self.lock().clone();
        if self.kind == Kind::Download {
            let log = self.log();
            state.is_active = log.is_active();
            if state.is_active || state.status != "Failed" {
                state.status = log.status().into();
            }
        }
        state
    }

    /// How far it is, from 0 to 1.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        match self.kind {
            Kind::Download => self.log().fraction(),
            _ => self.lock().fraction(),
        }
    }

    /// Whether it goes on.
    #[must_use]
    pub fn is_active(&self) -> bool {
        match self.kind {
            Kind::Download => self.log().is_active(),
            _ => self.lock().is_active,
        }
    }

    /// What a download has done so far; of other kinds, nothing.
    #[must_use]
    pub fn events(&self) -> Events {
        self.log().events().clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It goes on to something else.
    pub(crate) fn set_status(&self, status: impl Into<Cow<'static, str>>) {
        self.lock().status = status.into();
    }

    /// More is known of it.
    pub(crate) fn note(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
    }

    /// A server answered, or did not.
    pub(crate) fn note_answer(&self, server: &ServerId, took: Duration, problem: Option<String>) {
        let mut state = self.lock();
        if state.round_trips.len() < SERVERS_MAX {
            state.round_trips.push((server.clone(), took));
        }
        if let Some(problem) = problem
            && state.problems.len() < SERVERS_MAX
        {
            state.problems.push((server.clone(), problem));
        }
    }

    fn end(&self, status: &'static str) {
        let mut state = self.lock();
        if state.is_active {
            state.is_active = false;
            state.status = status.into();
            state.finished = Some(SystemTime::now());
            state.took = Some(self.clock.elapsed());
        }
    }
}

/// An operation that goes on. Dropped before it is [done](Self::done), it has failed.
#[derive(Debug)]
pub(crate) struct Running(Arc<Operation>);

impl Running {
    pub(super) const fn new(operation: Arc<Operation>) -> Self {
        Self(operation)
    }

    /// It is over, and all is well.
    pub(crate) fn done(self) {
        self.0.end("Finished");
    }

    /// The operation, to be looked at by others.
    pub(crate) const fn operation(&self) -> &Arc<Operation> {
        &self.0
    }
}

impl Deref for Running {
    type Target = Operation;

    fn deref(&self) -> &Operation {
        &self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.end("Failed");
    }
}
