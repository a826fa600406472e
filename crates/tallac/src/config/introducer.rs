//! What the `tahoe.cfg` of an introducer says: the settings that nodes of every kind have.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::reader::Reader;
use super::{
    CONFIG_FILE, ConfigError, Connections, Ini, ListenAt, NodeDirectory, NodeKind, Tub,
    connections, keys, later, tub,
};
use crate::files;

/// What an introducer is told by its directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntroducerConfig {
    /// Where it lives.
    pub directory: NodeDirectory,
    /// What its operator calls it.
    pub nickname: String,
    /// Where its web server listens; nothing if it has none.
    pub web_port: Option<ListenAt>,
    /// How it reaches others.
    pub connections: Connections,
    /// How often a silent connection is tried.
    pub keepalive: Option<Duration>,
    /// After how long a silent connection is given up.
    pub disconnect: Option<Duration>,
    /// Where others reach it; it always listens.
    pub tub: Tub,
}

impl IntroducerConfig {
    /// Reads the settings of the introducer in `dir`. Without a `tahoe.cfg`, they are the defaults.
    ///
    /// # Errors
    /// [`ConfigError`], which names the file, the section and the key, and what to do.
    pub fn load(dir: &Path) -> Result<Self, ConfigError> {
        let directory = NodeDirectory::new(dir)?;
        super::refuse_old_files(&directory, NodeKind::Introducer)?;
        let file: PathBuf = directory.file(CONFIG_FILE);
        let text = files::read_text(&file)?.unwrap_or_default();
        let ini =
            Ini::parse(&text).map_err(|error| ConfigError::Ini { file: file.clone(), error })?;
        keys::check(&file, &ini, NodeKind::Introducer)?;
        let reader = Reader { directory: &directory, file: &file, ini: &ini };
        let reveal_ip_address = reader.boolean(("node", "reveal-ip-address"), true)?;
        let connections = connections::read(&reader, reveal_ip_address)?;
        let tub = tub::read(&reader, &connections, reveal_ip_address)?;
        if tub == Tub::Disabled {
            return Err(ConfigError::IntroducerWithoutTub);
        }
        later::check_introducer(&reader)?;
        Ok(Self {
            nickname: super::nickname(&reader)?,
            web_port: super::web_port(&reader)?,
            keepalive: super::seconds(&reader, ("node", "timeout.keepalive"))?,
            disconnect: super::seconds(&reader, ("node", "timeout.disconnect"))?,
            connections,
            tub,
            directory: directory.clone(),
        })
    }
}
