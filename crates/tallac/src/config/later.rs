//! Settings that Tallac does not heed. Where to go on would break what the setting promises, the
//! node does not start; what has no effect in Tahoe-LAFS 1.20 either is only warned of.

use super::error::ConfigError;
use super::keys::PLUGIN_SECTIONS;
use super::reader::{Place, Reader};

/// Something that is set and has no effect.
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
pub(super) fn check(reader: &Reader<'_>) -> Result<Vec<ConfigWarning>, ConfigError> {
    refuse_services(reader)?;
    refuse_plugins(reader)?;
    refuse_discarding(reader)?;
    refuse_log_gatherer(reader)?;
    warnings(reader)
}

/// The same for an introducer, which has fewer settings.
pub(super) fn check_introducer(reader: &Reader<'_>) -> Result<(), ConfigError> {
    refuse_log_gatherer(reader)
}

/// Tahoe-LAFS sends its log there; whoever set it counts on that.
fn refuse_log_gatherer(reader: &Reader<'_>) -> Result<(), ConfigError> {
    const GATHERER: Place = ("node", "log_gatherer.furl");
    if reader.filled(GATHERER)?.is_some() {
        let reason = "logs are not sent to gatherers of Foolscap: remove the line, and take the \
                      log from standard error or --eliot-destination, as JSON if that is wanted";
        return Err(reader.unsupported(GATHERER, reason));
    }
    Ok(())
}

/// Clients were told that it is stored.
fn refuse_discarding(reader: &Reader<'_>) -> Result<(), ConfigError> {
    const DISCARD: Place = ("storage", "debug_discard");
    if reader.boolean(DISCARD, false)? {
        let reason = "shares that clients believe stored are not thrown away: remove the line, or \
                      set readonly = true if the server is to take none";
        return Err(reader.unsupported(DISCARD, reason));
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

fn warnings(reader: &Reader<'_>) -> Result<Vec<ConfigWarning>, ConfigError> {
    let mut warnings = Vec::new();
    let mut warn = |setting: &str, meaning| {
        warnings.push(ConfigWarning { setting: setting.to_owned(), meaning });
    };
    if reader.filled(("client", "key_generator.furl"))?.is_some() {
        warn("[client] key_generator.furl", "has no effect, as in Tahoe-LAFS 1.20: remove it");
    }
    if reader.filled(("client", "peers.preferred"))?.is_some() {
        warn(
            "[client] peers.preferred",
            "has no effect, as in Tahoe-LAFS 1.20: all servers are alike",
        );
    }
    for section in reader.ini.sections() {
        if PLUGIN_SECTIONS.iter().any(|prefix| section.starts_with(prefix)) {
            warn(&format!("[{section}]"), "has no effect: Tallac runs no plugins");
        }
    }
    Ok(warnings)
}
