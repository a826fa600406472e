//! A folder as one ZIP file, packed while it is sent.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{TryStreamExt as _, stream};
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH};
use tallac_core::cap::{DirectoryCap, FileCap};
use tallac_core::dirnode::Metadata;
use tallac_core::ids::StorageIndex;
use tallac_grid::grid::Grid;
use tallac_grid::upload::ImmutableCap;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::zip_format::{Archive, Entry, Packed};
use crate::wapi::asked::Asked;
use crate::wapi::blacklist::Prohibited;
use crate::wapi::body::{Body, BodyError};
use crate::wapi::download::disposition;
use crate::wapi::error::WebError;
use crate::wapi::reply::Reply;

/// Pieces that are made ahead of what the client takes.
const PIECES_AHEAD: usize = 4;

/// Entries of one archive, at most: their list is kept until the end.
const ENTRIES_MAX: u64 = 1_000_000;

/// Bytes of a path in an archive, at most.
const PATH_LEN_MAX: usize = 4096;

/// Folders inside each other, at most.
const DEPTH_MAX: usize = 200;

/// Bytes from which on an entry is written in the way for large ones.
const LARGE: u64 = u32::MAX as u64;

/// Answers with the archive.
pub(super) fn answer(asked: &Asked<'_>, cap: &DirectoryCap, name: &str) -> Result<Reply, WebError> {
    let prohibited = asked.state.blacklist.now()?;
    let (pieces, receiver) = mpsc::channel(PIECES_AHEAD);
    let mut packer = Packer {
        grid: asked.state.grid.clone(),
        prohibited,
        archive: Archive::default(),
        pieces: pieces.clone(),
    };
    let (cap, is_head) = (cap.clone(), *asked.method() == http::Method::HEAD);
    let packing = AbortOnDropHandle::new(tokio::spawn(async move {
        if !is_head && let Err(error) = packer.pack(cap).await {
            let _ = pieces.send(Err(error)).await;
        }
    }));
    let body = stream::unfold((receiver, packing), |(mut receiver, packing)| async move {
        let piece = receiver.recv().await?;
        Some((piece, (receiver, packing)))
    });
    let mut reply = Reply::streamed("application/zip", Body::pieces(body))
        .text_header(CONTENT_DISPOSITION, &disposition(&format!("{name}.zip")));
    if is_head {
        reply = reply.header(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    Ok(reply)
}

/// Packs a folder.
struct Packer {
    grid: Grid,
    prohibited: Arc<Prohibited>,
    archive: Archive,
    pieces: mpsc::Sender<Result<Bytes, BodyError>>,
}

/// A folder that is to be packed.
struct Pending {
    cap: DirectoryCap,
    path: String,
    /// The folders that it is in, so that one which is in itself is packed once.
    above: Vec<StorageIndex>,
}

impl Packer {
    async fn pack(&mut self, cap: DirectoryCap) -> Result<(), BodyError> {
        let mut pending = vec![Pending { cap, path: String::new(), above: Vec::new() }];
        while let Some(folder) = pending.pop() {
            let read = self.grid.directories().read(&folder.cap).await;
            let table = read.map_err(|error| BodyError::Packing(error.to_string()))?;
            let mut above = folder.above;
            above.extend(folder.cap.storage_index());
            for (name, child) in table.iter() {
                let path = format!("{}{}", folder.path, plain(name.as_str()));
                if path.len() >= PATH_LEN_MAX || self.archive.entries() >= ENTRIES_MAX {
                    return Err(BodyError::Packing("it has too much in it".to_owned()));
                }
                if self.prohibited.reason(&child.node).is_some() {
                    continue;
                }
                let modified = seconds(&child.metadata);
                if let Some(cap) = child.node.directory() {
                    let path = path + "/";
                    let entry = Entry { name: path.clone(), modified, is_large: false };
                    self.entry(&entry, None).await?;
                    let is_above = cap.storage_index().is_some_and(|si| above.contains(&si));
                    if !is_above && above.len() < DEPTH_MAX {
                        pending.push(Pending { cap: cap.clone(), path, above: above.clone() });
                    }
                } else if let Some(cap) = child.node.file() {
                    let is_large = child.node.size().is_none_or(|size| size >= LARGE);
                    let entry = Entry { name: path, modified, is_large };
                    self.entry(&entry, Some(cap)).await?;
                }
            }
        }
        let end = std::mem::take(&mut self.archive).finish();
        self.send(end.into()).await
    }

    async fn entry(&mut self, entry: &Entry, content: Option<&FileCap>) -> Result<(), BodyError> {
        let head = self.archive.begin(entry);
        self.send(head.into()).await?;
        let packed = match content {
            Some(cap) => self.content(cap).await?,
            None => Packed::default(),
        };
        let tail = self.archive.end(entry, packed);
        self.send(tail.into()).await
    }

    async fn content(&self, cap: &FileCap) -> Result<Packed, BodyError> {
        let packing = |error: String| BodyError::Packing(error);
        let mut crc = crc32fast::Hasher::new();
        let mut size = 0;
        let cap = match cap {
            FileCap::Lit(cap) => ImmutableCap::Lit(cap.clone()),
            FileCap::ChkRead(cap) => ImmutableCap::Chk(cap.clone()),
            cap => {
                let file = self.grid.mutable_files().open(cap);
                let file = file.map_err(|error| packing(error.to_string()))?;
                let read = file.read_range(0..u64::MAX).await;
                let (_, bytes) = read.map_err(|error| packing(error.to_string()))?;
                crc.update(&bytes);
                size += bytes.len() as u64;
                self.send(bytes).await?;
                return Ok(Packed { crc: crc.finalize(), size });
            }
        };
        let read = self.grid.downloader().read(&cap, 0..cap.size()).await;
        let mut stream = read.map_err(BodyError::Download)?;
        while let Some(bytes) = stream.try_next().await.map_err(BodyError::Download)? {
            crc.update(&bytes);
            size += bytes.len() as u64;
            self.send(bytes).await?;
        }
        Ok(Packed { crc: crc.finalize(), size })
    }

    async fn send(&self, bytes: Bytes) -> Result<(), BodyError> {
        if bytes.is_empty() {
            return Ok(());
        }
        // Nobody takes it any more.
        self.pieces.send(Ok(bytes)).await.map_err(|_| BodyError::Short)
    }
}

/// A name that leads nowhere else when it is unpacked.
fn plain(name: &str) -> String {
    match name {
        "" | "." | ".." => "_".to_owned(),
        name => name
            .chars()
            .map(|c| if c.is_control() || "/\\:".contains(c) { '_' } else { c })
            .collect(),
    }
}

fn seconds(metadata: &Metadata) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "seconds of the clock")]
    metadata.link_modified().map(|seconds| seconds as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere() {
        for (name, expected) in
            [("a", "a"), ("..", "_"), ("../x", ".._x"), ("a\\b", "a_b"), ("é\n", "é_"), ("", "_")]
        {
            assert_eq!(plain(name), expected);
        }
    }
}
