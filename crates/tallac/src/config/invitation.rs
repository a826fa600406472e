//! What somebody who is invited to a grid is told, as a node's directory has it (section 11.4).

use std::path::Path;

use super::client;
use super::connections::{self, Connections};
use super::error::ConfigError;
use super::reader::Reader;
use super::{CONFIG_FILE, Ini, NodeDirectory, NodeKind, keys};
use crate::files::{self, FileError};

/// What somebody who is invited is told.
#[derive(Clone)]
pub struct Invitation {
    /// Address of the introducer. Secret: whoever knows it may use the grid.
    pub introducer: String,
    /// How many shares are needed, on how many servers they must be, how many there are.
    pub shares: (u16, u16, u16),
    /// How the node reaches others.
    pub connections: Connections,
}

impl std::fmt::Debug for Invitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invitation").field("shares", &self.shares).finish_non_exhaustive()
    }
}

/// Why a node can invite nobody.
#[derive(Debug, thiserror::Error)]
pub enum InvitationError {
    /// Its settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It knows no introducer, nor is one.
    #[error("Can't find introducer FURL in tahoe.cfg nor {0}/private/introducer.furl")]
    NoIntroducer(String),
}

impl Invitation {
    /// What the node in `dir`, which may be an introducer itself, tells those it invites.
    ///
    /// # Errors
    /// [`InvitationError`].
    pub fn load(dir: &Path) -> Result<Self, InvitationError> {
        let directory = NodeDirectory::new(dir)?;
        let file = directory.file(CONFIG_FILE);
        let text = files::read_text(&file)?.unwrap_or_default();
        let ini =
            Ini::parse(&text).map_err(|error| ConfigError::Ini { file: file.clone(), error })?;
        keys::check(&file, &ini, directory.kind().unwrap_or(NodeKind::Client))?;
        let reader = Reader { directory: &directory, file: &file, ini: &ini };
        let reveals = reader.boolean(("node", "reveal-ip-address"), true)?;
        let known = client::introducers(&reader)?.into_values().next();
        let own = || files::read_text(&directory.private("introducer.furl"));
        let introducer = match known {
            Some(furl) => Some(furl.expose_text()),
            None => own()?.map(|text| text.trim().to_owned()).filter(|furl| !furl.is_empty()),
        };
        let shown = || directory.path().display().to_string();
        Ok(Self {
            introducer: introducer.ok_or_else(|| InvitationError::NoIntroducer(shown()))?,
            shares: client::shares(&reader)?,
            connections: connections::read(&reader, reveals)?,
        })
    }
}
