//! What a running node takes from its directory on SIGHUP.
//!
//! The servers of `private/servers.yaml` come, change and go while it runs. Of all other settings
//! that have changed, the log says that the node must be started anew for them. What cannot be used
//! is told, and the node goes on as before.

use std::sync::Arc;

use super::servers::Roster;
use crate::config::NodeConfig;

/// What is compared and changed.
#[derive(Debug)]
pub(super) struct Reload {
    config: NodeConfig,
    roster: Arc<Roster>,
}

impl Reload {
    /// For a node that was started with these settings.
    pub(super) const fn new(config: NodeConfig, roster: Arc<Roster>) -> Self {
        Self { config, roster }
    }

    /// Reads the node directory anew.
    pub(super) async fn run(&self) {
        let path = self.config.directory.path().to_owned();
        match tokio::task::spawn_blocking(move || NodeConfig::load(&path)).await {
            Ok(Ok(new)) => {
                for setting in changed(&self.config, &new) {
                    tracing::warn!("{setting} has changed: start the node anew for it");
                }
            }
            Ok(Err(error)) => {
                tracing::error!("the settings cannot be used, nothing is changed: {error}");
                return;
            }
            Err(error) => return tracing::error!(%error, "the settings were not read"),
        }
        match self.roster.take_static(&self.config).await {
            Ok(changes) => tracing::warn!("settings were read again; servers.yaml: {changes}"),
            Err(error) => tracing::error!("the servers stay as they were: {error:#}"),
        }
    }
}

/// The settings that differ, by their sections or keys.
fn changed(old: &NodeConfig, new: &NodeConfig) -> Vec<&'static str> {
    let (client, new_client) = (&old.client, &new.client);
    let differences = [
        ("[node] nickname", old.nickname != new.nickname),
        ("[node] web.port", old.web_port != new.web_port),
        ("[node] web.static", old.web_static != new.web_static),
        ("[node] tempdir", old.tempdir != new.tempdir),
        ("[node] reveal-IP-address", old.reveal_ip_address != new.reveal_ip_address),
        ("[node] timeout.keepalive", old.keepalive != new.keepalive),
        ("[node] timeout.disconnect", old.disconnect != new.disconnect),
        ("[node] tub.port or tub.location", old.tub != new.tub),
        ("[connections], [tor] or [i2p]", old.connections != new.connections),
        ("the list of introducers", client.introducers != new_client.introducers),
        ("[grid_managers]", client.grid_managers != new_client.grid_managers),
        ("[client]", without_lists(client) != without_lists(new_client)),
        ("[storage]", old.storage != new.storage),
        ("[helper] enabled", old.is_helper != new.is_helper),
    ];
    differences.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

/// The settings of a client but for those that are compared on their own.
fn without_lists(client: &crate::config::ClientConfig) -> crate::config::ClientConfig {
    let mut client = client.clone();
    client.introducers.clear();
    client.grid_managers = tallac_core::grid_manager::GridManagers::default();
    client
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
        assert_eq!(changed(&old, &old), Vec::<&str>::new());
        let new = load("[node]\nnickname = b\n[client]\nshares.happy = 3\n[storage]\nreadonly = 1");
        assert_eq!(changed(&old, &new), ["[node] nickname", "[client]", "[storage]"]);
    }
}
