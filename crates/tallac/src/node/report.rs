//! What the web pages tell of the node: the numbers of its parts, and its log (sections 8.2, 11.9).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tallac_core::dirnode::Json;
use tallac_gateway::metrics::Exposition;
use tallac_gateway::wapi::{
    ClientUse, MaintenanceView, Named, NodeView, Statistics, StorageView, UsedHelper,
};
use tallac_net::helper::HelperClient;
use tallac_storage::{Amounts, CrawlStatus, DiskServer};
use tokio::sync::broadcast;

use super::maintained::Maintained;
use super::meter::Metered;
use crate::files::{self, Access};
use crate::helper::Helper;
use crate::logging;
use crate::maintain::{self, Listener};

/// Clients that pages tell of; `tallac storage use` tells of all.
const CLIENTS_SHOWN_MAX: usize = 100;

/// Incident reports that are kept.
const INCIDENTS_MAX: usize = 100;

/// A storage server, and what measures it.
#[derive(Debug, Clone)]
pub(super) struct OwnStorage {
    pub(super) server: DiskServer,
    pub(super) meter: Arc<Metered>,
    pub(super) node_id: String,
}

/// The parts of a node that pages tell of.
#[derive(Debug)]
pub(super) struct NodeReport {
    pub(super) started: Instant,
    /// Where incident reports go.
    pub(super) incidents: PathBuf,
    pub(super) storage: Option<OwnStorage>,
    pub(super) helper: Option<Helper>,
    pub(super) used_helper: Option<Arc<HelperClient>>,
    pub(super) maintenance: Option<Maintained>,
}

fn number(value: u64) -> Json {
    Json::Number(value.to_string())
}

fn helper_stats(helper: &Helper) -> Named {
    let stats = helper.stats().unwrap_or_default();
    stats.into_iter().map(|(name, value)| (name.to_owned(), number(value))).collect()
}

impl OwnStorage {
    /// Who keeps what, those who keep most first.
    async fn clients(&self) -> Vec<ClientUse> {
        let found = self.server.clients().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the lease index does not tell who keeps what");
            None
        });
        let clients = found.unwrap_or_default().into_iter().map(|of| {
            let Amounts { immutable, mutable } = of.amounts;
            ClientUse {
                client: of.client,
                shares: immutable.shares + mutable.shares,
                bytes: immutable.bytes + mutable.bytes,
            }
        });
        let mut clients: Vec<_> = clients.collect();
        clients.sort_by_key(|of| std::cmp::Reverse(of.bytes));
        clients.truncate(CLIENTS_SHOWN_MAX);
        clients
    }

    async fn stats(&self) -> Named {
        let mut stats = self.meter.latencies();
        match self.server.stats().await {
            Ok(disk) => {
                let values = [
                    ("allocated", disk.allocated),
                    ("reserved_space", disk.reserved_space),
                    ("disk_total", disk.disk_total),
                    ("disk_used", disk.disk_used),
                    ("disk_free_for_root", disk.disk_free_for_root),
                    ("disk_free_for_nonroot", disk.disk_free_for_nonroot),
                    ("disk_avail", disk.disk_avail),
                    ("accepting_immutable_shares", u64::from(disk.accepting_immutable_shares)),
                ];
                let name = |name: &str| format!("storage_server.{name}");
                stats.extend(values.map(|(what, value)| (name(what), number(value))));
            }
            Err(error) => tracing::warn!(%error, "the disk of the storage server tells nothing"),
        }
        let crawls = self.server.status().await.ok();
        if let Some(count) = crawls.and_then(|crawls| crawls.total_bucket_count) {
            stats.push(("storage_server.total_bucket_count".to_owned(), number(count)));
        }
        stats
    }
}

impl NodeReport {
    async fn helper_stats(&self) -> Option<Named> {
        let helper = self.helper.clone()?;
        tokio::task::spawn_blocking(move || helper_stats(&helper)).await.ok()
    }
}

impl NodeView for NodeReport {
    fn statistics(&self) -> BoxFuture<'_, Statistics> {
        async {
            let uptime = Json::float(self.started.elapsed().as_secs_f64());
            let mut all = Statistics {
                counters: Named::new(),
                stats: vec![("node.uptime".to_owned(), uptime)],
            };
            if let Some(seconds) = cpu_seconds() {
                all.stats.push(("cpu_monitor.total".to_owned(), Json::float(seconds)));
            }
            if let Some(storage) = &self.storage {
                all.counters.extend(storage.meter.counters());
                all.stats.extend(storage.stats().await);
            }
            all.stats.extend(self.helper_stats().await.unwrap_or_default());
            all
        }
        .boxed()
    }

    fn storage(&self) -> BoxFuture<'_, Option<StorageView>> {
        async {
            let storage = self.storage.as_ref()?;
            let crawls = storage.server.status().await.ok();
            let json = |of: fn(&CrawlStatus) -> &serde_json::Value| {
                crawls.as_ref().map_or(Json::Null, |crawls| Json::from(of(crawls)))
            };
            Some(StorageView {
                node_id: storage.node_id.clone(),
                stats: storage.stats().await,
                bucket_counter: json(|crawls| &crawls.bucket_counter),
                lease_checker: json(|crawls| &crawls.lease_checker),
                lease_checker_progress: json(|crawls| &crawls.lease_checker_progress),
                expiration: storage.server.limits().expiry.sentences(),
                clients: storage.clients().await,
            })
        }
        .boxed()
    }

    fn helper(&self) -> BoxFuture<'_, Option<Named>> {
        self.helper_stats().boxed()
    }

    fn used_helper(&self) -> Option<UsedHelper> {
        let helper = self.used_helper.as_ref()?;
        let (tub_id, hints) = (helper.furl().tub_id(), helper.furl().hints().join(","));
        let address = format!("pb://{tub_id}@{hints}/[censored]");
        Some(UsedHelper { address, is_connected: helper.is_connected() })
    }

    fn maintenance(&self) -> Option<MaintenanceView> {
        let maintenance = self.maintenance.as_ref()?.now()?;
        let (state, config) = (maintenance.state(), maintenance.config());
        let json = maintain::json(&state, config, Listener::Anyone).to_string();
        Some(MaintenanceView {
            sentences: maintain::sentences(&state, config, Listener::Anyone),
            json: Json::parse(&json).unwrap_or(Json::Null),
        })
    }

    fn metrics<'a>(&'a self, text: &'a mut Exposition) -> BoxFuture<'a, ()> {
        async {
            let what = "tallac_build_info";
            text.family(what, "gauge", "The program; always 1.");
            text.value(what, &[("version", env!("CARGO_PKG_VERSION"))], 1);
            let uptime = self.started.elapsed().as_secs_f64();
            let what = ("tallac_uptime_seconds", "gauge");
            text.single(what, "Time since the node started.", uptime);
            if let Some(seconds) = cpu_seconds() {
                let what = ("process_cpu_seconds_total", "counter");
                text.single(what, "Processor time of the process.", seconds);
            }
            if let Some(maintenance) = self.maintenance.as_ref().and_then(Maintained::now) {
                maintain::metrics(&maintenance.state(), text);
            }
            if let Some(storage) = &self.storage {
                storage.meter.print(text);
                if let Ok(disk) = storage.server.stats().await {
                    let what = ("tallac_storage_available_bytes", "gauge");
                    text.single(what, "Bytes that are free for shares.", disk.disk_avail);
                }
            }
        }
        .boxed()
    }

    fn report_incident(&self, details: String) -> BoxFuture<'_, io::Result<()>> {
        let folder = self.incidents.clone();
        async move {
            // What somebody says of it may hold anything, so it stays out of the log.
            tracing::warn!("an incident is reported through the web page");
            let kept = tokio::task::spawn_blocking(move || keep_incident(&folder, &details));
            kept.await.map_err(io::Error::other)?
        }
        .boxed()
    }

    fn log_lines(&self) -> Option<broadcast::Receiver<Arc<str>>> {
        Some(logging::subscribe())
    }
}

/// Writes what somebody said and what was lately logged into a file of its own, a line each. The
/// oldest report makes room where there are many.
fn keep_incident(folder: &Path, details: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let ours = |entry: io::Result<fs::DirEntry>| {
        let path = entry.ok()?.path();
        path.extension().is_some_and(|ending| ending == "jsonl").then_some(path)
    };
    let mut kept: Vec<_> = fs::read_dir(folder)?.filter_map(ours).collect();
    kept.sort();
    for old in kept.iter().take((kept.len() + 1).saturating_sub(INCIDENTS_MAX)) {
        fs::remove_file(old)?;
    }
    let mut text = serde_json::json!({ "details": details }).to_string() + "\n";
    for line in logging::recent() {
        text += &line;
        text.push('\n');
    }
    let now = jiff::Timestamp::now().strftime("%Y-%m-%d--%H-%M-%S%.6fZ").to_string();
    let path = folder.join(format!("incident-{now}.jsonl"));
    files::write(&path, &text, Access::Private).map_err(io::Error::other)
}

/// Processor time that this process has used, where the system tells.
#[expect(clippy::cast_precision_loss, reason = "ticks of a process are few")]
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in brackets, may hold spaces.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}
