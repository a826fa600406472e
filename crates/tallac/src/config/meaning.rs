//! What the settings of a node mean together (section 10.2).

use std::path::PathBuf;

use tallac_core::immutable::SEGMENT_SIZE_DEFAULT;

use super::ini::Ini;
use super::keys::{self, Unknown};
use super::values::{self, ValueError};
use super::{
    ClientConfig, ConfigError, ListenAt, NodeConfig, NodeDirectory, StorageConfig, Tub, TubLocation,
};

/// Settings from before `tahoe.cfg`, each a file in the node directory.
const OLD_FILES: &[&str] = &[
    "nickname",
    "webport",
    "introducer.furl",
    "log_gatherer.furl",
    "key_generator.furl",
    "keepalive_timeout",
    "disconnect_timeout",
    "advertised_ip_addresses",
    "helper.furl",
    "no_storage",
    "readonly_storage",
    "sizelimit",
    "debug_discard_storage",
    "run_helper",
];

/// Largest segment that a test may ask for, in bytes.
const SEGMENT_SIZE_MAX: u64 = 64 << 20;

/// The settings of one file, read one by one.
struct Settings {
    path: PathBuf,
    ini: Ini,
}

impl Settings {
    fn text(&self, section: &str, key: &str) -> Result<Option<String>, ConfigError> {
        let value = self.ini.get(section, key);
        value.map_err(|error| ConfigError::Syntax { path: self.path.clone(), error })
    }

    /// A setting as `parse` reads it, or else the default.
    fn value<T>(
        &self,
        (section, key): (&'static str, &'static str),
        default: T,
        parse: impl Fn(&str) -> Result<T, ValueError>,
    ) -> Result<T, ConfigError> {
        let Some(text) = self.text(section, key)? else { return Ok(default) };
        let bad = |error| ConfigError::BadValue { path: self.path.clone(), section, key, error };
        parse(text.trim()).map_err(bad)
    }

    fn flag(
        &self,
        section: &'static str,
        key: &'static str,
        default: bool,
    ) -> Result<bool, ConfigError> {
        self.value((section, key), default, values::boolean)
    }

    /// A text that is not empty.
    fn filled(&self, section: &str, key: &str) -> Result<Option<String>, ConfigError> {
        Ok(self.text(section, key)?.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty()))
    }

    fn contradiction(&self, sentence: impl Into<String>) -> ConfigError {
        ConfigError::Contradiction { path: self.path.clone(), sentence: sentence.into() }
    }
}

pub(super) fn load(directory: &NodeDirectory) -> Result<NodeConfig, ConfigError> {
    if !directory.path().is_dir() {
        return Err(ConfigError::NoDirectory(directory.path().to_owned()));
    }
    if let Some(old) = OLD_FILES.iter().map(|name| directory.file(name)).find(|p| p.exists()) {
        return Err(ConfigError::OldFile(old));
    }
    let path = directory.file("tahoe.cfg");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(ConfigError::Unreadable { path, error }),
    };
    let ini = match Ini::parse(&text) {
        Ok(ini) => ini,
        Err(error) => return Err(ConfigError::Syntax { path, error }),
    };
    let settings = Settings { path, ini };
    refuse_unknown(&settings)?;
    let tub = tub(&settings)?;
    let storage = storage(&settings, directory, &tub)?;
    Ok(NodeConfig {
        nickname: settings.filled("node", "nickname")?.unwrap_or_else(|| "<unspecified>".into()),
        web_port: match settings.filled("node", "web.port")? {
            None => None,
            Some(_) => {
                settings.value(("node", "web.port"), None, |t| values::listen_at(t).map(Some))?
            }
        },
        tempdir: directory.file(settings.filled("node", "tempdir")?.unwrap_or("tmp".into())),
        client: client(&settings)?,
        warnings: warnings(&settings)?,
        directory: directory.clone(),
        tub,
        storage,
    })
}

fn refuse_unknown(settings: &Settings) -> Result<(), ConfigError> {
    for (section, keys) in settings.ini.keys() {
        let (path, section_name) = (settings.path.clone(), section.to_owned());
        match keys::unknown_in(section, &keys) {
            None => {}
            Some(Unknown::Section) => {
                return Err(ConfigError::UnknownSection { path, section: section_name });
            }
            Some(Unknown::Key(key)) => {
                let key = key.to_owned();
                return Err(ConfigError::UnknownKey { path, section: section_name, key });
            }
        }
        for key in keys.iter().filter(|key| key.ends_with(".furl")) {
            if settings.text(section, key)?.is_some_and(|value| value.contains('#')) {
                return Err(settings.contradiction(format!(
                    "{key} in [{section}] contains '#', which begins no comment there; take it out"
                )));
            }
        }
    }
    Ok(())
}

fn tub(settings: &Settings) -> Result<Tub, ConfigError> {
    let port = settings.filled("node", "tub.port")?;
    let location = settings.filled("node", "tub.location")?;
    let reveal = settings.flag("node", "reveal-ip-address", true)?;
    let disabled = |text: &Option<String>| text.as_deref() == Some("disabled");
    match (disabled(&port), disabled(&location)) {
        (true, true) => return Ok(Tub::Disabled),
        (true, false) | (false, true) => {
            return Err(settings
                .contradiction("tub.port and tub.location must both be 'disabled', or neither"));
        }
        (false, false) => {}
    }
    let mut ports = Vec::new();
    for text in port.iter().flat_map(|port| port.split(',')) {
        let path = settings.path.clone();
        let bad = |error| ConfigError::BadValue { path, section: "node", key: "tub.port", error };
        let at: ListenAt = values::listen_at(text).map_err(bad)?;
        if at.port == 0 {
            return Err(settings.contradiction(
                "tub.port cannot be 0: you must choose. Others have to find the node at the same \
                 port after it was started again",
            ));
        }
        ports.push(at);
    }
    let location = match location.as_deref() {
        None | Some("AUTO") => TubLocation::Auto,
        Some(hints) => TubLocation::Hints(hints.split(',').map(|h| h.trim().to_owned()).collect()),
    };
    let tells_address = match &location {
        TubLocation::Auto => true,
        TubLocation::Hints(hints) => hints.iter().any(|hint| hint.starts_with("tcp:")),
    };
    if !reveal && tells_address {
        return Err(settings.contradiction(
            "reveal-IP-address is false, but tub.location tells the address of this machine (AUTO, \
             or a hint with tcp:). Set tub.location to 'disabled' or to hidden addresses only",
        ));
    }
    Ok(Tub::Listening { ports, location })
}

fn client(settings: &Settings) -> Result<ClientConfig, ConfigError> {
    let shares = |key: &'static str, default| {
        settings.value(("client", key), default, |text| {
            let number = values::number(text, 1, 256)?;
            Ok(u16::try_from(number).unwrap_or(u16::MAX))
        })
    };
    let config = ClientConfig {
        needed: shares("shares.needed", 3)?,
        happy: shares("shares.happy", 7)?,
        total: shares("shares.total", 10)?,
        segment_size_max: settings.value(
            ("client", "shares._max_immutable_segment_size_for_testing"),
            SEGMENT_SIZE_DEFAULT,
            |text| values::number(text, 1, SEGMENT_SIZE_MAX),
        )?,
    };
    let ClientConfig { needed, happy, total, .. } = config;
    if needed > total {
        return Err(settings.contradiction(format!(
            "shares.needed ({needed}) is more than shares.total ({total}): no file could ever be \
             read. Lower the one or raise the other"
        )));
    }
    if happy > total {
        return Err(settings.contradiction(format!(
            "shares.happy ({happy}) is more than shares.total ({total}): no upload could ever \
             succeed. Lower the one or raise the other"
        )));
    }
    Ok(config)
}

fn storage(
    settings: &Settings,
    directory: &NodeDirectory,
    tub: &Tub,
) -> Result<Option<StorageConfig>, ConfigError> {
    if !settings.flag("storage", "enabled", true)? {
        return Ok(None);
    }
    if *tub == Tub::Disabled {
        return Err(settings.contradiction(
            "storage is enabled, but tub is not listening. Set tub.port and tub.location in \
             [node], or enabled = false in [storage]",
        ));
    }
    for (key, what) in [
        ("expire.enabled", "removing shares whose leases ended"),
        ("debug_discard", "discarding what is stored"),
        ("force_foolscap", "speaking Foolscap"),
    ] {
        if settings.flag("storage", key, false)? {
            return Err(settings.contradiction(format!(
                "{key} in [storage] asks for {what}, which this version cannot do. Set it to false"
            )));
        }
    }
    let dir = settings.filled("storage", "storage_dir")?.unwrap_or_else(|| "storage".into());
    Ok(Some(StorageConfig {
        dir: directory.file(dir),
        readonly: settings.flag("storage", "readonly", false)?,
        reserved_space: settings.value(("storage", "reserved_space"), 0, values::size)?,
    }))
}

/// What is set and will have no effect, because this version lacks it.
fn warnings(settings: &Settings) -> Result<Vec<String>, ConfigError> {
    let mut warnings = Vec::new();
    let furls = [
        (
            "client",
            "introducer.furl",
            "introducers are not spoken to; servers come from servers.yaml",
        ),
        ("client", "helper.furl", "helpers are not used; uploads go to the servers directly"),
        ("client", "storage.plugins", "there are no storage plugins"),
        ("storage", "plugins", "there are no storage plugins"),
        ("client", "peers.preferred", "no server is preferred"),
        ("node", "log_gatherer.furl", "logs are not gathered"),
    ];
    for (section, key, why) in furls {
        if settings.filled(section, key)?.is_some_and(|value| value != "None") {
            warnings.push(format!("{key} in [{section}] has no effect in this version: {why}"));
        }
    }
    let flags = [
        ("client", "force_foolscap", "servers are spoken to over HTTPS"),
        ("helper", "enabled", "there is no helper"),
        ("sftpd", "enabled", "there is no SFTP server"),
        ("storage", "grid_management", "no announcement is made"),
    ];
    for (section, key, why) in flags {
        if settings.flag(section, key, false)? {
            warnings.push(format!("{key} in [{section}] has no effect in this version: {why}"));
        }
    }
    Ok(warnings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(text: &str) -> Result<NodeConfig, String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("tahoe.cfg"), text).unwrap();
        NodeConfig::load(dir.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults() {
        let dir = tempfile::tempdir().unwrap();
        let config = NodeConfig::load(dir.path()).unwrap();
        assert_eq!(config.nickname, "<unspecified>");
        assert_eq!(config.web_port, None);
        assert_eq!(config.tub, Tub::Listening { ports: vec![], location: TubLocation::Auto });
        let shares = (config.client.needed, config.client.happy, config.client.total);
        assert_eq!((shares, config.client.segment_size_max), ((3, 7, 10), 1 << 20));
        assert_eq!(config.storage.unwrap().dir, dir.path().join("storage"));
    }

    #[test]
    fn a_usual_file() {
        let config = load_text(
            "[node]\nnickname = Zo\u{eb}\nweb.port = tcp:3456:interface=127.0.0.1\n\
             tub.port = tcp:4000\ntub.location = tcp:a.example:4000, tcp:b.example:4000\n\
             [client]\nshares.needed = 1\nshares.happy=1\nshares.total=2\nhelper.furl =\n\
             [storage]\nenabled = true\nreserved_space = 1G\nreadonly = yes\n\
             [helper]\nenabled = false\n",
        )
        .unwrap();
        assert_eq!(config.nickname, "Zo\u{eb}");
        assert_eq!(config.web_port.unwrap().port, 3456);
        let Tub::Listening { ports, location: TubLocation::Hints(hints) } = config.tub else {
            panic!("it listens");
        };
        assert_eq!((ports[0].port, hints.len()), (4000, 2));
        let storage = config.storage.unwrap();
        assert_eq!((storage.readonly, storage.reserved_space), (true, 1_000_000_000));
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    }

    #[test]
    fn mistakes_are_refused_with_what_to_do() {
        let cases = [
            ("[node]\nweb.prot = 1\n", "'web.prot' in [node] is no setting"),
            ("[nodes]\n", "[nodes] is no section"),
            ("[node]\nweb.port = ssl:443\n", "web.port in [node]: 'ssl:443'"),
            ("[node]\ntub.port = tcp:0\n", "tub.port cannot be 0: you must choose"),
            ("[node]\ntub.port = disabled\n", "must both be 'disabled'"),
            (
                "[node]\ntub.port = disabled\ntub.location = disabled\n",
                "storage is enabled, but tub is not listening",
            ),
            ("[node]\nreveal-IP-address = false\n", "reveal-IP-address is false"),
            ("[client]\nshares.needed = 11\n", "shares.needed (11) is more than shares.total (10)"),
            ("[client]\nshares.happy = 11\n", "shares.happy (11) is more than shares.total (10)"),
            ("[client]\nshares.total = 257\n", "no whole number from 1 to 256"),
            ("[client]\nintroducer.furl = pb://a@b/c#d\n", "contains '#'"),
            ("[storage]\nreserved_space = lots\n", "'lots' is no size"),
            ("[storage]\nenabled = perhaps\n", "'perhaps' is no boolean"),
            ("[storage]\nexpire.enabled = true\n", "which this version cannot do"),
            ("[node]\nnickname = 50%\n", "write %% for a percent sign"),
            ("nickname = x\n", "line 1 stands before the first section"),
        ];
        for (text, expected) in cases {
            let error = load_text(text).unwrap_err();
            assert!(error.contains(expected) && error.contains("tahoe.cfg"), "{error}");
        }
    }

    #[test]
    fn settings_for_what_is_missing_are_told() {
        let config = load_text("[client]\nintroducer.furl = pb://a@b/c\n").unwrap();
        assert!(config.warnings[0].contains("introducers are not spoken to"));
    }

    #[test]
    fn files_from_before_tahoe_cfg_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("webport"), "1").unwrap();
        let error = NodeConfig::load(dir.path()).unwrap_err().to_string();
        assert!(error.contains("webport is a setting from before"), "{error}");
    }
}
