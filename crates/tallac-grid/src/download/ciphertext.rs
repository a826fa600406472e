//! Download of a file that stays encrypted, from shares that are known: what a repair is made of.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use tallac_core::immutable::Ueb;

use super::find::{Finder, Location};
use super::pool::File;
use super::subject::Subject;
use super::{DownloadError, Downloader, PlaintextStream};
use crate::check::BadShare;
use crate::history::Kind;

/// A file of which enough shares are open.
#[derive(Debug)]
pub(crate) struct Ciphertext {
    downloader: Downloader,
    file: Arc<File>,
    ueb: Ueb,
    ueb_bytes: Bytes,
}

impl Downloader {
    /// Opens a file by its verify cap, with the shares at these places and no others. With an error
    /// come the shares that turned out to be corrupt.
    pub(crate) async fn open_ciphertext(
        &self,
        subject: Subject,
        known: Vec<Location>,
    ) -> Result<Ciphertext, (DownloadError, Vec<BadShare>)> {
        let watched = self.grid.history().begin(Kind::Download, Some(subject.storage_index));
        watched.note(|state| state.size = Some(subject.size));
        let finder = Finder::known(subject.storage_index, known, watched.operation());
        let file = File::encrypted(subject, finder).map_err(|error| (error, Vec::new()))?;
        let file = Arc::new(file);
        let failed = |error| (error, file.corrupt_shares());
        file.open().await.map_err(failed)?;
        let proven = file.proven().map_err(failed)?;
        let (ueb, ueb_bytes) = (proven.ueb.clone(), proven.ueb_bytes.clone());
        watched.done();
        Ok(Ciphertext { downloader: self.clone(), file, ueb, ueb_bytes })
    }
}

impl Ciphertext {
    /// What vouches for the file, and its very bytes.
    pub(crate) fn ueb(&self) -> (Ueb, Bytes) {
        (self.ueb.clone(), self.ueb_bytes.clone())
    }

    /// All of it, in order.
    pub(crate) fn stream(&self) -> PlaintextStream {
        let all = 0..self.ueb.geometry.size();
        let span = tracing::Span::current();
        self.downloader.stream(Arc::clone(&self.file), self.ueb.geometry, all, span).boxed()
    }

    /// Shares that turned out to be corrupt until now.
    pub(crate) fn corrupt_shares(&self) -> Vec<BadShare> {
        self.file.corrupt_shares()
    }
}
