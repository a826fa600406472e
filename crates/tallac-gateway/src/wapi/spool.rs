//! Bodies of requests: small ones in memory, others in a file that has no name.
//!
//! A file is read twice on its way in, once for its convergent key and once for its shares. So it
//! is kept while it arrives, and the key is taken on the way: what then follows reads it once. The
//! file is unlinked from the first: whatever happens, nothing is left behind.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
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
    /// More than is taken of what has to be held in memory.
    #[error(
        "FileTooLargeError: the body of the request is longer than {max} bytes, the most that is \
         taken for this; nothing was stored."
    )]
    TooLarge {
        /// The most, in bytes.
        max: u64,
    },
    /// The body says that it is a form, and is none.
    #[error("The form in the body of the request cannot be read: {0}; nothing was stored.")]
    BadForm(&'static str),
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

/// Bytes that arrive one piece after the other: those of a body, or of a file in a form.
pub(super) trait Pieces: Send {
    /// Bytes that will come at least, as far as is known.
    fn announced(&self) -> u64 {
        0
    }

    /// The next piece, never empty; nothing at the end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>, SpoolError>> + Send;
}

/// A body that has arrived.
pub(super) struct Plaintext {
    /// Where it is.
    pub(super) source: Spooled,
    /// Its key, if it is known already.
    pub(super) key: FileKey,
}

/// Where a body is.
#[derive(Debug)]
pub(super) enum Spooled {
    /// It is small.
    Memory(Bytes),
    /// In a file without a name.
    Disk(FileSource),
}

impl UploadSource for Spooled {
    fn size(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.size(),
            Self::Disk(file) => file.size(),
        }
    }

    fn read_at(&mut self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match self {
            Self::Memory(bytes) => bytes.read_at(offset, out),
            Self::Disk(file) => file.read_at(offset, out),
        }
    }
}

impl std::fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Plaintext({} bytes)", self.source.size())
    }
}

impl Plaintext {
    /// All of it in memory, if that is no more than `max` bytes.
    pub(super) async fn into_bytes(mut self, max: u64) -> Result<Bytes, SpoolError> {
        if let Spooled::Memory(bytes) = self.source {
            return Ok(bytes);
        }
        let size = self.source.size();
        let Some(len) = usize::try_from(size).ok().filter(|_| size <= max) else {
            return Err(SpoolError::TooLarge { max });
        };
        blocking(move || {
            let mut held = BytesMut::zeroed(len);
            self.source.read_at(0, &mut held)?;
            Ok(held.freeze())
        })
        .await
    }
}

/// Where and how bodies are taken in.
#[derive(Debug)]
pub(super) struct Spool {
    /// Directory of the files.
    pub(super) tempdir: PathBuf,
    /// What takes the key.
    pub(super) uploader: Uploader,
}

impl Spool {
    /// Takes in a body until its end.
    pub(super) async fn receive(&self, body: &mut impl Pieces) -> Result<Plaintext, SpoolError> {
        let announced = body.announced();
        if announced >= MEMORY_MAX as u64 {
            return self.to_disk(body, Vec::new()).await;
        }
        let mut held = BytesMut::with_capacity(usize::try_from(announced).unwrap_or(0));
        while let Some(piece) = body.next().await? {
            if held.len() + piece.len() >= MEMORY_MAX {
                return self.to_disk(body, vec![held.freeze(), piece]).await;
            }
            held.extend_from_slice(&piece);
        }
        Ok(Plaintext { source: Spooled::Memory(held.freeze()), key: FileKey::Convergent })
    }

    /// Writes what has arrived, and the rest.
    async fn to_disk(
        &self,
        body: &mut impl Pieces,
        begun: Vec<Bytes>,
    ) -> Result<Plaintext, SpoolError> {
        let (tempdir, hasher) = (self.tempdir.clone(), self.uploader.key_hasher());
        let create = move || Ok(Writer { file: tempfile::tempfile_in(tempdir)?, hasher });
        let mut writer = blocking(create).await?;
        let mut batch = begun;
        loop {
            let write = blocking(move || writer.write(&batch));
            // A thread writes what is here while more arrives.
            (writer, batch) = tokio::try_join!(write, next_batch(body))?;
            if batch.is_empty() {
                break;
            }
        }
        blocking(move || {
            let source = Spooled::Disk(FileSource::new(writer.file)?);
            Ok(Plaintext { source, key: writer.hasher.finish() })
        })
        .await
    }
}

/// Pieces that together are worth writing; none at the end.
async fn next_batch(body: &mut impl Pieces) -> Result<Vec<Bytes>, SpoolError> {
    let (mut batch, mut len) = (Vec::new(), 0);
    while len < BATCH_LEN && batch.len() < PIECES_MAX {
        let Some(piece) = body.next().await? else { break };
        len += piece.len();
        batch.push(piece);
    }
    Ok(batch)
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
