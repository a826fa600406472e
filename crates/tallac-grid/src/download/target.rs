//! Where plaintext goes: a writer, a file, or memory.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tallac_core::storage::BoxFuture;
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// Takes plaintext in order; not answering is what slows a download down.
pub trait DownloadTarget: Send {
    /// Takes the next piece.
    fn write(&mut self, piece: Bytes) -> BoxFuture<'_, io::Result<()>>;

    /// Told that it has everything.
    fn finish(&mut self) -> BoxFuture<'_, io::Result<()>>;
}

/// Memory.
impl DownloadTarget for Vec<u8> {
    fn write(&mut self, piece: Bytes) -> BoxFuture<'_, io::Result<()>> {
        self.extend_from_slice(&piece);
        Box::pin(std::future::ready(Ok(())))
    }

    fn finish(&mut self) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Any open writer.
#[derive(Debug)]
pub struct WriterTarget<W>(pub W);

impl<W: AsyncWrite + Unpin + Send> DownloadTarget for WriterTarget<W> {
    fn write(&mut self, piece: Bytes) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(async move { self.0.write_all(&piece).await })
    }

    fn finish(&mut self) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(self.0.flush())
    }
}

/// A file that appears under its name only once it is whole; until then it is beside it, with
/// `.part` added.
#[derive(Debug)]
pub struct FileTarget {
    path: PathBuf,
    part: PathBuf,
    file: Option<tokio::fs::File>,
}

impl FileTarget {
    /// Opens the file beside `path`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn create(path: &Path) -> io::Result<Self> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = Some(tokio::fs::File::create(&part).await?);
        Ok(Self { path: path.to_owned(), part, file })
    }
}

impl DownloadTarget for FileTarget {
    fn write(&mut self, piece: Bytes) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(async move {
            match &mut self.file {
                Some(file) => file.write_all(&piece).await,
                None => Err(io::ErrorKind::NotConnected.into()),
            }
        })
    }

    fn finish(&mut self) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(async move {
            if let Some(mut file) = self.file.take() {
                file.flush().await?;
                tokio::fs::rename(&self.part, &self.path).await?;
            }
            Ok(())
        })
    }
}

impl Drop for FileTarget {
    fn drop(&mut self) {
        if self.file.is_some() {
            let _ = std::fs::remove_file(&self.part);
        }
    }
}
