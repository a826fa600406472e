//! Settings that need a part of Tahoe-LAFS that comes in a later version. Where to go on without
//! it would break what the setting promises, the node does not start; else it warns.

use super::StorageConfig;
use super::error::ConfigError;
use super::keys::PLUGIN_SECTIONS;
use super::reader::{Place, Reader};

/// Something that is set and has no effect yet, or less than it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigWarning {
    /// The setting, like `[client] peers.preferred`.
    pub setting: String,
    /// What does not happen, and what to do.
    pub meaning: &'static str,
}

impl std::fmt::Display for ConfigWarning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.setting, self.meaning)
    }
}

/// Refuses what cannot be kept, and tells what has no effect.
pub(super) fn check(
    reader: &Reader<'_>,
    storage: Option<&StorageConfig>,
) -> Result<Vec<ConfigWarning>, ConfigError> {
    refuse_services(reader)?;
    refuse_plugins(reader)?;
    warnings(reader, storage)
}

/// The same for an introducer, which has fewer settings.
pub(super) fn check_introducer(reader: &Reader<'_>) -> Result<Vec<ConfigWarning>, ConfigError> {
    let mut warnings = Vec::new();
    warn_of_log_gatherer(reader, &mut warnings)?;
    Ok(warnings)
}

fn warn_of_log_gatherer(
    reader: &Reader<'_>,
    warnings: &mut Vec<ConfigWarning>,
) -> Result<(), ConfigError> {
    if reader.filled(("node", "log_gatherer.furl"))?.is_some() {
        warnings.push(ConfigWarning {
            setting: "[node] log_gatherer.furl".to_owned(),
            meaning: "comes with a later version: logs are not sent to it",
        });
    }
    Ok(())
}

fn refuse_services(reader: &Reader<'_>) -> Result<(), ConfigError> {
    const SFTP: Place = ("sftpd", "enabled");
    if reader.boolean(SFTP, false)? {
        return Err(reader.unsupported(SFTP, "SFTP comes with a later version: set it to false"));
    }
    Ok(())
}

fn refuse_plugins(reader: &Reader<'_>) -> Result<(), ConfigError> {
    for place in [("client", "storage.plugins"), ("storage", "plugins")] {
        if reader.filled(place)?.is_some() {
            let reason = "plugins are Python programs, which Tallac does not run: remove the line";
            return Err(reader.unsupported(place, reason));
        }
    }
    Ok(())
}

fn warnings(
    reader: &Reader<'_>,
    storage: Option<&StorageConfig>,
) -> Result<Vec<ConfigWarning>, ConfigError> {
    let mut warnings = Vec::new();
    let mut warn = |setting: &str, meaning| {
        warnings.push(ConfigWarning { setting: setting.to_owned(), meaning });
    };
    if reader.filled(("client", "key_generator.furl"))?.is_some() {
        warn("[client] key_generator.furl", "has no effect any more: remove it");
    }
    if reader.filled(("client", "peers.preferred"))?.is_some() {
        warn("[client] peers.preferred", "comes with a later version: all servers are alike");
    }
    if storage.is_some_and(|storage| storage.debug_discard) {
        warn("[storage] debug_discard", "has no effect: shares are kept");
    }
    for section in reader.ini.sections() {
        if PLUGIN_SECTIONS.iter().any(|prefix| section.starts_with(prefix)) {
            warn(&format!("[{section}]"), "has no effect: Tallac runs no plugins");
        }
    }
    warn_of_log_gatherer(reader, &mut warnings)?;
    Ok(warnings)
}
