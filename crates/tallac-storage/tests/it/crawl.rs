//! The crawlers: what they find, where they keep it, and that they go on where they stopped.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tallac_storage::{Clock, Config, CrawlStatus, DiskServer, ExpiryPolicy, Limits};

use crate::common::{list, numbers, sample, upload};
use crate::slots::{change, put};

const DAY_S: u64 = 24 * 3600;
const START_S: u64 = 1_700_000_000;
const HOUR: Duration = Duration::from_secs(3600);

struct Place {
    dir: tempfile::TempDir,
    time_s: Arc<AtomicU64>,
}

impl Place {
    fn new() -> Self {
        let time_s = Arc::new(AtomicU64::new(START_S));
        Self { dir: tempfile::tempdir().unwrap(), time_s }
    }

    fn config(&self) -> Config {
        let time_s = Arc::clone(&self.time_s);
        let clock = Clock::new(move || Duration::from_secs(time_s.load(Ordering::Relaxed)));
        Config { clock, ..Config::new(self.dir.path()) }
    }

    fn wait(&self, days: u64) {
        self.time_s.fetch_add(days * DAY_S, Ordering::Relaxed);
    }

    /// A server with one immutable and two mutable shares.
    async fn fill(&self) {
        let server = DiskServer::open(self.config()).unwrap();
        upload(&server, 1, 3, &sample(1000)).await.unwrap();
        upload(&server, 200, 3, &sample(100_000)).await.unwrap();
        change(&server, 2, &[(0, put(0, b"zero")), (1, put(0, b"one"))]).await.unwrap();
    }
}

fn saved(dir: &Path, name: &str) -> Value {
    serde_json::from_slice(&fs::read(dir.join(name)).unwrap()).unwrap()
}

/// Lets both crawlers run for so long; time passes at once.
async fn crawl(server: &DiskServer, time: Duration) -> CrawlStatus {
    let both = futures_util::future::join(server.count_buckets(), server.check_leases());
    assert!(tokio::time::timeout(time, both).await.is_err());
    server.status().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_cycle_finds_everything_and_says_so_as_tahoe_does() {
    let place = Place::new();
    place.fill().await;
    place.wait(3);
    let server = DiskServer::open(place.config()).unwrap();
    let status = crawl(&server, HOUR / 2).await;
    assert_eq!(status.total_bucket_count, Some(3));
    assert_eq!(status.bucket_counter["last-cycle-finished"], 0);
    assert_eq!(status.bucket_counter["current-cycle"], Value::Null);
    assert_eq!(status.lease_checker_progress["cycle-in-progress"], false);
    let found = &status.lease_checker["history"]["0"];
    assert_eq!(found["expiration-enabled"], false);
    let mode = json!(["age", null, null, ["immutable", "mutable"]]);
    assert_eq!(found["configured-expiration-mode"], mode);
    assert_eq!(found["lease-age-histogram"], json!([[3 * DAY_S, 4 * DAY_S, 4]]));
    assert_eq!(found["leases-per-share-histogram"], json!({ "1": 4 }));
    assert_eq!(found["corrupt-shares"], json!([]));
    let space = &found["space-recovered"];
    assert_eq!(space.as_object().unwrap().len(), 48);
    for (name, amount) in [
        ("examined-buckets", 3),
        ("examined-buckets-mutable", 1),
        ("examined-shares", 4),
        ("examined-shares-immutable", 2),
        ("examined-sharebytes-immutable", 1000 + 100_000 + 2 * 84),
        ("examined-sharebytes-mutable", 2 * 472 + 4 + 3),
        ("original-shares", 0),
        ("configured-buckets", 0),
        ("actual-shares", 0),
    ] {
        assert_eq!(space[name], amount, "{name}");
    }
    assert_eq!(saved(place.dir.path(), "bucket_counter.state.json"), status.bucket_counter);
    let history = saved(place.dir.path(), "lease_checker.history.json");
    assert_eq!(history, status.lease_checker["history"]);
}

#[tokio::test(start_paused = true)]
async fn what_ran_out_goes_and_is_counted() {
    let place = Place::new();
    place.fill().await;
    place.wait(32);
    let expiry = ExpiryPolicy { is_enabled: true, mutable: false, ..ExpiryPolicy::default() };
    let limits = Limits { expiry, ..Limits::default() };
    let server = DiskServer::open(Config { limits, ..place.config() }).unwrap();
    upload(&server, 5, 0, &sample(10)).await.unwrap();
    let status = crawl(&server, HOUR / 2).await;
    let space = &status.lease_checker["history"]["0"]["space-recovered"];
    for (name, amount) in [
        ("examined-shares", 5),
        ("actual-buckets", 2),
        ("actual-shares-immutable", 2),
        ("actual-sharebytes", 1000 + 100_000 + 2 * 84),
        ("configured-shares", 2),
        ("original-shares", 4),
        ("actual-shares-mutable", 0),
    ] {
        assert_eq!(space[name], amount, "{name}");
    }
    assert!(list(&server, 1).await.is_empty() && list(&server, 200).await.is_empty());
    assert_eq!(list(&server, 5).await, numbers(&[0]));
    // The next cycle is twelve hours later.
    let status = crawl(&server, 13 * HOUR).await;
    let space = &status.lease_checker["history"]["2"]["space-recovered"];
    assert_eq!((&space["examined-shares"], &space["actual-shares"]), (&json!(3), &json!(0)));
}

#[tokio::test(start_paused = true)]
async fn a_state_that_tahoe_left_is_gone_on_from() {
    let place = Place::new();
    place.fill().await;
    let state = json!({
        "version": 1, "last-cycle-finished": 6, "current-cycle": 7,
        "last-complete-prefix": "zy", "last-complete-bucket": null,
        "current-cycle-start-time": START_S as f64,
        "history": {}, "estimated-current-cycle": {},
        "cycle-to-date": {
            "corrupt-shares": [["aaaaaaaaaaaaaaaaaaaaaaaaaa", 2]],
            "space-recovered": {"examined-shares": 9},
            "lease-age-histogram": [[0, 86400, 9]],
            "leases-per-share-histogram": {"1": 9},
        },
    });
    fs::write(place.dir.path().join("lease_checker.state.json"), state.to_string()).unwrap();
    fs::write(place.dir.path().join("bucket_counter.state.json"), "not JSON").unwrap();
    let server = DiskServer::open(place.config()).unwrap();
    let status = crawl(&server, HOUR / 2).await;
    let found = &status.lease_checker["history"]["7"];
    assert_eq!(found["space-recovered"]["examined-shares"], 9);
    assert_eq!(found["corrupt-shares"], state["cycle-to-date"]["corrupt-shares"]);
    assert_eq!(found["lease-age-histogram"], json!([[0, 86400, 9]]));
    assert_eq!(found["cycle-start-finish-times"], json!([START_S as f64, START_S as f64]));
    assert_eq!(status.total_bucket_count, Some(3));
}

#[tokio::test(start_paused = true)]
async fn damaged_shares_are_named_and_stay() {
    let place = Place::new();
    place.fill().await;
    crate::common::plant(place.dir.path(), 9, 1, b"\0\0\0\x09 no container of ours");
    place.wait(100);
    let expiry = ExpiryPolicy { is_enabled: true, ..ExpiryPolicy::default() };
    let limits = Limits { expiry, ..Limits::default() };
    let server = DiskServer::open(Config { limits, ..place.config() }).unwrap();
    let status = crawl(&server, HOUR / 2).await;
    let found = &status.lease_checker["history"]["0"];
    let name = crate::common::index(9).to_string();
    assert_eq!(found["corrupt-shares"], json!([[name, 1]]));
    assert_eq!(found["space-recovered"]["actual-shares"], 4);
    assert!(crate::common::share_path(place.dir.path(), 9, 1).exists());
}
