//! Settings that need a part of Tahoe-LAFS that comes in a later version. Where to go on without
//! it would break what the setting promises, the node does not start; else it warns.

use super::StorageConfig;
use super::error::ConfigError;
use super::keys::{PETNAME_SECTIONS, PLUGIN_SECTIONS};
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
    refuse_networks(reader)?;
    refuse_plugins(reader)?;
    warnings(reader, storage)
}

/// The same for an introducer, which has fewer settings.
pub(super) fn check_introducer(reader: &Reader<'_>) -> Result<Vec<ConfigWarning>, ConfigError> {
    refuse_networks(reader)?;
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
    let services: [(Place, &str); 3] = [
        (("sftpd", "enabled"), "SFTP comes with a later version: set it to false"),
        (("tor", "launch"), "launching Tor comes with a later version: set it to false"),
        (("i2p", "launch"), "launching I2P comes with a later version: set it to false"),
    ];
    for (place, reason) in services {
        if reader.boolean(place, false)? {
            return Err(reader.unsupported(place, reason));
        }
    }
    Ok(())
}

/// A node that must hide where it is may not go on without what hides it.
fn refuse_networks(reader: &Reader<'_>) -> Result<(), ConfigError> {
    let tcp: Place = ("connections", "tcp");
    match reader.text(tcp)?.map(|handler| handler.to_lowercase()).as_deref() {
        None | Some("tcp" | "disabled") => {}
        Some("tor" | "i2p") => {
            let reason = "connections over Tor and I2P come with a later version: set it to tcp \
                          (which reveals this machine's address), or to disabled";
            return Err(reader.unsupported(tcp, reason));
        }
        Some(_) => {
            let problem = "uses unknown handler type: write tcp, tor or disabled";
            return Err(reader.wrong(tcp, problem.to_owned()));
        }
    }
    for place in [("tor", "onion"), ("i2p", "dest")] {
        if reader.boolean(place, false)? {
            let reason = "listening on Tor and I2P comes with a later version: set it to false";
            return Err(reader.unsupported(place, reason));
        }
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
    let (managers, certificates) = (PETNAME_SECTIONS[0], PETNAME_SECTIONS[1]);
    if !reader.ini.keys(managers).is_empty() {
        let reason = "grid managers come with a later version, and without them files might go \
                      to servers that they do not vouch for: remove the section to store with any";
        return Err(reader.unsupported(("grid_managers", "*"), reason));
    }
    let management: Place = ("storage", "grid_management");
    if reader.boolean(management, false)? || !reader.ini.keys(certificates).is_empty() {
        let reason = "certificates of grid managers come with a later version: set it to false, \
                      and remove [grid_manager_certificates]";
        return Err(reader.unsupported(management, reason));
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
    if storage.is_some_and(|storage| storage.expiry.is_some()) {
        warn("[storage] expire.enabled", "comes with a later version: no share is deleted");
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
