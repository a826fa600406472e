//! Ciphertext on its way from clients to a file.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use tallac_core::helper::{BoxFuture, Ciphertext, HelperError};
use tokio::io::AsyncWriteExt;

use super::counters::Counter;
use super::upload::Upload;

/// Bytes that are asked for at once in the beginning, as Tahoe-LAFS always does.
const CHUNK_LEN: u64 = 50 * 1024;

/// And at most, where answers come quickly: over a long line, every question costs a round trip.
const CHUNK_LEN_MAX: u64 = 1024 * 1024;

/// An answer within this time was quick.
const QUICK: Duration = Duration::from_millis(500);

/// A client that says nothing for so long is given up.
const SILENCE_MAX: Duration = Duration::from_secs(300);

/// What was fetched.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fetched {
    pub(super) bytes: u64,
    /// Time for which clients were waited for.
    pub(super) waited: Duration,
}

/// This machine's disk did not do it.
pub(super) fn disk(error: &io::Error) -> HelperError {
    HelperError::Local(format!("the helper's disk failed: {error}"))
}

/// Runs what may block where it may.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, HelperError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| disk(&error)),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

impl Upload {
    /// Asks one client after the other, until one answers. Those that fail are not asked again.
    pub(super) async fn ask<T>(
        &self,
        question: impl for<'a> Fn(&'a dyn Ciphertext) -> BoxFuture<'a, Result<T, HelperError>>,
    ) -> Result<T, HelperError> {
        let mut last = HelperError::Disconnected;
        while let Some(reader) = self.reader() {
            let answer = tokio::time::timeout(SILENCE_MAX, question(&*reader)).await;
            let silent = || HelperError::Failed("the client stopped to answer".to_owned());
            match answer.unwrap_or_else(|_| Err(silent())) {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    tracing::info!(si = %self.storage_index(), %error, "a client was given up");
                    self.drop_reader(&reader);
                    last = error;
                }
            }
        }
        Err(last)
    }

    /// Gets all of the ciphertext into the file `encoding`; goes on where it was left in
    /// `incoming`.
    pub(super) async fn fetch(
        &self,
        size: u64,
        incoming: &Path,
        encoding: &Path,
    ) -> Result<Fetched, HelperError> {
        if has_size(encoding, size).await? {
            return Ok(Fetched::default());
        }
        let mut options = tokio::fs::OpenOptions::new();
        options.append(true).create(true);
        let mut file = options.open(incoming).await.map_err(|error| disk(&error))?;
        let mut have = file.metadata().await.map_err(|error| disk(&error))?.len();
        if have > size {
            // Of something else.
            file.set_len(0).await.map_err(|error| disk(&error))?;
            have = 0;
        }
        if have > 0 {
            self.helper().count(Counter::Resumes, 1);
            tracing::info!(si = %self.storage_index(), have, size, "an upload goes on");
        }
        let mut fetched = Fetched::default();
        let mut chunk = CHUNK_LEN;
        while have < size {
            let len = chunk.min(size - have);
            let wanted = usize::try_from(len).unwrap_or(usize::MAX);
            let asked = Instant::now();
            let piece = self.ask(|reader| reader.read(have, wanted)).await;
            let took = asked.elapsed();
            fetched.waited += took;
            chunk = if took < QUICK { chunk * 2 } else { chunk / 2 };
            chunk = chunk.clamp(CHUNK_LEN, CHUNK_LEN_MAX);
            match piece {
                Ok(piece) => file.write_all(&piece).await.map_err(|error| disk(&error))?,
                Err(error) => {
                    // What came so far is kept for the next client.
                    file.flush().await.map_err(|error| disk(&error))?;
                    return Err(error);
                }
            }
            have += len;
            fetched.bytes += len;
            self.helper().count(Counter::FetchedBytes, len);
        }
        file.flush().await.map_err(|error| disk(&error))?;
        file.sync_data().await.map_err(|error| disk(&error))?;
        tokio::fs::rename(incoming, encoding).await.map_err(|error| disk(&error))?;
        Ok(fetched)
    }
}

/// Whether there is a file, and it has that many bytes. One of another size is removed.
async fn has_size(path: &Path, size: u64) -> Result<bool, HelperError> {
    let path = path.to_owned();
    blocking(move || match fs::metadata(&path) {
        Ok(metadata) if metadata.len() == size => Ok(true),
        Ok(_) => fs::remove_file(&path).map(|()| false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    })
    .await
}
