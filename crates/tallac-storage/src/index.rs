//! The lease index: what a storage server keeps and when its leases end, in an SQLite file beside
//! the shares, so that questions about all of them are answered at once.
//!
//! The containers are the truth and the index is a copy: it is written behind the requests, it is
//! made anew when it may be stale, and nothing is deleted on its word.

mod keep;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use rusqlite::types::FromSql;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};
use tallac_core::storage::ShareKind;

use crate::expiry::ExpiryPolicy;
use crate::server::{BucketSeen, ShareSeen};

pub(crate) use keep::Keeper;

/// The index's name in the storage directory. Tahoe-LAFS has nothing of that name.
const FILE_NAME: &str = "tallac-leases.sqlite";

/// Goes up when the tables change; an index of another version is made anew.
const VERSION: i64 = 2;

/// How long to wait for another program that uses the file.
const BUSY_MAX: Duration = Duration::from_secs(5);

/// A day, in seconds.
const DAY_S: i64 = 24 * 3600;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS share (
        storage_index TEXT NOT NULL, number INTEGER NOT NULL,
        is_mutable INTEGER NOT NULL, bytes INTEGER NOT NULL, disk_bytes INTEGER NOT NULL,
        lease_count INTEGER NOT NULL, newest_expiration INTEGER NOT NULL,
        PRIMARY KEY (storage_index, number)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS keeper (
        storage_index TEXT PRIMARY KEY, client TEXT NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS share_by_end ON share
        (newest_expiration, is_mutable, lease_count, bytes, disk_bytes);";

/// Why the index gives no answer.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// There is none.
    #[error(
        "there is no lease index in {}: the storage node makes one when it runs (a few minutes \
         after its first start)", .0.display()
    )]
    Missing(PathBuf),
    /// It was made by another version.
    #[error("the lease index is of another version: start the storage node of this one")]
    OtherVersion,
    /// A thread of this program did.
    #[error("a thread that keeps the lease index stopped")]
    Stopped,
    /// SQLite failed.
    #[error("the lease index cannot be used: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// Some shares of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many.
    pub shares: u64,
    /// How long their files are, together.
    pub bytes: u64,
    /// What they take of the file system.
    pub disk_bytes: u64,
}

/// Amounts of both kinds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Of immutable shares.
    pub immutable: Amount,
    /// Of mutable shares.
    pub mutable: Amount,
}

/// The shares whose last lease ends on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// When the day begins (UTC), in seconds since 1970.
    pub starts_s: i64,
    /// What would become free.
    pub amounts: Amounts,
}

/// What one client keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientUse {
    /// Who that is; `None` stands for all those of whom the protocol did not tell.
    pub client: Option<String>,
    /// What it keeps.
    pub amounts: Amounts,
}

/// The index of a storage directory.
#[derive(Debug)]
pub struct LeaseIndex {
    connection: Connection,
}

impl LeaseIndex {
    /// Opens the index of a storage directory to ask it; a node may run meanwhile.
    ///
    /// # Errors
    /// [`IndexError`], which says what to do.
    pub fn open_to_read(storage: &Path) -> Result<Self, IndexError> {
        let path = storage.join(FILE_NAME);
        if !path.exists() {
            return Err(IndexError::Missing(storage.to_owned()));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_MAX)?;
        connection.pragma_update(None, "query_only", true)?;
        let index = Self { connection };
        if index.version()? == VERSION { Ok(index) } else { Err(IndexError::OtherVersion) }
    }

    /// Opens it to write, making it where there is none. What cannot be read is made anew.
    fn open_to_write(storage: &Path) -> Result<Self, IndexError> {
        let path = storage.join(FILE_NAME);
        match Self::try_open(&path) {
            Ok(index) => Ok(index),
            Err(error) => {
                tracing::info!(%error, "the lease index is made anew");
                for ending in ["", "-wal", "-shm"] {
                    let _not_there = fs::remove_file(storage.join(format!("{FILE_NAME}{ending}")));
                }
                Self::try_open(&path)
            }
        }
    }

    fn try_open(path: &Path) -> Result<Self, IndexError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_MAX)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        let index = Self { connection };
        match index.version()? {
            0 => {
                index.connection.execute_batch(TABLES)?;
                index.connection.pragma_update(None, "user_version", VERSION)?;
            }
            VERSION => {}
            _ => return Err(IndexError::OtherVersion),
        }
        Ok(index)
    }

    fn version(&self) -> Result<i64, IndexError> {
        Ok(self.connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
    }

    fn meta(&self, name: &str) -> Result<Option<String>, IndexError> {
        let sql = "SELECT value FROM meta WHERE name = ?1";
        Ok(self.connection.query_row(sql, [name], |row| row.get(0)).optional()?)
    }

    fn set_meta(&self, name: &str, value: &str) -> Result<(), IndexError> {
        let sql = "INSERT OR REPLACE INTO meta VALUES (?1, ?2)";
        self.connection.execute(sql, [name, value])?;
        Ok(())
    }

    /// Whether it knows all shares; while it is made anew it does not.
    ///
    /// # Errors
    /// [`IndexError::Sqlite`].
    pub fn is_complete(&self) -> Result<bool, IndexError> {
        Ok(self.meta("is_complete")?.as_deref() == Some("1"))
    }

    /// All shares.
    ///
    /// # Errors
    /// [`IndexError::Sqlite`].
    pub fn total(&self) -> Result<Amounts, IndexError> {
        self.amounts("1 = 1", 0)
    }

    /// What this policy would delete at `now_s`, whether or not it is enabled: shares that have
    /// leases, all of which have run out.
    ///
    /// # Errors
    /// [`IndexError::Sqlite`].
    pub fn expired(&self, policy: &ExpiryPolicy, now_s: u64) -> Result<Amounts, IndexError> {
        let condition = "newest_expiration < ?1 AND lease_count > 0";
        let mut amounts = self.amounts(condition, policy.threshold_s(now_s))?;
        for (kind, amount) in [
            (ShareKind::Immutable, &mut amounts.immutable),
            (ShareKind::Mutable, &mut amounts.mutable),
        ] {
            if !policy.concerns(kind) {
                *amount = Amount::default();
            }
        }
        Ok(amounts)
    }

    fn amounts(&self, condition: &str, parameter: i64) -> Result<Amounts, IndexError> {
        let sql = format!(
            "SELECT is_mutable, count(*), sum(bytes), sum(disk_bytes) FROM share
             WHERE {condition} AND ?1 = ?1 GROUP BY is_mutable"
        );
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query([parameter])?;
        let mut amounts = Amounts::default();
        while let Some(row) = rows.next()? {
            amounts.set(row.get(0)?, Amount::of([row.get(1)?, row.get(2)?, row.get(3)?]));
        }
        Ok(amounts)
    }

    /// What becomes free on which day, by the ends of the leases, from the first day on. Shares
    /// without a lease are not among it.
    ///
    /// # Errors
    /// [`IndexError::Sqlite`].
    pub fn days(&self) -> Result<Vec<Day>, IndexError> {
        let days = self.grouped::<i64>(&format!(
            "SELECT newest_expiration / {DAY_S}, is_mutable, count(*), sum(bytes), sum(disk_bytes)
             FROM share WHERE lease_count > 0 GROUP BY 1, 2 ORDER BY 1"
        ))?;
        let day = |(day, amounts)| Day { starts_s: day * DAY_S, amounts };
        Ok(days.into_iter().map(day).collect())
    }

    /// Who keeps what. What lies under one storage index is its first client's.
    ///
    /// # Errors
    /// [`IndexError::Sqlite`].
    pub fn clients(&self) -> Result<Vec<ClientUse>, IndexError> {
        let clients = self.grouped(
            "SELECT client, is_mutable, count(*), sum(bytes), sum(disk_bytes)
             FROM share LEFT JOIN keeper USING (storage_index) GROUP BY 1, 2 ORDER BY 1",
        )?;
        Ok(clients.into_iter().map(|(client, amounts)| ClientUse { client, amounts }).collect())
    }

    /// Amounts by the first column, of rows that are in its order: a kind and an amount follow.
    fn grouped<K: FromSql + PartialEq>(&self, sql: &str) -> Result<Vec<(K, Amounts)>, IndexError> {
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut groups: Vec<(K, Amounts)> = Vec::new();
        while let Some(row) = rows.next()? {
            let key: K = row.get(0)?;
            if groups.last().is_none_or(|(last, _)| *last != key) {
                groups.push((key, Amounts::default()));
            }
            let amount = Amount::of([row.get(2)?, row.get(3)?, row.get(4)?]);
            if let Some((_, amounts)) = groups.last_mut() {
                amounts.set(row.get(1)?, amount);
            }
        }
        Ok(groups)
    }

    /// Takes note of whose this storage index is, unless it is somebody's already.
    fn put_client(&self, storage_index: &str, client: &str) -> Result<(), IndexError> {
        let mut insert =
            self.connection.prepare_cached("INSERT OR IGNORE INTO keeper VALUES (?1, ?2)")?;
        insert.execute([storage_index, client])?;
        Ok(())
    }

    /// Takes what lies under one storage index as it is now.
    fn put(&self, storage_index: &str, bucket: &BucketSeen) -> Result<(), IndexError> {
        let mut delete =
            self.connection.prepare_cached("DELETE FROM share WHERE storage_index = ?1")?;
        let was_there = delete.execute([storage_index])? > 0;
        if was_there && bucket.shares.iter().all(|share| share.is_deleted) {
            let mut forget =
                self.connection.prepare_cached("DELETE FROM keeper WHERE storage_index = ?1")?;
            forget.execute([storage_index])?;
        }
        for share in bucket.shares.iter().filter(|share| !share.is_deleted) {
            self.put_share(storage_index, share)?;
        }
        Ok(())
    }

    fn put_share(&self, storage_index: &str, share: &ShareSeen) -> Result<(), IndexError> {
        let mut insert = self
            .connection
            .prepare_cached("INSERT INTO share VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
        insert.execute(params![
            storage_index,
            share.number.get(),
            share.kind == Some(ShareKind::Mutable),
            i64::try_from(share.bytes).unwrap_or(i64::MAX),
            i64::try_from(share.disk_bytes).unwrap_or(i64::MAX),
            share.lease_count,
            share.newest_expiration,
        ])?;
        Ok(())
    }

    /// Bytes of the shares whose storage indexes have this prefix.
    fn sum_bytes(&self, prefix: &str) -> Result<u64, IndexError> {
        let mut sum = self.connection.prepare_cached(
            "SELECT coalesce(sum(bytes), 0) FROM share
             WHERE storage_index >= ?1 AND storage_index < ?2",
        )?;
        let bytes: i64 = sum.query_row([prefix, &format!("{prefix}~")], |row| row.get(0))?;
        Ok(u64::try_from(bytes).unwrap_or(0))
    }

    /// Forgets what it knows of the storage indexes with this prefix.
    fn clear(&self, prefix: &str) -> Result<(), IndexError> {
        let sql = "DELETE FROM share WHERE storage_index >= ?1 AND storage_index < ?2";
        self.connection.execute(sql, [prefix, &format!("{prefix}~")])?;
        Ok(())
    }
}

impl Amount {
    fn of([shares, bytes, disk_bytes]: [i64; 3]) -> Self {
        let [shares, bytes, disk_bytes] =
            [shares, bytes, disk_bytes].map(|number| u64::try_from(number).unwrap_or(0));
        Self { shares, bytes, disk_bytes }
    }
}

impl Amounts {
    const fn set(&mut self, is_mutable: bool, amount: Amount) {
        if is_mutable {
            self.mutable = amount;
        } else {
            self.immutable = amount;
        }
    }
}

/// What tells whether another program kept the shares meanwhile: Tahoe-LAFS writes this file
/// whenever it runs.
fn stamp(storage: &Path) -> String {
    let found = fs::metadata(storage.join("bucket_counter.state.json"));
    let written = found.and_then(|found| Ok((found.modified()?, found.len())));
    written.map_or_else(
        |_| "none".to_owned(),
        |(time, len)| {
            let time = time.duration_since(UNIX_EPOCH).unwrap_or_default();
            format!("{}-{len}", time.as_nanos())
        },
    )
}
