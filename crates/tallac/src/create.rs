//! New node directories, as `tahoe create-node` and `tahoe create-client` make them (sections 9.2
//! and 10.3).

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::config::NodeDirectory;
use crate::node_files;

/// What a new node is to be.
#[derive(Debug, Clone)]
pub(crate) struct NewNode {
    pub(crate) nickname: Option<String>,
    /// Endpoint of the web API; empty for none.
    pub(crate) web_port: String,
    /// `tub.port` and `tub.location`; `None` disables both.
    pub(crate) tub: Option<(String, String)>,
    pub(crate) hide_ip: bool,
    pub(crate) helper: bool,
    pub(crate) storage: bool,
    pub(crate) storage_dir: Option<PathBuf>,
    /// Bytes to leave free, as the file says it.
    pub(crate) reserved_space: &'static str,
    pub(crate) introducer: Option<String>,
    pub(crate) needed: u16,
    pub(crate) happy: u16,
    pub(crate) total: u16,
}

/// Space that a new storage server leaves free.
pub(crate) const RESERVED_SPACE: &str = "1G";

/// Where the web API of a new node listens.
pub(crate) const WEB_PORT: &str = "tcp:3456:interface=127.0.0.1";

impl Default for NewNode {
    fn default() -> Self {
        Self {
            nickname: None,
            web_port: WEB_PORT.to_owned(),
            tub: None,
            hide_ip: false,
            helper: false,
            storage: false,
            storage_dir: None,
            reserved_space: RESERVED_SPACE,
            introducer: None,
            needed: 3,
            happy: 7,
            total: 10,
        }
    }
}

/// Whether a directory can become a node: it is not there, or empty.
pub(crate) fn is_vacant(path: &Path) -> Result<bool> {
    match std::fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Makes a node directory.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn create(path: &Path, node: &NewNode) -> Result<NodeDirectory> {
    std::fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
    let path = std::path::absolute(path)?;
    let directory = NodeDirectory::new(path);
    node_files::make_private(&directory)?;
    node_files::write(&directory.file("tahoe-client.tac"), TAC, 0o666)?;
    if let Some(furl) = &node.introducer {
        let yaml = format!("introducers:\n  default:\n    furl: {furl}\n");
        node_files::write(&directory.private("introducers.yaml"), &yaml, 0o600)?;
    }
    // Last: with it the directory is a node.
    node_files::write(&directory.file("tahoe.cfg"), &tahoe_cfg(node), 0o666)?;
    Ok(directory)
}

/// What `tahoe-client.tac` holds. Its name tells the kind of node; nobody runs it.
const TAC: &str = "# This file marks the directory as a node of a Tahoe-LAFS grid.\n\
                   raise SystemExit('run this node with tallac run, or tahoe run')\n";

/// The text of a new `tahoe.cfg`.
fn tahoe_cfg(node: &NewNode) -> String {
    let mut text = String::from(
        "# -*- mode: conf; coding: utf-8 -*-\n\n\
         # The configuration of this node, read when it starts. Tallac and Tahoe-LAFS\n\
         # understand the same settings; those that are commented out show what else\n\
         # can be set.\n\n\n",
    );
    if node.hide_ip {
        text.push_str("[connections]\ntcp = disabled\n\n");
    }
    let (port, location) =
        node.tub.as_ref().map_or(("disabled", "disabled"), |(port, at)| (port, at));
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "[node]\nnickname = {nickname}\nreveal-IP-address = {reveal}\nweb.port = {web}\n\
         web.static = public_html\ntub.port = {port}\ntub.location = {location}\n\n\
         #log_gatherer.furl =\n#timeout.keepalive =\n#timeout.disconnect =\n\n\
         [client]\nhelper.furl =\n\n\
         # How files are coded from now on: any shares.needed of shares.total shares\n\
         # bring one back, and an upload must reach shares.happy servers. Files that\n\
         # are there already keep what their capability says.\n\
         shares.needed = {needed}\nshares.happy = {happy}\nshares.total = {total}\n\n\
         [storage]\n# Whether this node keeps shares for others.\nenabled = {storage}\n\
         #readonly =\nreserved_space = {reserved}\n{dir}#expire.enabled =\n#expire.mode =\n\n\
         [helper]\n# Whether this node codes and spreads files for others.\nenabled = {helper}\n",
        nickname = escape(node.nickname.as_deref().unwrap_or_default()),
        reveal = !node.hide_ip,
        web = node.web_port,
        location = escape(location),
        needed = node.needed,
        happy = node.happy,
        total = node.total,
        storage = node.storage,
        reserved = node.reserved_space,
        dir = match &node.storage_dir {
            Some(dir) => format!("storage_dir = {}\n", escape(&dir.to_string_lossy())),
            None => "#storage_dir =\n".to_owned(),
        },
        helper = node.helper,
    );
    text
}

/// A percent sign has a meaning in the file.
fn escape(value: &str) -> String {
    value.replace('%', "%%")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{NodeConfig, NodeKind, Tub};

    #[test]
    fn a_new_node_is_read_as_it_was_meant() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node");
        assert!(is_vacant(&path).unwrap());
        let node = NewNode {
            nickname: Some("100% Zo\u{eb}".to_owned()),
            tub: Some(("tcp:4000:interface=127.0.0.1".into(), "tcp:127.0.0.1:4000".into())),
            storage: true,
            needed: 2,
            happy: 2,
            total: 3,
            ..NewNode::default()
        };
        let directory = create(&path, &node).unwrap();
        assert!(!is_vacant(&path).unwrap());
        assert_eq!(directory.kind(), Some(NodeKind::Client));
        let config = NodeConfig::load(&path).unwrap();
        assert_eq!(config.nickname, "100% Zo\u{eb}");
        assert_eq!(config.web_port.unwrap().port, 3456);
        assert_eq!(config.storage.unwrap().reserved_space, 1_000_000_000);
        assert_eq!((config.client.needed, config.client.total), (2, 3));
        let Tub::Listening { ports, .. } = config.tub else { panic!("it listens") };
        assert_eq!(ports[0].host, "127.0.0.1");
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    }
}
