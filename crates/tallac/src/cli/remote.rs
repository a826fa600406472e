//! What all commands have that work with the grid: which node, and which aliases (section 9.4).

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::Globals;
use super::aliases::{Aliases, RemotePath};
use super::location::Location;
use super::web_client::WebClient;

/// The options of all commands that work with the grid.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct RemoteArgs {
    /// URL of the node's web API, instead of what its node.url says
    #[arg(short = 'u', long, value_name = "URL")]
    node_url: Option<String>,
    /// Capability of the directory that is used as the 'tahoe' alias
    #[arg(long, value_name = "CAP")]
    dir_cap: Option<String>,
}

/// A node, and the aliases of its directory.
#[derive(Debug)]
pub(super) struct Remote {
    /// Its web API.
    pub(super) node: WebClient,
    /// What its users call their directories.
    pub(super) aliases: Aliases,
}

impl RemoteArgs {
    /// The node and the aliases that the options name.
    pub(super) fn open(&self, globals: &Globals) -> Result<Remote> {
        let node = WebClient::new(self.node_url.as_deref(), &globals.directory())?;
        Ok(Remote { node, aliases: self.aliases(globals)? })
    }

    /// The aliases alone.
    pub(super) fn aliases(&self, globals: &Globals) -> Result<Aliases> {
        let mut aliases = Aliases::load(&globals.directory())?;
        if let Some(cap) = &self.dir_cap {
            aliases.set_default(cap);
        }
        Ok(aliases)
    }

    /// Whether the node is one that is named, and need not be the one of the node directory.
    pub(super) const fn is_elsewhere(&self) -> bool {
        self.node_url.is_some()
    }
}

impl Remote {
    /// Where in the web API an argument's object is.
    pub(super) fn locate(&self, argument: &str) -> Result<Location> {
        Ok(self.aliases.resolve(argument)?.location())
    }

    /// The same for what a deep operation begins with: a lone slash is the alias itself.
    pub(super) fn locate_root(&self, argument: &str) -> Result<Location> {
        let mut place = self.aliases.resolve(argument)?;
        if place.path == "/" {
            place.path.clear();
        }
        Ok(place.location())
    }
}

impl RemotePath {
    /// Where in the web API it is.
    pub(super) fn location(&self) -> Location {
        Location::cap(&self.cap).descend(&self.path)
    }
}

/// Says on standard error why a command ends with `status`.
pub(super) fn fail(status: u8, message: impl AsRef<str>) -> ExitCode {
    // There is nobody else to tell.
    let _ = writeln!(io::stderr(), "{}", message.as_ref());
    ExitCode::from(status)
}
