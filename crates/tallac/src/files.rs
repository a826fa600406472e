//! Reading and writing the small files of a node directory. A file is written whole or not at
//! all, and what was written is on the disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Largest file that is read: far more than any of a node directory's own has.
const LEN_MAX: u64 = 4 << 20;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Its owner alone.
    Private,
    /// Whoever the umask lets.
    Umask,
}

impl Access {
    const fn mode(self) -> u32 {
        match self {
            Self::Private => 0o600,
            Self::Umask => 0o666,
        }
    }
}

/// What could not be done to a file or directory.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct FileError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl FileError {
    /// `action` failed on `path`.
    #[must_use]
    pub fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self { action, path: path.to_owned(), source }
    }

    /// The file or directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The text in a file; nothing if there is no such file.
///
/// # Errors
/// When the file cannot be read, is no text, or is unreasonably long.
pub fn read_text(path: &Path) -> Result<Option<String>, FileError> {
    read_text_up_to(path, LEN_MAX)
}

/// The text in a file that may have so many bytes; nothing if there is no such file.
///
/// # Errors
/// When the file cannot be read, is no text, or has more.
pub fn read_text_up_to(path: &Path, len_max: u64) -> Result<Option<String>, FileError> {
    let failed = |source| FileError::new("read", path, source);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut text = String::new();
    file.take(len_max + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > len_max {
        return Err(failed(io::Error::other(format!("it has more than {len_max} bytes"))));
    }
    Ok(Some(text))
}

/// Writes a file: whoever opens it, even after a crash, sees the old text or the new one.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, text: &str, access: Access) -> Result<(), FileError> {
    let failed = |source| FileError::new("write", path, source);
    let temporary = temporary_sibling(path).map_err(failed)?;
    let written = write_new(&temporary, text, access).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // The error that counts is the first one.
        let _ = fs::remove_file(&temporary);
        return Err(failed(error));
    }
    sync_parent(path).map_err(failed)
}

/// Makes a directory and its parents, unless they are there.
///
/// # Errors
/// When one of them cannot be made.
pub fn make_dir(path: &Path, access: Access) -> Result<(), FileError> {
    let mode = match access {
        Access::Private => 0o700,
        Access::Umask => 0o777,
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .map_err(|source| FileError::new("make the directory", path, source))
}

fn write_new(path: &Path, text: &str, access: Access) -> io::Result<()> {
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(access.mode()).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn temporary_sibling(path: &Path) -> io::Result<PathBuf> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(path.with_file_name(format!(".{name}.{:016x}.tmp", u64::from_ne_bytes(random))))
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        write(&path, "one\n", Access::Private).unwrap();
        write(&path, "two\n", Access::Private).unwrap();
        assert_eq!(read_text(&path).unwrap().as_deref(), Some("two\n"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_done_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("no/such/dir");
        assert_eq!(read_text(&path).unwrap(), None);
        let error = write(&path, "", Access::Umask).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot write {}: ", path.display())), "{error}");
        let error = read_text(dir.path()).unwrap_err().to_string();
        assert!(error.starts_with("cannot read "), "{error}");
    }
}
