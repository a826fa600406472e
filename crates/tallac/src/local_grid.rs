//! A grid on this machine: ordinary node directories side by side, wired through
//! `private/servers.yaml`, all run in one process.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use futures_util::future;
use tallac_grid::grid::Grid;
use tallac_net::identity::{SpkiHash, nurls_of};

use crate::cli::create_node::{self, Reach, Settings, Shares};
use crate::cli::program;
use crate::config::servers_yaml::{self, StaticServer};
use crate::config::{NodeConfig, NodeDirectory};
use crate::node::{Node, listen};
use crate::node_files::{NodeIdentity, PermutationSeed, storage_furl};

/// Name of the gateway's node directory.
const GATEWAY: &str = "gateway";

/// What the names of storage servers' node directories begin with.
const STORAGE: &str = "storage";

/// Most servers of a grid on one machine.
const SERVERS_MAX: u16 = 200;

/// How many servers, and how the gateway codes files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GridShape {
    pub(crate) servers: u16,
    pub(crate) needed: u16,
    pub(crate) happy: u16,
    pub(crate) total: u16,
}

/// The node directories of a new grid.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) gateway: PathBuf,
    pub(crate) storage: Vec<PathBuf>,
    /// Where the gateway's web API will be.
    pub(crate) url: String,
}

/// A grid whose nodes all run in this process.
#[derive(Debug)]
pub(crate) struct LocalGrid {
    gateway: Node,
    grid: Grid,
    /// By name; `None` once stopped.
    storage: Vec<(String, Option<Node>)>,
}

impl LocalGrid {
    /// Starts all nodes below a directory: the storage servers, then the gateway.
    ///
    /// # Errors
    /// When one of them does not start; then none runs.
    pub(crate) async fn start(dir: &Path) -> Result<Self> {
        let names = storage_names(dir)?;
        let starts = names.iter().map(|name| start_node(dir, name));
        let nodes = future::try_join_all(starts).await?;
        let gateway = start_node(dir, GATEWAY).await?;
        let grid = gateway.grid().context("the gateway is no client")?.clone();
        let storage = names.into_iter().zip(nodes.into_iter().map(Some)).collect();
        Ok(Self { gateway, grid, storage })
    }

    /// The node that serves users.
    pub(crate) const fn gateway(&self) -> &Node {
        &self.gateway
    }

    /// Its client of the grid.
    pub(crate) const fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Stops the first `count` storage servers that still run; gives their names.
    pub(crate) async fn stop_storage(&mut self, count: usize) -> Vec<String> {
        let running = self.storage.iter_mut().filter(|(_, node)| node.is_some()).take(count);
        let stopping = running.filter_map(|(name, node)| Some((name.clone(), node.take()?)));
        future::join_all(stopping.map(|(name, node)| async {
            node.stop().await;
            name
        }))
        .await
    }

    /// Waits until a node can no longer do its work; gives its name and the reason.
    pub(crate) async fn failed(&self) -> String {
        let nodes = self.storage.iter().filter_map(|(name, node)| Some((&**name, node.as_ref()?)));
        let nodes = nodes.chain([(GATEWAY, &self.gateway)]);
        let failures = nodes.map(|(name, node)| {
            Box::pin(async move { format!("{name}: {}", node.failed().await) })
        });
        future::select_all(failures).await.0
    }

    /// Stops the gateway, then the storage servers.
    pub(crate) async fn stop(self) {
        self.gateway.stop().await;
        let running = self.storage.into_iter().filter_map(|(_, node)| node);
        future::join_all(running.map(Node::stop)).await;
    }
}

async fn start_node(dir: &Path, name: &str) -> Result<Node> {
    let config = NodeConfig::load(&dir.join(name))?;
    Node::start(config).await.with_context(|| format!("{name} did not start"))
}

/// The storage servers' node directories in a grid's, in order.
fn storage_names(dir: &Path) -> Result<Vec<String>> {
    if !dir.join(GATEWAY).join("tahoe.cfg").exists() {
        bail!("{} holds no grid; make one with '{} grid create'", dir.display(), program::name());
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with(STORAGE) && dir.join(&name).join("tahoe.cfg").exists() {
            names.push(name);
        }
    }
    names.sort();
    ensure!(!names.is_empty(), "there are no storage servers in {}", dir.display());
    Ok(names)
}

/// Makes the node directories of a grid: `storage01` and so on, and `gateway`.
///
/// # Errors
/// When the directory is not empty, there are too many servers, or a file cannot be written.
pub(crate) async fn create(dir: &Path, shape: GridShape) -> Result<Made> {
    ensure!(
        (1..=SERVERS_MAX).contains(&shape.servers),
        "a grid on one machine has 1 to {SERVERS_MAX} storage servers, not {}",
        shape.servers
    );
    let GridShape { needed, happy, total, .. } = shape;
    ensure!(
        needed >= 1 && happy >= 1 && needed.max(happy) <= total && total <= 256,
        "needed and happy must be from 1 to total, and total at most 256; these are {needed}, \
         {happy} and {total}"
    );
    ensure!(
        create_node::is_empty(dir)?,
        "{} is not empty; choose another directory",
        dir.display()
    );
    let mut ports = listen::free_ports(usize::from(shape.servers) + 1)?.into_iter();
    let web_port = ports.next().context("no port for the gateway")?;
    let makes = ports.zip(1..).map(|(port, number)| {
        let path = dir.join(format!("{STORAGE}{number:02}"));
        tokio::task::spawn_blocking(move || {
            make_storage(&path, port, Shares { needed, happy, total })
        })
    });
    let mut entries = Vec::new();
    let mut storage = Vec::new();
    for made in future::try_join_all(makes).await? {
        let (path, entry) = made?;
        storage.push(path);
        entries.push(entry);
    }
    let gateway = dir.join(GATEWAY);
    let directory = NodeDirectory::new(&gateway)?;
    let settings = Settings {
        web_port: format!("tcp:{web_port}:interface=127.0.0.1"),
        ..settings(GATEWAY, Shares { needed, happy, total })
    };
    create_node::make(&directory, &settings)?;
    servers_yaml::write(&directory, &entries)?;
    Ok(Made { gateway, storage, url: format!("http://127.0.0.1:{web_port}/") })
}

/// A node that does nothing yet.
fn settings(nickname: &str, shares: Shares) -> Settings {
    Settings {
        nickname: nickname.to_owned(),
        introducer: None,
        web_port: String::new(),
        reach: Reach::disabled(),
        shares,
        storage: false,
        storage_dir: None,
        // All servers of a local grid share one disk: a reserve for each would only get in the way.
        reserved_space: "0",
        helper: false,
    }
}

/// Makes one storage server, with its identity, so that the gateway can be told of it.
fn make_storage(path: &Path, port: u16, shares: Shares) -> Result<(PathBuf, StaticServer)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let directory = NodeDirectory::new(path)?;
    let settings = Settings {
        reach: Reach::at(
            format!("tcp:{port}:interface=127.0.0.1"),
            format!("tcp:127.0.0.1:{port}"),
        ),
        storage: true,
        ..settings(&name, shares)
    };
    create_node::make(&directory, &settings)?;
    let identity = NodeIdentity::load_or_create(&directory)?;
    let seed = PermutationSeed::load_or_create(&directory, &identity, &directory.file("storage"))?;
    let furl = storage_furl(&directory, &identity.certificate, &[settings.reach.tub_location])?;
    let server = StaticServer {
        server_id: identity.server_id,
        nickname: name,
        nurls: nurls_of(&furl, SpkiHash::of(&identity.certificate)),
        furl,
        permutation_seed: seed.as_base32().to_owned(),
    };
    Ok((path.to_owned(), server))
}
