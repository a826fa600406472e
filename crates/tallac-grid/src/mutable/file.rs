//! One mutable file: what is remembered of it, and reading.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tallac_core::cap::{MutableFormat, SskReadCap, SskWriteCap};
use tallac_core::hash::Hash;
use tallac_core::mutable::{CHECKSTRING_LEN_MAX, Header, MutableKeyPair, Salt, VersionId};
use tallac_core::storage::{ReadVector, SlotReadRequest, StorageError};
use tokio::sync::RwLock;
use tracing::field::Empty;

use super::query::{self, Subject};
use super::retrieve::{self, Retrieved};
use super::servermap::{Begun, Mode, ServerMap};
use super::{MUTABLE_SIZE_MAX, MutableError};
use crate::grid::Grid;
use crate::history::{Counter, Kind};
use crate::patience::{Patience, gather};
use crate::spans;

/// Contents up to this size are remembered, in bytes.
pub(super) const CACHED_MAX: usize = 1 << 20;

/// How often a version is fetched whose shares turn out to be no longer there, each time another.
pub(super) const TRIES_MAX: u32 = 3;

/// How long the slowest of the servers that are asked for news is waited for.
const PROBE_PATIENCE: Patience =
    Patience { floor: Duration::from_millis(500), factor: 8, ceiling: Duration::from_secs(20) };

/// Which version of a file, and how large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// Its number and the root hash over its shares.
    pub id: VersionId,
    /// Bytes of its content.
    pub size: u64,
}

impl Version {
    pub(crate) const fn of(header: &Header) -> Self {
        Self { id: header.version, size: header.geometry.size() }
    }
}

/// What a process knows of one file, whatever caps it was opened with.
#[derive(Debug, Default)]
pub(crate) struct FileState {
    /// Writers wait for each other here, and for readers.
    pub(crate) queue: RwLock<()>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    keys: Option<Arc<MutableKeyPair>>,
    snapshot: Option<Arc<Snapshot>>,
}

/// A version as it was last seen.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) map: ServerMap,
    /// Its best version.
    pub(crate) header: Arc<Header>,
    /// Whether the map was made for writing, so that it knows all shares.
    pub(crate) is_complete: bool,
    /// Its content, if it is small.
    pub(crate) content: Option<Bytes>,
    /// The hashes of the blocks of all shares, if they were needed before.
    pub(crate) leaves: Option<Arc<Vec<Vec<Hash>>>>,
}

impl Snapshot {
    pub(crate) const fn new(map: ServerMap, header: Arc<Header>, is_complete: bool) -> Self {
        Self { map, header, is_complete, content: None, leaves: None }
    }
}

/// A mutable file, opened by a cap. Operations on one file queue within a process.
#[derive(Debug, Clone)]
pub struct MutableFile {
    pub(super) grid: Grid,
    pub(super) read: SskReadCap,
    pub(super) write: Option<SskWriteCap>,
    pub(super) state: Arc<FileState>,
}

impl MutableFile {
    pub(super) const fn new(
        grid: Grid,
        read: SskReadCap,
        write: Option<SskWriteCap>,
        state: Arc<FileState>,
    ) -> Self {
        Self { grid, read, write, state }
    }

    /// SDMF or MDMF.
    #[must_use]
    pub const fn format(&self) -> MutableFormat {
        self.read.format()
    }

    /// Whether the cap that it was opened with can change it.
    #[must_use]
    pub const fn is_writeable(&self) -> bool {
        self.write.is_some()
    }

    /// The best version that servers have now. One round trip.
    ///
    /// # Errors
    /// [`MutableError`].
    pub async fn version(&self) -> Result<Version, MutableError> {
        let _reading = self.state.queue.read().await;
        let snapshot = self.latest().await?;
        Ok(Version::of(&snapshot.header))
    }

    /// The whole content of the best version. One round trip where it is small, or unchanged.
    ///
    /// # Errors
    /// [`MutableError`].
    pub async fn read(&self) -> Result<(Version, Bytes), MutableError> {
        self.read_range(0..u64::MAX).await
    }

    /// The whole content, unless it is still that of the version given.
    ///
    /// # Errors
    /// [`MutableError`].
    pub async fn read_if_newer(
        &self,
        have: &Version,
    ) -> Result<Option<(Version, Bytes)>, MutableError> {
        self.obtain(0..u64::MAX, Some(have)).await
    }

    /// Some of the content of the best version; what lies beyond its end is left out. Only the
    /// segments that hold it are fetched.
    ///
    /// # Errors
    /// [`MutableError`].
    pub async fn read_range(&self, range: Range<u64>) -> Result<(Version, Bytes), MutableError> {
        let read = self.obtain(range, None).await?;
        Ok(read.expect("every version is wanted"))
    }

    /// Reads a range of the best version, unless that is `not`. Where its shares are replaced by
    /// those of a later one before they are fetched, the later one is read.
    async fn obtain(
        &self,
        range: Range<u64>,
        not: Option<&Version>,
    ) -> Result<Option<(Version, Bytes)>, MutableError> {
        let _reading = self.state.queue.read().await;
        let mut tries = 1;
        loop {
            let snapshot = self.latest().await?;
            if not == Some(&Version::of(&snapshot.header)) {
                return Ok(None);
            }
            match self.range_of(&snapshot, range.clone()).await {
                Err(MutableError::NotEnoughShares { .. }) if tries < TRIES_MAX => {
                    self.forget();
                    tries += 1;
                }
                result => return result.map(Some),
            }
        }
    }

    async fn range_of(
        &self,
        snapshot: &Arc<Snapshot>,
        range: Range<u64>,
    ) -> Result<(Version, Bytes), MutableError> {
        let version = Version::of(&snapshot.header);
        let range = range.start.min(version.size)..range.end.min(version.size);
        if range == (0..version.size) || snapshot.content.is_some() {
            let (version, content) = self.content(Arc::clone(snapshot)).await?;
            return Ok((version, cut(&content, 0, &range)));
        }
        if range.is_empty() {
            return Ok((version, Bytes::new()));
        }
        let segments = snapshot.header.geometry.segments_of(&range);
        let start = snapshot.header.geometry.segment_range(segments.start).start;
        let (_, got) = self.fetch(snapshot, segments).await?;
        Ok((version, cut(&got.plaintext, start, &range)))
    }

    pub(super) const fn subject(&self) -> Subject {
        Subject {
            storage_index: self.read.storage_index(),
            format: self.read.format(),
            fingerprint: *self.read.fingerprint(),
        }
    }

    pub(super) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.state.known.lock().unwrap_or_else(PoisonError::into_inner).snapshot.clone()
    }

    pub(super) fn remember(&self, snapshot: Snapshot) -> Arc<Snapshot> {
        let snapshot = Arc::new(snapshot);
        let mut known = self.state.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.snapshot = Some(Arc::clone(&snapshot));
        snapshot
    }

    pub(super) fn forget(&self) {
        self.state.known.lock().unwrap_or_else(PoisonError::into_inner).snapshot = None;
    }

    pub(super) fn remember_keys(&self, keys: Arc<MutableKeyPair>) {
        self.state.known.lock().unwrap_or_else(PoisonError::into_inner).keys = Some(keys);
    }

    pub(super) fn known_keys(&self) -> Option<Arc<MutableKeyPair>> {
        self.state.known.lock().unwrap_or_else(PoisonError::into_inner).keys.clone()
    }

    /// What servers have now: what is remembered if it is still true.
    async fn latest(&self) -> Result<Arc<Snapshot>, MutableError> {
        if let Some(snapshot) = self.snapshot()
            && self.is_current(&snapshot).await
        {
            return Ok(snapshot);
        }
        self.look(Mode::Read).await
    }

    /// Asks servers what they have.
    pub(super) async fn look(&self, mode: Mode) -> Result<Arc<Snapshot>, MutableError> {
        self.look_for(mode, &Begun::default()).await
    }

    /// The same, for a writer who has begun to write already.
    pub(super) async fn look_for(
        &self,
        mode: Mode,
        begun: &Begun,
    ) -> Result<Arc<Snapshot>, MutableError> {
        let map = query::update(&self.grid, self.subject(), mode).await;
        let Some(header) = map.best_for(begun) else { return Err(no_version(&map)) };
        let mut snapshot = Snapshot::new(map, header, mode != Mode::Read);
        // What was known of the same version is still true.
        if let Some(old) = self.snapshot()
            && old.header.signed() == snapshot.header.signed()
        {
            snapshot.content.clone_from(&old.content);
            snapshot.leaves.clone_from(&old.leaves);
        }
        Ok(self.remember(snapshot))
    }

    /// Whether the servers that would be asked for the file have the shares that are remembered,
    /// and nothing else.
    async fn is_current(&self, snapshot: &Snapshot) -> bool {
        let map = &snapshot.map;
        let needed = usize::from(snapshot.header.geometry.encoding().needed());
        let places: Vec<usize> = (0..map.servers.len().min(2 * needed)).collect();
        let asks = places.iter().map(|place| {
            let server = Arc::clone(&map.servers[*place]);
            let request = SlotReadRequest {
                storage_index: self.read.storage_index(),
                share_numbers: Vec::new(),
                reads: vec![ReadVector::new(0, CHECKSTRING_LEN_MAX)],
            };
            async move { server.storage().read_slot(request).await }
        });
        let answers = gather(asks.collect::<Vec<_>>(), PROBE_PATIENCE).await;
        let checkstring = snapshot.header.checkstring();
        let mut good = BTreeSet::new();
        for (place, answer) in places.iter().zip(answers) {
            let shares = match answer {
                Some(Ok(shares)) => shares,
                Some(Err(error)) => {
                    map.servers[*place].note_error(&error);
                    continue;
                }
                None => {
                    let seconds = PROBE_PATIENCE.floor.as_secs();
                    map.servers[*place].note_error(&StorageError::TimedOut { seconds });
                    continue;
                }
            };
            for (number, pieces) in shares {
                let front = pieces.into_iter().next().unwrap_or_default();
                let Some(known) = map.shares.get(&(number, *place)) else { return false };
                if front.starts_with(&checkstring) {
                    good.insert(number);
                } else if !front.starts_with(&known.checkstring()) {
                    return false;
                }
            }
        }
        good.len() >= needed
    }

    /// The whole content of a snapshot's version; remembered if small.
    pub(super) async fn content(
        &self,
        snapshot: Arc<Snapshot>,
    ) -> Result<(Version, Bytes), MutableError> {
        let version = Version::of(&snapshot.header);
        if let Some(content) = &snapshot.content {
            return Ok((version, content.clone()));
        }
        if version.size > MUTABLE_SIZE_MAX {
            let (size, size_max) = (version.size, MUTABLE_SIZE_MAX);
            return Err(MutableError::TooLarge { size, size_max });
        }
        let all = 0..snapshot.header.geometry.segment_count();
        let (map, got) = self.fetch(&snapshot, all).await?;
        if got.plaintext.len() <= CACHED_MAX {
            let content = Some(got.plaintext.clone());
            self.remember(Snapshot { map, content, ..(*snapshot).clone() });
        }
        Ok((version, got.plaintext))
    }

    /// Segments of a snapshot's version. If its shares do not do, all servers are asked for
    /// others.
    pub(super) async fn fetch(
        &self,
        snapshot: &Snapshot,
        segments: Range<u64>,
    ) -> Result<(ServerMap, Retrieved), MutableError> {
        let index = self.read.storage_index();
        let history = self.grid.history();
        let watched = history.begin(Kind::Retrieve, Some(index));
        watched.set_status("Retrieving Shares");
        let geometry = &snapshot.header.geometry;
        let size = geometry.size();
        watched.note(|state| {
            (state.size, state.encoding) = (Some(size), Some(geometry.encoding()));
        });
        history.count(Counter::FilesRetrieved, Counter::BytesRetrieved, size);
        let span = tracing::info_span!(
            "retrieve",
            size,
            segments = segments.end - segments.start,
            storage_index = index.abbreviated(),
            otel.status_code = Empty
        );
        let fetched = spans::within(span, self.fetch_from(snapshot, segments)).await?;
        watched.done();
        Ok(fetched)
    }

    async fn fetch_from(
        &self,
        snapshot: &Snapshot,
        segments: Range<u64>,
    ) -> Result<(ServerMap, Retrieved), MutableError> {
        let (index, key) = (self.read.storage_index(), self.read.read_key());
        let header = &snapshot.header;
        let mut map = snapshot.map.clone();
        let first = retrieve::segments(&mut map, index, header, key, segments.clone()).await;
        let failure = match first {
            Ok(got) => return Ok((map, got)),
            Err(error) => error,
        };
        let bad: Vec<_> = map.damaged.iter().map(|(n, place, _)| (*n, *place)).collect();
        let mut map = query::update(&self.grid, self.subject(), Mode::Check).await;
        for (number, place) in bad {
            map.note_damaged(number, place, "found damaged before".to_owned());
        }
        match retrieve::segments(&mut map, index, header, key, segments).await {
            Ok(got) => Ok((map, got)),
            Err(_) => Err(failure),
        }
    }

    /// The key pair, from memory or from a share.
    pub(super) async fn keys(
        &self,
        snapshot: &Snapshot,
    ) -> Result<Arc<MutableKeyPair>, MutableError> {
        let cap = self.write.as_ref().ok_or(MutableError::NotWriteable)?;
        if let Some(keys) = self.known_keys() {
            return Ok(keys);
        }
        let index = self.read.storage_index();
        for (number, place, _) in snapshot.map.shares_of(&snapshot.header) {
            let found = retrieve::private_key(&snapshot.map, index, (number, place)).await;
            let Some(encrypted) = found else { continue };
            match MutableKeyPair::decrypt(&encrypted, cap) {
                Ok(keys) => {
                    let keys = Arc::new(keys);
                    self.remember_keys(Arc::clone(&keys));
                    return Ok(keys);
                }
                Err(error) => tracing::warn!(share = number.get(), %error, "bad private key"),
            }
        }
        Err(MutableError::NoPrivateKey)
    }
}

/// What is in the range of a content of which `bytes` are those from `start` on.
fn cut(bytes: &Bytes, start: u64, range: &Range<u64>) -> Bytes {
    let at = |offset: u64| {
        usize::try_from(offset.saturating_sub(start)).unwrap_or(usize::MAX).min(bytes.len())
    };
    bytes.slice(at(range.start)..at(range.end).max(at(range.start)))
}

/// Why there is no version to be had.
pub(super) fn no_version(map: &ServerMap) -> MutableError {
    let versions = map.versions();
    match versions.iter().max_by_key(|(_, numbers)| numbers.len()) {
        None => MutableError::NoShares { asked: map.answered.len() },
        Some((header, numbers)) => MutableError::NotEnoughShares {
            found: numbers.len(),
            needed: header.geometry.encoding().needed().into(),
        },
    }
}

/// Salts for so many segments, and one for an empty file.
pub(super) fn fresh_salts(segments: u64) -> Result<Vec<Salt>, MutableError> {
    let count = usize::try_from(segments.max(1)).unwrap_or(usize::MAX);
    let mut bytes = vec![0; count * size_of::<Salt>()];
    getrandom::fill(&mut bytes).map_err(|error| MutableError::Internal(error.to_string()))?;
    let (salts, _) = bytes.as_chunks();
    Ok(salts.to_vec())
}
