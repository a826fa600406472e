//! `tallac.toml`, a file in the node directory: settings that Tahoe-LAFS does not have. Without
//! it, everything in it is off.

use std::num::NonZeroU64;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::directory::NodeDirectory;
use super::error::ConfigError;
use super::telemetry::{LogLevel, OtlpEndpoint};
use super::values;
use crate::files;

/// The name of the file.
pub const TALLAC_TOML: &str = "tallac.toml";

/// Shortest time between the starts of two rounds.
const EVERY_MIN: Duration = Duration::from_secs(60);

/// How what is kept on the grid is looked after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaintenanceConfig {
    /// How often a round starts.
    pub every: Duration,
    /// What is looked after, beside what `private/maintenance.caps` names: aliases, and paths
    /// below them.
    pub caps: Vec<String>,
    /// Whether leases are added or renewed.
    pub add_lease: bool,
    /// How often shares are read and proved: in every so many rounds; nothing if never.
    pub verify_every: Option<NonZeroU64>,
    /// Whether what is not healthy is repaired.
    pub repair: bool,
    /// Bytes a second that checks and repairs may move; nothing if any number.
    pub bandwidth: Option<NonZeroU64>,
}

impl Default for MaintenanceConfig {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(7 * 24 * 60 * 60),
            caps: Vec::new(),
            add_lease: true,
            verify_every: None,
            repair: true,
            bandwidth: NonZeroU64::new(2_000_000),
        }
    }
}

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Document {
    maintenance: Option<Section>,
    storage: StorageTable,
    telemetry: TelemetryTable,
    log: LogTable,
    web: WebTable,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TelemetryTable {
    otlp_endpoint: Option<OtlpEndpoint>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LogTable {
    level: Option<LogLevel>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WebTable {
    hosts: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct StorageTable {
    max_use: Option<MaxUse>,
}

/// What the file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct OwnSettings {
    /// How what is kept on the grid is looked after; nothing if that is off.
    pub(super) maintenance: Option<MaintenanceConfig>,
    /// Bytes that share files may have together, if that is limited.
    pub(super) max_use: Option<u64>,
    /// Where traces go, if they go anywhere.
    pub(super) otlp_endpoint: Option<OtlpEndpoint>,
    /// How much is logged; as usual if it does not say.
    pub(super) log_level: Option<LogLevel>,
    /// Names by which browsers reach the node.
    pub(super) hosts: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct MaxUse(u64);

impl TryFrom<String> for MaxUse {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const WRONG: &str = "no size: write it like \"500 GB\" or \"2 TiB\"";
        let text = text.replace(' ', "");
        let size = values::size(&text).ok().filter(|_| !text.is_empty());
        size.map(Self).ok_or(WRONG)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Section {
    enabled: bool,
    every: Option<Every>,
    caps: Vec<Alias>,
    add_lease: Option<bool>,
    verify: Option<Verify>,
    repair: Option<bool>,
    bandwidth: Option<Bandwidth>,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Every(Duration);

impl TryFrom<String> for Every {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const WRONG: &str = "no time: write it like \"7 days\", \"12 hours\" or \"30 minutes\"";
        let units = [("minute", 60), ("hour", 3600), ("day", 86_400), ("week", 7 * 86_400)];
        let every = values::span(text.trim(), &units).and_then(Result::ok).ok_or(WRONG)?;
        if every < EVERY_MIN || every > Duration::from_secs(10 * 365 * 86_400) {
            return Err("between a minute and ten years are possible");
        }
        Ok(Self(every))
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Verify(Option<NonZeroU64>);

impl TryFrom<String> for Verify {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const WRONG: &str = "write \"never\", \"always\" or, for instance, \"every 4 rounds\"";
        match text.trim() {
            "never" => Ok(Self(None)),
            "always" => Ok(Self(Some(NonZeroU64::MIN))),
            text => {
                let number =
                    text.strip_prefix("every ").and_then(|text| text.strip_suffix("rounds"));
                let number = values::whole(number.ok_or(WRONG)?).map_err(|_| WRONG)?;
                Ok(Self(Some(NonZeroU64::new(number).ok_or(WRONG)?)))
            }
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Bandwidth(Option<NonZeroU64>);

impl TryFrom<String> for Bandwidth {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const WRONG: &str = "no rate: write it like \"2 MB/s\" or \"500 kB/s\"; \"0\" is no limit";
        let text = text.trim();
        let size = text.strip_suffix("/s").unwrap_or(text).replace(' ', "");
        if size.is_empty() {
            return Err(WRONG);
        }
        values::size(&size).map(|rate| Self(NonZeroU64::new(rate))).map_err(|_| WRONG)
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Alias(String);

impl TryFrom<String> for Alias {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if tallac_core::cap::has_uri_prefix(text.trim()) {
            return Err("caps are secrets, which others may read here: put it into \
                        private/maintenance.caps, a file of mode 0600, and name aliases only");
        }
        if !text.contains(':') {
            return Err("no alias: write it with its colon, like \"tahoe:\" or \"work:projects\"");
        }
        Ok(Self(text))
    }
}

impl Section {
    fn into_config(self) -> Option<MaintenanceConfig> {
        if !self.enabled {
            return None;
        }
        let usual = MaintenanceConfig::default();
        Some(MaintenanceConfig {
            every: self.every.map_or(usual.every, |every| every.0),
            caps: self.caps.into_iter().map(|alias| alias.0).collect(),
            add_lease: self.add_lease.unwrap_or(usual.add_lease),
            verify_every: self.verify.map_or(usual.verify_every, |verify| verify.0),
            repair: self.repair.unwrap_or(usual.repair),
            bandwidth: self.bandwidth.map_or(usual.bandwidth, |bandwidth| bandwidth.0),
        })
    }
}

/// What the file of a node says. If the node `hides`, nobody on another machine is told anything.
pub(super) fn read(directory: &NodeDirectory, hides: bool) -> Result<OwnSettings, ConfigError> {
    let file = directory.file(TALLAC_TOML);
    let Some(text) = files::read_text(&file)? else { return Ok(OwnSettings::default()) };
    let settings = parse(&file, &text)?;
    let endpoint = settings.otlp_endpoint.as_ref();
    if hides && endpoint.is_some_and(|endpoint| !endpoint.is_on_this_machine()) {
        let problem = "the collector is not on this machine, and would learn its address, which \
                       [connections] tcp or [node] reveal-IP-address of tahoe.cfg hides: let one \
                       on 127.0.0.1 take the traces";
        return Err(ConfigError::Malformed {
            file,
            place: ", [telemetry] otlp_endpoint".to_owned(),
            problem: problem.to_owned(),
        });
    }
    Ok(settings)
}

fn parse(file: &Path, text: &str) -> Result<OwnSettings, ConfigError> {
    let document: Document = toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let problem = format!("{}; correct or remove it", error.message().trim_end());
        ConfigError::Malformed { file: file.to_owned(), place: format!(", line {line}"), problem }
    })?;
    Ok(OwnSettings {
        maintenance: document.maintenance.and_then(Section::into_config),
        max_use: document.storage.max_use.map(|size| size.0),
        otlp_endpoint: document.telemetry.otlp_endpoint,
        log_level: document.log.level,
        hosts: document.web.hosts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_node_are_listed() {
        let hosts = |text| parse(Path::new("tallac.toml"), text).unwrap().hosts;
        assert_eq!(hosts("[web]\nhosts = [\"files.example.org\"]"), ["files.example.org"]);
        assert!(hosts("").is_empty());
    }

    fn read(text: &str) -> Result<Option<MaintenanceConfig>, String> {
        let parsed = parse(Path::new("tallac.toml"), text);
        parsed.map(|settings| settings.maintenance).map_err(|error| error.to_string())
    }

    #[test]
    fn off_unless_it_is_switched_on() {
        assert_eq!(read(""), Ok(None));
        assert_eq!(read("[maintenance]\ncaps = [\"tahoe:\"]\n"), Ok(None));
        let on = read("[maintenance]\nenabled = true\n");
        assert_eq!(on, Ok(Some(MaintenanceConfig::default())));
    }

    #[test]
    fn everything_set() {
        let text = "[maintenance]\nenabled = true\nevery = \"12 hours\"\ncaps = [\"work:a/b\"]\n\
                    add_lease = false\nverify = \"every 4 rounds\"\nrepair = false\n\
                    bandwidth = \"500 kB/s\"\n";
        let expected = MaintenanceConfig {
            every: Duration::from_secs(12 * 3600),
            caps: vec!["work:a/b".to_owned()],
            add_lease: false,
            verify_every: NonZeroU64::new(4),
            repair: false,
            bandwidth: NonZeroU64::new(500_000),
        };
        assert_eq!(read(text), Ok(Some(expected)));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (line, expected) in [
            ("evry = \"7 days\"", "unknown field `evry`"),
            ("every = \"7\"", "no time"),
            ("every = \"1 seconds\"", "no time"),
            ("every = \"0 days\"", "between a minute"),
            ("verify = \"sometimes\"", "\"never\", \"always\""),
            ("verify = \"every 0 rounds\"", "\"never\", \"always\""),
            ("bandwidth = \"fast\"", "no rate"),
            ("bandwidth = \"\"", "no rate"),
            ("caps = [\"URI:DIR2:secret:secret\"]", "private/maintenance.caps"),
            ("caps = [\"projects\"]", "no alias"),
            ("repair = \"yes\"", "invalid type"),
            ("repair", "expected"),
        ] {
            let error = read(&format!("[maintenance]\nenabled = true\n{line}\n")).unwrap_err();
            assert!(error.starts_with("'tallac.toml', line 3: "), "{line}: {error}");
            assert!(error.contains(expected), "{line}: {error}");
            assert!(!error.contains("secret:secret"), "{error}");
        }
    }
}
