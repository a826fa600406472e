//! Local files that commands read and write.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use bytes::BytesMut;
use indicatif::ProgressBar;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

use super::web_client::ByteStream;

/// Bytes that are read at once.
const PIECE: usize = 256 << 10;

/// A local file on its way. It appears under its name, in the place of what was there, only when
/// it is whole; when it is dropped before, nothing has changed.
#[derive(Debug)]
pub(super) struct NewFile {
    out: tokio::fs::File,
    /// None if the bytes go right into something that is no regular file.
    staged: Option<Staged>,
}

#[derive(Debug)]
struct Staged {
    path: PathBuf,
    temporary: tempfile::TempPath,
}

impl NewFile {
    /// Begins the file at `path`. A link is followed, and the access rights of a file that is
    /// there stay.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let (path, old) = match fs::canonicalize(path) {
            Ok(path) => (path.clone(), Some(fs::metadata(&path)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (path.to_owned(), None),
            Err(error) => return Err(error),
        };
        if old.as_ref().is_some_and(|old| !old.is_file()) {
            let file = fs::OpenOptions::new().write(true).open(&path)?;
            return Ok(Self { out: file.into(), staged: None });
        }
        if old.as_ref().is_some_and(|old| old.permissions().readonly()) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        fs::metadata(parent)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".tallac-").suffix(".part");
        builder.permissions(fs::Permissions::from_mode(0o666));
        let (file, temporary) = builder.tempfile_in(parent)?.into_parts();
        if let Some(old) = old {
            file.set_permissions(old.permissions())?;
        }
        Ok(Self { out: file.into(), staged: Some(Staged { path, temporary }) })
    }

    /// What takes its bytes.
    pub(super) const fn writer(&mut self) -> &mut tokio::fs::File {
        &mut self.out
    }

    /// The file is whole: lets it appear. What it is then, where that is a regular file.
    pub(super) async fn finish(mut self) -> io::Result<Option<Metadata>> {
        self.out.flush().await?;
        let Some(staged) = self.staged else { return Ok(None) };
        let file = self.out.into_std().await;
        staged.temporary.persist(&staged.path).map_err(|error| error.error)?;
        // The name was given to this very file, whatever is under it by now.
        file.metadata().map(Some)
    }
}

/// A reader as a stream of pieces, counted by the bar.
pub(super) fn pieces(
    reader: impl AsyncRead + Send + Unpin + 'static,
    bar: ProgressBar,
) -> ByteStream {
    Box::pin(futures_util::stream::try_unfold(reader, move |mut reader| {
        let bar = bar.clone();
        async move {
            let mut piece = BytesMut::with_capacity(PIECE);
            while piece.len() < PIECE && reader.read_buf(&mut piece).await? > 0 {}
            bar.inc(piece.len() as u64);
            Ok((!piece.is_empty()).then(|| (piece.freeze(), reader)))
        }
    }))
}

/// An absolute path, in which `~` stands for the user's home, and with no `.` or `..` in it.
pub(super) fn absolute(path: &str) -> io::Result<PathBuf> {
    let expanded = match path.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => std::env::home_dir()
            .map_or_else(|| PathBuf::from(path), |home| home.join(rest.trim_start_matches('/'))),
        _ => PathBuf::from(path),
    };
    let base = std::env::current_dir()?;
    Ok(normal(&base.join(expanded)))
}

/// The path without `.` and `..`, as its text says, whatever links there are.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn put(path: &Path, bytes: &[u8]) {
        let mut file = NewFile::create(path).unwrap();
        file.writer().write_all(bytes).await.unwrap();
        let metadata = file.finish().await.unwrap().unwrap();
        assert_eq!(metadata.len(), bytes.len() as u64);
    }

    #[tokio::test]
    async fn a_file_appears_whole_and_keeps_its_rights_and_links() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        put(&path, b"one").await;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("file", &link).unwrap();
        put(&link, b"three").await;
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);

        let mut dropped = NewFile::create(&path).unwrap();
        dropped.writer().write_all(b"half").await.unwrap();
        drop(dropped);
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
        assert!(NewFile::create(dir.path()).is_err());
    }

    #[test]
    fn paths_are_made_absolute() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(absolute("a/./b/../c").unwrap(), here.join("a/c"));
        assert_eq!(absolute("/x/y/").unwrap(), Path::new("/x/y"));
        assert_eq!(absolute("").unwrap(), here);
        assert_eq!(absolute("~/f").unwrap(), std::env::home_dir().unwrap().join("f"));
    }
}
