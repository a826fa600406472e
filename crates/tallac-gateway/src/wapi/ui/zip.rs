//! A folder as one ZIP file, packed while it is sent.

use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{TryStreamExt as _, stream};
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH};
use rawzip::ZipArchiveWriter;
use rawzip::time::{UtcDateTime, ZipDateTime};
use tallac_core::cap::DirectoryCap;
use tallac_core::dirnode::{Metadata, Node};
use tallac_core::ids::StorageIndex;
use tallac_grid::grid::Grid;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::wapi::asked::Asked;
use crate::wapi::blacklist::Prohibited;
use crate::wapi::body::{Body, BodyError};
use crate::wapi::download::disposition;
use crate::wapi::error::WebError;
use crate::wapi::readable::Readable;
use crate::wapi::reply::Reply;

/// Pieces that are made ahead of what the client takes.
const PIECES_AHEAD: usize = 4;

/// Entries of one archive, at most: their list is kept until the end.
const ENTRIES_MAX: usize = 1_000_000;

/// Bytes of a path in an archive, at most.
const PATH_LEN_MAX: usize = 4096;

/// Folders inside each other, at most.
const DEPTH_MAX: usize = 200;

/// Modes of files and folders in an archive, as Unix has them.
const FILE_MODE: u32 = 0o100_644;
const FOLDER_MODE: u32 = 0o040_755;

/// Answers with the archive.
pub(super) fn answer(asked: &Asked<'_>, cap: &DirectoryCap, name: &str) -> Result<Reply, WebError> {
    let prohibited = asked.state.blacklist.now()?;
    let (pieces, receiver) = mpsc::channel(PIECES_AHEAD);
    let mut packer = Packer {
        grid: asked.state.grid.clone(),
        prohibited,
        count: 0,
        packed: Packed::default(),
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
    /// Entries so far.
    count: usize,
    /// What is packed and not yet sent.
    packed: Packed,
    pieces: mpsc::Sender<Result<Bytes, BodyError>>,
}

/// Where the archive is written to, until it is sent.
#[derive(Clone, Default)]
struct Packed(Arc<Mutex<Vec<u8>>>);

impl Packed {
    fn take(&self) -> Bytes {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

impl Write for Packed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
        let mut archive = ZipArchiveWriter::new(self.packed.clone());
        let mut pending = vec![Pending { cap, path: String::new(), above: Vec::new() }];
        while let Some(folder) = pending.pop() {
            let table = self.grid.directories().read(&folder.cap).await.map_err(packing)?;
            let mut above = folder.above;
            above.extend(folder.cap.storage_index());
            let mut used = HashSet::new();
            for (name, child) in table.iter() {
                let path = format!("{}{}", folder.path, unique(plain(name.as_str()), &mut used));
                self.count += 1;
                if path.len() >= PATH_LEN_MAX || self.count > ENTRIES_MAX {
                    return Err(BodyError::Packing("it has too much in it".to_owned()));
                }
                if self.prohibited.reason(&child.node).is_some() {
                    continue;
                }
                let modified = modified(&child.metadata);
                if let Some(cap) = child.node.directory() {
                    let path = path + "/";
                    let entry = archive.new_dir(path.as_str()).unix_permissions(FOLDER_MODE);
                    entry.last_modified(modified).create().map_err(packing)?;
                    self.send().await?;
                    let is_above = cap.storage_index().is_some_and(|si| above.contains(&si));
                    if !is_above && above.len() < DEPTH_MAX {
                        pending.push(Pending { cap: cap.clone(), path, above: above.clone() });
                    }
                } else if child.node.is_file() {
                    self.file(&mut archive, &path, modified, &child.node).await?;
                }
            }
        }
        archive.finish().map_err(packing)?;
        self.send().await
    }

    async fn file(
        &self,
        archive: &mut ZipArchiveWriter<Packed>,
        path: &str,
        modified: UtcDateTime,
        node: &Node,
    ) -> Result<(), BodyError> {
        let file = Readable::of(&self.grid, node).map_err(packing)?;
        let (_, mut content) = file.beginning(&self.grid, u64::MAX).await.map_err(packing)?;
        let entry = archive.new_file(path).unix_permissions(FILE_MODE).last_modified(modified);
        let (mut entry, config) = entry.start().map_err(packing)?;
        let mut writer = config.wrap(&mut entry);
        while let Some(bytes) = content.try_next().await.map_err(BodyError::Download)? {
            writer.write_all(&bytes).map_err(packing)?;
            self.send().await?;
        }
        let (_, checked) = writer.finish().map_err(packing)?;
        entry.finish(checked).map_err(packing)?;
        self.send().await
    }

    /// Sends what is packed by now.
    async fn send(&self) -> Result<(), BodyError> {
        let bytes = self.packed.take();
        if bytes.is_empty() {
            return Ok(());
        }
        // Nobody takes it any more.
        self.pieces.send(Ok(bytes)).await.map_err(|_| BodyError::Short)
    }
}

fn packing(error: impl std::fmt::Display) -> BodyError {
    BodyError::Packing(error.to_string())
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

/// The name, or another where that is taken: two names can become the same one.
fn unique(mut name: String, used: &mut HashSet<String>) -> String {
    while !used.insert(name.clone()) {
        name.push('_');
    }
    name
}

fn modified(metadata: &Metadata) -> UtcDateTime {
    #[expect(clippy::cast_possible_truncation, reason = "seconds of the clock")]
    let seconds = metadata.link_modified().map_or(0, |seconds| seconds as i64);
    ZipDateTime::from_unix(seconds)
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

    #[test]
    fn no_two_have_the_same_name() {
        let mut used = HashSet::new();
        let names = ["a:b", "a_b", "a/b", "a_b_"].map(|name| unique(plain(name), &mut used));
        assert_eq!(names, ["a_b", "a_b_", "a_b__", "a_b___"]);
    }
}
