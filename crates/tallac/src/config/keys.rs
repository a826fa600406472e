//! Every section and key of Tahoe-LAFS 1.20 (section 10.2). Anything else is refused at start.

/// Sections and their keys.
const KNOWN: &[(&str, &[&str])] = &[
    (
        "node",
        &[
            "nickname",
            "web.port",
            "web.static",
            "tub.port",
            "tub.location",
            "reveal-ip-address",
            "tempdir",
            "log_gatherer.furl",
            "timeout.keepalive",
            "timeout.disconnect",
        ],
    ),
    ("connections", &["tcp"]),
    (
        "client",
        &[
            "introducer.furl",
            "helper.furl",
            "key_generator.furl",
            "shares.needed",
            "shares.happy",
            "shares.total",
            "shares._max_immutable_segment_size_for_testing",
            "mutable.format",
            "peers.preferred",
            "storage.plugins",
            "force_foolscap",
        ],
    ),
    (
        "storage",
        &[
            "enabled",
            "anonymous",
            "readonly",
            "reserved_space",
            "storage_dir",
            "debug_discard",
            "expire.enabled",
            "expire.mode",
            "expire.cutoff_date",
            "expire.immutable",
            "expire.mutable",
            "expire.override_lease_duration",
            "plugins",
            "grid_management",
            "force_foolscap",
        ],
    ),
    ("helper", &["enabled"]),
    ("sftpd", &["enabled", "port", "host_pubkey_file", "host_privkey_file", "accounts.file"]),
    (
        "tor",
        &[
            "control.port",
            "enabled",
            "socks.port",
            "launch",
            "tor.executable",
            "onion",
            "onion.local_port",
            "onion.external_port",
            "onion.private_key_file",
        ],
    ),
    (
        "i2p",
        &[
            "enabled",
            "sam.port",
            "i2p.configdir",
            "i2p.executable",
            "launch",
            "dest",
            "dest.port",
            "dest.private_key_file",
        ],
    ),
];

/// Sections whose keys are names that users choose, and beginnings of the names of such sections.
const FREE: &[&str] = &["grid_managers", "grid_manager_certificates"];
const FREE_PREFIXES: &[&str] = &["storageserver.plugins.", "storageclient.plugins."];

/// What is not known of a section.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unknown<'a> {
    Section,
    Key(&'a str),
}

/// The first thing about a section that is not known.
pub(super) fn unknown_in<'a>(section: &str, keys: &[&'a str]) -> Option<Unknown<'a>> {
    if FREE.contains(&section) || FREE_PREFIXES.iter().any(|p| section.starts_with(p)) {
        return None;
    }
    let Some((_, known)) = KNOWN.iter().find(|(name, _)| *name == section) else {
        return Some(Unknown::Section);
    };
    keys.iter().find(|key| !known.contains(key)).map(|key| Unknown::Key(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tahoes_settings_are_known() {
        assert_eq!(unknown_in("node", &["nickname", "web.port"]), None);
        assert_eq!(unknown_in("node", &["nickname", "web.prot"]), Some(Unknown::Key("web.prot")));
        assert_eq!(unknown_in("Node", &["nickname"]), Some(Unknown::Section));
        assert_eq!(unknown_in("grid_managers", &["anything"]), None);
        assert_eq!(unknown_in("storageclient.plugins.x", &["anything"]), None);
    }
}
