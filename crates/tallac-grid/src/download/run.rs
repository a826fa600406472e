//! A few segments: their blocks fetched from `k` shares, proven, decoded.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tallac_core::ids::ShareNumber;
use tallac_core::immutable::{DecodeError, ShareRun};

use super::error::DownloadError;
use super::pool::{File, patience};
use super::share::OpenShare;
use crate::blocking::blocking;
use crate::history::Fetching;
use crate::patience::gather;

/// Blocks of one share.
type Fetched = (Arc<OpenShare>, Bytes);

/// Decoding of less than this is not worth another thread.
const INLINE_MAX: usize = 64 << 10;

impl File {
    /// The plaintext of a run of segments. Shares that fail on the way are replaced.
    pub(super) async fn run(
        self: Arc<Self>,
        segments: Range<u64>,
    ) -> Result<Vec<u8>, DownloadError> {
        let mut watched = self.watched.segments_begin(segments.clone());
        let geometry = self.proven()?.geometry;
        let plaintext = self.fetch_and_decode(segments.clone(), &mut watched).await;
        let start = geometry.segment_offset(segments.start);
        watched.end(plaintext.as_ref().ok().map(|bytes| start..start + bytes.len() as u64));
        plaintext
    }

    async fn fetch_and_decode(
        self: Arc<Self>,
        segments: Range<u64>,
        watched: &mut Fetching,
    ) -> Result<Vec<u8>, DownloadError> {
        let needed = usize::from(self.subject.encoding.needed());
        let mut fetched: Vec<Fetched> = Vec::with_capacity(needed);
        loop {
            let has: BTreeSet<ShareNumber> = fetched.iter().map(|(s, _)| s.number()).collect();
            let shares = self.shares(&has).await?;
            self.fetch(shares, &segments, &mut fetched).await?;
            if fetched.len() < needed {
                continue;
            }
            let began = Instant::now();
            let (result, given_back) =
                Arc::clone(&self).decode(segments.clone(), std::mem::take(&mut fetched)).await?;
            watched.decoded(began.elapsed());
            match result {
                Ok(plaintext) => return Ok(plaintext),
                Err(DecodeError::BadBlocks(bad)) => {
                    fetched = self.discard(given_back, &bad).await;
                }
                Err(error) => return Err(DownloadError::BrokenFile(error.to_string())),
            }
        }
    }

    /// Fetches the blocks of these shares side by side, and takes those out of the pool that fail.
    async fn fetch(
        &self,
        shares: Vec<Arc<OpenShare>>,
        segments: &Range<u64>,
        fetched: &mut Vec<Fetched>,
    ) -> Result<(), DownloadError> {
        let geometry = &self.proven()?.geometry;
        let tries = shares.iter().map(|share| share.location().tries).max().unwrap_or(0);
        let reads = shares.iter().map(|share| share.run(self, geometry, segments.clone()));
        let answers = gather(reads.collect::<Vec<_>>(), patience(tries)).await;
        for (share, answer) in shares.into_iter().zip(answers) {
            match answer {
                Some(Ok(blocks)) => fetched.push((share, blocks)),
                Some(Err(error)) => self.lose(&share, Some(error)).await,
                None => self.lose(&share, None).await,
            }
        }
        Ok(())
    }

    /// Decodes where it may take its time, and gives the blocks back.
    async fn decode(
        self: Arc<Self>,
        segments: Range<u64>,
        fetched: Vec<Fetched>,
    ) -> Result<(Result<Vec<u8>, DecodeError>, Vec<Fetched>), DownloadError> {
        let size: usize = fetched.iter().map(|(_, blocks)| blocks.len()).sum();
        if size <= INLINE_MAX {
            let proven = self.proven()?;
            let verifier = proven.verifier.read().await;
            let result = proven.decoder.decode(&verifier, segments, &runs(&fetched));
            drop(verifier);
            return Ok((result, fetched));
        }
        blocking(move || {
            let proven = self.proven()?;
            let verifier = proven.verifier.blocking_read();
            let result = proven.decoder.decode(&verifier, segments, &runs(&fetched));
            drop(verifier);
            Ok((result, fetched))
        })
        .await
    }

    /// Takes corrupt shares out, here and in the pool, and keeps the good blocks.
    async fn discard(&self, fetched: Vec<Fetched>, bad: &[(ShareNumber, u64)]) -> Vec<Fetched> {
        let mut good = Vec::new();
        for (share, blocks) in fetched {
            match bad.iter().find(|(number, _)| *number == share.number()) {
                None => good.push((share, blocks)),
                Some((_, segment)) => {
                    let reason = format!("block of segment {segment} does not match its hash");
                    self.corrupt(&share, reason).await;
                }
            }
        }
        good
    }
}

fn runs(fetched: &[Fetched]) -> Vec<ShareRun<'_>> {
    fetched.iter().map(|(share, data)| ShareRun { share: share.verifier(), data }).collect()
}
