//! Whether all shares of a file are there, asked without its cap (specification section 4.3).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use tallac_core::hash::Hash;
use tallac_core::ids::{ServerId, ShareNumber, StorageIndex};
use tallac_core::immutable::{HEADER_LEN_MAX, ShareLayout, UEB_LEN_MAX, Ueb};
use tallac_core::storage::{ReadRequest, ShareKind, StorageError};
use tokio::time::timeout;

use super::Uploader;
use crate::patience::{Patience, gather};
use crate::servers::GridServer;

/// How long servers have to say what they have.
const PATIENCE: Patience =
    Patience { floor: Duration::from_secs(2), factor: 10, ceiling: Duration::from_secs(15) };

/// How long one has for the UEB.
const READ_TIME_MAX: Duration = Duration::from_secs(15);

/// Shares whose UEB is asked for, one after the other.
const TRIES_MAX: usize = 3;

/// A file of which every share is on some server, as the servers say.
#[derive(Debug, Clone)]
pub struct CompleteFile {
    /// What one of its shares has as its UEB. Nothing vouches for it.
    pub ueb: Bytes,
    /// And the hash of that.
    pub ueb_hash: Hash,
    /// Which servers have which shares.
    pub shares: BTreeMap<ShareNumber, BTreeSet<ServerId>>,
}

impl Uploader {
    /// Looks for all shares of a file; nothing if one is missing.
    pub async fn find_complete(&self, storage_index: StorageIndex) -> Option<CompleteFile> {
        let servers = self.grid.servers().ring(&storage_index);
        let lists = servers
            .iter()
            .map(|server| server.storage().list(ShareKind::Immutable, storage_index))
            .collect::<Vec<_>>();
        let answers = gather(lists, PATIENCE).await;
        let mut shares: BTreeMap<_, BTreeSet<ServerId>> = BTreeMap::new();
        let mut places = Vec::new();
        for (server, answer) in servers.iter().zip(answers) {
            for share in answer.and_then(Result::ok).unwrap_or_default() {
                shares.entry(share).or_default().insert(server.info().id.clone());
                places.push((server, share));
            }
        }
        for (server, share) in places.into_iter().take(TRIES_MAX) {
            let read = read_ueb(server, storage_index, share);
            match timeout(READ_TIME_MAX, read).await {
                Ok(Ok(Some((ueb, total)))) => {
                    let all = ShareNumber::first(total).all(|share| shares.contains_key(&share));
                    let ueb_hash = Ueb::hash(&ueb);
                    return all.then_some(CompleteFile { ueb, ueb_hash, shares });
                }
                Ok(Ok(None)) => {
                    tracing::info!(server = %server.info().id, %share, "a share has no UEB");
                }
                Ok(Err(error)) => {
                    tracing::info!(server = %server.info().id, %error, "a UEB was not read");
                }
                Err(_) => tracing::info!(server = %server.info().id, "a UEB was not sent in time"),
            }
        }
        None
    }
}

/// The UEB of a share, and how many shares it says that there are.
async fn read_ueb(
    server: &Arc<GridServer>,
    storage_index: StorageIndex,
    share: ShareNumber,
) -> Result<Option<(Bytes, usize)>, StorageError> {
    let read = |range| read(server, storage_index, share, range);
    let header = read(0..HEADER_LEN_MAX as u64).await?;
    let Ok(layout) = ShareLayout::parse(&header) else { return Ok(None) };
    let field = layout.version.field_len();
    let Some(end) = layout.ueb.checked_add(field + UEB_LEN_MAX) else { return Ok(None) };
    let section = read(layout.ueb..end).await?;
    let field = usize::try_from(field).unwrap_or(usize::MAX);
    let Some(len) = section.get(..field) else { return Ok(None) };
    let len = len.iter().fold(0, |len: u64, &byte| len << 8 | u64::from(byte));
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    let Some(end) = field.checked_add(len).filter(|&end| end <= section.len()) else {
        return Ok(None);
    };
    let ueb = section.slice(field..end);
    let fields = Ueb::fields(&ueb).ok();
    let total = fields.as_ref().and_then(|fields| {
        std::str::from_utf8(fields.get("total_shares")?).ok()?.parse::<usize>().ok()
    });
    Ok(total.filter(|total| (1..=256).contains(total)).map(|total| (ueb.clone(), total)))
}

async fn read(
    server: &GridServer,
    storage_index: StorageIndex,
    share_number: ShareNumber,
    range: Range<u64>,
) -> Result<Bytes, StorageError> {
    let len_max = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    let (kind, range) = (ShareKind::Immutable, Some(range));
    let request = ReadRequest { kind, storage_index, share_number, range };
    let mut stream = server.storage().read(request).await?;
    let mut all = BytesMut::new();
    while let Some(piece) = stream.try_next().await? {
        if all.len() + piece.len() > len_max {
            return Err(StorageError::PeerMisbehaved("sent more than was asked for".to_owned()));
        }
        all.extend_from_slice(&piece);
    }
    Ok(all.freeze())
}
