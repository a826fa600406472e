//! Missing shares of a file that exists, made anew from its ciphertext (specification section 4.5).

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;
use tallac_core::ids::{ServerId, ShareNumber};
use tallac_core::immutable::Encoder;
use tokio::runtime::Handle;

use super::select::{KnownShares, Selector};
use super::{Progress, UploadError, Uploader, encode, push};
use crate::download::{Ciphertext, PlaintextStream};
use crate::source::UploadSource;

/// What became of shares that were missing.
#[derive(Debug, Default)]
pub(crate) struct Restored {
    /// Those that are there now, each with the server that has it.
    pub(crate) shares: BTreeMap<ShareNumber, ServerId>,
    /// Servers that made room for others and did not take them.
    pub(crate) failed: BTreeSet<ServerId>,
}

impl Uploader {
    /// Places shares that are missing where they add most, as many as servers take. What is known
    /// to be good or corrupt stays as it is.
    pub(crate) async fn restore(
        &self,
        file: &Ciphertext,
        known: &KnownShares,
    ) -> Result<Restored, UploadError> {
        let (ueb, bytes) = file.ueb();
        let geometry = ueb.geometry;
        let encoder = Encoder::for_repair(ueb, bytes);
        let selector = Selector::for_repair(&self.grid, &geometry, encoder.share_len(), known);
        let selection = selector.select().await?;
        if selection.room.is_empty() {
            return Ok(Restored::default());
        }
        let rooms = selection.room.iter().map(|room| (room.share, room.server.info().id.clone()));
        let mut planned: BTreeMap<ShareNumber, ServerId> = rooms.collect();
        let source = CiphertextSource {
            runtime: Handle::current(),
            stream: file.stream(),
            held: Bytes::new(),
            at: 0,
            size: geometry.size(),
        };
        let segments = encode::start(source, encoder);
        let pushed = push::push(selection, segments, geometry, &Progress::default()).await?;
        planned.retain(|share, _| !pushed.shares.contains_key(share));
        Ok(Restored { shares: pushed.shares, failed: planned.into_values().collect() })
    }
}

/// A download as a source. It is read from a thread that may block, and from front to back.
struct CiphertextSource {
    runtime: Handle,
    stream: PlaintextStream,
    held: Bytes,
    at: u64,
    size: u64,
}

impl UploadSource for CiphertextSource {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if offset != self.at {
            return Err(io::ErrorKind::NotSeekable.into());
        }
        let mut rest = &mut *out;
        while !rest.is_empty() {
            if !self.held.has_remaining() {
                let piece = self.runtime.block_on(self.stream.next());
                let piece = piece.ok_or(io::ErrorKind::UnexpectedEof)?;
                self.held = piece.map_err(io::Error::other)?;
            }
            let (now, later) = rest.split_at_mut(self.held.remaining().min(rest.len()));
            self.held.copy_to_slice(now);
            rest = later;
        }
        self.at += out.len() as u64;
        Ok(())
    }
}
