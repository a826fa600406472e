//! What a running node takes from its directory on SIGHUP: see docs/observing.md for a list.
//!
//! Servers, introducers, maintenance, what the storage server takes and keeps, and how much is
//! logged change while it runs. Of all other settings that have changed, the log says that the node
//! must be started anew for them. What cannot be used is told, and the node goes on as before.

use std::sync::Arc;

use tallac_storage::{DiskServer, ExpiryPolicy};
use tokio::sync::Mutex;

use super::introducers::Meeting;
use super::maintained::Maintained;
use super::servers::Roster;
use super::storage::limits;
use crate::config::{ClientConfig, NodeConfig, StorageConfig};
use crate::logging;

/// The parts of a node that change while it runs.
#[derive(Debug)]
pub(super) struct Changeable {
    pub(super) roster: Arc<Roster>,
    pub(super) meeting: Arc<Meeting>,
    pub(super) maintained: Maintained,
    pub(super) storage: Option<DiskServer>,
}

/// What is compared and changed.
#[derive(Debug)]
pub(super) struct Reload {
    /// What holds now.
    config: Mutex<NodeConfig>,
    parts: Changeable,
}

impl Reload {
    /// For a node that was started with these settings.
    pub(super) fn new(config: NodeConfig, parts: Changeable) -> Self {
        Self { config: Mutex::new(config), parts }
    }

    /// Reads the node directory anew.
    pub(super) async fn run(&self) {
        let mut config = self.config.lock().await;
        let path = config.directory.path().to_owned();
        let new = match tokio::task::spawn_blocking(move || NodeConfig::load(&path)).await {
            Ok(Ok(new)) => new,
            Ok(Err(error)) => {
                tracing::error!("the settings cannot be used, nothing is changed: {error}");
                return;
            }
            Err(error) => return tracing::error!(%error, "the settings were not read"),
        };
        for setting in fixed(&config, &new) {
            tracing::warn!("{setting} has changed: start the node anew for it");
        }
        for warning in new.warnings.iter().filter(|new| !config.warnings.contains(new)) {
            tracing::warn!("{warning}");
        }
        config.warnings.clone_from(&new.warnings);
        self.change_log(&mut config, &new);
        self.change_storage(&mut config, &new);
        self.change_maintenance(&mut config, &new);
        self.change_introducers(&mut config, &new);
        match self.parts.roster.take_static(&config).await {
            Ok(changes) => tracing::warn!("settings were read again; servers.yaml: {changes}"),
            Err(error) => tracing::error!("the servers stay as they were: {error:#}"),
        }
    }

    fn change_log(&self, config: &mut NodeConfig, new: &NodeConfig) {
        if config.log_level == new.log_level {
            return;
        }
        config.log_level.clone_from(&new.log_level);
        if logging::level::set(new.log_level.as_ref().map(|level| level.filter())) {
            tracing::warn!("[log] level has changed");
        } else {
            tracing::warn!("[log] level has changed: -v or TALLAC_LOG count for more");
        }
    }

    fn change_storage(&self, config: &mut NodeConfig, new: &NodeConfig) {
        let (Some(server), Some(old), Some(new)) =
            (&self.parts.storage, &mut config.storage, &new.storage)
        else {
            return;
        };
        let wanted = limits(new);
        if limits(old) == wanted {
            return;
        }
        (old.readonly, old.reserved_space) = (new.readonly, new.reserved_space);
        (old.max_use, old.expiry) = (new.max_use, new.expiry.clone());
        for sentence in wanted.expiry.sentences() {
            tracing::info!("{sentence}");
        }
        server.set_limits(wanted);
        tracing::warn!("what [storage] says is taken and kept has changed");
    }

    fn change_maintenance(&self, config: &mut NodeConfig, new: &NodeConfig) {
        if config.maintenance == new.maintenance {
            return;
        }
        match self.parts.maintained.change(new.maintenance.as_ref()) {
            Ok(()) => {
                config.maintenance.clone_from(&new.maintenance);
                let state = if new.maintenance.is_some() { "on" } else { "off" };
                tracing::warn!("[maintenance] has changed: it is {state}");
            }
            Err(error) => tracing::error!("maintenance stays as it was: {error:#}"),
        }
    }

    fn change_introducers(&self, config: &mut NodeConfig, new: &NodeConfig) {
        let introducers = &new.client.introducers;
        if config.client.introducers == *introducers {
            return;
        }
        match self.parts.meeting.take(introducers) {
            Ok(changes) => {
                config.client.introducers.clone_from(introducers);
                tracing::warn!("introducers.yaml: {changes}");
            }
            Err(error) => tracing::error!("the introducers stay as they were: {error:#}"),
        }
    }
}

/// The settings that differ and stay as they were at the start, by their sections or keys. Every
/// setting is named here, so that a new one cannot be forgotten.
fn fixed(old: &NodeConfig, new: &NodeConfig) -> Vec<&'static str> {
    let NodeConfig {
        nickname,
        web_port,
        web_static,
        web_hosts,
        tempdir,
        reveal_ip_address,
        connections,
        keepalive,
        disconnect,
        tub,
        client,
        storage: _,
        is_helper,
        otlp_endpoint,
        // It is the same one.
        directory: _,
        // These change while the node runs.
        maintenance: _,
        log_level: _,
        warnings: _,
    } = old;
    let differences = [
        ("[node] nickname", *nickname != new.nickname),
        ("[node] web.port", *web_port != new.web_port),
        ("[node] web.static", *web_static != new.web_static),
        ("[web] hosts", *web_hosts != new.web_hosts),
        ("[node] tempdir", *tempdir != new.tempdir),
        ("[node] reveal-IP-address", *reveal_ip_address != new.reveal_ip_address),
        ("[node] timeout.keepalive", *keepalive != new.keepalive),
        ("[node] timeout.disconnect", *disconnect != new.disconnect),
        ("[node] tub.port or tub.location", *tub != new.tub),
        ("[connections], [tor] or [i2p]", *connections != new.connections),
        ("[grid_managers]", client.grid_managers != new.client.grid_managers),
        ("[client]", without_lists(client) != without_lists(&new.client)),
        ("[storage]", without_limits(old) != without_limits(new)),
        ("[helper] enabled", *is_helper != new.is_helper),
        ("[telemetry] otlp_endpoint", *otlp_endpoint != new.otlp_endpoint),
    ];
    differences.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

/// The settings of a client but for those that are compared on their own.
fn without_lists(client: &ClientConfig) -> ClientConfig {
    let mut client = client.clone();
    client.introducers.clear();
    client.grid_managers = tallac_core::grid_manager::GridManagers::default();
    client
}

/// The settings of a storage server but for those that change while it runs.
fn without_limits(config: &NodeConfig) -> Option<StorageConfig> {
    let mut storage = config.storage.clone()?;
    (storage.readonly, storage.reserved_space, storage.max_use) = (false, 0, None);
    storage.expiry = ExpiryPolicy::default();
    Some(storage)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_has_changed_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let load = |text: &str| {
            fs::write(dir.path().join("tahoe.cfg"), text).unwrap();
            NodeConfig::load(dir.path()).unwrap()
        };
        let old = load("[node]\nnickname = a\n");
        assert_eq!(fixed(&old, &old), Vec::<&str>::new());
        let new = load("[node]\nnickname = b\n[client]\nshares.happy = 3\n[storage]\nreadonly = 1");
        assert_eq!(fixed(&old, &new), ["[node] nickname", "[client]"]);
        let new = load("[node]\nnickname = a\n[storage]\nreserved_space = 1G\nanonymous = false");
        assert_eq!(fixed(&old, &new), ["[storage]"]);
        fs::write(dir.path().join("tallac.toml"), "[web]\nhosts = [\"files.example.org\"]")
            .unwrap();
        assert_eq!(fixed(&old, &load("[node]\nnickname = a\n")), ["[web] hosts"]);
    }
}
