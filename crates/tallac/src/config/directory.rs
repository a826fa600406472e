//! A node's directory: what kind of node it is, and where its files are (section 10.4).

use std::path::{Path, PathBuf};

use crate::files::{self, Access, FileError};

/// What a node is, which the name of a `.tac` file in its directory tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// A client, a storage server, or both.
    Client,
    /// An introducer.
    Introducer,
}

impl NodeKind {
    /// The file whose name tells the kind; its content means nothing.
    #[must_use]
    pub const fn marker(self) -> &'static str {
        match self {
            Self::Client => "tahoe-client.tac",
            Self::Introducer => "tahoe-introducer.tac",
        }
    }
}

/// The directory that a node lives in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeDirectory(PathBuf);

impl NodeDirectory {
    /// The node directory at this path, made absolute.
    ///
    /// # Errors
    /// When the path is relative and the current directory is not known.
    pub fn new(path: &Path) -> Result<Self, FileError> {
        std::path::absolute(path)
            .map(Self)
            .map_err(|source| FileError::new("find the directory", path, source))
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The file of this name in it; an absolute path stays as it is.
    #[must_use]
    pub fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    /// The file of this name in its `private` directory.
    #[must_use]
    pub fn private(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join("private").join(name)
    }

    /// What kind of node it is; nothing if it is no node directory.
    #[must_use]
    pub fn kind(&self) -> Option<NodeKind> {
        [NodeKind::Client, NodeKind::Introducer]
            .into_iter()
            .find(|kind| self.file(kind.marker()).exists())
    }

    /// Makes the `private` directory, which only its owner may look into.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make_private(&self) -> Result<(), FileError> {
        files::make_dir(&self.0.join("private"), Access::Private)
    }

    /// Saves the port that was chosen for a tub whose `tub.port` is not set, so that it stays.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save_client_port(&self, port: u16) -> Result<(), FileError> {
        files::write(&self.file(CLIENT_PORT), &format!("tcp:{port}\n"), Access::Umask)
    }

    /// Saves the address of the node's web server, which commands find it by.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save_node_url(&self, url: &str) -> Result<(), FileError> {
        files::write(&self.file("node.url"), &format!("{url}\n"), Access::Umask)
    }
}

/// Where the port of a tub is kept that no `tub.port` sets.
pub(super) const CLIENT_PORT: &str = "client.port";
