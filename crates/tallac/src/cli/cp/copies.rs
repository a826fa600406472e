//! What `cp` has copied, in `private/copies.sqlite`, so that a run after an interruption does not
//! copy it again.
//!
//! A row says: the local file at this path, which then had this size, these times and this inode,
//! and the immutable file of this cap have the same content. Rows are believed while all of that
//! is unchanged, to the nanosecond; those of uploads for a day only, as a grid may forget shares.
//! Nothing is written about a file that changed less than two seconds before it was read, since a
//! file system's clock may not tell such a change from the next. The database is a cache: without
//! it, all is copied anew.

use std::fmt;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension as _, params};

/// How old what is known of an upload may be.
const UPLOAD_AGE_MAX: Duration = Duration::from_secs(24 * 3600);

/// How long before it is read a file must have changed for the last time.
const SETTLED: Duration = Duration::from_secs(2);

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS copies (
        path TEXT PRIMARY KEY, size INTEGER, mtime TEXT, ctime TEXT, inode TEXT,
        cap TEXT, at INTEGER
    );";

/// Which way a file went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Up,
    Down,
}

/// The table of copies, or nothing that remembers.
pub(super) struct Copies(Option<Mutex<Connection>>);

impl Copies {
    /// Those of a node directory; if it has no database and cannot have one, nothing that
    /// remembers.
    pub(super) fn open(directory: &Path) -> Self {
        let path = directory.join("private").join("copies.sqlite");
        let open = || -> rusqlite::Result<Connection> {
            private(&path);
            let connection = Connection::open(&path)?;
            connection.busy_timeout(Duration::from_secs(5))?;
            connection.execute_batch(SCHEMA)?;
            Ok(connection)
        };
        match open() {
            Ok(connection) => Self(Some(Mutex::new(connection))),
            Err(error) => {
                tracing::info!(%error, "what is copied will not be remembered");
                Self(None)
            }
        }
    }

    /// Nothing that remembers.
    pub(super) const fn none() -> Self {
        Self(None)
    }

    /// The cap of what a local file has in it, if that is known.
    pub(super) fn cap_of(&self, path: &Path, metadata: &Metadata, way: Way) -> Option<String> {
        let (Some(connection), Some(path)) = (&self.0, path.to_str()) else { return None };
        let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
        let row = Row::new(metadata);
        let sql = "SELECT cap, at FROM copies
            WHERE path = ?1 AND size = ?2 AND mtime = ?3 AND ctime = ?4 AND inode = ?5";
        let found = connection.query_row(
            sql,
            params![path, row.size, row.mtime, row.ctime, row.inode],
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)),
        );
        let (cap, at) = found.optional().ok()??;
        let age = now().as_secs().checked_sub(u64::try_from(at).ok()?)?;
        (way == Way::Down || age <= UPLOAD_AGE_MAX.as_secs()).then_some(cap)
    }

    /// Remembers what a local file has in it. `metadata` is from before it was read, or from after
    /// it was written.
    pub(super) fn record(&self, path: &Path, metadata: &Metadata, cap: &str) {
        let (Some(connection), Some(path)) = (&self.0, path.to_str()) else { return };
        let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
        let row = Row::new(metadata);
        let now = i64::try_from(now().as_secs()).unwrap_or(i64::MAX);
        let sql = "INSERT OR REPLACE INTO copies VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let done = connection
            .execute(sql, params![path, row.size, row.mtime, row.ctime, row.inode, cap, now]);
        if let Err(error) = done {
            tracing::info!(%error, "what was copied is not remembered");
        }
    }
}

impl fmt::Debug for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Copies(..)")
    }
}

/// Whether a file that was read between `before` and `after`, beginning at `start`, can have
/// changed unseen.
pub(super) fn is_settled(before: &Metadata, after: &Metadata, start: SystemTime) -> bool {
    let changed = Duration::from_secs(u64::try_from(before.ctime()).unwrap_or(0));
    let start = start.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Row::new(before) == Row::new(after) && changed + SETTLED <= start
}

/// What must be unchanged of a file.
#[derive(PartialEq, Eq)]
struct Row {
    size: i64,
    mtime: String,
    ctime: String,
    inode: String,
}

impl Row {
    fn new(metadata: &Metadata) -> Self {
        Self {
            size: i64::try_from(metadata.len()).unwrap_or(i64::MAX),
            mtime: format!("{}.{:09}", metadata.mtime(), metadata.mtime_nsec()),
            ctime: format!("{}.{:09}", metadata.ctime(), metadata.ctime_nsec()),
            inode: format!("{}:{}", metadata.dev(), metadata.ino()),
        }
    }
}

/// The database has caps in it: makes it, if it is not there, so that only its owner reads it.
fn private(path: &Path) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    // If this fails, so does what comes next, and it says why.
    let _ = options.write(true).create_new(true).mode(0o600).open(path);
}

fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_copy_is_known_until_the_file_changes() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("private")).unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "one").unwrap();
        let metadata = fs::metadata(&path).unwrap();
        let copies = Copies::open(dir.path());
        assert_eq!(copies.cap_of(&path, &metadata, Way::Up), None);
        copies.record(&path, &metadata, "URI:LIT:x");
        drop(copies);
        let copies = Copies::open(dir.path());
        let known = copies.cap_of(&path, &metadata, Way::Up);
        assert_eq!(known.as_deref(), Some("URI:LIT:x"));

        fs::remove_file(&path).unwrap();
        fs::write(&path, "two").unwrap();
        assert_eq!(copies.cap_of(&path, &fs::metadata(&path).unwrap(), Way::Down), None);
    }

    #[test]
    fn uploads_are_believed_for_a_day() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("private")).unwrap();
        let metadata = dir.path().metadata().unwrap();
        let copies = Copies::open(dir.path());
        copies.record(dir.path(), &metadata, "x");
        let age = "UPDATE copies SET at = at - 90000";
        copies.0.as_ref().unwrap().lock().unwrap().execute(age, []).unwrap();
        assert_eq!(copies.cap_of(dir.path(), &metadata, Way::Up), None);
        assert_eq!(copies.cap_of(dir.path(), &metadata, Way::Down).as_deref(), Some("x"));
    }

    #[test]
    fn what_changed_just_now_is_not_settled() {
        let dir = tempfile::tempdir().unwrap();
        let metadata = dir.path().metadata().unwrap();
        let now = SystemTime::now();
        assert!(!is_settled(&metadata, &metadata, now));
        assert!(is_settled(&metadata, &metadata, now + Duration::from_secs(3)));
        let other = Path::new("/").metadata().unwrap();
        assert!(!is_settled(&metadata, &other, now + Duration::from_secs(3)));
    }

    #[test]
    fn without_a_directory_nothing_is_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let metadata = dir.path().metadata().unwrap();
        let copies = Copies::open(&dir.path().join("none"));
        copies.record(dir.path(), &metadata, "x");
        assert_eq!(copies.cap_of(dir.path(), &metadata, Way::Down), None);
    }
}
