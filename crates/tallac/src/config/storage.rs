//! What a node keeps for others: `[storage]` (section 10.2).

use std::path::PathBuf;

use tallac_core::grid_manager::SignedCertificate;
use tallac_storage::{ExpiryMode, ExpiryPolicy};

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
    /// Whether whoever knows its address may use it.
    pub anonymous: bool,
    /// Whether it listens for Foolscap only.
    pub force_foolscap: bool,
    /// Which leases run out, and whether shares without any other are deleted.
    pub expiry: ExpiryPolicy,
    /// Bytes that share files may have together, if that is limited (`tallac.toml`).
    pub max_use: Option<u64>,
    /// What grid managers say of this server, to be announced.
    pub certificates: Vec<SignedCertificate>,
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
        anonymous: boolean("anonymous", true)?,
        force_foolscap: boolean("force_foolscap", false)?,
        expiry: expiry(reader)?,
        max_use: None,
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

fn expiry(reader: &Reader<'_>) -> Result<ExpiryPolicy, ConfigError> {
    let boolean = |key, default| reader.boolean(("storage", key), default);
    let is_enabled = boolean("expire.enabled", false)?;
    let duration = ("storage", "expire.override_lease_duration");
    let duration = reader.parse(duration, values::duration)?;
    let age = ExpiryMode::Age { override_lease_duration_s: duration.map(|time| time.as_secs()) };
    let mode = match reader.text(MODE)?.as_deref() {
        Some("age") => age,
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
        _ => age,
    };
    Ok(ExpiryPolicy {
        is_enabled,
        mode,
        immutable: boolean("expire.immutable", true)?,
        mutable: boolean("expire.mutable", true)?,
    })
}
