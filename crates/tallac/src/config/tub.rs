//! Where other nodes reach this one: `tub.port` and `tub.location` (section 10.2).

use std::net::Ipv4Addr;

use super::connections::Connections;
use super::directory::CLIENT_PORT;
use super::error::ConfigError;
use super::listen::ListenAt;
use super::reader::Reader;
use crate::files;

/// The part of a node that other nodes reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tub {
    /// There is none: the node is a mere client.
    Disabled,
    /// It listens.
    Listening {
        /// Where. Empty when none was ever chosen: choose one, and save it with
        /// [`save_client_port`](super::NodeDirectory::save_client_port).
        ports: Vec<TubPort>,
        /// What it tells others.
        location: TubLocation,
    },
}

/// Where a tub listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TubPort {
    /// At a port of this machine; `listen:tor` is the one that the onion service leads to.
    Socket(ListenAt),
    /// At the I2P destination of `[i2p] dest`: `listen:i2p`.
    I2p,
}

/// How a node tells others to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TubLocation {
    /// At all addresses that this machine has.
    Auto,
    /// At these connection hints; one of them may be `AUTO`.
    Hints(Vec<String>),
}

/// The hint that stands for all addresses of this machine.
const AUTO: &str = "AUTO";

impl TubLocation {
    /// The connection hints of a tub at `port` of a machine with these addresses.
    #[must_use]
    pub fn hints(&self, addresses: &[Ipv4Addr], port: u16) -> Vec<String> {
        let auto = || addresses.iter().map(move |address| format!("tcp:{address}:{port}"));
        match self {
            Self::Auto => auto().collect(),
            Self::Hints(hints) => hints
                .iter()
                .flat_map(|hint| match hint.as_str() {
                    AUTO => auto().collect(),
                    hint => vec![hint.to_owned()],
                })
                .collect(),
        }
    }
}

/// Where only programs of this machine connect to.
const LOOPBACK: &str = "127.0.0.1";

/// The word for a tub that does not listen.
const DISABLED: &str = "disabled";

pub(super) fn read(
    reader: &Reader<'_>,
    connections: &Connections,
    reveal_ip: bool,
) -> Result<Tub, ConfigError> {
    let (port, location) = (("node", "tub.port"), ("node", "tub.location"));
    let not_empty = |key: (&'static str, &'static str)| match reader.text(key)? {
        Some(text) if text.trim().is_empty() => Err(reader
            .wrong(key, format!("{} must not be empty: write a value, or remove the line", key.1))),
        text => Ok(text.map(|text| text.trim().to_owned())),
    };
    let (port_text, location_text) = (not_empty(port)?, not_empty(location)?);
    let is_disabled = |text: &Option<String>| text.as_deref() == Some(DISABLED);
    match (is_disabled(&port_text), is_disabled(&location_text)) {
        (true, true) => return Ok(Tub::Disabled),
        (true, false) => {
            let problem = "tub.port is disabled, but not tub.location: disable both or neither";
            return Err(reader.wrong(location, problem.to_owned()));
        }
        (false, true) => {
            let problem = "tub.location is disabled, but not tub.port: disable both or neither";
            return Err(reader.wrong(port, problem.to_owned()));
        }
        (false, false) => {}
    }
    Ok(Tub::Listening {
        ports: match &port_text {
            Some(text) => ports(text, connections, |problem| reader.wrong(port, problem))?,
            None => saved_port(reader, connections)?,
        },
        location: read_location(reader, location_text.as_deref().unwrap_or(AUTO), reveal_ip)?,
    })
}

fn ports(
    text: &str,
    connections: &Connections,
    wrong: impl Fn(String) -> ConfigError,
) -> Result<Vec<TubPort>, ConfigError> {
    let port = |endpoint: &str| match endpoint.trim() {
        "listen:tor" => match &connections.tor.onion {
            Some(onion) => {
                Ok(TubPort::Socket(ListenAt { host: LOOPBACK.to_owned(), port: onion.local_port }))
            }
            None => Err(wrong("listen:tor needs [tor] onion = true and its onion.* keys".into())),
        },
        "listen:i2p" => match &connections.i2p.destination {
            Some(_) => Ok(TubPort::I2p),
            None => Err(wrong("listen:i2p needs [i2p] dest = true and its dest.* keys".into())),
        },
        endpoint => match endpoint.parse::<ListenAt>() {
            Ok(ListenAt { port: 0, .. }) => Err(ConfigError::PortAssignmentRequired),
            Ok(at) => Ok(TubPort::Socket(at)),
            Err(error) => Err(wrong(error.to_string())),
        },
    };
    text.split(',').map(port).collect()
}

/// The port that was chosen when the node first ran, if it did.
fn saved_port(reader: &Reader<'_>, connections: &Connections) -> Result<Vec<TubPort>, ConfigError> {
    let file = reader.directory.file(CLIENT_PORT);
    let Some(text) = files::read_text(&file)? else { return Ok(Vec::new()) };
    ports(text.trim(), connections, |problem| ConfigError::Malformed {
        file: file.clone(),
        place: String::new(),
        problem,
    })
}

fn read_location(
    reader: &Reader<'_>,
    text: &str,
    reveal_ip: bool,
) -> Result<TubLocation, ConfigError> {
    let hints: Vec<_> = text.split(',').map(|hint| hint.trim().to_owned()).collect();
    let is_hint = |hint: &String| {
        !hint.is_empty() && hint.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
    };
    if !hints.iter().all(is_hint) {
        let problem = "must be connection hints like tcp:example.org:3457, separated by commas";
        return Err(reader.wrong(("node", "tub.location"), problem.to_owned()));
    }
    if !reveal_ip && hints.iter().any(|hint| hint == AUTO) {
        return Err(ConfigError::Privacy("tub.location uses AUTO"));
    }
    if !reveal_ip {
        hints.iter().try_for_each(|hint| refuse_revealing(hint))?;
    }
    Ok(match hints.as_slice() {
        [only] if only == AUTO => TubLocation::Auto,
        _ => TubLocation::Hints(hints),
    })
}

/// Refuses a hint that tells where this machine is on the open network: of all hints, only those of
/// Tor and I2P do not, and of Tor's only those of onion services. Tahoe-LAFS overlooks some.
fn refuse_revealing(hint: &str) -> Result<(), ConfigError> {
    let host = |rest: &str| rest.split(':').next().unwrap_or_default().to_ascii_lowercase();
    match hint.split_once(':') {
        Some(("i2p", _)) => Ok(()),
        Some(("tor", rest)) if host(rest).ends_with(".onion") => Ok(()),
        Some(("tor", _)) => {
            Err(ConfigError::Privacy("tub.location includes tor: hint that is no onion service"))
        }
        _ => Err(ConfigError::Privacy("tub.location includes tcp: hint")),
    }
}
