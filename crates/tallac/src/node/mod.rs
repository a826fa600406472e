//! A running node: its services, started in order, and stopped in the reverse order.

mod assemble;
mod helper;
mod introducer;
mod introducers;
pub(crate) mod listen;
mod maintained;
mod meter;
pub(crate) mod pidfile;
mod reload;
mod report;
mod servers;
mod service;
mod storage;
mod tub;
pub(crate) mod ways;

use anyhow::Result;
use tallac_grid::grid::Grid;

use self::assemble::Parts;
use self::pidfile::PidFile;
use crate::config::{IntroducerConfig, NodeConfig};

/// A node that runs in this process.
#[derive(Debug)]
pub(crate) struct Node {
    parts: Parts,
    /// Held until everything has stopped.
    claim: PidFile,
}

impl Node {
    /// Claims the node directory and starts everything that its configuration asks for.
    ///
    /// # Errors
    /// What is wrong, and what to do; nothing of the node runs then.
    pub(crate) async fn start(config: NodeConfig) -> Result<Self> {
        let claim = PidFile::claim(config.directory.path())?;
        let parts = assemble::assemble(config).await?;
        Ok(Self { parts, claim })
    }

    /// The same for an introducer.
    ///
    /// # Errors
    /// What is wrong, and what to do; nothing of it runs then.
    pub(crate) async fn start_introducer(config: IntroducerConfig) -> Result<Self> {
        let claim = PidFile::claim(config.directory.path())?;
        let parts = introducer::assemble(config).await?;
        Ok(Self { parts, claim })
    }

    /// The node's client of the grid; an introducer has none.
    pub(crate) const fn grid(&self) -> Option<&Grid> {
        self.parts.grid.as_ref()
    }

    /// Where its web server is, if it has one.
    pub(crate) fn web_url(&self) -> Option<&str> {
        self.parts.web_url.as_deref()
    }

    /// Takes from the node directory what has changed there and can change while the node runs.
    pub(crate) async fn reload(&self) {
        match &self.parts.reload {
            Some(reload) => reload.run().await,
            None => tracing::warn!("an introducer's settings change when it is started anew"),
        }
    }

    /// Waits until the node can no longer do its work; gives the reason.
    pub(crate) async fn failed(&self) -> String {
        self.parts.tree.failed().await
    }

    /// Stops everything, lets what is under way end, and gives the directory up.
    pub(crate) async fn stop(self) {
        self.parts.tree.stop().await;
        drop(self.claim);
    }
}
