//! The storage server on this machine's disk, as others reach it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use foolscap::Tub;
use serde_json::{Map, Value, json};
use tallac_core::storage::StorageServer;
use tallac_net::foolscap_storage::FoolscapStorage;
use tallac_net::gbs::GbsServer;
use tallac_net::identity::{Nurl, SpkiHash, node_id, nurls_of};
use tallac_storage::{Config as DiskConfig, DiskServer, Limits};

use super::meter::Metered;
use super::report::OwnStorage;
use super::service::{OnFailure, Service, Tree};
use crate::config::{NodeConfig, StorageConfig};
use crate::node_files::{NodeIdentity, PermutationSeed, storage_furl};
use crate::telemetry::Traced;

/// How often a storage server looks for uploads that nobody goes on with.
const SWEEP_INTERVAL: Duration = Duration::from_secs(300);

/// A storage server that is ready to be served.
#[derive(Debug)]
pub(super) struct Storage {
    /// Its HTTPS side, unless it has none.
    pub(super) gbs: Option<GbsServer>,
    /// What is announced of it, beside what is said of every node.
    pub(super) announcement: Map<String, Value>,
    /// What pages tell of it.
    pub(super) own: OwnStorage,
}

/// Opens the storage directory, and offers it at the tub.
///
/// # Errors
/// When the directory or one of the node's files cannot be used.
pub(super) async fn open(
    tree: &mut Tree,
    config: &NodeConfig,
    storage: &StorageConfig,
    identity: &NodeIdentity,
    (tub, hints): (&Tub, &[String]),
) -> Result<Storage> {
    let mut disk = DiskConfig::new(&storage.dir);
    disk.limits = limits(storage);
    disk.node = node_id(identity.certificate.tub_id());
    let server = tokio::task::spawn_blocking(move || DiskServer::open(disk)).await??;
    let seed = PermutationSeed::load_or_create(&config.directory, identity, &storage.dir)?;
    let traced = Traced::own(Arc::new(server.clone()));
    let meter = Arc::new(Metered::new(Arc::new(traced)));
    let shared: Arc<dyn StorageServer> = Arc::clone(&meter) as _;
    let node_id = identity.certificate.tub_id().to_string();
    let own = OwnStorage { server: server.clone(), meter, node_id };
    start_sweep(tree, server.clone());
    start_crawlers(tree, &server);

    let mut announcement = Map::new();
    announcement.insert("permutation-seed-base32".to_owned(), seed.as_base32().into());
    if !storage.certificates.is_empty() {
        let certificates: Vec<_> = storage.certificates.iter().map(|one| one.to_json()).collect();
        announcement.insert("grid-manager-certificates".to_owned(), certificates.into());
    }
    if !storage.anonymous {
        tracing::warn!("[storage] anonymous is false: this node keeps shares for nobody");
        return Ok(Storage { gbs: None, announcement, own });
    }
    let furl = storage_furl(&config.directory, &identity.certificate, hints)?;
    let served = FoolscapStorage::new(Arc::clone(&shared))
        .noting_clients(move |client, storage_index| server.note_client(client, storage_index));
    tub.register(furl.name().clone(), Arc::new(served));
    announcement.insert("anonymous-storage-FURL".to_owned(), furl.expose_text().into());
    if storage.force_foolscap {
        return Ok(Storage { gbs: None, announcement, own });
    }
    let gbs = GbsServer::new(shared, &identity.certificate, furl.name())
        .context("the certificate in private/node.pem cannot be used for TLS")?;
    let nurls = nurls_of(&furl, SpkiHash::of(&identity.certificate));
    let nurls: Vec<_> = nurls.iter().map(Nurl::expose_text).collect();
    announcement.insert("anonymous-storage-NURLs".to_owned(), json!(nurls));
    Ok(Storage { gbs: Some(gbs), announcement, own })
}

/// What the server takes and keeps, as the settings say.
pub(super) fn limits(storage: &StorageConfig) -> Limits {
    Limits {
        reserved_space: storage.reserved_space,
        readonly: storage.readonly,
        max_use: storage.max_use,
        expiry: storage.expiry.clone(),
    }
}

/// Counts what there is, and looks at leases. They stop before the sweep settles the journal.
fn start_crawlers(tree: &mut Tree, server: &DiskServer) {
    let indexed = server.clone();
    tree.start(Service::new("lease index", OnFailure::Restart, move |stop| {
        let server = indexed.clone();
        async move {
            if let Some(failed) = stop.run_until_cancelled(server.keep_index()).await {
                failed?;
            }
            if let Err(error) = server.close_index().await {
                tracing::warn!(%error, "the lease index will be made anew");
            }
            Ok(())
        }
    }));
    let counted = server.clone();
    tree.start(Service::new("bucket counter", OnFailure::Restart, move |stop| {
        let server = counted.clone();
        async move {
            stop.run_until_cancelled(server.count_buckets()).await;
            Ok(())
        }
    }));
    let checked = server.clone();
    tree.start(Service::new("lease checker", OnFailure::Restart, move |stop| {
        let server = checked.clone();
        async move {
            stop.run_until_cancelled(server.check_leases()).await;
            Ok(())
        }
    }));
}

/// Forgets uploads that nobody goes on with.
fn start_sweep(tree: &mut Tree, server: DiskServer) {
    tree.start(Service::new("storage sweep", OnFailure::Restart, move |stop| {
        let server = server.clone();
        async move {
            let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
            while stop.run_until_cancelled(ticks.tick()).await.is_some() {
                server.drop_idle_uploads().await?;
            }
            // So that Tahoe-LAFS may take the storage directory over.
            if let Err(error) = server.settle().await {
                tracing::error!(%error, "the journal of mutable shares is left to the next start");
            }
            Ok(())
        }
    }));
}
