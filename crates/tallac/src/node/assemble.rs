//! A node, put together from its configuration: read from top to bottom, this is what a node is.

use std::sync::Arc;

use anyhow::{Context, Result};
use tallac_core::helper::UploadHelper;
use tallac_gateway::wapi::{ApiToken, Introducers, LocalFiles, WebApi, WebConfig};
use tallac_grid::grid::{Grid, GridConfig};
use tallac_grid::servers::ServerList;
use tallac_net::helper::HelperClient;

use super::introducers::{Meeting, Offer};
use super::listen::Listener;
use super::maintained::Maintained;
use super::reload::{Changeable, Reload};
use super::report::NodeReport;
use super::servers::{Connector, Roster};
use super::service::{OnFailure, Service, Tree};
use super::tub::{self, Reached, Silence};
use super::{helper, introducers, storage, ways};
use crate::config::{ListenAt, NodeConfig};
use crate::node_files::{ApiAuthToken, NodeIdentity, NodeSecrets};
use crate::{logging, telemetry};

/// The parts of a node, all of them running.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) tree: Tree,
    /// The grid that it is a client of; an introducer is of none.
    pub(super) grid: Option<Grid>,
    /// Where its web server is, if there is one.
    pub(super) web_url: Option<String>,
    /// What may change while it runs; nothing does of an introducer.
    pub(super) reload: Option<Reload>,
}

/// Starts every part of a node.
///
/// # Errors
/// What is wrong with the configuration, the node directory or the machine, and what to do.
pub(super) async fn assemble(config: NodeConfig) -> Result<Parts> {
    let hides = config.connections.hide(config.reveal_ip_address);
    if let Some(log_level) = &config.log_level {
        logging::level::set(Some(log_level.filter()));
    }
    telemetry::start(config.otlp_endpoint.as_ref(), hides);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let directory = config.directory.clone();
    let (identity, secrets, token) = tokio::task::spawn_blocking(move || {
        let identity = NodeIdentity::load_or_create(&directory)?;
        let secrets = NodeSecrets::load_or_create(&directory)?;
        let token = ApiAuthToken::renew(&directory)?;
        anyhow::Ok((identity, secrets, token))
    })
    .await??;
    let mut tree = Tree::new();
    let ways = ways::start(&mut tree, &config.directory, &config.connections)?;
    let reached = Reached::open(&mut tree, &config.directory, &config.connections, &config.tub)?;
    let silence = Silence { keepalive: config.keepalive, disconnect: config.disconnect };
    let tub = tub::tub(&identity.certificate, silence, &ways)?;
    tub::stop_with(&mut tree, &tub);
    let mut offer = None;
    let mut report = NodeReport {
        started: std::time::Instant::now(),
        incidents: config.directory.file("logs").join("incidents"),
        storage: None,
        helper: None,
        used_helper: None,
        maintenance: None,
    };
    let gbs = match &config.storage {
        Some(storage) => {
            let at = (&tub, &*reached.hints);
            let storage = storage::open(&mut tree, &config, storage, &identity, at).await?;
            offer = Some(Offer { keys: storage.announcement, identity: identity.clone() });
            report.storage = Some(storage.own);
            storage.gbs
        }
        None => None,
    };
    let uploads_for_us = helper::connect(&mut tree, &config, &tub);
    report.used_helper.clone_from(&uploads_for_us);
    let grid = start_grid(&mut tree, &config, &secrets, uploads_for_us)?;
    report.helper = helper::offer(&config, &identity, &grid, (&tub, &*reached.hints)).await?;
    reached.serve(&mut tree, &tub, gbs.as_ref())?;
    let connector = Connector::new(&config, ways, silence);
    let roster = start_roster(&mut tree, &config, Roster::new(grid.clone(), connector)).await?;
    let wanted = config.maintenance.as_ref();
    let maintained = Maintained::start(&mut tree, &config.directory, wanted, &grid)?;
    report.maintenance = Some(maintained.clone());
    let meeting = Meeting::new(&config, &tub, &roster, offer);
    let meeting = introducers::start(&mut tree, &config, meeting)?;
    let storage = report.storage.as_ref().map(|storage| storage.server.clone());
    let web_url = match &config.web_port {
        Some(at) => {
            let mut web = web_config(&config, &token);
            let asked = Arc::clone(&meeting);
            web.introducers = Introducers::new(move || asked.statuses());
            web.node = Arc::new(report);
            Some(start_web(&mut tree, &config, at, (&grid, web))?)
        }
        None => None,
    };
    let changeable = Changeable { roster, meeting, maintained, storage };
    let reload = Some(Reload::new(config, changeable));
    Ok(Parts { tree, grid: Some(grid), web_url, reload })
}

/// The client of the grid's servers, of which none is known yet.
fn start_grid(
    tree: &mut Tree,
    config: &NodeConfig,
    secrets: &NodeSecrets,
    helper: Option<Arc<HelperClient>>,
) -> Result<Grid> {
    let mut grid_config = GridConfig::new(secrets.lease.clone(), secrets.convergence.clone())?;
    grid_config.encoding = config.client.encoding();
    grid_config.happy = config.client.happy.into();
    grid_config.segment_size_max = config.client.segment_size_max;
    let helper = helper.map(|helper| helper as Arc<dyn UploadHelper>);
    let grid = Grid::with_helper(grid_config, ServerList::default(), helper);
    if config.web_port.is_some() {
        // Nobody else asks a node for new mutable files, and keys cost seconds of its processor.
        grid.mutable_files().keep_keys_ready();
    }
    let monitored = grid.clone();
    tree.start(Service::new("grid monitor", OnFailure::Restart, move |stop| {
        let grid = monitored.clone();
        async move {
            stop.run_until_cancelled(grid.servers().monitor()).await;
            stop.cancelled().await;
            Ok(())
        }
    }));
    Ok(grid)
}

/// The servers of the grid, those of `servers.yaml` first.
async fn start_roster(tree: &mut Tree, config: &NodeConfig, roster: Roster) -> Result<Arc<Roster>> {
    roster.take_static(config).await?;
    let roster = Arc::new(roster);
    let stopped = Arc::clone(&roster);
    tree.start(Service::ending("servers", move || {
        let roster = Arc::clone(&stopped);
        async move { roster.stop().await }
    }));
    Ok(roster)
}

/// How the web API is to be, as the node's settings say.
fn web_config(config: &NodeConfig, token: &ApiAuthToken) -> WebConfig {
    let mut web = WebConfig::new(config.tempdir.clone(), config.nickname.clone());
    web.hosts.clone_from(&config.web_hosts);
    web.mutable_format = config.client.mutable_format;
    web.api_token = Some(ApiToken::new(token.expose()));
    web.files = LocalFiles {
        static_dir: Some(config.web_static.clone()),
        blacklist: Some(config.directory.file("access.blacklist")),
    };
    web
}

/// The web API; gives its URL, which is left in `node.url`.
fn start_web(
    tree: &mut Tree,
    config: &NodeConfig,
    at: &ListenAt,
    (grid, web): (&Grid, WebConfig),
) -> Result<String> {
    let listener = Listener::bind(at, "[node] web.port")?;
    let url = format!("http://127.0.0.1:{}/", listener.port()?);
    std::fs::create_dir_all(&config.tempdir)
        .with_context(|| format!("cannot make the tempdir {}", config.tempdir.display()))?;
    let web = WebApi::new(grid.clone(), web);
    config.directory.save_node_url(&url)?;
    tree.start(Service::new("web API", OnFailure::Restart, move |stop| {
        let (web, listener) = (web.clone(), listener.handle());
        async move {
            web.serve(listener?, stop.cancelled_owned()).await;
            Ok(())
        }
    }));
    Ok(url)
}
