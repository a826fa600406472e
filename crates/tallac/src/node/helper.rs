//! Helpers: the one that uploads for this node, and the one that this node is for others (section
//! 4.3).

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use foolscap::Tub;
use tallac_grid::grid::Grid;
use tallac_net::helper::{HelperClient, HelperService};

use super::introducers::APPLICATION_VERSION;
use super::service::{OnFailure, Service, Tree};
use crate::config::NodeConfig;
use crate::helper::Helper;
use crate::node_files::{NodeIdentity, service_furl};

/// Where it keeps what clients send.
const FOLDER: &str = "helper";

/// The file with its address, in `private`.
const FURL_FILE: &str = "helper.furl";

/// How often a helper that is away is looked for with short pauses again: theirs grow to an hour.
const RETRY_INTERVAL: Duration = Duration::from_secs(300);

/// Keeps in touch with the helper of `helper.furl`, if there is one.
pub(super) fn connect(
    tree: &mut Tree,
    config: &NodeConfig,
    tub: &Tub,
) -> Option<Arc<HelperClient>> {
    let furl = config.client.helper_furl.clone()?;
    let client = Arc::new(HelperClient::start(tub, furl));
    let watched = Arc::clone(&client);
    tree.start(Service::new("helper connection", OnFailure::Restart, move |stop| {
        let client = Arc::clone(&watched);
        async move {
            let mut ticks = tokio::time::interval(RETRY_INTERVAL);
            ticks.tick().await;
            while stop.run_until_cancelled(ticks.tick()).await.is_some() {
                if !client.is_connected() {
                    client.retry_soon();
                }
            }
            Ok(())
        }
    }));
    Some(client)
}

/// Becomes a helper, if the node is to be one.
///
/// # Errors
/// When its folders cannot be made, or its address not be read or written.
pub(super) async fn offer(
    config: &NodeConfig,
    identity: &NodeIdentity,
    grid: &Grid,
    (tub, hints): (&Tub, &[String]),
) -> Result<Option<Helper>> {
    if !config.is_helper {
        return Ok(None);
    }
    let (folder, uploader) = (config.directory.file(FOLDER), grid.uploader());
    let opened = tokio::task::spawn_blocking(move || {
        Helper::open(&folder, uploader)
            .with_context(|| format!("cannot make the folders of {}", folder.display()))
    });
    let helper = opened.await??;
    let furl = service_furl(&config.directory, FURL_FILE, &identity.certificate, hints)?;
    let service = HelperService::new(Arc::new(helper.clone()), APPLICATION_VERSION);
    tub.register(furl.name().clone(), Arc::new(service));
    tracing::info!("a helper; its address is in private/{FURL_FILE}");
    Ok(Some(helper))
}
