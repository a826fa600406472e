//! What a node keeps for others: `[storage]` (section 10.2).

use std::path::PathBuf;
use std::time::Duration;

use tallac_core::grid_manager::SignedCertificate;

use super::error::ConfigError;
use super::grid_managers;
use super::reader::{Place, Reader};
use super::tub::Tub;
use super::values;

/// What a node keeps for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageConfig {
    /// The storage directory, which holds `shares`.
    pub dir: PathBuf,
    /// Takes no new immutable shares.
    pub readonly: bool,
    /// Bytes of the file system to leave free.
    pub reserved_space: u64,
    /// Takes shares and throws them away: for tests.
    pub debug_discard: bool,
    /// Whether whoever knows its address may use it.
    pub anonymous: bool,
    /// Whether it listens for Foolscap only.
    pub force_foolscap: bool,
    /// When shares are deleted; nothing if never.
    pub expiry: Option<Expiry>,
    /// What grid managers say of this server, to be announced.
    pub certificates: Vec<SignedCertificate>,
}

/// When the shares of a server are deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// By which rule.
    pub mode: ExpiryMode,
    /// Whether immutable shares are.
    pub immutable: bool,
    /// Whether mutable shares are.
    pub mutable: bool,
}

/// The rule by which shares are deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpiryMode {
    /// When their leases have run out.
    Age {
        /// How long leases last whatever they say, if that is set.
        override_lease_duration: Option<Duration>,
    },
    /// When their leases were made or renewed before this day.
    CutoffDate {
        /// The start of the day, in seconds since 1970.
        date_s: i64,
    },
}

const MODE: Place = ("storage", "expire.mode");
const CUTOFF: Place = ("storage", "expire.cutoff_date");

pub(super) fn read(reader: &Reader<'_>, tub: &Tub) -> Result<Option<StorageConfig>, ConfigError> {
    let boolean = |key, default| reader.boolean(("storage", key), default);
    // As Tahoe-LAFS does, all is read even of a server that is not enabled.
    let config = StorageConfig {
        dir: reader.path(("storage", "storage_dir"), "storage")?,
        readonly: boolean("readonly", false)?,
        reserved_space: reader.parse(("storage", "reserved_space"), values::size)?.unwrap_or(0),
        debug_discard: boolean("debug_discard", false)?,
        anonymous: boolean("anonymous", true)?,
        force_foolscap: boolean("force_foolscap", false)?,
        expiry: expiry(reader)?,
        certificates: grid_managers::certificates(reader)?,
    };
    if !boolean("enabled", true)? {
        return Ok(None);
    }
    if *tub == Tub::Disabled {
        return Err(ConfigError::StorageWithoutTub);
    }
    Ok(Some(config))
}

fn expiry(reader: &Reader<'_>) -> Result<Option<Expiry>, ConfigError> {
    let boolean = |key, default| reader.boolean(("storage", key), default);
    let is_enabled = boolean("expire.enabled", false)?;
    let duration = ("storage", "expire.override_lease_duration");
    let override_lease_duration = reader.parse(duration, values::duration)?;
    let mode = match reader.text(MODE)?.as_deref() {
        Some("age") => ExpiryMode::Age { override_lease_duration },
        Some("cutoff-date") => {
            let missing = || "is missing: write the day before which leases end".to_owned();
            let date_s = reader.parse(CUTOFF, values::date)?;
            ExpiryMode::CutoffDate {
                date_s: date_s.ok_or_else(|| reader.wrong(CUTOFF, missing()))?,
            }
        }
        Some(_) if is_enabled => {
            let problem = "must be 'age' or 'cutoff-date'";
            return Err(reader.wrong(MODE, problem.to_owned()));
        }
        None if is_enabled => {
            let problem = "is missing: with expire.enabled it must be 'age' or 'cutoff-date'";
            return Err(reader.wrong(MODE, problem.to_owned()));
        }
        _ => ExpiryMode::Age { override_lease_duration },
    };
    let expiry = Expiry {
        mode,
        immutable: boolean("expire.immutable", true)?,
        mutable: boolean("expire.mutable", true)?,
    };
    Ok(is_enabled.then_some(expiry))
}
