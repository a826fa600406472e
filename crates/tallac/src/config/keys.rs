//! Every section and key that a `tahoe.cfg` may have, and what kind of value belongs there
//! (section 10.2).

use std::path::Path;

use super::directory::NodeKind;
use super::error::ConfigError;
use super::ini::Ini;
use super::values;

/// What kind of value a key has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// True or false.
    Boolean,
    /// A number, or nothing.
    Number,
    /// An address that is secret, and has no `#`.
    Furl,
}

use Kind::{Boolean, Furl, Number, Text};

type Keys = &'static [(&'static str, Kind)];

/// The sections with their keys, these in lower case.
const SECTIONS: &[(&str, Keys)] = &[
    ("connections", &[("tcp", Text)]),
    (
        "node",
        &[
            ("nickname", Text),
            ("web.port", Text),
            ("web.static", Text),
            ("tub.port", Text),
            ("tub.location", Text),
            ("reveal-ip-address", Boolean),
            ("tempdir", Text),
            ("log_gatherer.furl", Furl),
            ("timeout.keepalive", Number),
            ("timeout.disconnect", Number),
        ],
    ),
    (
        "client",
        &[
            ("introducer.furl", Furl),
            ("helper.furl", Furl),
            ("key_generator.furl", Furl),
            ("shares.needed", Number),
            ("shares.happy", Number),
            ("shares.total", Number),
            ("shares._max_immutable_segment_size_for_testing", Number),
            ("mutable.format", Text),
            ("peers.preferred", Text),
            ("storage.plugins", Text),
            ("force_foolscap", Boolean),
        ],
    ),
    (
        "storage",
        &[
            ("enabled", Boolean),
            ("anonymous", Boolean),
            ("readonly", Boolean),
            ("reserved_space", Text),
            ("storage_dir", Text),
            ("debug_discard", Boolean),
            ("expire.enabled", Boolean),
            ("expire.mode", Text),
            ("expire.cutoff_date", Text),
            ("expire.immutable", Boolean),
            ("expire.mutable", Boolean),
            ("expire.override_lease_duration", Text),
            ("plugins", Text),
            ("grid_management", Boolean),
            ("force_foolscap", Boolean),
        ],
    ),
    ("helper", &[("enabled", Boolean)]),
    (
        "sftpd",
        &[
            ("enabled", Boolean),
            ("port", Text),
            ("host_pubkey_file", Text),
            ("host_privkey_file", Text),
            ("accounts.file", Text),
        ],
    ),
    (
        "tor",
        &[
            ("control.port", Text),
            ("enabled", Boolean),
            ("launch", Boolean),
            ("socks.port", Text),
            ("tor.executable", Text),
            ("onion", Boolean),
            ("onion.local_port", Number),
            ("onion.external_port", Number),
            ("onion.private_key_file", Text),
        ],
    ),
    (
        "i2p",
        &[
            ("enabled", Boolean),
            ("i2p.configdir", Text),
            ("i2p.executable", Text),
            ("launch", Boolean),
            ("sam.port", Text),
            ("dest", Boolean),
            ("dest.port", Number),
            ("dest.private_key_file", Text),
        ],
    ),
];

/// Sections whose keys their owner chooses: petnames.
pub(super) const PETNAME_SECTIONS: [&str; 2] = ["grid_managers", "grid_manager_certificates"];

/// Beginnings of sections whose keys a plugin chooses.
pub(super) const PLUGIN_SECTIONS: [&str; 2] = ["storageserver.plugins.", "storageclient.plugins."];

/// The sections that nodes of every kind have; introducers have no others.
const COMMON_SECTIONS: [&str; 4] = ["connections", "node", "tor", "i2p"];

/// Checks that the file of a node has only known sections and keys, and values of the right kind.
///
/// # Errors
/// The first that is wrong.
pub(super) fn check(file: &Path, ini: &Ini, kind: NodeKind) -> Result<(), ConfigError> {
    let belongs = |section: &str| match kind {
        NodeKind::Client => true,
        NodeKind::Introducer => COMMON_SECTIONS.contains(&section),
    };
    for section in ini.sections() {
        if kind == NodeKind::Client && is_free(section) {
            continue;
        }
        let known = SECTIONS.iter().find(|(name, _)| *name == section && belongs(section));
        let (_, known) = known.ok_or_else(|| ConfigError::UnknownSection {
            file: file.to_owned(),
            section: section.to_owned(),
        })?;
        for key in ini.keys(section) {
            let kind = known.iter().find(|(name, _)| *name == key).map(|(_, kind)| *kind);
            let kind = kind.ok_or_else(|| ConfigError::UnknownKey {
                file: file.to_owned(),
                section: section.to_owned(),
                key: key.to_owned(),
            })?;
            check_value(file, ini, (section, key), kind)?;
        }
    }
    Ok(())
}

fn is_free(section: &str) -> bool {
    PETNAME_SECTIONS.contains(&section)
        || PLUGIN_SECTIONS.iter().any(|prefix| section.starts_with(prefix))
}

fn check_value(
    file: &Path,
    ini: &Ini,
    (section, key): (&str, &str),
    kind: Kind,
) -> Result<(), ConfigError> {
    let wrong = |problem: String| ConfigError::value(file, (section, key), problem);
    let value = ini.get(section, key).map_err(|error| wrong(error.to_string()))?;
    let value = value.unwrap_or_default();
    match kind {
        Text => Ok(()),
        Boolean => values::boolean(&value).map(drop).map_err(wrong),
        Number if value.is_empty() => Ok(()),
        Number => values::whole(&value).map(drop).map_err(wrong),
        Furl if value.contains('#') => {
            Err(ConfigError::UnescapedHash { section: section.to_owned(), key: key.to_owned() })
        }
        Furl => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of all keys, which says what is done with them.
    const TABLE: &str = include_str!("../../../../docs/tahoe-cfg.md");

    #[test]
    fn every_key_is_in_the_table() {
        for (section, keys) in SECTIONS {
            let rows = TABLE.split_once(&format!("\n| `{section}` |")).expect(section).1;
            // Further rows of a section do not name it.
            let more = rows.lines().skip(1).take_while(|row| row.starts_with("| |"));
            let rows: String = rows.lines().take(1).chain(more).collect();
            for (key, _) in *keys {
                let is_told = rows.contains(&format!("`{key}`"));
                assert!(is_told, "docs/tahoe-cfg.md: [{section}] {key} is missing");
            }
        }
    }
}
