//! A node's configuration: what `tahoe.cfg` says, and what it means (section 10).

mod ini;
mod keys;
mod meaning;
pub(crate) mod servers_yaml;
mod values;

use std::path::{Path, PathBuf};

pub(crate) use self::ini::IniError;
pub(crate) use self::values::{ListenAt, ValueError};

/// A node directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NodeDirectory(PathBuf);

/// What kind of node a directory is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeKind {
    /// Storage server, gateway, or both.
    Client,
    /// Where servers and clients meet.
    Introducer,
}

impl NodeDirectory {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it.
    pub(crate) fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    /// A file in its `private` directory.
    pub(crate) fn private(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join("private").join(name)
    }

    /// The kind, which the name of a file tells (section 10.4); `None` when it is no node
    /// directory.
    pub(crate) fn kind(&self) -> Option<NodeKind> {
        let has = |name: &str| self.file(name).exists();
        if has("tahoe-client.tac") {
            Some(NodeKind::Client)
        } else if has("tahoe-introducer.tac") {
            Some(NodeKind::Introducer)
        } else {
            None
        }
    }
}

/// What a node is told by its `tahoe.cfg`.
#[derive(Debug, Clone)]
pub(crate) struct NodeConfig {
    pub(crate) directory: NodeDirectory,
    pub(crate) nickname: String,
    /// Where the web API listens; nowhere if `None`.
    pub(crate) web_port: Option<ListenAt>,
    /// Where uploads wait.
    pub(crate) tempdir: PathBuf,
    pub(crate) tub: Tub,
    pub(crate) client: ClientConfig,
    /// The storage server, if it is enabled.
    pub(crate) storage: Option<StorageConfig>,
    /// What is set and has no effect in this version, in sentences.
    pub(crate) warnings: Vec<String>,
}

/// Where peers reach the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tub {
    /// Nowhere.
    Disabled,
    /// At these ports.
    Listening {
        /// None: one that is chosen at random and kept in `client.port`.
        ports: Vec<ListenAt>,
        location: TubLocation,
    },
}

/// What peers are told of where the node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TubLocation {
    /// Every address of this machine.
    Auto,
    /// These hints, such as `tcp:host:port`.
    Hints(Vec<String>),
}

/// How a gateway codes files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientConfig {
    pub(crate) needed: u16,
    pub(crate) happy: u16,
    pub(crate) total: u16,
    /// Largest segment, in bytes.
    pub(crate) segment_size_max: u64,
}

/// How a storage server keeps shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StorageConfig {
    pub(crate) dir: PathBuf,
    pub(crate) readonly: bool,
    /// Bytes of the file system to leave free.
    pub(crate) reserved_space: u64,
}

/// Why a node cannot be run with its configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("{} is no directory; make a node there with 'tallac create-node'", .0.display())]
    NoDirectory(PathBuf),
    #[error("cannot read {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error("{}: {error}", path.display())]
    Syntax { path: PathBuf, error: IniError },
    #[error(
        "{}: '{key}' in [{section}] is no setting of Tahoe-LAFS 1.20. Correct its name, \
         or take it out",
        path.display()
    )]
    UnknownKey { path: PathBuf, section: String, key: String },
    #[error(
        "{}: [{section}] is no section of Tahoe-LAFS 1.20. Correct its name, or take it out",
        path.display()
    )]
    UnknownSection { path: PathBuf, section: String },
    #[error("{}: {key} in [{section}]: {error}", path.display())]
    BadValue { path: PathBuf, section: &'static str, key: &'static str, error: ValueError },
    #[error("{}: {sentence}", path.display())]
    Contradiction { path: PathBuf, sentence: String },
    #[error(
        "{} is a setting from before Tahoe-LAFS 1.3. Put what it says into tahoe.cfg, \
         and remove it",
        .0.display()
    )]
    OldFile(PathBuf),
}

impl NodeConfig {
    /// Reads the configuration of a node directory. Without a `tahoe.cfg` all is as by default.
    ///
    /// # Errors
    /// [`ConfigError`], which names the file and the setting, and says what to do.
    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        meaning::load(&NodeDirectory::new(path))
    }
}
