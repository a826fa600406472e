//! The grid: introducers, servers, and whether an upload would reach enough of them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tallac_core::announcement::StorageAnnouncement;
use tallac_net::identity::Furl;
use tallac_net::transport::Ways;
use tokio::task::JoinSet;

use super::super::location::Location;
use super::super::web_client::WebClient;
use super::clocks;
use super::finding::Findings;
use crate::config::{ClientConfig, NodeConfig, servers_yaml};
use crate::node_files::read_introducer_cache;

/// How long a connection may take, and an answer of the node.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether introducers and servers are there. A node that runs is asked; else they are tried.
pub(super) async fn check(config: &NodeConfig, ways: &Ways, runs: bool, findings: &mut Findings) {
    let known = known_servers(config, findings);
    let servers = match if runs { ask(config).await } else { None } {
        Some(answer) => told(&answer, findings),
        None => tried(config, ways, &known, findings).await,
    };
    if !config.client.force_foolscap {
        clocks::check(ways, known.into_iter(), findings).await;
    }
    shares(&config.client, servers, findings);
}

/// What the running node knows.
async fn ask(config: &NodeConfig) -> Option<Value> {
    let node = WebClient::new(None, config.directory.path()).ok()?;
    let asked = async {
        let answer = node.get(&Location::new("/").t("json")).await.ok()?;
        answer.json().await.ok()
    };
    tokio::time::timeout(PATIENCE, asked).await.ok().flatten()
}

/// Counts the servers that the node is connected to, as it tells.
fn told(answer: &Value, findings: &mut Findings) -> usize {
    const CONNECTED: &str = "connected";
    let empty = Vec::new();
    for status in answer["introducers"]["statuses"].as_array().unwrap_or(&empty) {
        let status = status.as_str().unwrap_or_default();
        if status.to_lowercase().starts_with(CONNECTED) {
            findings.ok("introducers", status);
        } else {
            let advice = "see whether it runs, and whether its FURL is right";
            findings.warning("introducers", status, advice);
        }
    }
    let mut count = 0;
    for server in answer["servers"].as_array().unwrap_or(&empty) {
        let name = server["nickname"].as_str().filter(|name| !name.is_empty());
        let name = name.or(server["nodeid"].as_str()).unwrap_or("unnamed");
        let status = server["connection_status"].as_str().unwrap_or_default();
        if status.to_lowercase().starts_with(CONNECTED) {
            count += 1;
            findings.ok("servers", format!("{name}: {status}"));
        } else {
            let advice = "see whether that server runs and can be reached from here";
            findings.warning("servers", format!("{name}: {status}"), advice);
        }
    }
    count
}

/// Tries all introducers and servers; counts the servers that can be connected to.
async fn tried(
    config: &NodeConfig,
    ways: &Ways,
    known: &KnownServers,
    findings: &mut Findings,
) -> usize {
    for (petname, furl) in &config.client.introducers {
        match reach(ways, furl.hints()).await {
            Ok(()) => findings.ok("introducers", format!("{petname} can be connected to")),
            Err(why) => findings.warning(
                "introducers",
                format!("{petname} cannot be reached: {why}"),
                "see whether it runs, and whether its FURL is right",
            ),
        }
    }
    let mut attempts = JoinSet::new();
    for (name, announcement) in known {
        let furl: Result<Furl, _> = announcement.anonymous_storage_furl().parse();
        let hints = furl.map_or_else(|_| Vec::new(), |furl| furl.hints().to_vec());
        let (name, ways) = (name.clone(), ways.clone());
        attempts.spawn(async move { (name, reach(&ways, &hints).await) });
    }
    let mut count = 0;
    let mut results = attempts.join_all().await;
    results.sort();
    for (name, result) in results {
        match result {
            Ok(()) => {
                count += 1;
                findings.ok("servers", format!("{name} can be connected to"));
            }
            Err(why) => findings.warning(
                "servers",
                format!("{name} cannot be reached: {why}"),
                "see whether that server runs and can be reached from here",
            ),
        }
    }
    count
}

/// Servers by what they are called.
type KnownServers = BTreeMap<String, StorageAnnouncement>;

/// The servers of `servers.yaml`, and those that introducers told of last.
fn known_servers(config: &NodeConfig, findings: &mut Findings) -> KnownServers {
    let mut servers = BTreeMap::new();
    let mut take = |announcement: &StorageAnnouncement| {
        let nickname = announcement.nickname();
        let id = announcement.server_id().as_str();
        let name = if nickname.is_empty() { id.to_owned() } else { format!("{nickname} ({id})") };
        servers.insert(name, announcement.clone());
    };
    match servers_yaml::read(&config.directory) {
        Ok(listed) => listed.iter().for_each(|server| take(&server.announcement)),
        Err(error) => {
            findings.error("servers", error.to_string(), "the node does not start before that");
        }
    }
    for petname in config.client.introducers.keys() {
        for server in read_introducer_cache(&config.directory, petname).unwrap_or_default() {
            let keys = &server.announcement;
            if let Ok(announcement) = StorageAnnouncement::from_keys(&server.server_id, keys) {
                take(&announcement);
            }
        }
    }
    servers
}

/// Connects to the first of some places that can be connected to, and no more.
pub(super) async fn reach(ways: &Ways, hints: &[String]) -> Result<(), String> {
    let mut why = "it has no address that this node may connect to".to_owned();
    for hint in hints {
        let Some(route) = ways.route_of_hint(hint) else { continue };
        match tokio::time::timeout(route.patience(PATIENCE), route.open()).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => why = error.to_string(),
            Err(_) => why = "nothing answers there".to_owned(),
        }
    }
    Err(why)
}

/// Whether an upload would reach happiness, and what could be lost then.
fn shares(client: &ClientConfig, servers: usize, findings: &mut Findings) {
    let (needed, happy, total) =
        (usize::from(client.needed), usize::from(client.happy), usize::from(client.total));
    if happy <= needed {
        let what = format!(
            "shares.happy is {happy}, shares.needed {needed}: uploads may succeed that do not \
             survive the loss of one server"
        );
        findings.warning("shares", what, "set shares.happy above shares.needed");
    }
    if servers < happy {
        findings.error(
            "shares",
            format!("{servers} servers can be reached, an upload needs {happy}: uploads fail"),
            "bring more servers up or, if the grid has no more, lower shares.happy",
        );
        return;
    }
    let spread = servers.min(total);
    let lost = spread.saturating_sub(needed);
    findings.ok(
        "shares",
        format!(
            "{servers} servers can be reached, an upload needs {happy}: it succeeds, its {total} \
             shares are on {spread} servers, and any {lost} of these may be lost"
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::Level;

    #[test]
    fn what_may_be_lost_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let config = |text: &str| {
            std::fs::write(dir.path().join("tahoe.cfg"), text).unwrap();
            NodeConfig::load(dir.path()).unwrap().client
        };
        let check = |client: &ClientConfig, servers: usize, expected: (Level, &str)| {
            let mut findings = Findings::default();
            shares(client, servers, &mut findings);
            let all: Vec<_> = findings.iter().map(ToString::to_string).collect();
            assert!(findings.count(expected.0) == 1, "{all:?}");
            assert!(all.join("\n").contains(expected.1), "{all:?}");
        };
        let usual = config("");
        check(&usual, 6, (Level::Error, "6 servers can be reached, an upload needs 7"));
        check(&usual, 7, (Level::Ok, "on 7 servers, and any 4 of these"));
        check(&usual, 20, (Level::Ok, "on 10 servers, and any 7 of these"));
        let risky = config("[client]\nshares.happy = 1\n");
        check(&risky, 1, (Level::Warning, "do not survive the loss of one server"));
    }
}
