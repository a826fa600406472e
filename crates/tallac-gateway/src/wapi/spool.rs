//! Bodies of requests: small ones in memory, others in a file that has no name.
//!
//! A file is read twice on its way in, once for its convergent key and once for its shares. So it
//! is kept while it arrives, and the key is taken on the way: what then follows reads it once. The
//! file is unlinked from the first: whatever happens, nothing is left behind.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tallac_grid::source::{FileSource, UploadSource};
use tallac_grid::upload::{ConvergentKeyHasher, FileKey, Uploader};

/// Bodies of this many bytes or more go to the disk, as Tahoe-LAFS's do.
const MEMORY_MAX: usize = 1 << 20;

/// Bytes that are written while as many arrive.
const BATCH_LEN: usize = 1 << 20;

/// Pieces in a batch, at most: a client may send them a byte at a time.
const PIECES_MAX: usize = 1024;

/// Why a body is not here.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum SpoolError {
    /// The client stopped before the end that it had announced.
    #[error("The body of the request ended too early; nothing was stored. Send it again.")]
    Truncated,
    /// The client sent nothing for too long.
    #[error("Nothing more of the body arrived for {seconds} s; nothing was stored.")]
    Silent {
        /// How long.
        seconds: u64,
    },
    /// The file could not be made, written or read.
    #[error(
        "The node cannot keep the file while it arrives: {0}. Make room, or set tempdir in \
         tahoe.cfg to a directory that has some; nothing was stored."
    )]
    TempFile(Arc<io::Error>),
}

impl SpoolError {
    fn file(error: io::Error) -> Self {
        Self::TempFile(error.into())
    }
}

/// A body that has arrived.
pub(super) struct Plaintext {
    /// Where it is.
    pub(super) source: Box<dyn UploadSource>,
    /// Its key, if it is known already.
    pub(super) key: FileKey,
}

/// Where and how bodies are taken in.
#[derive(Debug)]
pub(super) struct Spool<'a> {
    /// Directory of the files.
    pub(super) tempdir: PathBuf,
    /// How long a client may send nothing.
    pub(super) silence: Duration,
    /// What takes the key.
    pub(super) uploader: &'a Uploader,
}

impl Spool<'_> {
    /// Takes in a body until its end.
    pub(super) async fn receive<B>(&self, body: &mut B) -> Result<Plaintext, SpoolError>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        let announced = body.size_hint().lower();
        if announced >= MEMORY_MAX as u64 {
            return self.to_disk(body, Vec::new()).await;
        }
        let mut held = BytesMut::with_capacity(usize::try_from(announced).unwrap_or(0));
        while let Some(piece) = self.next(body).await? {
            if held.len() + piece.len() >= MEMORY_MAX {
                return self.to_disk(body, vec![held.freeze(), piece]).await;
            }
            held.extend_from_slice(&piece);
        }
        Ok(Plaintext { source: Box::new(held.freeze()), key: FileKey::Convergent })
    }

    /// Writes what has arrived, and the rest.
    async fn to_disk<B>(&self, body: &mut B, begun: Vec<Bytes>) -> Result<Plaintext, SpoolError>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        let (tempdir, hasher) = (self.tempdir.clone(), self.uploader.key_hasher());
        let create = move || Ok(Writer { file: tempfile::tempfile_in(tempdir)?, hasher });
        let mut writer = blocking(create).await?;
        let mut batch = begun;
        loop {
            let write = blocking(move || writer.write(&batch));
            // A thread writes what is here while more arrives.
            (writer, batch) = tokio::try_join!(write, self.batch(body))?;
            if batch.is_empty() {
                break;
            }
        }
        blocking(move || {
            let source = Box::new(FileSource::new(writer.file)?);
            Ok(Plaintext { source, key: writer.hasher.finish() })
        })
        .await
    }

    /// Pieces that together are worth writing; none at the end.
    async fn batch<B>(&self, body: &mut B) -> Result<Vec<Bytes>, SpoolError>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        let (mut batch, mut len) = (Vec::new(), 0);
        while len < BATCH_LEN && batch.len() < PIECES_MAX {
            let Some(piece) = self.next(body).await? else { break };
            len += piece.len();
            batch.push(piece);
        }
        Ok(batch)
    }

    /// The next piece, never empty.
    async fn next<B>(&self, body: &mut B) -> Result<Option<Bytes>, SpoolError>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        loop {
            let frame = tokio::time::timeout(self.silence, body.frame())
                .await
                .map_err(|_| SpoolError::Silent { seconds: self.silence.as_secs() })?;
            match frame {
                None => return Ok(None),
                Some(Err(_)) => return Err(SpoolError::Truncated),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) if !piece.is_empty() => return Ok(Some(piece)),
                    _ => {}
                },
            }
        }
    }
}

/// The file on the disk, and the key of what went into it.
struct Writer {
    file: File,
    hasher: ConvergentKeyHasher,
}

impl Writer {
    fn write(mut self, pieces: &[Bytes]) -> io::Result<Self> {
        for piece in pieces {
            self.hasher.update(piece);
            self.file.write_all(piece)?;
        }
        Ok(self)
    }
}

/// Runs what may block where it may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, SpoolError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(SpoolError::file),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
