//! Where plaintext comes from: an open reader, a file, or memory.
//!
//! A source is read twice when the key is convergent: once for the key, once for the shares. It is
//! read by a thread that may block.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

use bytes::Bytes;

/// Plaintext of a known size that can be read at any offset.
pub trait UploadSource: Send + 'static {
    /// Bytes of it.
    fn size(&self) -> u64;

    /// Fills `out` from `offset`. May block.
    ///
    /// # Errors
    /// Whatever reading met; [`io::ErrorKind::UnexpectedEof`] when the source became shorter.
    fn read_at(&mut self, offset: u64, out: &mut [u8]) -> io::Result<()>;
}

impl UploadSource for Box<dyn UploadSource> {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn read_at(&mut self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        (**self).read_at(offset, out)
    }
}

/// Bytes in memory.
impl UploadSource for Bytes {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&mut self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let piece = from.checked_add(out.len()).and_then(|to| self.get(from..to));
        out.copy_from_slice(piece.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// A file.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    size: u64,
}

impl FileSource {
    /// The file at `path`, with the size that it has now.
    ///
    /// # Errors
    /// When it cannot be opened, or is no regular file.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::new(File::open(path)?)
    }

    /// An open file, with the size that it has now.
    ///
    /// # Errors
    /// When it is no regular file.
    pub fn new(file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(Self { size: metadata.len(), file })
    }
}

impl UploadSource for FileSource {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)
    }
}

/// An open reader that can seek.
#[derive(Debug)]
pub struct ReaderSource<R> {
    reader: R,
    position: u64,
    size: u64,
}

impl<R: Read + Seek> ReaderSource<R> {
    /// All that the reader has.
    ///
    /// # Errors
    /// When it cannot seek to its end.
    pub fn new(mut reader: R) -> io::Result<Self> {
        let size = reader.seek(SeekFrom::End(0))?;
        Ok(Self { reader, position: size, size })
    }
}

impl<R: Read + Seek + Send + 'static> UploadSource for ReaderSource<R> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if offset != self.position {
            self.reader.seek(SeekFrom::Start(offset))?;
        }
        self.reader.read_exact(out)?;
        self.position = offset + out.len() as u64;
        Ok(())
    }
}
