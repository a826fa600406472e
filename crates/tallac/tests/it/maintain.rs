//! The maintenance service: over simulated servers, on a clock that stands still while there is
//! something to do; and in a node as its users run it.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroU64;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde_json::Value;
use tallac::config::{MaintenanceConfig, NodeDirectory};
use tallac::maintain::{Maintenance, Outcome, Round, State};
use tallac_core::cap::{Cap, DirectoryCap, FileCap, MutableFormat};
use tallac_core::dirnode::{Child, ChildName, Metadata};
use tallac_core::ids::{ServerId, ShareNumber, StorageIndex, TubId};
use tallac_core::mutable::MutableKeyPair;
use tallac_core::secrets::{ConvergenceSecret, LeaseSecret};
use tallac_core::storage::StorageServer;
use tallac_grid::grid::{Grid, GridConfig};
use tallac_grid::servers::{GridServer, ServerInfo, ServerList};
use tallac_grid::upload::{ImmutableCap, UploadOptions};
use tallac_testkit::SimServer;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::nodes::{Running, gateway, make_file, make_grid, page, run_grid};
use crate::scratch;

const DAY: Duration = Duration::from_secs(86_400);

/// Ten simulated servers, a directory on them, and a node directory.
struct Site {
    _guard: tempfile::TempDir,
    node: NodeDirectory,
    sims: Vec<Arc<SimServer>>,
    start: Instant,
    /// The files of the directory.
    files: Vec<StorageIndex>,
    root: DirectoryCap,
}

/// A service that runs.
struct Service {
    maintenance: Maintenance,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Site {
    /// With so many files of that size.
    async fn new(count: usize, size: usize) -> Self {
        let (guard, dir) = scratch();
        fs::create_dir(dir.join("private")).unwrap();
        let sims: Vec<_> = (0..10).map(|i| Arc::new(SimServer::new(format!("sim{i}")))).collect();
        let grid = grid(&sims, 1).await;
        let (mut files, mut children) = (Vec::new(), BTreeMap::new());
        for i in 0..count {
            let data = Bytes::from(vec![u8::try_from(i).unwrap(); size]);
            let put = grid.uploader().upload(data, UploadOptions::default()).await.unwrap();
            let ImmutableCap::Chk(cap) = put.cap else { panic!("a file with shares") };
            files.push(cap.storage_index());
            let node = FileCap::ChkRead(cap).into();
            let name = ChildName::new(&format!("file {i:03}"));
            children.insert(name, Child { node, metadata: Metadata::new() });
        }
        let root = grid.directories().create_immutable(&children).await.unwrap();
        let node = NodeDirectory::new(&dir).unwrap();
        let site = Self { _guard: guard, node, sims, start: Instant::now(), files, root };
        site.give(&[format!("files {}", site.root)]);
        site
    }

    /// Gives the service these lines of caps.
    fn give(&self, lines: &[String]) {
        let file = self.node.private("maintenance.caps");
        fs::write(&file, lines.join("\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Starts the service, as a node of its own lease secret does.
    async fn service(&self, config: &MaintenanceConfig) -> Service {
        let start = self.start;
        let clock = move || SystemTime::UNIX_EPOCH + 10_000 * DAY + start.elapsed();
        let grid = grid(&self.sims, 2).await;
        let maintenance =
            Maintenance::open(&self.node, config.clone(), grid, Arc::new(clock)).unwrap();
        let (running, stop) = (maintenance.clone(), CancellationToken::new());
        let stopped = stop.clone();
        let task = tokio::spawn(async move { running.run(stopped).await });
        Service { maintenance, stop, task }
    }

    /// Loses one share of something.
    fn lose(&self, storage_index: StorageIndex, share: u16) {
        let share = ShareNumber::new(share.try_into().unwrap());
        assert!(self.sims.iter().any(|sim| sim.drop_share(storage_index, share)));
    }

    fn shares(&self, storage_index: StorageIndex) -> usize {
        let of = |sim: &Arc<SimServer>| {
            sim.shares().into_iter().filter(|(si, _)| *si == storage_index).count()
        };
        self.sims.iter().map(of).sum()
    }

    fn bytes_read(&self) -> u64 {
        self.sims.iter().map(|sim| sim.bytes_read()).sum()
    }
}

impl Service {
    async fn until(&self, holds: impl Fn(&State) -> bool) -> State {
        let wait = async {
            loop {
                let state = self.maintenance.state();
                if holds(&state) {
                    return state;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        };
        tokio::time::timeout(100 * DAY, wait).await.unwrap()
    }

    /// The round of this number, once it has ended.
    async fn round(&self, number: u64) -> Round {
        let ended = |state: &State| state.last.as_ref().is_some_and(|last| last.number == number);
        self.until(ended).await.last.unwrap()
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

async fn grid(sims: &[Arc<SimServer>], secret: u8) -> Grid {
    let mut servers = Vec::new();
    for (byte, sim) in (0_u8..).zip(sims) {
        let info = ServerInfo {
            id: ServerId::new(format!("v0-server{byte}")),
            nickname: sim.name().to_owned(),
            tub_id: TubId::new([byte; 20]),
            permutation_seed: vec![byte; 32],
        };
        let server = GridServer::new(info, Arc::clone(sim) as Arc<dyn StorageServer>);
        server.poll().await;
        servers.push(Arc::new(server));
    }
    let lease = LeaseSecret::new([secret; 32]);
    let config = GridConfig::new(lease, ConvergenceSecret::new(b"convergence".to_vec())).unwrap();
    Grid::new(config, ServerList::new(servers))
}

/// Weekly, of everything, without a budget.
fn weekly() -> MaintenanceConfig {
    MaintenanceConfig { bandwidth: None, ..MaintenanceConfig::default() }
}

#[tokio::test(start_paused = true)]
async fn a_lost_share_is_repaired_within_a_round_and_leases_are_renewed() {
    let site = Site::new(12, 2000).await;
    site.lose(site.files[7], 3);
    let hourly = MaintenanceConfig { every: Duration::from_secs(3600), ..weekly() };
    let service = site.service(&hourly).await;
    let round = service.round(1).await;
    let counts = round.counts;
    assert_eq!((counts.checked, counts.healthy, counts.repaired, counts.unhealthy), (13, 12, 1, 0));
    assert_eq!(site.shares(site.files[7]), 10);
    let finding = &round.findings[0];
    assert_eq!((finding.target.as_str(), finding.path.as_str()), ("files", "file 007"));
    assert_eq!(finding.outcome, Outcome::Repaired);
    for sim in &site.sims {
        for (si, share) in sim.shares().into_iter().filter(|(si, _)| *si != site.files[7]) {
            assert_eq!(sim.lease_count(si, share), 2, "ours beside the uploader's");
        }
    }
    // The next one begins an hour later, and not before.
    site.lose(site.files[2], 5);
    let begun = round.started;
    let round = service.round(2).await;
    assert!((3600..3610).contains(&(round.started - begun)));
    assert_eq!(round.counts.repaired, 1);
    assert_eq!(site.shares(site.files[2]), 10);
    service.stop().await;
}

#[tokio::test(start_paused = true)]
async fn without_leases_and_repair_it_only_looks() {
    let site = Site::new(3, 2000).await;
    site.lose(site.files[1], 3);
    let config = MaintenanceConfig { add_lease: false, repair: false, ..weekly() };
    let service = site.service(&config).await;
    let round = service.round(1).await;
    assert_eq!((round.counts.unhealthy, round.counts.repaired), (1, 0));
    assert_eq!(round.findings[0].outcome, Outcome::Unhealthy);
    assert_eq!(site.shares(site.files[1]), 9);
    let leases = |sim: &Arc<SimServer>| {
        sim.shares().into_iter().map(|(si, share)| sim.lease_count(si, share)).max()
    };
    assert!(site.sims.iter().all(|sim| leases(sim) == Some(1)));
    service.stop().await;
}

fn key() -> MutableKeyPair {
    let rows: Value =
        serde_json::from_str(include_str!("../../../../vectors/mutable_files.json")).unwrap();
    let text = rows[0]["private"].as_str().unwrap();
    let der = data_encoding::BASE64.decode(text.as_bytes()).unwrap();
    MutableKeyPair::from_pkcs8_der(&der).unwrap()
}

/// What is corrupt is found by reading it; a verify cap suffices to repair an immutable file; a
/// mutable one takes its write cap.
#[tokio::test(start_paused = true)]
async fn each_kind_of_cap() {
    let site = Site::new(2, 2000).await;
    let files = grid(&site.sims, 1).await.mutable_files();
    let content = Bytes::from_static(b"something");
    let write = files.create(MutableFormat::Sdmf, content, Some(key())).await.unwrap();
    let write = FileCap::SskWrite(write);
    let si = write.storage_index().unwrap();
    let lose = || {
        let share = ShareNumber::new(0);
        assert!(site.sims.iter().any(|sim| sim.drop_slot_share(si, share)));
    };
    lose();
    let damaged = |sim: &Arc<SimServer>| sim.corrupt(site.files[0], ShareNumber::new(4), 200, 1);
    assert!(site.sims.iter().any(damaged));
    let caps = grid(&site.sims, 1).await.directories();
    let child = caps.read(&site.root).await.unwrap().get(&ChildName::new("file 000")).unwrap();
    let verify = child.node.to_verifier().unwrap();
    let missing = "URI:DIR2-CHK:aaaaaaaaaaaaaaaaaaaaaaaaaa:\
                   aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:3:10:500";
    site.give(&[
        "# what is looked after".to_owned(),
        format!("one {verify}"),
        format!("two {}", write.to_verifier().unwrap()),
        format!("three: {}", Cap::Directory(site.root.to_verifier().unwrap())),
        format!("four {missing}"),
    ]);
    let config = MaintenanceConfig { verify_every: NonZeroU64::new(1), ..weekly() };
    let service = site.service(&config).await;
    let round = service.round(1).await;
    let found: Vec<_> =
        round.findings.iter().map(|found| (found.target.as_str(), found.outcome)).collect();
    let expected = [
        ("one", Outcome::Repaired),
        ("two", Outcome::Unhealthy),
        ("four", Outcome::Unreadable),
        ("four", Outcome::Unrecoverable),
    ];
    assert_eq!(found, expected);
    assert!(round.findings[1].text.contains("write capability"), "{}", round.findings[1].text);
    assert_eq!((round.counts.checked, round.counts.corrupt_shares), (4, 1));
    service.stop().await;

    site.give(&[write.to_string()]);
    let service = site.service(&config).await;
    let round = service.round(2).await;
    assert_eq!((round.counts.checked, round.counts.repaired), (1, 1));
    service.stop().await;
    let state = fs::read_to_string(site.node.private("maintenance.json")).unwrap();
    assert!(!state.contains("URI:"), "{state}");
}

/// Ten files of which all shares are read, 40 kB/s: some 13.3 MB in all.
fn slowly() -> MaintenanceConfig {
    MaintenanceConfig {
        verify_every: NonZeroU64::new(1),
        bandwidth: NonZeroU64::new(40_000),
        ..MaintenanceConfig::default()
    }
}

#[tokio::test(start_paused = true)]
async fn the_budget_is_kept() {
    let site = Site::new(10, 400_000).await;
    let (start, before) = (Instant::now(), site.bytes_read());
    let service = site.service(&slowly()).await;
    let check = |what: &str| {
        let allowed = 40_000.0 * start.elapsed().as_secs_f64() + 1_400_000.0;
        let read = site.bytes_read() - before;
        assert!(read <= bytes(allowed), "{what}: {read} of {allowed}");
    };
    for checked in 1..=10 {
        service.until(|state| state.last.is_some() || done(state) >= checked).await;
        check("under way");
    }
    let round = service.round(1).await;
    check("at the end");
    assert_eq!(round.counts.checked, 11);
    let (took, counted) = (start.elapsed().as_secs(), round.counts.bytes);
    assert!((290..400).contains(&took), "{took} s");
    let read = site.bytes_read() - before;
    assert!(counted >= read && counted < read * 5 / 4, "{counted} counted, {read} read");
    service.stop().await;
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "of small numbers")]
fn bytes(number: f64) -> u64 {
    number as u64
}

fn done(state: &State) -> u64 {
    state.current.as_ref().map_or(0, |round| round.counts.checked)
}

/// Stopped, it goes on with the next object; killed, it does again what it did in the last
/// seconds.
#[tokio::test(start_paused = true)]
async fn a_round_goes_on_after_a_restart() {
    let site = Site::new(10, 400_000).await;
    let service = site.service(&slowly()).await;
    let at = done(&service.until(|state| done(state) >= 4).await);
    service.stop().await;
    let service = site.service(&slowly()).await;
    assert_eq!(done(&service.maintenance.state()), at);
    service.until(|state| done(state) >= 8).await;
    // What is saved is at most some seconds old, and an object takes 33.
    service.task.abort();
    let before = site.bytes_read();
    let service = site.service(&slowly()).await;
    let round = service.round(1).await;
    assert!((11..=12).contains(&round.counts.checked), "{}", round.counts.checked);
    assert!(site.bytes_read() - before < 7_000_000, "not all of it once more");
    service.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_part_that_has_changed_is_gone_through_again() {
    let site = Site::new(6, 400_000).await;
    let service = site.service(&slowly()).await;
    service.until(|state| done(state) >= 3).await;
    service.stop().await;
    let child = grid(&site.sims, 1).await.directories().read(&site.root).await.unwrap();
    let child = child.get(&ChildName::new("file 005")).unwrap();
    site.give(&[format!("files {}", child.node.best_cap().unwrap())]);
    let service = site.service(&slowly()).await;
    let round = service.round(1).await;
    assert_eq!(round.counts.checked, 4);
    service.stop().await;
}

/// What cannot be reached is not taken for lost.
#[tokio::test(start_paused = true)]
async fn it_waits_for_servers() {
    let mut site = Site::new(2, 2000).await;
    let all = std::mem::take(&mut site.sims);
    site.sims = all[..6].to_vec();
    let service = site.service(&weekly()).await;
    let state = service.until(|state| state.waits.is_some()).await;
    assert!(state.waits.unwrap().contains("6 servers are connected, of the 7 of"));
    tokio::time::sleep(DAY).await;
    assert_eq!(service.maintenance.state().rounds, 0);
    service.stop().await;
}

#[tokio::test]
async fn caps_that_others_may_read_are_refused() {
    let site = Site::new(1, 2000).await;
    let open = |config: MaintenanceConfig, grid| {
        let error = Maintenance::open(&site.node, config, grid, Arc::new(SystemTime::now));
        error.unwrap_err().to_string()
    };
    let file = site.node.private("maintenance.caps");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let error = open(weekly(), grid(&site.sims, 1).await);
    assert!(error.contains("chmod 600"), "{error}");
    site.give(&["name URI:CHK:secret".to_owned()]);
    let error = open(weekly(), grid(&site.sims, 1).await);
    assert!(error.contains("line 1") && !error.contains("secret"), "{error}");
    fs::remove_file(&file).unwrap();
    let error = open(weekly(), grid(&site.sims, 1).await);
    assert!(error.contains("nothing to look after"), "{error}");
    let config = MaintenanceConfig { caps: vec!["none:".to_owned()], ..weekly() };
    let error = open(config, grid(&site.sims, 1).await);
    assert!(error.contains("Unknown alias"), "{error}");
}

/// All shares below a directory.
fn share_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => share_files(&path, found),
            false => found.push(path),
        }
    }
}

fn shares_of_all(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for server in ["storage01", "storage02", "storage03"] {
        let shares = dir.join("grid").join(server).join("storage/shares");
        let mut of_server = Vec::new();
        share_files(&shares, &mut of_server);
        of_server.retain(|path| !path.components().any(|part| part.as_os_str() == "incoming"));
        found.extend(of_server);
    }
    found
}

/// What `maintain status` says once this round has ended.
fn status_after(dir: &Path, number: u64) -> Value {
    let deadline = std::time::Instant::now() + Duration::from_secs(120);
    loop {
        let done = gateway(dir, &["maintain", "status", "--json"]);
        assert_eq!(done.status, 0, "{done:?}");
        let status: Value = serde_json::from_str(&done.out).unwrap();
        if status["last"]["number"] == number {
            return status;
        }
        assert!(std::time::Instant::now() < deadline, "{status}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_node_looks_after_its_alias() {
    let (_guard, dir) = scratch();
    make_grid(&dir, &["--servers", "3"]);
    let grid = run_grid(&dir);
    make_file(&dir, "file", 10_000);
    for args in [&["create-alias", "home"][..], &["put", "file", "home:sub/secret-name"]] {
        let done = gateway(&dir, args);
        assert_eq!(done.status, 0, "{done:?}");
    }
    let off = gateway(&dir, &["maintain", "status"]);
    assert!(off.status == 0 && off.out.starts_with("Maintenance is off"), "{off:?}");
    assert_eq!(gateway(&dir, &["maintain", "run-now"]).status, 1);
    assert!(!page(&dir, "metrics").contains("tallac_maintenance"));
    grid.terminate();
    let gateway_dir = dir.join("grid/gateway");
    assert!(!gateway_dir.join("private/maintenance.json").exists(), "nothing is done when off");

    let all = shares_of_all(&dir);
    fs::remove_file(&all[0]).unwrap();
    let settings = "[maintenance]\nenabled = true\ncaps = [\"home:\"]\nverify = \"always\"\n";
    fs::write(gateway_dir.join("tallac.toml"), settings).unwrap();
    let grid: Running = run_grid(&dir);
    let status = status_after(&dir, 1);
    let counts = &status["last"]["counts"];
    assert_eq!((&counts["checked"], &counts["repaired"]), (&3.into(), &1.into()), "{status}");
    assert_eq!(shares_of_all(&dir).len(), all.len());
    let metrics = page(&dir, "metrics");
    assert!(metrics.contains("tallac_maintenance_objects{state=\"repaired\"} 1\n"), "{metrics}");
    let shown = page(&dir, "status");
    assert!(shown.contains("<h2>Maintenance:</h2>") && shown.contains("1 repaired"), "{shown}");
    assert!(!shown.contains("secret-name"), "names are for the owner: {shown}");
    let shown: Value = serde_json::from_str(&page(&dir, "status?t=json")).unwrap();
    assert_eq!(shown["maintenance"]["last"]["counts"], *counts);

    // Killed and started anew, it remembers; a round at once is asked for.
    grid.kill();
    let grid = run_grid(&dir);
    assert_eq!(status_after(&dir, 1)["last"], status["last"]);
    let now = gateway(&dir, &["maintain", "run-now"]);
    assert_eq!(now.status, 0, "{now:?}");
    assert_eq!(status_after(&dir, 2)["last"]["counts"]["healthy"], 3);
    let told = gateway(&dir, &["maintain", "status"]);
    assert!(told.out.contains("Next round: ") && told.out.contains("3 healthy"), "{}", told.out);
    let state = gateway_dir.join("private/maintenance.json");
    assert_eq!(fs::metadata(state).unwrap().permissions().mode() & 0o777, 0o600);
    grid.terminate();
}
