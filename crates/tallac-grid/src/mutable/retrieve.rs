//! Segments of a version, from any `k` of its shares (specification section 4.6).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tallac_core::cap::ReadKey;
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::mutable::{BlockRun, Header, Salt, ShareProof, decode_segment};
use tallac_core::storage::{ReadVector, SlotReadRequest, StorageError};
use tokio::time::timeout;

use super::MutableError;
use super::servermap::{FoundShare, Place, ServerMap};
use crate::blocking::blocking_if;
use crate::servers::GridServer;

/// How long a share may take before another is asked for as well.
const HEDGE: Duration = Duration::from_secs(1);
/// How often that may pass with nothing to be done.
const HEDGES_MAX: u32 = 60;
/// Bytes of a share that are read in one request.
const READ_MAX: u64 = 8 << 20;
/// Blocks with more bytes than this are checked by a thread that may block.
const INLINE_MAX: u64 = 64 << 10;

/// Plaintext of segments in a row.
#[derive(Debug)]
pub(crate) struct Retrieved {
    /// The bytes.
    pub(crate) plaintext: Bytes,
    /// The salt of each segment.
    pub(crate) salts: Vec<Salt>,
}

/// Why a share did not do.
pub(super) enum FetchError {
    Storage(StorageError),
    Damaged(String),
}

/// Fetches, proves and decodes these segments. Shares that turn out to be damaged are noted in
/// the map, and others taken.
pub(crate) async fn segments(
    map: &mut ServerMap,
    storage_index: StorageIndex,
    header: &Arc<Header>,
    key: &ReadKey,
    segments: Range<u64>,
) -> Result<Retrieved, MutableError> {
    if segments.is_empty() {
        return Ok(Retrieved { plaintext: Bytes::new(), salts: header.salt.into_iter().collect() });
    }
    let needed = usize::from(header.geometry.encoding().needed());
    let mut candidates = candidates(map, header);
    let mut running = FuturesUnordered::new();
    let mut busy: BTreeSet<ShareNumber> = BTreeSet::new();
    let mut done: BTreeMap<ShareNumber, BlockRun> = BTreeMap::new();
    let (mut wanted, mut hedges) = (needed, 0);
    while done.len() < needed {
        while busy.len() + done.len() < wanted {
            let is_new = |(n, ..): &(ShareNumber, _, _)| !busy.contains(n) && !done.contains_key(n);
            let Some(at) = candidates.iter().position(is_new) else { break };
            let (number, place, share) = candidates.remove(at);
            busy.insert(number);
            let server = Arc::clone(&map.servers[place]);
            let (header, segments) = (Arc::clone(header), segments.clone());
            running.push(async move {
                let fetch = Fetch { server, storage_index, number, header, front: share.front };
                (number, place, fetch.run(segments).await)
            });
        }
        match timeout(HEDGE, running.next()).await {
            Err(_) if hedges < HEDGES_MAX => {
                hedges += 1;
                wanted = (wanted + 1).min(needed + busy.len());
            }
            Ok(Some((number, _, Ok(run)))) => {
                busy.remove(&number);
                done.insert(number, run);
            }
            Ok(Some((number, place, Err(error)))) => {
                busy.remove(&number);
                note(map, (number, place), error);
            }
            Err(_) | Ok(None) => {
                return Err(MutableError::NotEnoughShares { found: done.len(), needed });
            }
        }
    }
    decode(Arc::clone(header), key.clone(), segments, done).await
}

/// All shares of the version, the most promising first: those that are here already, then those
/// of quick servers.
fn candidates(map: &ServerMap, header: &Header) -> Vec<(ShareNumber, Place, FoundShare)> {
    let mut candidates: Vec<_> = map
        .shares_of(header)
        .map(|(number, place, share)| (number, place, share.clone()))
        .collect();
    candidates.sort_by_cached_key(|(number, place, share)| {
        let is_here = share.front.len() as u64 >= header.offsets.end();
        let round_trip = map.servers[*place].round_trip().unwrap_or(Duration::MAX);
        (!is_here, round_trip, *number)
    });
    candidates
}

fn note(map: &mut ServerMap, (number, place): (ShareNumber, Place), error: FetchError) {
    match error {
        FetchError::Storage(error) => map.servers[place].note_error(&error),
        FetchError::Damaged(why) => map.note_damaged(number, place, why),
    }
}

async fn decode(
    header: Arc<Header>,
    key: ReadKey,
    segments: Range<u64>,
    runs: BTreeMap<ShareNumber, BlockRun>,
) -> Result<Retrieved, MutableError> {
    let needed = usize::from(header.geometry.encoding().needed());
    let range = header.geometry.data_range(&segments);
    let work = move || {
        let mut plaintext = BytesMut::new();
        let mut salts = Vec::new();
        for (at, segment) in segments.enumerate() {
            let blocks: Vec<(ShareNumber, Bytes)> = runs
                .iter()
                .take(needed)
                .map(|(number, run)| (*number, run.blocks[at].1.clone()))
                .collect();
            let Some(salt) = runs.values().next().map(|run| run.blocks[at].0) else { break };
            let bytes = decode_segment(&header.geometry, segment, (&key, &salt), &blocks);
            plaintext.extend_from_slice(&bytes);
            salts.push(salt);
        }
        Retrieved { plaintext: plaintext.freeze(), salts }
    };
    Ok(blocking_if(range.end - range.start > INLINE_MAX, work).await)
}

/// One share to be fetched.
pub(super) struct Fetch {
    pub(super) server: Arc<GridServer>,
    pub(super) storage_index: StorageIndex,
    pub(super) number: ShareNumber,
    pub(super) header: Arc<Header>,
    pub(super) front: Bytes,
}

impl Fetch {
    async fn run(self, segments: Range<u64>) -> Result<BlockRun, FetchError> {
        let offsets = &self.header.offsets;
        let within = self.header.geometry.data_range(&segments);
        let data = offsets.data.start + within.start..offsets.data.start + within.end;
        let [chain, tree, data] = self
            .parts([offsets.share_hash_chain.clone(), offsets.block_hash_tree.clone(), data])
            .await?;
        let (header, number) = (Arc::clone(&self.header), self.number);
        let is_long = data.len() as u64 > INLINE_MAX;
        let work = move || {
            ShareProof::new(&header, number, &chain, &tree)
                .and_then(|proof| proof.blocks(segments, &data))
        };
        let proven = blocking_if(is_long, work).await;
        proven.map_err(|error| FetchError::Damaged(error.to_string()))
    }

    /// These parts of the share: from its front where that reaches far enough, the others from the
    /// server, in one request unless they are very long.
    pub(super) async fn parts<const N: usize>(
        &self,
        ranges: [Range<u64>; N],
    ) -> Result<[Bytes; N], FetchError> {
        let mut parts: [Option<Bytes>; N] = ranges.clone().map(|range| slice(&self.front, &range));
        let mut reads: Vec<(usize, ReadVector)> = Vec::new();
        for (at, range) in ranges.iter().enumerate().filter(|(at, _)| parts[*at].is_none()) {
            let mut start = range.start;
            while start < range.end {
                let end = range.end.min(start + READ_MAX);
                reads.push((at, ReadVector::new(start, end - start)));
                start = end;
            }
        }
        let mut read: [BytesMut; N] = std::array::from_fn(|_| BytesMut::new());
        for batch in batches(&reads) {
            let vectors = batch.iter().map(|(_, vector)| *vector).collect();
            for ((at, _), piece) in batch.iter().zip(self.read(vectors).await?) {
                if read[*at].is_empty() && ranges[*at].end - ranges[*at].start == piece.len() as u64
                {
                    parts[*at] = Some(piece);
                } else {
                    read[*at].extend_from_slice(&piece);
                }
            }
        }
        for (part, read) in parts.iter_mut().zip(read) {
            part.get_or_insert(read.freeze());
        }
        let lengths_fit = parts.iter().zip(&ranges).all(|(part, range)| {
            part.as_ref().is_some_and(|p| p.len() as u64 == range.end - range.start)
        });
        if lengths_fit {
            Ok(parts.map(Option::unwrap_or_default))
        } else {
            Err(FetchError::Damaged("the share ends too early".to_owned()))
        }
    }

    async fn read(&self, reads: Vec<ReadVector>) -> Result<Vec<Bytes>, FetchError> {
        let request = SlotReadRequest {
            storage_index: self.storage_index,
            share_numbers: vec![self.number],
            reads,
        };
        let answer = self.server.storage().read_slot(request).await;
        let mut answer = answer.map_err(FetchError::Storage)?;
        answer.remove(&self.number).ok_or(FetchError::Storage(StorageError::NotFound))
    }
}

/// The reads in groups, none of which asks for more than one request may.
fn batches(reads: &[(usize, ReadVector)]) -> Vec<&[(usize, ReadVector)]> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, (_, vector)) in reads.iter().enumerate() {
        if at > start && bytes + vector.size > READ_MAX {
            batches.push(&reads[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += vector.size;
    }
    if start < reads.len() {
        batches.push(&reads[start..]);
    }
    batches
}

fn slice(front: &Bytes, range: &Range<u64>) -> Option<Bytes> {
    let (start, end) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
    (start <= end && end <= front.len()).then(|| front.slice(start..end))
}

/// The encrypted private key that a share holds.
pub(crate) async fn private_key(
    map: &ServerMap,
    storage_index: StorageIndex,
    (number, place): (ShareNumber, Place),
) -> Option<Bytes> {
    let share = map.shares.get(&(number, place))?;
    let header = Arc::clone(share.header.as_ref()?);
    let range = header.offsets.private_key.clone();
    let fetch = Fetch {
        server: Arc::clone(&map.servers[place]),
        storage_index,
        number,
        header,
        front: share.front.clone(),
    };
    let [key] = timeout(HEDGE * 5, fetch.parts([range])).await.ok()?.ok()?;
    Some(key)
}

/// The proven block hashes of one share.
pub(crate) async fn leaves(
    map: &ServerMap,
    storage_index: StorageIndex,
    (number, place): (ShareNumber, Place),
) -> Option<Vec<tallac_core::hash::Hash>> {
    let share = map.shares.get(&(number, place))?;
    let header = Arc::clone(share.header.as_ref()?);
    let offsets = &header.offsets;
    let ranges = [offsets.share_hash_chain.clone(), offsets.block_hash_tree.clone()];
    let fetch = Fetch {
        server: Arc::clone(&map.servers[place]),
        storage_index,
        number,
        header: Arc::clone(&header),
        front: share.front.clone(),
    };
    let [chain, tree] = timeout(HEDGE * 10, fetch.parts(ranges)).await.ok()?.ok()?;
    let proof = ShareProof::new(&header, number, &chain, &tree).ok()?;
    Some(proof.leaves().to_vec())
}
