//! A grid under test: ten storage servers and a gateway, each a process.

use std::path::Path;

use anyhow::{Context, Result};
use interop::{Commands, Kind, Node, NodeOptions};

use crate::memory;
use crate::rows::Gateway;

/// How a grid is made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setup {
    Ours,
    OursFoolscap,
    TahoeFoolscap,
    TahoeGbs,
}

impl Setup {
    /// Both of Tahoe-LAFS, and ours over HTTPS or over Foolscap first.
    pub(crate) const fn all(over_foolscap: bool) -> [Self; 3] {
        let ours = if over_foolscap { Self::OursFoolscap } else { Self::Ours };
        [ours, Self::TahoeFoolscap, Self::TahoeGbs]
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ours => "tallac",
            Self::OursFoolscap => "tallac, Foolscap",
            Self::TahoeFoolscap => "Tahoe-LAFS, Foolscap",
            Self::TahoeGbs => "Tahoe-LAFS, GBS",
        }
    }

    const fn kind(self) -> Kind {
        match self {
            Self::Ours | Self::OursFoolscap => Kind::Tallac,
            Self::TahoeFoolscap | Self::TahoeGbs => Kind::Tahoe,
        }
    }
}

/// A grid that runs.
pub(crate) struct Contestant {
    pub(crate) setup: Setup,
    pub(crate) gateway: Gateway,
    pub(crate) gateway_node: Node,
    servers: Vec<Node>,
}

impl Contestant {
    /// Makes and starts a grid.
    pub(crate) fn start(commands: &Commands, home: &Path, setup: Setup) -> Result<Self> {
        let home = home.join(format!("{setup:?}"));
        std::fs::create_dir(&home)?;
        let kind = setup.kind();
        let dirs: Vec<_> = (0..10).map(|i| home.join(format!("server{i}"))).collect();
        let mut servers = Node::create(commands, kind, &dirs, &NodeOptions::server())?;
        for server in &mut servers {
            server.launch(kind)?;
        }
        for server in &mut servers {
            server.wait_until_up()?;
        }
        let entries = servers.iter().map(Node::entry).collect::<Result<Vec<_>>>()?;
        let options = NodeOptions {
            force_foolscap: matches!(setup, Setup::OursFoolscap | Setup::TahoeFoolscap),
            ..NodeOptions::gateway((3, 7, 10))
        };
        let made = Node::create(commands, kind, &[home.join("gateway")], &options)?;
        let mut gateway_node = made.into_iter().next().context("one was made")?;
        gateway_node.use_servers(&entries)?;
        gateway_node.start(kind)?;
        gateway_node.wait_for_servers(10)?;
        let gateway = Gateway::new(gateway_node.web().base());
        Ok(Self { setup, gateway, gateway_node, servers })
    }

    /// Resident memory of a storage server (the median) and of the gateway, in MiB.
    pub(crate) fn idle_memory(&self) -> Result<(f64, f64)> {
        let of = |node: &Node| memory::resident_mib(node.pid().context("it runs")?);
        let mut servers = self.servers.iter().map(of).collect::<Result<Vec<_>>>()?;
        servers.sort_by(f64::total_cmp);
        Ok((servers[servers.len() / 2], of(&self.gateway_node)?))
    }
}
