//! `/static`: files of the directory that `[node] web.static` names, and nothing outside of it.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, LAST_MODIFIED};
use http::{HeaderValue, Method};
use tokio_util::io::ReaderStream;

use crate::wapi::asked::Asked;
use crate::wapi::body::Body;
use crate::wapi::content_type::guess;
use crate::wapi::error::WebError;
use crate::wapi::reply::Reply;
use crate::wapi::unlinked::quoted;

/// What is shown of a directory. There are no listings.
const INDEX: &str = "index.html";

/// A file that was found.
struct Found {
    file: File,
    len: u64,
    name: String,
    modified: Option<std::time::SystemTime>,
}

/// What a path leads to.
enum Place {
    File(Found),
    /// A directory that was named without a slash at the end, which links in its page would need.
    Directory,
}

/// Answers a request for a file.
pub(super) async fn answer(asked: &Asked<'_>, names: Vec<String>) -> Result<Reply, WebError> {
    let root = asked.state.config.files.static_dir.clone().ok_or(WebError::NoSuchPage)?;
    let location = names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join("/");
    let found = tokio::task::spawn_blocking(move || find(&root, &names)).await;
    match found.map_err(|_| WebError::Defect)? {
        Ok(Place::File(found)) => Ok(reply(asked, found)),
        Ok(Place::Directory) => Reply::found(&format!("/static/{location}/")),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(WebError::NoSuchPage),
        Err(error) => {
            tracing::warn!(%error, "a file of web.static cannot be read");
            Err(WebError::NoSuchPage)
        }
    }
}

fn reply(asked: &Asked<'_>, found: Found) -> Reply {
    let body = match *asked.method() {
        Method::HEAD => Body::full(Bytes::new()),
        _ => {
            let pieces = ReaderStream::new(tokio::fs::File::from_std(found.file));
            // Should the file turn out shorter, the connection ends before the length announced.
            let pieces = pieces.take_while(|piece| futures_util::future::ready(piece.is_ok()));
            Body::lines(pieces.map(Result::unwrap_or_default))
        }
    };
    let guessed = guess(&found.name);
    let mut reply =
        Reply::streamed(guessed.content_type, body).header(CONTENT_LENGTH, found.len.into());
    if let Some(encoding) = guessed.encoding {
        reply = reply.header(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    let modified = found.modified.and_then(|time| jiff::Timestamp::try_from(time).ok());
    match modified {
        Some(time) => reply
            .text_header(LAST_MODIFIED, &time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        None => reply,
    }
}

/// Opens what the names lead to, as long as that is inside of the root: by no `..`, and by no
/// symbolic link either.
fn find(root: &Path, names: &[String]) -> io::Result<Place> {
    let nothing = || io::Error::from(ErrorKind::NotFound);
    let root = fs::canonicalize(root)?;
    let mut path = root.clone();
    let (last, before) = names.split_last().ok_or_else(nothing)?;
    for name in before.iter().chain(Some(last).filter(|last| !last.is_empty())) {
        if !is_plain(name) {
            return Err(nothing());
        }
        path.push(name);
    }
    let path = inside(&root, &path)?;
    if !path.is_dir() {
        // A file has no slash behind its name.
        return if last.is_empty() { Err(nothing()) } else { open(&path).map(Place::File) };
    }
    // The root itself needs no slash, as `/static` stands for it.
    if last.is_empty() || path == root {
        open(&inside(&root, &path.join(INDEX))?).map(Place::File)
    } else {
        Ok(Place::Directory)
    }
}

/// Whether a name is that of one file in a directory.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '\\', '\0']) && name != "." && name != ".."
}

/// Where a path really leads, if that is inside of the root.
fn inside(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let path = fs::canonicalize(path)?;
    if path.starts_with(root) { Ok(path) } else { Err(ErrorKind::NotFound.into()) }
}

fn open(path: &Path) -> io::Result<Found> {
    let metadata = fs::metadata(path)?;
    // A pipe or a device could be waited for without end.
    if !metadata.is_file() {
        return Err(ErrorKind::NotFound.into());
    }
    let file = File::open(path)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let (name, modified) = (name.unwrap_or_default(), metadata.modified().ok());
    Ok(Found { file, len: metadata.len(), name, modified })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(root: &Path, names: &[&str], expected: Option<&str>) {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let found = match find(root, &names) {
            Ok(Place::File(found)) => Some(found.name),
            Ok(Place::Directory) => Some("a directory".to_owned()),
            Err(_) => None,
        };
        assert_eq!(found.as_deref(), expected, "{names:?}");
    }

    #[test]
    fn nothing_outside_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("static");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::write(dir.path().join("secret"), "x").unwrap();
        for name in ["a.css", "index.html", "sub/index.html"] {
            fs::write(root.join(name), "x").unwrap();
        }
        std::os::unix::fs::symlink(dir.path().join("secret"), root.join("link")).unwrap();
        std::os::unix::fs::symlink(dir.path(), root.join("up")).unwrap();
        std::os::unix::fs::symlink("a.css", root.join("b.css")).unwrap();
        check(&root, &[""], Some("index.html"));
        check(&root, &["a.css"], Some("a.css"));
        check(&root, &["b.css"], Some("a.css"));
        check(&root, &["sub"], Some("a directory"));
        check(&root, &["sub", ""], Some("index.html"));
        for bad in [
            &["..", "secret"][..],
            &["../secret"],
            &["sub", "..", "..", "secret"],
            &["link"],
            &["up", "secret"],
            &["missing"],
            &["a.css", ""],
            &["", "a.css"],
            &["."],
            &["a\0b"],
        ] {
            check(&root, bad, None);
        }
        check(&dir.path().join("missing"), &[""], None);
    }
}
