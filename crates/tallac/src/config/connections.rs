//! How a node reaches others, and how it hides where it is: `[connections]`, `[tor]`, `[i2p]` and
//! `reveal-IP-address` (sections 10.2, 11.2 and 11.3).

use std::path::PathBuf;

use tallac_net::transport::{Endpoint, Way};

use super::error::ConfigError;
use super::reader::{Place, Reader};
use super::values;

/// How a node reaches others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connections {
    /// How addresses of the open network are followed; not at all if there is none.
    pub tcp: Option<Way>,
    /// What is known of Tor.
    pub tor: TorConfig,
    /// What is known of I2P.
    pub i2p: I2pConfig,
}

impl Connections {
    /// Whether connections to the open network would reveal what is to be hidden.
    pub(crate) fn hide(&self, reveal_ip_address: bool) -> bool {
        !reveal_ip_address || self.tcp != Some(Way::Direct)
    }
}

/// How Tor is used: `[tor]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TorConfig {
    /// Whether connections may go through Tor.
    pub enabled: bool,
    /// Whether the node launches a Tor of its own.
    pub launch: bool,
    /// The program that it launches; `tor` if there is none.
    pub executable: Option<PathBuf>,
    /// Where Tor takes connections.
    pub socks_port: Option<Endpoint>,
    /// Where Tor takes commands.
    pub control_port: Option<Endpoint>,
    /// The onion service of this node.
    pub onion: Option<OnionConfig>,
}

/// An onion service: `[tor] onion.*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnionConfig {
    /// The port of 127.0.0.1 that it leads to.
    pub local_port: u16,
    /// The port that others connect to.
    pub external_port: u16,
    /// The file with its key.
    pub private_key_file: PathBuf,
}

/// How I2P is used: `[i2p]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct I2pConfig {
    /// Whether connections may go through I2P.
    pub enabled: bool,
    /// Where the router's SAM listens; where it does by default if there is none.
    pub sam_port: Option<Endpoint>,
    /// The destination of this node.
    pub destination: Option<DestinationConfig>,
}

/// An I2P destination: `[i2p] dest.*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationConfig {
    /// The port that others connect to.
    pub port: u16,
    /// The file with its key.
    pub private_key_file: PathBuf,
}

const TCP: Place = ("connections", "tcp");
const ONION: Place = ("tor", "onion");
const DEST: Place = ("i2p", "dest");
const CONTROL_PORT: Place = ("tor", "control.port");
const SAM_PORT: Place = ("i2p", "sam.port");

impl Connections {
    /// Whether anything may be connected to openly.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.tcp == Some(Way::Direct)
    }
}

pub(super) fn read(reader: &Reader<'_>, reveal_ip: bool) -> Result<Connections, ConfigError> {
    let (tor, i2p) = (tor(reader)?, i2p(reader)?);
    let tcp = tcp(reader, tor.enabled, i2p.enabled)?;
    if tcp == Some(Way::Direct) && !reveal_ip {
        return Err(ConfigError::Privacy(
            "Privacy requested with `reveal-IP-address = false` but `tcp = tcp` conflicts with \
             this.",
        ));
    }
    Ok(Connections { tcp, tor, i2p })
}

/// What `[connections] tcp` says.
fn tcp(reader: &Reader<'_>, has_tor: bool, has_i2p: bool) -> Result<Option<Way>, ConfigError> {
    let handler = reader.text(TCP)?.unwrap_or_else(|| "tcp".to_owned()).to_lowercase();
    let way = handler_named(&handler).ok_or_else(|| {
        let problem = "'tahoe.cfg [connections] tcp=' uses unknown handler type: write tcp, tor \
                       or disabled";
        reader.wrong(TCP, problem.to_owned())
    })?;
    let is_there = match way {
        Some(Way::Tor) => has_tor,
        Some(Way::I2p) => has_i2p,
        Some(Way::Direct) | None => true,
    };
    if !is_there {
        let problem = format!(
            "'tahoe.cfg [connections] tcp=' uses unavailable/unimportable handler type \
             '{handler}': set [{handler}] enabled = true"
        );
        return Err(reader.wrong(TCP, problem));
    }
    Ok(way)
}

/// The way that a handler's name stands for, which is none for `disabled`; nothing when no handler
/// has that name.
pub(super) fn handler_named(name: &str) -> Option<Option<Way>> {
    match name {
        "tcp" => Some(Some(Way::Direct)),
        "tor" => Some(Some(Way::Tor)),
        "i2p" => Some(Some(Way::I2p)),
        "disabled" => Some(None),
        _ => None,
    }
}

fn tor(reader: &Reader<'_>) -> Result<TorConfig, ConfigError> {
    let mut config = TorConfig {
        enabled: reader.boolean(("tor", "enabled"), true)?,
        launch: reader.boolean(("tor", "launch"), false)?,
        executable: reader.filled(("tor", "tor.executable"))?.map(PathBuf::from),
        socks_port: endpoint(reader, ("tor", "socks.port"))?,
        control_port: endpoint(reader, CONTROL_PORT)?,
        onion: None,
    };
    if reader.boolean(ONION, false)? {
        if !config.launch && config.control_port.is_none() {
            let problem = "[tor] onion = true, but we have neither launch=true nor control.port=: \
                           set one of them";
            return Err(reader.wrong(ONION, problem.to_owned()));
        }
        config.onion = Some(OnionConfig {
            local_port: port(reader, ONION, ("tor", "onion.local_port"))?,
            external_port: port(reader, ONION, ("tor", "onion.external_port"))?,
            private_key_file: key_file(reader, ONION, ("tor", "onion.private_key_file"))?,
        });
    }
    Ok(config)
}

fn i2p(reader: &Reader<'_>) -> Result<I2pConfig, ConfigError> {
    let launch: Place = ("i2p", "launch");
    let configdir: Place = ("i2p", "i2p.configdir");
    let mut config = I2pConfig {
        enabled: reader.boolean(("i2p", "enabled"), true)?,
        sam_port: endpoint(reader, SAM_PORT)?,
        destination: None,
    };
    if reader.boolean(launch, false)? {
        if config.sam_port.is_some() {
            let problem = "tahoe.cfg [i2p] must not set both sam.port and launch";
            return Err(reader.wrong(launch, problem.to_owned()));
        }
        let reason = "[i2p] launch is under development: start I2P yourself, and set sam.port";
        return Err(reader.unsupported(launch, reason));
    }
    if config.sam_port.is_none() && reader.filled(configdir)?.is_some() {
        let reason = "I2P is only found by its SAM port: set sam.port";
        return Err(reader.unsupported(configdir, reason));
    }
    if reader.boolean(DEST, false)? {
        if config.sam_port.is_none() {
            let problem = "[i2p] dest = true, but we have neither sam.port= nor launch=true nor \
                           configdir=: set sam.port";
            return Err(reader.wrong(DEST, problem.to_owned()));
        }
        config.destination = Some(DestinationConfig {
            port: port(reader, DEST, ("i2p", "dest.port"))?,
            private_key_file: key_file(reader, DEST, ("i2p", "dest.private_key_file"))?,
        });
    }
    Ok(config)
}

fn endpoint(reader: &Reader<'_>, place: Place) -> Result<Option<Endpoint>, ConfigError> {
    let Some(text) = reader.filled(place)? else { return Ok(None) };
    let endpoint = text.parse::<Endpoint>();
    endpoint.map(Some).map_err(|error| reader.wrong(place, error.to_string()))
}

/// A port that must be there because of what `needed_by` says.
fn port(reader: &Reader<'_>, needed_by: Place, place: Place) -> Result<u16, ConfigError> {
    required(reader, needed_by, place)?;
    let number = reader.parse(place, values::whole)?;
    let port = number.and_then(|number| u16::try_from(number).ok()).filter(|port| *port != 0);
    port.ok_or_else(|| reader.wrong(place, "must be a number from 1 to 65535".to_owned()))
}

fn key_file(reader: &Reader<'_>, needed_by: Place, place: Place) -> Result<PathBuf, ConfigError> {
    required(reader, needed_by, place)?;
    reader.path(place, "")
}

fn required(
    reader: &Reader<'_>,
    (section, switch): Place,
    place: Place,
) -> Result<(), ConfigError> {
    match reader.filled(place)? {
        Some(_) => Ok(()),
        None => {
            let problem = format!("[{section}] {switch} = true, but {}= is missing", place.1);
            Err(reader.wrong(place, problem))
        }
    }
}
