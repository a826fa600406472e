//! What was backed up before: `private/backupdb.sqlite`, schema version 2 (section 9.7).
//!
//! Tahoe-LAFS's `backup` and ours use the same database in turn. Caps and directory hashes are
//! stored as blobs, as Tahoe does since it runs on Python 3; those of earlier days are texts, and
//! are found, too.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, params};
use tallac_core::{base32, hash, netstring};

/// The version of the schema.
const VERSION: i64 = 2;

const SCHEMA: &str = "
    CREATE TABLE version (version INTEGER);
    CREATE TABLE local_files (
        path VARCHAR(1024) PRIMARY KEY, size INTEGER, mtime NUMBER, ctime NUMBER, fileid INTEGER
    );
    CREATE TABLE caps (
        fileid INTEGER PRIMARY KEY AUTOINCREMENT, filecap VARCHAR(256) UNIQUE
    );
    CREATE TABLE last_upload (
        fileid INTEGER PRIMARY KEY, last_uploaded TIMESTAMP, last_checked TIMESTAMP
    );";

/// What version 2 has in addition.
const SCHEMA_2: &str = "
    CREATE TABLE directories (
        dirhash VARCHAR(256) PRIMARY KEY, dircap VARCHAR(256),
        last_uploaded TIMESTAMP, last_checked TIMESTAMP
    );";

/// Age up to which what was uploaded is not looked at again, in seconds.
const NO_CHECK_BEFORE_S: f64 = 30.0 * 24.0 * 3600.0;

/// Age from which it always is, in seconds.
const ALWAYS_CHECK_AFTER_S: f64 = 60.0 * 24.0 * 3600.0;

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    #[error("cannot use the backup database {}: {source}", path.display())]
    Sqlite { path: PathBuf, source: rusqlite::Error },
    #[error("the backup database {} has version {version}, which we do not know", path.display())]
    Version { path: PathBuf, version: i64 },
}

/// What must be unchanged of a file for it to be the same, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    size: i64,
    mtime: i64,
    ctime: i64,
}

impl Stat {
    pub(crate) fn new(metadata: &Metadata) -> Self {
        let size = i64::try_from(metadata.len()).unwrap_or(i64::MAX);
        Self { size, mtime: metadata.mtime(), ctime: metadata.ctime() }
    }
}

/// What is known of something that was uploaded.
#[derive(Clone, PartialEq)]
pub(crate) struct Known {
    pub(crate) cap: String,
    last_checked: f64,
}

impl Known {
    /// Whether the grid should be asked if it is still there. `now` is in seconds since the epoch,
    /// `random` is at least 0 and less than 1.
    pub(crate) fn needs_check(&self, now: f64, random: f64) -> bool {
        let age = now - self.last_checked;
        let span = ALWAYS_CHECK_AFTER_S - NO_CHECK_BEFORE_S;
        random < ((age - NO_CHECK_BEFORE_S) / span).clamp(0.0, 1.0)
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").field("last_checked", &self.last_checked).finish_non_exhaustive()
    }
}

/// The database.
pub(crate) struct Database {
    path: PathBuf,
    connection: Mutex<Connection>,
}

type Result<T> = std::result::Result<T, DatabaseError>;

impl Database {
    /// Opens the database of a node directory, or makes it.
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        let path = directory.join("private").join("backupdb.sqlite");
        let connection = open(&path).map_err(|source| failure(&path, source))?;
        let database = Self { path, connection: Mutex::new(connection) };
        database.upgrade()?;
        Ok(database)
    }

    fn upgrade(&self) -> Result<()> {
        let version: i64 =
            self.run(|db| db.query_row("SELECT version FROM version", [], |row| row.get(0)))?;
        match version {
            VERSION => Ok(()),
            1 => self.run(|db| {
                let update = "UPDATE version SET version = 2;";
                db.execute_batch(&format!("BEGIN; {SCHEMA_2} {update} COMMIT;"))
            }),
            version => Err(DatabaseError::Version { path: self.path.clone(), version }),
        }
    }

    /// What is known of a local file, if it has not changed. If it has, it is forgotten.
    pub(crate) fn file(&self, path: &str, stat: Stat) -> Result<Option<Known>> {
        let found = self.run(|db| {
            let sql = "SELECT caps.filecap, last_upload.last_checked
                FROM local_files JOIN caps USING (fileid) JOIN last_upload USING (fileid)
                WHERE path = ?1 AND size = ?2 AND mtime = ?3 AND ctime = ?4";
            let known = params![path, stat.size, stat.mtime, stat.ctime];
            db.query_row(sql, known, known_of).optional()
        })?;
        if found.is_none() {
            self.forget_file(path)?;
        }
        Ok(found)
    }

    /// Forgets a local file.
    pub(crate) fn forget_file(&self, path: &str) -> Result<()> {
        self.run(|db| db.execute("DELETE FROM local_files WHERE path = ?1", [path]))?;
        Ok(())
    }

    /// A local file was uploaded.
    pub(crate) fn file_uploaded(&self, path: &str, stat: Stat, cap: &str, now: f64) -> Result<()> {
        let cap = cap.as_bytes();
        self.run(|db| {
            let change = db.unchecked_transaction()?;
            change.execute("INSERT OR IGNORE INTO caps (filecap) VALUES (?1)", [cap])?;
            let sql = "SELECT fileid FROM caps WHERE filecap = ?1";
            let id: i64 = change.query_row(sql, [cap], |row| row.get(0))?;
            let sql = "INSERT OR REPLACE INTO last_upload VALUES (?1, ?2, ?2)";
            change.execute(sql, params![id, now])?;
            let sql = "INSERT OR REPLACE INTO local_files VALUES (?1, ?2, ?3, ?4, ?5)";
            change.execute(sql, params![path, stat.size, stat.mtime, stat.ctime, id])?;
            change.commit()
        })
    }

    /// A file was found healthy on the grid.
    pub(crate) fn file_checked(&self, cap: &str, now: f64) -> Result<()> {
        let sql = "UPDATE last_upload SET last_checked = ?1
            WHERE fileid IN (SELECT fileid FROM caps WHERE filecap IN (?2, ?3))";
        self.run(|db| db.execute(sql, params![now, cap, cap.as_bytes()]))?;
        Ok(())
    }

    /// What is known of a directory with these contents.
    pub(crate) fn directory(&self, hash: &DirHash) -> Result<Option<Known>> {
        let hash = &hash.0;
        let sql = "SELECT dircap, last_checked FROM directories WHERE dirhash IN (?1, ?2)";
        self.run(|db| db.query_row(sql, params![hash.as_bytes(), hash], known_of).optional())
    }

    /// A directory was made.
    pub(crate) fn directory_created(&self, hash: &DirHash, cap: &str, now: f64) -> Result<()> {
        let sql = "REPLACE INTO directories VALUES (?1, ?2, ?3, ?3)";
        self.run(|db| db.execute(sql, params![hash.0.as_bytes(), cap.as_bytes(), now]))?;
        Ok(())
    }

    /// A directory was found healthy on the grid.
    pub(crate) fn directory_checked(&self, cap: &str, now: f64) -> Result<()> {
        let sql = "UPDATE directories SET last_checked = ?1 WHERE dircap IN (?2, ?3)";
        self.run(|db| db.execute(sql, params![now, cap, cap.as_bytes()]))?;
        Ok(())
    }

    fn run<T>(&self, change: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let connection: MutexGuard<'_, _> =
            self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        change(&connection).map_err(|source| failure(&self.path, source))
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("path", &self.path).finish_non_exhaustive()
    }
}

fn failure(path: &Path, source: rusqlite::Error) -> DatabaseError {
    DatabaseError::Sqlite { path: path.to_owned(), source }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    use std::os::unix::fs::OpenOptionsExt as _;
    // It has caps in it. If this cannot make it, SQLite says why.
    let _ = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(30))?;
    let sql = "SELECT count(*) FROM sqlite_master";
    if connection.query_row(sql, [], |row| row.get::<_, i64>(0))? == 0 {
        let version = format!("INSERT INTO version (version) VALUES ({VERSION});");
        connection.execute_batch(&format!("BEGIN; {SCHEMA} {SCHEMA_2} {version} COMMIT;"))?;
    }
    Ok(connection)
}

/// A row of a cap, which is a blob or a text, and a time.
fn known_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Known> {
    let cap = match row.get_ref(0)? {
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        _ => String::new(),
    };
    // A time that is missing or no number is one long ago.
    Ok(Known { cap, last_checked: row.get(1).unwrap_or(0.0) })
}

/// The hash of what is in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DirHash(String);

impl DirHash {
    /// Of names and caps.
    pub(crate) fn new(children: &BTreeMap<String, &str>) -> Self {
        let mut bytes = Vec::new();
        for (name, cap) in children {
            netstring::push(&mut bytes, name.as_bytes());
            netstring::push(&mut bytes, cap.as_bytes());
        }
        Self(base32::encode(&hash::BACKUPDB_DIRECTORY.hash(&bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_S: f64 = 24.0 * 3600.0;

    fn node() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("private")).unwrap();
        dir
    }

    const STAT: Stat = Stat { size: 5, mtime: 1000, ctime: 2000 };

    #[test]
    fn files_are_known_until_they_change() {
        let dir = node();
        let database = Database::open(dir.path()).unwrap();
        assert_eq!(database.file("/a", STAT).unwrap(), None);
        database.file_uploaded("/a", STAT, "URI:CHK:x", 10.5).unwrap();
        database.file_uploaded("/b", STAT, "URI:CHK:x", 11.5).unwrap();
        drop(database);
        let database = Database::open(dir.path()).unwrap();
        let known = Some(Known { cap: "URI:CHK:x".to_owned(), last_checked: 11.5 });
        assert_eq!(database.file("/a", STAT).unwrap(), known);
        database.file_checked("URI:CHK:x", 20.0).unwrap();
        assert_eq!(database.file("/a", STAT).unwrap().unwrap().last_checked, 20.0);
        for changed in
            [Stat { size: 6, ..STAT }, Stat { mtime: 1001, ..STAT }, Stat { ctime: 2001, ..STAT }]
        {
            database.file_uploaded("/a", STAT, "URI:CHK:x", 20.0).unwrap();
            assert_eq!(database.file("/a", changed).unwrap(), None);
            assert_eq!(database.file("/a", STAT).unwrap(), None);
        }
        assert!(database.file("/b", STAT).unwrap().is_some());
    }

    #[test]
    fn directories_are_known_by_what_is_in_them() {
        let dir = node();
        let database = Database::open(dir.path()).unwrap();
        let hash = DirHash::new(&BTreeMap::from([("a".to_owned(), "URI:LIT:x")]));
        assert_eq!(database.directory(&hash).unwrap(), None);
        database.directory_created(&hash, "URI:DIR2-LIT:y", 1.0).unwrap();
        database.directory_created(&hash, "URI:DIR2-LIT:z", 2.0).unwrap();
        database.directory_checked("URI:DIR2-LIT:z", 3.0).unwrap();
        let known = Known { cap: "URI:DIR2-LIT:z".to_owned(), last_checked: 3.0 };
        assert_eq!(database.directory(&hash).unwrap(), Some(known));
    }

    #[test]
    fn a_check_is_due_by_chance_between_one_month_and_two() {
        let known = Known { cap: String::new(), last_checked: 0.0 };
        let cases =
            [(29.0, 0.0, false), (45.0, 0.49, true), (45.0, 0.51, false), (60.0, 0.99, true)];
        for (days, random, expected) in cases {
            assert_eq!(known.needs_check(days * DAY_S, random), expected, "{days} {random}");
        }
    }

    #[test]
    fn version_1_gets_directories() {
        let dir = node();
        let path = dir.path().join("private/backupdb.sqlite");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(&format!("{SCHEMA} INSERT INTO version VALUES (1);")).unwrap();
        old.execute_batch(
            "INSERT INTO caps VALUES (7, 'URI:CHK:text'); INSERT INTO last_upload VALUES (7, 1, 2);
             INSERT INTO local_files VALUES ('/a', 5, 1000, 2000, 7);",
        )
        .unwrap();
        drop(old);
        let database = Database::open(dir.path()).unwrap();
        let known = database.file("/a", STAT).unwrap().unwrap();
        assert_eq!((known.cap.as_str(), known.last_checked), ("URI:CHK:text", 2.0));
        let hash = DirHash::new(&BTreeMap::new());
        database.directory_created(&hash, "URI:DIR2-LIT:", 2.0).unwrap();
        drop(database);
        Database::open(dir.path()).unwrap();
    }

    #[test]
    fn databases_of_tahoe_go_on() {
        const VECTORS: &str = include_str!("../../../../../vectors/backupdb.json");
        let vectors: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
        for vector in vectors.as_array().unwrap() {
            let dir = node();
            restore(&dir.path().join("private/backupdb.sqlite"), vector);
            let database = Database::open(dir.path()).unwrap();
            let stat = Stat { size: 5, mtime: 1_700_000_000, ctime: 1_700_000_001 };
            let known = Known { cap: "URI:LIT:nbswy3dp".to_owned(), last_checked: 1764038400.25 };
            for name in ["one", "two"] {
                let path = format!("/tmp/tallac-vectors-backupdb/{name}");
                assert_eq!(database.file(&path, stat).unwrap().as_ref(), Some(&known));
            }
            // The cap is in the database already, as what Tahoe takes for the same.
            database.file_uploaded("/three", stat, &known.cap, 7.0).unwrap();
            let count = "SELECT count(*) FROM caps";
            let count: i64 = database.run(|db| db.query_row(count, [], |row| row.get(0))).unwrap();
            assert_eq!(count, 1);

            let contents = vector["contents"].as_object().unwrap();
            let children =
                contents.iter().map(|(name, cap)| (name.clone(), cap.as_str().unwrap())).collect();
            let found = database.directory(&DirHash::new(&children)).unwrap();
            let cap = (!contents.is_empty()).then_some("URI:DIR2-LIT:gqwgg33o");
            assert_eq!(found.as_ref().map(|known| known.cap.as_str()), cap);
        }
    }

    /// Makes the database that a vector describes.
    fn restore(path: &Path, vector: &serde_json::Value) {
        let db = Connection::open(path).unwrap();
        for sql in vector["schema"].as_array().unwrap() {
            db.execute_batch(sql.as_str().unwrap()).unwrap();
        }
        for (table, rows) in vector["rows"].as_object().unwrap() {
            for row in rows.as_array().unwrap() {
                let value = |value: &serde_json::Value| match value["hex"].as_str() {
                    Some(hex) => format!("X'{hex}'"),
                    None => value.to_string().replace('"', "'"),
                };
                let row: Vec<_> = row.as_array().unwrap().iter().map(value).collect();
                let sql = format!("INSERT INTO {table} VALUES ({})", row.join(", "));
                db.execute_batch(&sql).unwrap();
            }
        }
    }

    #[test]
    fn what_is_no_database_of_ours_is_refused() {
        let dir = node();
        let path = dir.path().join("private/backupdb.sqlite");
        std::fs::write(&path, "this is no database, not at all").unwrap();
        let error = Database::open(dir.path()).unwrap_err().to_string();
        assert!(error.starts_with("cannot use the backup database "), "{error}");
        std::fs::remove_file(&path).unwrap();
        let old = Connection::open(&path).unwrap();
        old.execute_batch(&format!("{SCHEMA} INSERT INTO version VALUES (3);")).unwrap();
        drop(old);
        let error = Database::open(dir.path()).unwrap_err().to_string();
        assert!(error.ends_with("has version 3, which we do not know"), "{error}");
        assert!(Database::open(&dir.path().join("none")).is_err());
    }
}
