//! One share of a version, read to its last byte and proven by itself (specification section 4.8).

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tallac_core::cap::{Fingerprint, SskWriteCap};
use tallac_core::ids::ShareNumber;
use tallac_core::mutable::{Header, MutableGeometry, MutableKeyPair, ShareProof, VerifyingKey};
use tallac_core::storage::StorageError;
use tokio::time::timeout;

use super::MUTABLE_SIZE_MAX;
use super::query::Subject;
use super::retrieve::{Fetch, FetchError};
use super::servermap::{Place, ServerMap};
use crate::blocking::blocking_if;
use crate::check::VerifyBudget;
use crate::download::Flaw;

/// Bytes of blocks that are read at once, unless a block is larger.
const RUN_LEN: u64 = 1 << 20;

/// Blocks with more bytes than this are proven by a thread that may block.
const INLINE_MAX: usize = 64 << 10;

/// How long a server may take for anything, and how many bytes a second it must send beyond that.
const READ_TIME: Duration = Duration::from_secs(20);
const RATE_MIN: u64 = 16 << 10;

/// Proves a share that a map has: its key, signature, hashes and blocks, and with the write cap
/// the private key in it. It is not asked what other shares prove.
pub(crate) async fn verify(
    map: &ServerMap,
    subject: Subject,
    (number, place): (ShareNumber, Place),
    write: Option<&SskWriteCap>,
    budget: &VerifyBudget,
) -> Result<(), Flaw> {
    let Some((header, share)) = map
        .shares
        .get(&(number, place))
        .and_then(|share| Some((Arc::clone(share.header.as_ref()?), share)))
    else {
        return Ok(());
    };
    let geometry = header.geometry;
    if geometry.size() > MUTABLE_SIZE_MAX {
        let size = geometry.size();
        return Err(Flaw::Incompatible(format!("a mutable file of {size} bytes is not verified")));
    }
    let room = budget.take(memory(&geometry)).await;
    let fetch = Fetch {
        server: Arc::clone(&map.servers[place]),
        storage_index: subject.storage_index,
        number,
        header,
        front: share.front.clone(),
    };
    let proven = async {
        let proof = hashes(&fetch, &subject.fingerprint, write).await?;
        blocks(&fetch, Arc::new(proof)).await
    };
    let verdict = proven.await;
    drop(room);
    match verdict {
        // What was half read before somebody wrote to the share, and half after, is no corruption.
        Err(Flaw::Corrupt(_)) if was_replaced(&fetch).await? => {
            Err(Flaw::Unread(StorageError::Conflict))
        }
        verdict => verdict,
    }
}

/// Whether the share is no longer of the version that it was.
async fn was_replaced(fetch: &Fetch) -> Result<bool, Flaw> {
    let checkstring = fetch.header.checkstring();
    // Not from what was read before.
    let fresh = Fetch {
        server: Arc::clone(&fetch.server),
        header: Arc::clone(&fetch.header),
        front: Bytes::new(),
        ..*fetch
    };
    let range = 0..checkstring.len() as u64;
    let [now] = match parts(&fresh, [range]).await {
        Err(Flaw::Corrupt(_)) => return Ok(true),
        now => now?,
    };
    Ok(now != checkstring)
}

/// Bytes that a share takes while it is verified: its hashes, and a run of blocks.
fn memory(geometry: &MutableGeometry) -> u64 {
    let block = geometry.data_range(&(0..1)).end;
    4 * geometry.tree_len() + RUN_LEN.max(block).min(geometry.data_len())
}

/// Proves all but the blocks.
async fn hashes(
    fetch: &Fetch,
    fingerprint: &Fingerprint,
    write: Option<&SskWriteCap>,
) -> Result<ShareProof, Flaw> {
    let offsets = fetch.header.offsets.clone();
    let [public_key, signature, chain, tree, private_key] = parts(
        fetch,
        [
            offsets.public_key,
            offsets.signature,
            offsets.share_hash_chain,
            offsets.block_hash_tree,
            offsets.private_key,
        ],
    )
    .await?;
    let header: &Header = &fetch.header;
    let key = VerifyingKey::from_der(&public_key, fingerprint).map_err(corrupt)?;
    key.verify(header.signed(), &signature).map_err(corrupt)?;
    if write.is_some_and(|cap| !MutableKeyPair::is_kept_in(&private_key, cap)) {
        return Err(corrupt("the private key is not the one of this capability"));
    }
    ShareProof::new(header, fetch.number, &chain, &tree).map_err(corrupt)
}

/// Proves all blocks.
async fn blocks(fetch: &Fetch, proof: Arc<ShareProof>) -> Result<(), Flaw> {
    let (geometry, data) = (fetch.header.geometry, fetch.header.offsets.data.start);
    let block = geometry.data_range(&(0..1)).end.max(1);
    let step = (RUN_LEN / block).max(1);
    let mut at = 0;
    while at < geometry.segment_count() {
        let run = at..(at + step).min(geometry.segment_count());
        at = run.end;
        let within = geometry.data_range(&run);
        let range = data + within.start..data + within.end;
        let [bytes] = parts(fetch, [range]).await?;
        let (proof, is_long) = (Arc::clone(&proof), bytes.len() > INLINE_MAX);
        let proven = blocking_if(is_long, move || proof.blocks(run, &bytes).map(drop));
        proven.await.map_err(corrupt)?;
    }
    Ok(())
}

/// Reads parts of a share, from a server that may not take its time.
async fn parts<const N: usize>(fetch: &Fetch, ranges: [Range<u64>; N]) -> Result<[Bytes; N], Flaw> {
    let len: u64 = ranges.iter().map(|range| range.end - range.start).sum();
    let time = READ_TIME + Duration::from_secs(len / RATE_MIN);
    match timeout(time, fetch.parts(ranges)).await {
        Ok(Ok(parts)) => Ok(parts),
        Ok(Err(FetchError::Damaged(why))) => Err(Flaw::Corrupt(why)),
        Ok(Err(FetchError::Storage(error))) => Err(Flaw::Unread(error)),
        Err(_) => Err(Flaw::Unread(StorageError::TimedOut { seconds: time.as_secs() })),
    }
}

/// Turns any error into that of a corrupt share.
fn corrupt(error: impl std::fmt::Display) -> Flaw {
    Flaw::Corrupt(error.to_string())
}
