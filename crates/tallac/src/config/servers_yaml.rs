//! Servers that a node knows without an introducer: `private/servers.yaml` (section 10.4).
//!
//! ```yaml
//! storage:
//!   v0-…:
//!     ann: {nickname: …, anonymous-storage-FURL: …, anonymous-storage-NURLs: […], …}
//!     connections: {tcp: tor}
//! ```

use std::path::Path;

use serde_json::{Map, Value};
use tallac_core::announcement::StorageAnnouncement;
use tallac_core::ids::ServerId;
use tallac_net::identity::{Furl, Nurl};
use tallac_net::transport::{Network, Way};

use super::connections::handler_named;
use super::directory::NodeDirectory;
use super::error::ConfigError;
use super::yaml;
use crate::files::{self, Access, FileError};

/// The file's name, in `private`.
const FILE: &str = "servers.yaml";

/// A server that a node knows without an introducer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedServer {
    /// What it announces.
    pub announcement: StorageAnnouncement,
    /// How addresses of a network are followed to this server, where that is not as for others; not
    /// at all if there is no way.
    pub connections: Vec<(Network, Option<Way>)>,
}

/// The servers in a node's `private/servers.yaml`, by name; none if there is no such file.
///
/// # Errors
/// For the first entry that is wrong: Tahoe-LAFS drops it without a word, and files end up on
/// fewer servers than their owner thinks.
pub fn read(directory: &NodeDirectory) -> Result<Vec<ListedServer>, ConfigError> {
    let file = directory.private(FILE);
    let Some(document) = yaml::read(&file)? else { return Ok(Vec::new()) };
    let entries = match (&document, document.get("storage")) {
        (Value::Null, _) | (Value::Object(_), None | Some(Value::Null)) => return Ok(Vec::new()),
        (_, Some(Value::Object(entries))) => entries,
        _ => {
            let problem = "must be like storage: {SERVER-ID: {ann: {…}}}".to_owned();
            return Err(ConfigError::Malformed { file, place: String::new(), problem });
        }
    };
    let mut names: Vec<_> = entries.keys().collect();
    names.sort_unstable();
    names.into_iter().map(|name| entry(&file, name, &entries[name])).collect()
}

fn entry(file: &Path, name: &str, entry: &Value) -> Result<ListedServer, ConfigError> {
    let wrong = |key: &str, problem: String| ConfigError::Malformed {
        file: file.to_owned(),
        place: format!(", server '{name}', {key}"),
        problem,
    };
    let Some(announcement) = entry.get("ann") else {
        return Err(wrong("ann", "is missing: it holds what the server announces".to_owned()));
    };
    let connections = connections(entry.get("connections"))
        .map_err(|problem| wrong("connections", problem.to_owned()))?;
    let announcement = StorageAnnouncement::from_json(name, announcement)
        .map_err(|error| wrong("ann", error.to_string()))?;
    Ok(ListedServer { announcement, connections })
}

/// How a server is connected to: the handler of each kind of hint, by its name; `null` for none.
fn connections(value: Option<&Value>) -> Result<Vec<(Network, Option<Way>)>, &'static str> {
    let handlers = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(handlers)) => handlers,
        Some(_) => return Err("must be like {tcp: tor}"),
    };
    let connection = |(hint, handler): (&String, &Value)| {
        let network = match hint.as_str() {
            "tcp" => Network::Tcp,
            "tor" => Network::Tor,
            "i2p" => Network::I2p,
            _ => return Err("only hints of the kinds tcp, tor and i2p have handlers"),
        };
        let way = match handler {
            Value::Null => Some(None),
            handler => handler.as_str().and_then(handler_named),
        };
        Ok((network, way.ok_or("a handler is one of tcp, tor, i2p and disabled")?))
    };
    handlers.iter().map(connection).collect()
}

/// A server as `private/servers.yaml` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticServer {
    /// Its name in the grid.
    pub server_id: ServerId,
    /// What its operator calls it.
    pub nickname: String,
    /// Where it speaks Foolscap; its tub id comes from here even if it does not.
    pub furl: Furl,
    /// Where it speaks HTTPS.
    pub nurls: Vec<Nurl>,
    /// What places it in the permuted ring, in base32.
    pub permutation_seed: String,
}

impl StaticServer {
    /// The dictionary that announces it.
    #[must_use]
    pub fn announcement(&self) -> Value {
        let nurls: Vec<_> = self.nurls.iter().map(Nurl::expose_text).collect();
        serde_json::json!({
            "nickname": self.nickname,
            "anonymous-storage-FURL": self.furl.expose_text(),
            "anonymous-storage-NURLs": nurls,
            "permutation-seed-base32": self.permutation_seed,
        })
    }
}

/// Writes a node's `private/servers.yaml` anew.
///
/// # Errors
/// When the file cannot be written.
pub fn write(directory: &NodeDirectory, servers: &[StaticServer]) -> Result<(), FileError> {
    let entries: Map<String, Value> = servers
        .iter()
        .map(|server| {
            let entry = serde_json::json!({ "ann": server.announcement() });
            (server.server_id.as_str().to_owned(), entry)
        })
        .collect();
    let mut text = String::from("# Storage servers that this node knows without an introducer.\n");
    let document = Map::from_iter([("storage".to_owned(), Value::Object(entries))]);
    yaml::push(&mut text, &document, 0);
    files::write(&directory.private(FILE), &text, Access::Private)
}
