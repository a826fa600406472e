//! What `tahoe.cfg` says, and what it means (specification section 10).
//!
//! [`NodeConfig::load`] reads a node directory's settings once, checks all of them, and says what
//! is wrong in words that help; [`IntroducerConfig::load`] does so for an introducer. [`ini`] is
//! the format of the file alone.

mod client;
mod connections;
mod directory;
mod error;
mod grid_managers;
pub mod ini;
mod ini_edit;
mod introducer;
mod invitation;
mod keys;
mod later;
mod listen;
mod reader;
pub mod servers_yaml;
mod storage;
mod tallac_toml;
mod telemetry;
mod tub;
mod values;
pub(crate) mod yaml;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use client::ClientConfig;
pub use connections::{Connections, DestinationConfig, I2pConfig, OnionConfig, TorConfig};
pub use directory::{NodeDirectory, NodeKind};
pub use error::ConfigError;
pub use ini::Ini;
pub use ini_edit::{EditError, set_value};
pub use introducer::IntroducerConfig;
pub use invitation::{Invitation, InvitationError};
pub use later::ConfigWarning;
pub use listen::{ListenAt, ListenError};
pub use storage::StorageConfig;
pub use tallac_toml::{MaintenanceConfig, TALLAC_TOML};
pub use telemetry::{EndpointError, LogLevel, OtlpEndpoint};
pub use tub::{Tub, TubLocation, TubPort};
pub(crate) use values::{date as parse_date, duration as parse_duration};

use crate::files;
use reader::{Place, Reader};

/// What a node is told by its directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeConfig {
    /// Where it lives.
    pub directory: NodeDirectory,
    /// What its operator calls it.
    pub nickname: String,
    /// Where its web server listens; nothing if it has none.
    pub web_port: Option<ListenAt>,
    /// Directory whose files the web server gives out under `/static`.
    pub web_static: PathBuf,
    /// Names by which browsers reach the web API, beside addresses (`[web] hosts` in
    /// `tallac.toml`).
    pub web_hosts: Vec<String>,
    /// Directory for what does not fit into memory.
    pub tempdir: PathBuf,
    /// Whether others may learn this machine's address.
    pub reveal_ip_address: bool,
    /// How it reaches others.
    pub connections: Connections,
    /// How often a silent connection is tried.
    pub keepalive: Option<Duration>,
    /// After how long a silent connection is given up.
    pub disconnect: Option<Duration>,
    /// Where other nodes reach it.
    pub tub: Tub,
    /// How it stores and finds files.
    pub client: ClientConfig,
    /// What it keeps for others; nothing if it keeps nothing.
    pub storage: Option<StorageConfig>,
    /// Whether it uploads for clients that have a slow line.
    pub is_helper: bool,
    /// How it looks after what is on the grid; nothing if it does not.
    pub maintenance: Option<MaintenanceConfig>,
    /// Where it sends traces, if anywhere.
    pub otlp_endpoint: Option<OtlpEndpoint>,
    /// How much it logs; as usual if that is not said.
    pub log_level: Option<LogLevel>,
    /// What is set and has no effect: to be logged.
    pub warnings: Vec<ConfigWarning>,
}

/// The name of the file with a node's settings.
pub const CONFIG_FILE: &str = "tahoe.cfg";

/// What a node is called whose operator gave it no name.
const UNSPECIFIED_NICKNAME: &str = "<unspecified>";

/// The files that set a node up before `tahoe.cfg` did.
const OLD_FILES: [&str; 15] = [
    "nickname",
    "webport",
    "keepalive_timeout",
    "log_gatherer.furl",
    "disconnect_timeout",
    "advertised_ip_addresses",
    "introducer.furl",
    "helper.furl",
    "key_generator.furl",
    "stats_gatherer.furl",
    "no_storage",
    "readonly_storage",
    "sizelimit",
    "debug_discard_storage",
    "run_helper",
];

impl NodeConfig {
    /// Reads the settings of the client or storage node in `dir`. Without a `tahoe.cfg`, they are
    /// the defaults.
    ///
    /// # Errors
    /// [`ConfigError`], which names the file, the section and the key, and what to do.
    pub fn load(dir: &Path) -> Result<Self, ConfigError> {
        let directory = NodeDirectory::new(dir)?;
        refuse_old_files(&directory, NodeKind::Client)?;
        let file = directory.file(CONFIG_FILE);
        let text = files::read_text(&file)?.unwrap_or_default();
        Self::from_text(&directory, &file, &text)
    }

    fn from_text(directory: &NodeDirectory, file: &Path, text: &str) -> Result<Self, ConfigError> {
        let ini =
            Ini::parse(text).map_err(|error| ConfigError::Ini { file: file.to_owned(), error })?;
        keys::check(file, &ini, NodeKind::Client)?;
        let reader = Reader { directory, file, ini: &ini };
        let reveal_ip_address = reader.boolean(("node", "reveal-ip-address"), true)?;
        let connections = connections::read(&reader, reveal_ip_address)?;
        let tub = tub::read(&reader, &connections, reveal_ip_address)?;
        let client = client::read(&reader)?;
        let mut storage = storage::read(&reader, &tub)?;
        let hides = connections.hide(reveal_ip_address);
        let own = tallac_toml::read(directory, hides)?;
        if let Some(storage) = &mut storage {
            storage.max_use = own.max_use;
        }
        let is_helper = is_helper(&reader, &tub)?;
        let warnings = later::check(&reader)?;
        Ok(Self {
            directory: directory.clone(),
            nickname: nickname(&reader)?,
            web_port: web_port(&reader)?,
            web_hosts: own.hosts,
            web_static: reader.path(("node", "web.static"), "public_html")?,
            tempdir: reader.path(("node", "tempdir"), "tmp")?,
            reveal_ip_address,
            connections,
            keepalive: seconds(&reader, ("node", "timeout.keepalive"))?,
            disconnect: seconds(&reader, ("node", "timeout.disconnect"))?,
            tub,
            client,
            storage,
            is_helper,
            maintenance: own.maintenance,
            otlp_endpoint: own.otlp_endpoint,
            log_level: own.log_level,
            warnings,
        })
    }
}

fn refuse_old_files(directory: &NodeDirectory, kind: NodeKind) -> Result<(), ConfigError> {
    // An introducer's own address was there once; it is taken to where it belongs now.
    let is_own = |name: &str| kind == NodeKind::Introducer && name == "introducer.furl";
    let files = OLD_FILES.iter().filter(|name| !is_own(name)).map(|name| directory.file(name));
    let files: Vec<_> = files.filter(|file| file.exists()).collect();
    if files.is_empty() { Ok(()) } else { Err(ConfigError::OldFiles { files }) }
}

fn is_helper(reader: &Reader<'_>, tub: &Tub) -> Result<bool, ConfigError> {
    const ENABLED: Place = ("helper", "enabled");
    let is_helper = reader.boolean(ENABLED, false)?;
    if is_helper && *tub == Tub::Disabled {
        let problem = "helper is enabled, but tub is not listening ('tub.port' is empty): give the \
                       tub a port, or set it to false";
        return Err(reader.wrong(ENABLED, problem.to_owned()));
    }
    Ok(is_helper)
}

fn nickname(reader: &Reader<'_>) -> Result<String, ConfigError> {
    Ok(reader.text(("node", "nickname"))?.unwrap_or_else(|| UNSPECIFIED_NICKNAME.to_owned()))
}

fn web_port(reader: &Reader<'_>) -> Result<Option<ListenAt>, ConfigError> {
    const WEB_PORT: Place = ("node", "web.port");
    let Some(text) = reader.filled(WEB_PORT)? else { return Ok(None) };
    text.parse().map(Some).map_err(|error: ListenError| reader.wrong(WEB_PORT, error.to_string()))
}

fn seconds(reader: &Reader<'_>, place: Place) -> Result<Option<Duration>, ConfigError> {
    if reader.filled(place)?.is_none() {
        return Ok(None);
    }
    Ok(reader.parse(place, values::whole)?.map(Duration::from_secs))
}
